/**
 * As of when views with snapshots were shown last, by whichever thread: so that no reader sees `asOf` go back,
 * though each front keeps snapshots of its own.
 *
 *     set    4 words, by the hash of (workspace, view, how it is seen, customer)
 *     word   tag, 22 bits of another hash │ epoch milliseconds, 42 bits         one BigUint64 each
 *
 * A thread asks before it shows what it has kept, and notes what it shows. What is not found here (the fifth
 * of a set took its place) is not known, and then what is kept has to be true now. Two with one tag
 * in one set pass for the same: that costs a scan, never a truth.
 */
import { hashBytes } from '../std/hash.ts';

const setBits = 16;
const waysPerSet = 4;
const timeBits = 42n;
const timeMask = (1n << timeBits) - 1n;
const tagMask = (1 << 22) - 1;
const [setSeed, tagSeed] = [0x5e7, 0x7a6];

/** 2 MiB, for 262,144 views of customers. */
export function createShownMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer((1 << setBits) * waysPerSet * 8);
}

/** Any thread. */
export class ShownInstants {
  readonly #words: BigUint64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new BigUint64Array(memory);
  }

  /** Epoch milliseconds; undefined when it is not known. */
  latest(key: string): number | undefined {
    const { first, tag } = placeOf(key);
    let latest: number | undefined;
    // Two threads that noted it at once may have taken a place each.
    for (let at = first; at < first + waysPerSet; at++) {
      const word = Atomics.load(this.#words, at);
      if (word >> timeBits !== tag) continue;
      latest = Math.max(latest ?? 0, Number(word & timeMask));
    }
    return latest;
  }

  /** @param instant epoch milliseconds; an earlier one than is known changes nothing. */
  note(key: string, instant: number): void {
    const { first, tag } = placeOf(key);
    const wanted = (tag << timeBits) | (BigInt(instant) & timeMask);
    for (;;) {
      const at = this.#wayFor(first, tag);
      const word = Atomics.load(this.#words, at);
      if (word >> timeBits === tag && word >= wanted) return;
      if (Atomics.compareExchange(this.#words, at, word, wanted) === word) return;
    }
  }

  /** The word of the tag, or the oldest of the set. */
  #wayFor(first: number, tag: bigint): number {
    let oldest = first;
    for (let at = first; at < first + waysPerSet; at++) {
      const word = Atomics.load(this.#words, at);
      if (word >> timeBits === tag) return at;
      if ((word & timeMask) < (Atomics.load(this.#words, oldest) & timeMask)) oldest = at;
    }
    return oldest;
  }
}

function placeOf(key: string): { readonly first: number; readonly tag: bigint } {
  const bytes = Buffer.from(key, 'utf8');
  const set = hashBytes(bytes, 0, bytes.length, setSeed) & ((1 << setBits) - 1);
  const tag = hashBytes(bytes, 0, bytes.length, tagSeed) & tagMask;
  // A tag of 0 would be that of an empty word.
  return { first: set * waysPerSet, tag: BigInt(tag === 0 ? 1 : tag) };
}
