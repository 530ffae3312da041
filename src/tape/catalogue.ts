/**
 * The catalogue of a shard: which parts and segments its tape consists of, in stamp order. Written by
 * the shard's thread into shared memory; any thread reads it without a message. A version word, odd
 * while the text changes, tells readers to look again.
 *
 *     segments, oldest first │ parts, oldest first; the last one is being written
 */
import { assert } from '../std/assert.ts';

/** A part of the hot log. Its blocks have stamps from `first` up to the next part's. */
export interface PartEntry {
  readonly number: number;
  /** Which of the shard's index memories holds its index. */
  readonly slot: number;
  readonly first: number;
}

/** A sealed segment: it stands for the stamps `first` … `last`. */
export interface SegmentEntry {
  readonly file: string;
  readonly first: number;
  readonly last: number;
  readonly events: number;
  /** Event times; readers skip a segment that cannot hold what they look for. */
  readonly timeMin: number;
  readonly timeMax: number;
}

export interface Catalogue {
  readonly segments: readonly SegmentEntry[];
  readonly parts: readonly PartEntry[];
  /** Stamps up to here were dropped: retention is over for them. */
  readonly dropped: number;
}

export interface CatalogueMemory {
  readonly words: SharedArrayBuffer;
  readonly text: SharedArrayBuffer;
}

const version = 0;
const length = 1;
/** Some 200 bytes each: as many segments as a shard will ever have. */
const textBytesMax = 4 * 1024 * 1024;

export const emptyCatalogue: Catalogue = { segments: [], parts: [], dropped: 0 };

export function createCatalogueMemory(): CatalogueMemory {
  return {
    words: new SharedArrayBuffer(2 * 4),
    text: new SharedArrayBuffer(0, { maxByteLength: textBytesMax }),
  };
}

/** Thread: the shard's own. */
export function publishCatalogue(memory: CatalogueMemory, catalogue: Catalogue): void {
  const bytes = Buffer.from(JSON.stringify(catalogue));
  assert(bytes.length <= textBytesMax, 'a catalogue fits in its memory');
  const words = new Int32Array(memory.words);
  Atomics.add(words, version, 1);
  if (memory.text.byteLength < bytes.length) memory.text.grow(bytes.length);
  new Uint8Array(memory.text).set(bytes);
  Atomics.store(words, length, bytes.length);
  Atomics.add(words, version, 1);
}

/** Any thread. */
export class CatalogueReader {
  readonly #memory: CatalogueMemory;
  readonly #words: Int32Array;
  #version = 0;
  #catalogue = emptyCatalogue;

  constructor(memory: CatalogueMemory) {
    this.#memory = memory;
    this.#words = new Int32Array(memory.words);
  }

  /** Whether `read` would find another one than the last time. */
  hasChanged(): boolean {
    return Atomics.load(this.#words, version) !== this.#version;
  }

  read(): Catalogue {
    while (this.hasChanged()) {
      const before = Atomics.load(this.#words, version);
      if ((before & 1) === 1) continue;
      const bytes = new Uint8Array(this.#memory.text).slice(0, Atomics.load(this.#words, length));
      if (Atomics.load(this.#words, version) !== before) continue;
      this.#catalogue = JSON.parse(Buffer.from(bytes).toString()) as Catalogue;
      this.#version = before;
    }
    return this.#catalogue;
  }
}
