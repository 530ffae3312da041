/**
 * Which ids the parts of a shard may hold, all of them at once. Most ids that come in are new, and one
 * word of memory says so, however many full parts wait to be sealed: looked up part by part, each part
 * that waits cost an event some 80 ns.
 *
 *     generation 1 ▒▒▒▒▒▒▒▒          parts 1…16, until all of them are sealed
 *     generation 2 ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒  parts 17…48
 *     generation 3 ▒▒                parts 49…, the open one included
 *
 * A generation is a Bloom filter with a word for each hash and three bits of it set: with 16 parts of
 * a million ids in the first one in eighty is suspected for nothing, and then its parts are asked. Each is
 * twice as large as the one before it, while that lives: every generation costs an event a miss. Bits are
 * never taken back: what a failed commit leaves behind is such a suspicion too.
 *
 * Thread: the shard's own.
 */
import { reserveBytes, viewColumn } from './columns.ts';

/** 2 MiB for each part that may share a generation. */
const partWords = 2 ** 19;
/** Parts whose ids share the first generation, and the largest. */
const partsLeast = 16;
const partsMost = 64;

interface Generation {
  readonly words: Uint32Array;
  readonly partsMax: number;
  /** Parts that it was begun for, and those of them that are not sealed. */
  begun: number;
  parts: number;
}

/** Names the generation that holds a part's ids. */
export type RecentPart = Generation;

export class RecentIds {
  readonly #generations: Generation[] = [];
  /** Of the newest generation, to which ids are added. */
  #words: Uint32Array = new Uint32Array(0);
  /** Memory of a least generation that is over: to touch new memory costs more than to clear this. */
  #spare: Uint32Array | undefined;
  /** Keeps the reads of `warm` from being optimised away. */
  warmth = 0;

  /** A part begins: from now on what is added is its. */
  begin(): RecentPart {
    let newest = this.#generations.at(-1);
    if (newest === undefined || newest.begun === newest.partsMax) newest = this.#open(newest);
    newest.begun += 1;
    newest.parts += 1;
    return newest;
  }

  /** Larger than the one before only while most parts of that wait to be sealed. */
  #open(before: Generation | undefined): Generation {
    const isBehind = before !== undefined && before.parts > before.partsMax / 2;
    const partsMax = isBehind ? Math.min(partsMost, 2 * before.partsMax) : partsLeast;
    let words = partsMax === partsLeast ? this.#spare : undefined;
    if (words !== undefined) this.#spare = undefined;
    words ??= viewColumn(reserveBytes(partsMax * partWords * 4), 'u32');
    const opened: Generation = { words, partsMax, begun: 0, parts: 0 };
    this.#generations.push(opened);
    this.#words = words;
    return opened;
  }

  /** A part is sealed or discarded: nobody will ask for its ids here. Its index in a file changes nothing. */
  end(part: RecentPart): void {
    part.parts -= 1;
    if (part.parts > 0 || part === this.#generations.at(-1)) return;
    this.#generations.splice(this.#generations.indexOf(part), 1);
    if (part.partsMax === partsLeast) this.#spare = part.words.fill(0);
  }

  /**
   * Touches what the next `count` lookups will need. Each is a cache miss; here they do not depend on
   * each other, so the processor waits for many at once.
   */
  warm(idHashes: Uint32Array, count: number): void {
    let warmth = 0;
    for (const { words } of this.#generations) {
      const mask = words.length - 1;
      for (let i = 0; i < count; i++) warmth ^= words[idHashes[i]! & mask]!;
    }
    this.warmth = warmth;
  }

  add(idHash: number): void {
    this.#words[idHash & (this.#words.length - 1)]! |= bitsOf(idHash);
  }

  /** False: no part that is not sealed has an event with this id. */
  mayHold(idHash: number): boolean {
    const bits = bitsOf(idHash);
    const generations = this.#generations;
    for (let i = 0; i < generations.length; i++) {
      const { words } = generations[i]!;
      if ((words[idHash & (words.length - 1)]! & bits) === bits) return true;
    }
    return false;
  }
}

/** The same of the part, and those that share its generation. */
export function mayBeOf({ words }: RecentPart, idHash: number): boolean {
  const bits = bitsOf(idHash);
  return (words[idHash & (words.length - 1)]! & bits) === bits;
}

/** Three bits, chosen by a mix of the hash that its low bits alone do not tell. */
function bitsOf(idHash: number): number {
  const mixed = Math.imul(idHash ^ (idHash >>> 15), 0x85ebca6b);
  return (1 << (mixed >>> 27)) | (1 << (mixed >>> 22)) | (1 << (mixed >>> 17));
}
