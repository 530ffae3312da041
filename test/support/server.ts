/** A real server process on a free port, for tests: started, stopped in order, or killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What `npm start` runs node with. */
export const nodeFlags = [
  '--enable-source-maps',
  '--single-threaded-gc',
  '--min-semi-space-size=16',
  '--initial-old-space-size=128',
];

export interface ServerOptions {
  readonly shards?: number;
  readonly fronts?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Use this data directory; otherwise a temporary one that `stop` removes. */
  readonly data?: string;
  /** Command and arguments to put before node, such as strace's. */
  readonly wrapper?: readonly string[];
  readonly port?: number;
}

export interface TestServer {
  readonly url: string;
  readonly port: number;
  readonly data: string;
  readonly keys: { readonly write: string; readonly read: string; readonly admin: string };
  readonly process: ChildProcess;
  /** Standard error so far. */
  log(): string;
  /** SIGTERM; resolves to the exit code. Removes a temporary data directory. */
  stop(): Promise<number | null>;
  /** SIGKILL; the data directory stays. */
  kill(): Promise<void>;
}

export const testKeys = {
  write: 'wk_test_write_key_000000000000',
  read: 'rk_test_read_key_0000000000000',
  admin: 'ak_test_admin_key_000000000000',
};

const main = fileURLToPath(new URL('../../src/main.js', import.meta.url));

export interface ServerEnd {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/**
 * Runs the server until it ends by itself, or until it says that it is ready; then it is stopped. The
 * environment holds nothing of the caller's TAPELINE_ settings.
 */
export async function runServer(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd?: string,
): Promise<ServerEnd> {
  const inherited = Object.entries(process.env).filter(([key]) => !key.startsWith('TAPELINE_'));
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...Object.fromEntries(inherited), ...env },
    ...(cwd !== undefined && { cwd }),
  });
  const texts = { output: '', errors: '' };
  child.stdout.on('data', (chunk) => {
    texts.output += chunk;
    if (texts.output.includes('ready on')) child.kill('SIGTERM');
  });
  child.stderr.on('data', (chunk) => {
    texts.errors += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, ...texts };
}

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'tapeline-test-'));
}

export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const data = options.data ?? temporaryDirectory();
  const [command, ...rest] = [...(options.wrapper ?? []), process.execPath, ...nodeFlags, main];
  const child = spawn(command!, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      UV_THREADPOOL_SIZE: '16',
      MSGPACKR_NATIVE_ACCELERATION_DISABLED: 'true',
      UWS_HTTP_MAX_HEADERS_SIZE: '16384',
      LMDB_RESTORE: 'safe',
      TAPELINE_PORT: String(options.port ?? 0),
      TAPELINE_DATA: data,
      TAPELINE_SHARDS: String(options.shards ?? 2),
      TAPELINE_FRONTS: String(options.fronts ?? 2),
      TAPELINE_WRITE_KEY: testKeys.write,
      TAPELINE_READ_KEY: testKeys.read,
      TAPELINE_ADMIN_KEY: testKeys.admin,
      ...options.env,
    },
  });
  let log = '';
  child.stderr!.on('data', (text) => {
    log += String(text);
  });
  let asked = false;
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', (code, signal) => {
      // Nobody else would see why it went, only that it no longer answers.
      if (!asked) process.stderr.write(`the server ended by itself, ${signal ?? code}: ${log}\n`);
      resolve(code);
    });
  });
  const url = await readyUrl(child, exited, () => log);
  const stopWith = async (signal: NodeJS.Signals): Promise<number | null> => {
    asked = true;
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return exited;
  };
  return {
    url,
    port: Number(new URL(url).port),
    data,
    keys: testKeys,
    process: child,
    log: () => log,
    async stop() {
      const code = await stopWith('SIGTERM');
      if (options.data === undefined) rmSync(data, { recursive: true, force: true });
      return code;
    },
    async kill() {
      await stopWith('SIGKILL');
    },
  };
}

/** Waits for the line that says where the server is. */
function readyUrl(
  child: ChildProcess,
  exited: Promise<number | null>,
  log: () => string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout!.on('data', (text) => {
      output += String(text);
      const found = /ready on (http:\/\/\S+)/.exec(output);
      if (found !== null) resolve(found[1]!);
    });
    void exited.then((code) => reject(new Error(`the server ended with ${code}: ${log()}`)));
  });
}
