/**
 * The processes of a bench: every load generator runs in one of its own, so that it shares neither
 * heap nor event loop with what is measured. A plan goes in as an argument, messages come back.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rounded } from './report.ts';

/** Part of a child: the plan it was started with. A child whose bench is gone ends too. */
export function readPlan<Plan>(): Plan {
  process.on('disconnect', abandon);
  return JSON.parse(process.argv[2]!) as Plan;
}

/** Part of a child: tells its parent. */
export function tell(message: object): void {
  process.send?.(message);
}

/** Part of a child: it has done its work. */
export function leave(): void {
  process.off('disconnect', abandon);
  process.disconnect?.();
}

function abandon(): never {
  process.exit(1);
}

export interface Child<Message> {
  readonly process: ChildProcess;
  /** Resolves at the first message of this kind, also one that came already. */
  when<Kind extends Message['kind' & keyof Message]>(
    kind: Kind,
  ): Promise<Extract<Message, { kind: Kind }>>;
  /** Calls `run` for every message. */
  each(run: (message: Message) => void): void;
  /** Asks it to come to its end. */
  stop(): void;
  /** Ends it at once. */
  kill(): void;
}

/** Starts `bench/<name>.ts` with a plan. If it fails the bench fails. */
export function startChild<Message extends { readonly kind: string }>(
  name: string,
  plan: object,
): Child<Message> {
  const path = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  const child = fork(path, [JSON.stringify(plan)], {
    // As the server: two cores have no room for helpers of the collector.
    execArgv: ['--single-threaded-gc'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const seen: Message[] = [];
  const listeners: ((message: Message) => void)[] = [];
  let isKilled = false;
  const ended = new Promise<never>((_, reject) => {
    child.once('exit', (code) => {
      if (!isKilled) reject(new Error(`the process '${name}' ended with ${code}`));
    });
  });
  ended.catch(() => undefined);
  child.on('message', (message) => {
    seen.push(message as Message);
    for (const listener of listeners) listener(message as Message);
  });
  const each = (run: (message: Message) => void): void => {
    for (const message of seen) run(message);
    listeners.push(run);
  };
  return {
    process: child,
    when<Kind extends Message['kind']>(kind: Kind) {
      const found = new Promise<Extract<Message, { kind: Kind }>>((resolve) => {
        each((message) => {
          if (message.kind === kind) resolve(message as Extract<Message, { kind: Kind }>);
        });
      });
      return Promise.race([found, ended]);
    },
    each,
    stop: () => void child.send('stop'),
    kill() {
      isKilled = true;
      child.kill('SIGKILL');
    },
  };
}

/** CPU time that a process has used, all threads, in microseconds; NaN where the system has no /proc. */
export function cpuMicrosOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // In ticks of 10 ms, the unit of Linux's user interface on every architecture that Node runs on.
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return Number.NaN;
  }
}

/**
 * Memory of a process that is its own, in MiB: without files it has mapped, which the system takes
 * back at will. NaN where the system has no /proc.
 */
export function privateMibOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const kibibytes = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
    return rounded((kibibytes('RssAnon') + kibibytes('RssShmem')) / 1024);
  } catch {
    return Number.NaN;
  }
}
