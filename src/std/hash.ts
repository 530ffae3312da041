/**
 * A 32-bit hash of bytes (MurmurHash3 x86_32). It chooses shards, buckets and chains, never decides
 * equality: whoever finds a hash compares the bytes. Routing depends on it, so it may never change
 * for an existing data directory.
 */

/** Hashes `bytes[at, at + length)`. The result is unsigned. */
export function hashBytes(bytes: Uint8Array, at: number, length: number, seed: number): number {
  let hash = seed | 0;
  const blocksEnd = at + (length & ~3);
  let i = at;
  for (; i < blocksEnd; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    hash ^= scramble(word);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  const rest = length & 3;
  if (rest !== 0) {
    let tail = bytes[i]!;
    if (rest > 1) tail |= bytes[i + 1]! << 8;
    if (rest > 2) tail |= bytes[i + 2]! << 16;
    hash ^= scramble(tail);
  }
  return finish(hash ^ length);
}

/** Hashes the first `count` words, four bytes at a step: for tables in memory, on this machine alone. */
export function hashWords(words: Uint32Array, count: number, seed: number): number {
  let hash = seed | 0;
  for (let n = 0; n < count; n++) {
    hash = Math.imul(hash ^ words[n]!, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return finish(hash ^ count);
}

function scramble(word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

function finish(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
