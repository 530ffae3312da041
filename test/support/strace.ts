/** A running process under strace: its system calls in order, delayed or failed on demand. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why processes cannot be traced here, or false: what `skip` of a test wants. */
export function whyNoStrace(): string | false {
  const { error, status } = spawnSync('strace', ['-f', '-e', 'trace=none', 'true']);
  if (error !== undefined) return 'strace is not installed';
  return status === 0 ? false : 'strace may not trace processes here';
}

let traces = 0;

export class Strace {
  readonly #child: ChildProcess;
  readonly #file: string;
  readonly #exited: Promise<unknown>;

  private constructor(child: ChildProcess, file: string) {
    this.#child = child;
    this.#file = file;
    this.#exited = once(child, 'exit');
  }

  /** Attaches to a process and all its threads; resolves when every call is traced. */
  static async attach(pid: number, args: readonly string[]): Promise<Strace> {
    const file = join(tmpdir(), `tapeline-strace-${process.pid}-${++traces}`);
    const all = ['-f', '-y', '-s', '1200', '-o', file, ...args, '-p', String(pid)];
    const child = spawn('strace', all, { stdio: ['ignore', 'ignore', 'pipe'] });
    const trace = new Strace(child, file);
    await new Promise<void>((resolve, reject) => {
      let text = '';
      child.stderr!.on('data', (chunk) => {
        text += String(chunk);
        // Said of the process last, when all its threads are attached.
        if (/attached/.test(text)) resolve();
      });
      child.once('exit', (code) => reject(new Error(`strace ended with ${code}: ${text}`)));
    });
    return trace;
  }

  /** Lets the process go; its calls so far, a line each, in the order in which they ended. */
  async detach(): Promise<string[]> {
    if (this.#child.exitCode === null) this.#child.kill('SIGINT');
    await this.#exited;
    const lines = readFileSync(this.#file, 'utf8').split('\n');
    rmSync(this.#file, { force: true });
    return lines;
  }
}
