/** What a server's wall clock says, for tests: the environment of a process whose threads all read it so. Timers run on. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type Environment = Readonly<Record<string, string>>;

function preloaded(code: string): Environment {
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}

/** All threads of a server with this in its environment have a clock that is so much behind. */
export function clockBehind(ms: number): Environment {
  return preloaded(`const now=Date.now;Date.now=()=>now.call(Date)-${ms}`);
}

/** A clock that stands still wherever a test puts it. */
export class ServerClock {
  readonly env: Environment;
  readonly #file: string;

  /** @param directory of the test's own, which exists. */
  constructor(directory: string, nowMs: number) {
    this.#file = join(directory, 'server-clock');
    const read = `readFileSync(${JSON.stringify(this.#file)},"utf8")`;
    this.env = preloaded(`import{readFileSync}from"node:fs";Date.now=()=>Number(${read})`);
    this.put(nowMs);
  }

  /** In force for every read that begins after. */
  put(nowMs: number): void {
    // By a rename, so that no thread finds half a number.
    writeFileSync(`${this.#file}.new`, String(nowMs));
    renameSync(`${this.#file}.new`, this.#file);
  }
}
