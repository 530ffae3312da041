/**
 * Changes a stored view again and again, each time with the next number in it: what the server
 * confirmed is in force afterwards, and what it refused is not.
 */
import { openReader } from '../../src/client/reader.ts';
import { ClientError } from '../../src/client/types.ts';
import { sleep, systemClock } from '../../src/std/clock.ts';
import { hungMs } from './prober.ts';

export interface EditorOptions {
  readonly url: string;
  readonly key: string;
  readonly found: (problem: string) => void;
}

const pauseMs = 40;
const path = '/v1/views/edited';

export class Editor {
  readonly #options: EditorOptions;
  #isClosed = false;
  #isWorking = false;
  #wake: (() => void) | undefined;
  #idle: (() => void) | undefined;
  #tried = 0;
  /** Confirmed last; 0 for none. */
  #confirmed = 0;
  /** Tried after that, and the answer was lost. */
  readonly #open = new Set<number>();

  constructor(options: EditorOptions) {
    this.#options = options;
    void this.#run();
  }

  go(): void {
    this.#isWorking = true;
    this.#wake?.();
  }

  /** Resolves when no change is under way. */
  async pause(): Promise<void> {
    if (!this.#isWorking) return;
    this.#isWorking = false;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#wake?.();
    this.#idle?.();
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      if (!this.#isWorking) {
        this.#idle?.();
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      await this.#change();
      await sleep(systemClock, pauseMs);
    }
  }

  async #change(): Promise<void> {
    const { found, key, url } = this.#options;
    const version = ++this.#tried;
    // With a deadline of its own, which the reader of the client library leaves to `fetch`.
    const reader = openReader({
      url,
      key,
      clock: systemClock,
      fetch: (target, init) => fetch(target, { ...init, signal: AbortSignal.timeout(hungMs) }),
    });
    try {
      await reader.putView('edited', [{ name: `v${version}`, event: '*', type: 'count' }]);
      this.#confirmed = version;
      this.#open.clear();
    } catch (error) {
      const { cause, code } = error as ClientError & { cause?: Error };
      if (cause?.name === 'TimeoutError') found(`a change had no answer in ${hungMs} ms`);
      if (code === 'unreachable' || !(error instanceof ClientError)) this.#open.add(version);
      else if (code !== 'unavailable') found(`a change was answered with ${code}`);
    }
  }

  /** Nothing is under way: the view has to be one that may be in force. */
  async check(): Promise<void> {
    const { found, key, url } = this.#options;
    const headers = { authorization: `Bearer ${key}` };
    const response = await fetch(url + path, { headers });
    const text = await response.text();
    const version = Number(/"v(\d+)"/.exec(text)?.[1] ?? 0);
    if (version === this.#confirmed || this.#open.has(version)) {
      // It is on disk and in force now, whoever was told.
      this.#confirmed = version;
      this.#open.clear();
      return;
    }
    found(`the view is at ${version}, confirmed was ${this.#confirmed}`);
    this.#confirmed = version;
  }
}
