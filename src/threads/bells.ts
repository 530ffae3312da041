/**
 * Bells: one word per front, and one for the engine, in shared memory, by which shards know whom to tell
 * that something was published. At most one message is on its way to a front, however many events there are.
 *
 *     silent ─listen─▶ waiting ─publish─▶ rung (message sent) ─answer─▶ waiting
 */

const silent = 0;
const waiting = 1;
const rung = 2;

export function createBells(listeners: number): SharedArrayBuffer {
  return new SharedArrayBuffer(listeners * 4);
}

export class Bells {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** Front: begin or cease to listen. */
  listen(front: number, on: boolean): void {
    Atomics.store(this.#words, front, on ? waiting : silent);
  }

  /** Front: a message came. To be called before looking at what was published. */
  answer(front: number): void {
    Atomics.compareExchange(this.#words, front, rung, waiting);
  }

  /** Shard: true when this front is to be sent a message. */
  ring(front: number): boolean {
    return Atomics.compareExchange(this.#words, front, waiting, rung) === waiting;
  }
}
