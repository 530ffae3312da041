/**
 * Epochs: when a file or a slot of the index may be taken away although readers need no message.
 *
 *     epoch │ reader 0 │ reader 1 │ …        one Int32 each, in shared memory
 *
 * A reader announces the epoch it reads in and withdraws it when it is done. Who takes something out
 * of a catalogue raises the epoch after that; once every reader is idle or reads in that epoch or a
 * later one, nobody can still hold what was taken out. Reads are synchronous, so the wait is short.
 * An idle reader leaves the epoch it read in last, negative: what it has open is as of then.
 */
import { assert } from '../std/assert.ts';

/** Threads of one process that can read the tape. */
export const readersMax = 256;

const free = 0;
const firstEpoch = 1;
/** Of a reader that has not read yet. */
const idle = -firstEpoch;

export function createEpochMemory(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer((1 + readersMax) * 4);
  new Int32Array(memory)[0] = firstEpoch;
  return memory;
}

/** One reading thread's mark. Reads may nest. */
export class ReaderEpoch {
  readonly #words: Int32Array;
  readonly #at: number;
  #depth = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    let at = 1;
    while (Atomics.compareExchange(this.#words, at, free, idle) !== free) {
      at += 1;
      assert(at < this.#words.length, 'a process has no more than 256 reading threads');
    }
    this.#at = at;
  }

  /** @returns true when this is the outermost read: what was taken away may be let go of now. */
  enter(): boolean {
    this.#depth += 1;
    if (this.#depth > 1) return false;
    // If the epoch rises in between, we announce an older one: what is retired then waits for us.
    Atomics.store(this.#words, this.#at, Atomics.load(this.#words, 0));
    return true;
  }

  leave(): void {
    this.#depth -= 1;
    if (this.#depth === 0) Atomics.store(this.#words, this.#at, -this.#words[this.#at]!);
  }

  /** The thread reads no more. */
  close(): void {
    Atomics.store(this.#words, this.#at, free);
  }
}

/** The side of those who take things away. Any thread. */
export class Epochs {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** Call after something has left the catalogue. @returns the epoch from which nobody sees it. */
  raise(): number {
    return Atomics.add(this.#words, 0, 1) + 1;
  }

  /** Whether no reader is left that began before `epoch`. */
  isPast(epoch: number): boolean {
    for (let at = 1; at < this.#words.length; at++) {
      const word = Atomics.load(this.#words, at);
      if (word > 0 && word < epoch) return false;
    }
    return true;
  }

  /** Whether every reader has begun a read in `epoch` or later: it has let go of what was taken out before. */
  isSeen(epoch: number): boolean {
    for (let at = 1; at < this.#words.length; at++) {
      const word = Atomics.load(this.#words, at);
      if (word !== free && Math.abs(word) < epoch) return false;
    }
    return true;
  }
}
