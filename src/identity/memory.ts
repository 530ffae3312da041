/**
 * What the threads share of the graph of identities; the graph itself they read from its file.
 *
 *     words     version │ generation │ moves │ erasures       one Int32 each
 *     filter    a bit for the hash of every identity that has a link: the others cost nothing
 *     progress  for each front, up to which stamp what its events say is in force (Float64)
 *
 * `version` changes after every commit, `generation` after the file was replaced, `moves` when something
 * that was in force may not be any more, `erasures` with each customer that is taken out. Thread: main writes the words and the filter, each front its
 * own progress.
 */
import type { PhoneRegion } from './typed.ts';

export interface LinkMemory {
  /** The data directory. */
  readonly directory: string;
  readonly hashSeed: number;
  readonly phoneRegion: PhoneRegion;
  readonly words: SharedArrayBuffer;
  readonly filter: SharedArrayBuffer;
  readonly progress: SharedArrayBuffer;
}

export const word = { version: 0, generation: 1, moves: 2, erasures: 3 } as const;

/** 16 M bits: with two million identities that have links one in nine others is looked up in vain. */
const filterBytes = 2 * 1024 * 1024;

export function createLinkMemory(parts: {
  readonly directory: string;
  readonly hashSeed: number;
  readonly phoneRegion: PhoneRegion;
  readonly fronts: number;
}): LinkMemory {
  const { directory, fronts, hashSeed, phoneRegion } = parts;
  return {
    directory,
    hashSeed,
    phoneRegion,
    words: new SharedArrayBuffer(Object.keys(word).length * 4),
    filter: new SharedArrayBuffer(filterBytes),
    progress: new SharedArrayBuffer(fronts * 8),
  };
}

/** The hashes of identities that may have links. */
export class LinkFilter {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  add(hash: number): void {
    const bit = hash % (this.#words.length * 32);
    Atomics.or(this.#words, bit >>> 5, 1 << (bit & 31));
  }

  /** False is certain. */
  has(hash: number): boolean {
    const bit = hash % (this.#words.length * 32);
    return (this.#words[bit >>> 5]! & (1 << (bit & 31))) !== 0;
  }
}
