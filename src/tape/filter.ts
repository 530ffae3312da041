/**
 * A filter of hashes: a Bloom filter whose bits for one hash lie in one line of 64 bytes, so that a
 * lookup costs one cache miss. Some sixteen bits a hash and seven set: one in a thousand is taken for known.
 *
 *     hash ─mix─▶ line (its high bits, by multiplication) ; mix again ─▶ 7 × 9 bits in the line
 *
 * Stored in items of 64 KiB, numbered; the mixing is part of the format.
 */
import type { SegmentFile, SegmentWriter } from '../store/segment.ts';
import { readItem, writeRawItem } from './item.ts';

const lineWords = 16;
const bitsPerHash = 16;
const bitsPerLine = lineWords * 32;
const pieceBytes = 64 * 1024;

/** The final mix of MurmurHash3. */
function mix(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

export class Filter {
  readonly #words: Uint32Array;
  readonly #lines: number;
  /** Keeps the reads of `warm` from being optimised away. */
  warmth = 0;

  private constructor(words: Uint32Array) {
    this.#words = words;
    this.#lines = words.length / lineWords;
  }

  /** An empty one for as many hashes. */
  static sized(hashes: number): Filter {
    const lines = Math.max(1, Math.ceil((hashes * bitsPerHash) / bitsPerLine));
    return new Filter(new Uint32Array(lines * lineWords));
  }

  add(hash: number): void {
    const first = mix(hash);
    const line = Math.floor((first / 4294967296) * this.#lines) * lineWords;
    let bits = mix(first ^ 0x9e3779b9);
    const step = (mix(first ^ 0x7f4a7c15) | 1) >>> 0;
    for (let i = 0; i < 7; i++) {
      this.#words[line + (bits >>> 28)]! |= 1 << ((bits >>> 23) & 31);
      bits = (bits + step) | 0;
    }
  }

  /** Touches what the next `count` lookups will need, which waits for many cache misses at once. */
  warm(hashes: Uint32Array, count: number): void {
    let warmth = 0;
    for (let i = 0; i < count; i++) {
      warmth ^= this.#words[Math.floor((mix(hashes[i]!) / 4294967296) * this.#lines) * lineWords]!;
    }
    this.warmth = warmth;
  }

  /** False: it was never added. */
  has(hash: number): boolean {
    const first = mix(hash);
    const line = Math.floor((first / 4294967296) * this.#lines) * lineWords;
    let bits = mix(first ^ 0x9e3779b9);
    const step = (mix(first ^ 0x7f4a7c15) | 1) >>> 0;
    for (let i = 0; i < 7; i++) {
      const word = this.#words[line + (bits >>> 28)]!;
      if ((word & (1 << ((bits >>> 23) & 31))) === 0) return false;
      bits = (bits + step) | 0;
    }
    return true;
  }

  write(file: SegmentWriter, stream: number): FilterPlace {
    const bytes = new Uint8Array(this.#words.buffer);
    const pieces: number[] = [];
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      const piece = bytes.subarray(at, at + pieceBytes);
      pieces.push(writeRawItem(file, stream, piece, at / pieceBytes));
    }
    return { bytes: bytes.length, pieces };
  }

  /** Undefined when any of it is damaged. */
  static read(
    file: SegmentFile,
    stream: number,
    { bytes, pieces }: FilterPlace,
    end: number,
  ): Filter | undefined {
    const all = new Uint8Array(bytes);
    for (const [number, at] of pieces.entries()) {
      const piece = readItem(file, stream, at, pieces[number + 1] ?? end, number);
      if (piece?.length !== Math.min(pieceBytes, bytes - number * pieceBytes)) return undefined;
      all.set(piece, number * pieceBytes);
    }
    return new Filter(new Uint32Array(all.buffer));
  }
}

/** Where a filter's items begin in its stream; in the segment's head. */
export interface FilterPlace {
  readonly bytes: number;
  readonly pieces: readonly number[];
}
