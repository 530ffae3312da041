/**
 * The blocks of sealed segments that this thread has inflated lately: who reads a customer's page or
 * view often asks for the same customer again. A page then takes a third of the time.
 */
import type { Block } from './block.ts';

/** What they may weigh where nobody says otherwise; then the one not asked for longest goes. */
export const recentBlockBytesMax = 32 * 1024 * 1024;

/** A segment that is open on this thread has a number here; blocks have theirs below 2^32. */
const numbersPerReader = 2 ** 32;

export class RecentBlocks {
  #bytesMax: number;
  /** The one asked for last comes last. */
  readonly #blocks = new Map<number, Block>();
  #bytes = 0;
  #readers = 0;

  constructor(bytesMax: number = recentBlockBytesMax) {
    this.#bytesMax = bytesMax;
  }

  /** They may weigh so much from the next one on. */
  limit(bytesMax: number): void {
    this.#bytesMax = bytesMax;
  }

  /** @returns what a new reader is called here. */
  join(): number {
    return ++this.#readers;
  }

  find(reader: number, number: number): Block | undefined {
    const key = reader * numbersPerReader + number;
    const block = this.#blocks.get(key);
    if (block === undefined) return undefined;
    this.#blocks.delete(key);
    this.#blocks.set(key, block);
    return block;
  }

  /** Keeps a block whose bytes are its own. It is not there yet. */
  keep(reader: number, number: number, block: Block): void {
    this.#blocks.set(reader * numbersPerReader + number, block);
    this.#bytes += block.bytes.buffer.byteLength;
    for (const [key, oldest] of this.#blocks) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#drop(key, oldest);
    }
  }

  /** Forgets a reader's blocks: what is erased with its file must not stay in memory. */
  leave(reader: number): void {
    for (const [key, block] of this.#blocks) {
      if (Math.floor(key / numbersPerReader) === reader) this.#drop(key, block);
    }
  }

  #drop(key: number, block: Block): void {
    this.#blocks.delete(key);
    this.#bytes -= block.bytes.buffer.byteLength;
  }
}

/** Of this thread. */
export const recentBlocks = new RecentBlocks();
