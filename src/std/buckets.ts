/**
 * Token buckets in shared memory: rates that all threads keep together, without a message. A bucket is
 * one word, the instant at which it is full again:
 *
 *     full at ──▶ now − burst … now      the bucket holds tokens       (it is full before that)
 *                 now + burst            it is empty
 *                 beyond                 it is in debt, and says when it will hold a token again
 *
 * Whoever may take at all may take more than there is: the debt is waited for afterwards. So a batch
 * that is larger than the burst can be sent, and the rate holds all the same.
 */

/** What a rate allows at once: this much of a second's worth. */
export const burstMs = 1000;

const nsPerMs = 1e6;
const burstNs = burstMs * nsPerMs;
const nsPerSecond = 1e9;
/** What is lost where times of many days are added up as numbers: without it who waits as told may have to wait again. */
const lostNs = 2;

/** Memory for `count` buckets, all full; pass it to every thread. */
export function createBucketMemory(count: number): SharedArrayBuffer {
  return new SharedArrayBuffer(count * BigInt64Array.BYTES_PER_ELEMENT);
}

/** Times are those of `Clock.monotonicMs`, which all threads share. */
export class Buckets {
  /** In nanoseconds. */
  readonly #fullAt: BigInt64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#fullAt = new BigInt64Array(memory);
  }

  /** Milliseconds until the bucket holds a token, rounded up; 0 when it does. */
  waitMs(bucket: number, perSecond: number, nowMs: number): number {
    const fullAt = Number(Atomics.load(this.#fullAt, bucket));
    const tokenNs = nsPerSecond / perSecond;
    const waitNs = fullAt - nowMs * nsPerMs - Math.max(0, burstNs - tokenNs);
    return waitNs <= lostNs ? 0 : Math.ceil((waitNs - lostNs) / nsPerMs);
  }

  /** Takes `tokens` out, if need be into debt. */
  charge(bucket: number, perSecond: number, tokens: number, nowMs: number): void {
    const now = BigInt(Math.floor(nowMs * nsPerMs));
    const cost = BigInt(Math.ceil((tokens * nsPerSecond) / perSecond));
    let seen = Atomics.load(this.#fullAt, bucket);
    for (;;) {
      const next = (seen > now ? seen : now) + cost;
      const found = Atomics.compareExchange(this.#fullAt, bucket, seen, next);
      if (found === seen) return;
      seen = found;
    }
  }

  /** Fills the bucket, whatever it owes. */
  fill(bucket: number): void {
    Atomics.store(this.#fullAt, bucket, 0n);
  }
}
