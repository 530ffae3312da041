/**
 * Commit stamps: one counter for the whole process, so that the blocks of all shards have one order
 * that is the same on every replay; and the horizon, the stamp up to which that order is settled.
 *
 *     counter │ low of shard 0 │ low of shard 1 │ …        one BigInt64 each, in shared memory
 *
 * A shard announces a lower bound (`low`) before it takes stamps and withdraws it when they are
 * durable. A reader loads the counter first and the lows after it: every stamp up to the smallest of
 * (counter, low - 1) is durable, or was never written. An idle shard holds nobody up.
 *
 * After a failed commit the shard keeps its low until it has written again (an empty block will do).
 * So whenever the horizon passes a stamp that was lost, a later one is durable, and a restart, which
 * continues from the greatest durable stamp, can never issue a stamp below a cursor it handed out.
 */

const idle = 0n;

export function createStampMemory(shards: number): SharedArrayBuffer {
  return new SharedArrayBuffer((1 + shards) * 8);
}

export class Stamps {
  readonly #words: BigInt64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new BigInt64Array(memory);
  }

  /** Start-up, before anyone reads: the counter is at least `stamp`. Shards open at the same time. */
  raise(stamp: number): void {
    let counter = Atomics.load(this.#words, 0);
    while (counter < BigInt(stamp)) {
      counter = Atomics.compareExchange(this.#words, 0, counter, BigInt(stamp));
    }
  }

  /** Takes `count` consecutive stamps for a commit of `shard`; returns the first. */
  take(shard: number, count: number): number {
    const low = 1 + shard;
    // Announced before the counter moves; after a failed commit the older announcement stands.
    if (Atomics.load(this.#words, low) === idle) {
      Atomics.store(this.#words, low, Atomics.load(this.#words, 0) + 1n);
    }
    return Number(Atomics.add(this.#words, 0, BigInt(count))) + 1;
  }

  /** What `shard` has taken is durable and published. */
  settle(shard: number): void {
    Atomics.store(this.#words, 1 + shard, idle);
  }

  /** The greatest stamp issued so far, durable or not. */
  issued(): number {
    return Number(Atomics.load(this.#words, 0));
  }

  /** Every block with a stamp up to this one is published; none will appear there any more. */
  horizon(): number {
    let horizon = Atomics.load(this.#words, 0);
    for (let shard = 1; shard < this.#words.length; shard++) {
      const low = Atomics.load(this.#words, shard);
      if (low !== idle && low - 1n < horizon) horizon = low - 1n;
    }
    return Number(horizon);
  }
}
