/** Peers as processes: ended with all that they start, also when the bench is interrupted. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A peer that does not answer within this time is given up. */
const answerSecondsMax = 300;
const pollMs = 5;
/** One that is silent on a single request for so long, too. */
const exchangeMsMax = 60_000;
/** Of its log, when it fails. */
const logBytes = 2000;

export interface Program {
  /** CPU time of it and its children so far; NaN where the system has no /proc. */
  cpuMicros(): number;
  /** Ends it and its children at once, as a crash would. */
  kill(): Promise<void>;
}

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What it prints goes there. */
  readonly log: string;
  /** Run as this user: some peers refuse to be root. */
  readonly user?: number | undefined;
}

const programs = new Set<number>();
process.on('exit', () => {
  for (const pid of programs) endTree(pid);
});

interface Member {
  readonly pid: number;
  readonly parent: number;
  readonly isAlive: boolean;
  readonly cpuTicks: number;
}

/** Every process there is, those that nobody has waited for too; none where the system has no /proc. */
function everyProcess(): Member[] {
  if (!existsSync('/proc')) return [];
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      // Its own time, and that of the children that have ended.
      const cpuTicks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
      const isAlive = fields[0] !== 'Z';
      return [{ pid: Number(name), parent: Number(fields[1]), isAlive, cpuTicks }];
    } catch {
      return []; // It ended meanwhile.
    }
  });
}

/** A process and what descends from it. PostgreSQL's make groups of their own: only the parents tell. */
function treeOf(root: number): Member[] {
  const all = everyProcess();
  const tree = all.filter(({ pid }) => pid === root);
  for (const { pid } of tree) tree.push(...all.filter(({ parent }) => parent === pid));
  return tree;
}

/** A tick is 10 ms, as in `child.ts`. */
function cpuMicrosOfTree(root: number): number {
  const members = treeOf(root);
  if (members.length === 0) return Number.NaN;
  return members.reduce((sum, { cpuTicks }) => sum + cpuTicks * 10_000, 0);
}

/** Kills a process and what descends from it; returns which they were. */
function endTree(root: number): ReadonlySet<number> {
  const pids = new Set([root, ...treeOf(root).map(({ pid }) => pid)]);
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It is gone already.
    }
  }
  programs.delete(root);
  return pids;
}

/** Starts a program; resolves when `answers` does so without an error. */
export async function startProgram(
  command: Command,
  answers: () => Promise<unknown>,
): Promise<Program> {
  const log = openSync(command.log, 'a', 0o666);
  const child = spawn(command.command, command.args, {
    stdio: ['ignore', log, log],
    detached: true,
    env: { ...process.env, ...command.env },
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    ...(command.user === undefined ? {} : { uid: command.user, gid: command.user }),
  });
  closeSync(log);
  const root = await started(child);
  programs.add(root);
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  const program = {
    cpuMicros: () => cpuMicrosOfTree(root),
    async kill() {
      const ended = endTree(root);
      await exited;
      // What it had started dies a little later, and holds memory and locks until then.
      while (everyProcess().some(({ isAlive, pid }) => isAlive && ended.has(pid))) {
        await sleep(pollMs);
      }
    },
  };
  const deadlineMs = performance.now() + answerSecondsMax * 1000;
  for (;;) {
    try {
      await answers();
      return program;
    } catch (error) {
      const isOver = child.exitCode !== null || child.signalCode !== null;
      if (isOver || performance.now() > deadlineMs) {
        await program.kill();
        throw new Error(`${command.command} does not run: ${tail(command.log) || error}`);
      }
      await sleep(pollMs);
    }
  }
}

function started(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve(child.pid!));
    child.once('error', reject);
  });
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').slice(-logBytes);
}

/** Runs a program to its end. @throws Error with what it printed, unless it ends well. */
export function runProgram({ args, command, cwd, env, user }: Omit<Command, 'log'>): string {
  const { error, status, stderr, stdout } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    ...(user === undefined ? {} : { uid: user, gid: user }),
  });
  if (error !== undefined) throw error;
  if (status === 0) return stdout;
  throw new Error(`${command} ended with ${status}: ${`${stdout}${stderr}`.slice(-logBytes)}`);
}

/** Ports that nobody uses. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  const ports = await Promise.all(
    servers.map(async (server) => {
      if (!server.listening) await new Promise((resolve) => server.once('listening', resolve));
      return (server.address() as { port: number }).port;
    }),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Sends bytes on a connection of its own and waits for an answer that `endOf` finds whole. */
export function exchange(
  port: number,
  request: Buffer | string,
  endOf: (bytes: Buffer) => number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const socket = createConnection({ host: '127.0.0.1', port }, () => socket.write(request));
    const end = (error?: Error): void => {
      socket.destroy();
      if (error === undefined) resolve(bytes);
      else reject(error);
    };
    socket.setTimeout(exchangeMsMax, () => end(new Error('the peer does not answer')));
    socket.on('error', end);
    socket.on('close', () => end(new Error('the peer closed the connection')));
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      try {
        if (endOf(bytes) !== -1) end();
      } catch (error) {
        end(error as Error);
      }
    });
  });
}

/** Bytes that the disk holds for a directory: holes in files do not count. */
export function diskBytes(
  directory: string,
  counts: (path: string) => boolean = () => true,
): number {
  let blocks = 0;
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && counts(path)) blocks += statSync(path).blocks;
  }
  return blocks * 512;
}
