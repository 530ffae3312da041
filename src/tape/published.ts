/**
 * A value that one thread publishes in shared memory, as JSON text, and any thread reads without a
 * message. A version word, odd while the text changes, tells readers to look again.
 */
import { assert } from '../std/assert.ts';

export interface PublishedMemory {
  readonly words: SharedArrayBuffer;
  readonly text: SharedArrayBuffer;
}

const version = 0;
const length = 1;
/** Some 200 bytes for a segment or an erasure: as many as there will ever be. */
const textBytesMax = 4 * 1024 * 1024;

export function createPublishedMemory(): PublishedMemory {
  return {
    words: new SharedArrayBuffer(2 * 4),
    text: new SharedArrayBuffer(0, { maxByteLength: textBytesMax }),
  };
}

/** Thread: the one that owns the value. */
export function publish(memory: PublishedMemory, value: unknown): void {
  const bytes = Buffer.from(JSON.stringify(value));
  assert(bytes.length <= textBytesMax, 'what is published fits in its memory');
  const words = new Int32Array(memory.words);
  Atomics.add(words, version, 1);
  if (memory.text.byteLength < bytes.length) memory.text.grow(bytes.length);
  new Uint8Array(memory.text).set(bytes);
  Atomics.store(words, length, bytes.length);
  Atomics.add(words, version, 1);
}

/** Any thread. */
export class PublishedReader<Value> {
  readonly #memory: PublishedMemory;
  readonly #words: Int32Array;
  #version = 0;
  #value: Value;

  /** @param nothing what it is before anything was published. */
  constructor(memory: PublishedMemory, nothing: Value) {
    this.#memory = memory;
    this.#words = new Int32Array(memory.words);
    this.#value = nothing;
  }

  /** Whether `read` would find another one than the last time. */
  hasChanged(): boolean {
    return Atomics.load(this.#words, version) !== this.#version;
  }

  read(): Value {
    while (this.hasChanged()) {
      const before = Atomics.load(this.#words, version);
      if ((before & 1) === 1) continue;
      const bytes = new Uint8Array(this.#memory.text).slice(0, Atomics.load(this.#words, length));
      if (Atomics.load(this.#words, version) !== before) continue;
      this.#value = JSON.parse(Buffer.from(bytes).toString()) as Value;
      this.#version = before;
    }
    return this.#value;
  }
}
