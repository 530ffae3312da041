/**
 * Whether more than one workspace is sending, known to all fronts without a message: two words of
 * shared memory, the workspace that sent last and when that last changed.
 */
import type { Clock } from '../std/clock.ts';

/** So long after the last change of senders the sink counts as shared. */
export const contendedMs = 1000;

const lastWorkspace = 0;
const changedAt = 1;

export function createContentionMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
}

export class Contention {
  readonly #words: Int32Array;
  readonly #clock: Clock;

  constructor(memory: SharedArrayBuffer, clock: Clock) {
    this.#words = new Int32Array(memory);
    this.#clock = clock;
  }

  /** A batch of `workspace` came. Nearly free when the one before was its own. */
  note(workspace: number): void {
    const words = this.#words;
    if (Atomics.load(words, lastWorkspace) === (workspace | 0)) return;
    const before = Atomics.exchange(words, lastWorkspace, workspace);
    if (before !== 0) Atomics.store(words, changedAt, this.#now());
  }

  isContended(): boolean {
    const at = Atomics.load(this.#words, changedAt);
    return at !== 0 && ((this.#now() - at) | 0) >>> 0 < contendedMs;
  }

  /** In 32 bits, which wrap after 49 days: then one second may be taken for a shared one. Never 0. */
  #now(): number {
    return Math.floor(this.#clock.monotonicMs()) | 1;
  }
}
