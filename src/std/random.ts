/**
 * Randomness is passed in too. `seededRandom` is reproducible (tests, benches, the demo);
 * `systemRandom` is for ids and keys.
 */
import { randomBytes as nodeRandomBytes } from 'node:crypto';

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, bound), bound ≤ 2^32. */
  below(bound: number): number;
  /** `count` random bytes. */
  bytes(count: number): Uint8Array;
}

/** Mulberry32: small, fast, good enough for test data; never for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  return {
    next,
    below: (bound) => Math.floor(next() * bound),
    bytes: (count) => Uint8Array.from({ length: count }, () => Math.floor(next() * 256)),
  };
}

/** Backed by the operating system; suitable for keys. */
export const systemRandom: Random = {
  next: () => nodeRandomBytes(4).readUInt32LE() / 4294967296,
  below: (bound) => Math.floor((nodeRandomBytes(6).readUIntLE(0, 6) / 2 ** 48) * bound),
  bytes: (count) => nodeRandomBytes(count),
};
