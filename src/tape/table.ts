/**
 * Sorted tables of a segment: rows of one size in checked chunks, the first row of each chunk once more
 * in the *top*, which stays in memory (`layout.ts`). Any column that never falls can be searched.
 */
import { crc32 } from 'node:zlib';
import type { SegmentFile, SegmentWriter } from '../store/segment.ts';
import { chunkBytes } from './layout.ts';

const crcBytes = 4;

/** The checksum of bytes that are the `number`-th of their kind. */
function crcOf(bytes: Uint8Array, number: number): number {
  return crc32(bytes, number >>> 0);
}

export class TableWriter {
  readonly #file: SegmentWriter;
  readonly #stream: number;
  readonly #rowBytes: number;
  readonly #rowsPerChunk: number;
  readonly #chunk = Buffer.alloc(chunkBytes);
  readonly view = new DataView(this.#chunk.buffer, this.#chunk.byteOffset, chunkBytes);
  #tops = Buffer.alloc(4096);
  #chunks = 0;
  rows = 0;

  constructor(file: SegmentWriter, stream: number, rowBytes: number) {
    this.#file = file;
    this.#stream = stream;
    this.#rowBytes = rowBytes;
    this.#rowsPerChunk = Math.floor((chunkBytes - crcBytes) / rowBytes);
  }

  /** Adds a row of zeros; returns where in `view` it has to be filled, before the next is added. */
  add(): number {
    const inChunk = this.rows % this.#rowsPerChunk;
    if (inChunk === 0 && this.rows > 0) this.#flush();
    this.rows += 1;
    return inChunk * this.#rowBytes;
  }

  /** Where the row added last stands in `view`. */
  get lastAt(): number {
    return ((this.rows - 1) % this.#rowsPerChunk) * this.#rowBytes;
  }

  #flush(): void {
    const chunk = this.#chunk;
    chunk.writeUInt32LE(
      crcOf(chunk.subarray(0, chunkBytes - crcBytes), this.#chunks),
      chunkBytes - crcBytes,
    );
    this.#file.append(this.#stream, chunk);
    const at = this.#chunks * this.#rowBytes;
    if (at + this.#rowBytes > this.#tops.length) {
      this.#tops = Buffer.concat([this.#tops, Buffer.alloc(this.#tops.length)]);
    }
    chunk.copy(this.#tops, at, 0, this.#rowBytes);
    this.#chunks += 1;
    chunk.fill(0);
  }

  finish(): void {
    if (this.rows > 0) this.#flush();
    const top = this.#tops.subarray(0, this.#chunks * this.#rowBytes);
    const crc = Buffer.alloc(crcBytes);
    crc.writeUInt32LE(crcOf(top, this.#chunks));
    this.#file.append(this.#stream, top);
    this.#file.append(this.#stream, crc);
  }
}

export class TableReader {
  readonly #file: SegmentFile;
  readonly #stream: number;
  readonly #rowBytes: number;
  readonly #rowsPerChunk: number;
  readonly #damaged: () => void;
  readonly rows: number;
  #top: DataView | undefined;
  readonly #chunk = Buffer.alloc(chunkBytes);
  #chunkNumber = -1;
  #chunkIsGood = false;
  /** The chunk that `seek` looked up. */
  readonly view = new DataView(this.#chunk.buffer, this.#chunk.byteOffset, chunkBytes);

  /** @param damaged is told of every chunk that is found damaged. */
  constructor(
    file: SegmentFile,
    stream: number,
    rowBytes: number,
    rows: number,
    damaged: () => void,
  ) {
    this.#file = file;
    this.#stream = stream;
    this.#rowBytes = rowBytes;
    this.#rowsPerChunk = Math.floor((chunkBytes - crcBytes) / rowBytes);
    this.rows = rows;
    this.#damaged = damaged;
  }

  /** Where row `row` stands in `view`, until the next `seek`; -1 when it cannot be read. */
  seek(row: number): number {
    if (!(row >= 0 && row < this.rows)) return -1;
    const chunk = Math.floor(row / this.#rowsPerChunk);
    if (chunk !== this.#chunkNumber) this.#load(chunk);
    return this.#chunkIsGood ? (row % this.#rowsPerChunk) * this.#rowBytes : -1;
  }

  #load(chunk: number): void {
    this.#chunkNumber = chunk;
    const bytes = this.#file.read(this.#stream, chunk * chunkBytes, chunkBytes);
    if (bytes !== undefined) this.#chunk.set(bytes);
    const crc = crcOf(this.#chunk.subarray(0, chunkBytes - crcBytes), chunk);
    this.#chunkIsGood =
      bytes !== undefined && this.view.getUint32(chunkBytes - crcBytes, true) === crc;
    if (!this.#chunkIsGood) this.#damaged();
  }

  /**
   * The first row whose u32 at `column` is at least `value`, or `rows`; -1 when it cannot be told. The
   * column must never fall from row to row.
   */
  lowerBound(column: number, value: number): number {
    const top = this.#openTop();
    if (top === undefined) return -1;
    // The first chunk that begins at or past the value; the row is in the one before, or begins it.
    let low = 0;
    let high = top.byteLength / this.#rowBytes;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (top.getUint32(middle * this.#rowBytes + column, true) < value) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return 0;
    let from = (low - 1) * this.#rowsPerChunk;
    let to = Math.min(this.rows, low * this.#rowsPerChunk);
    while (from < to) {
      const middle = (from + to) >>> 1;
      const at = this.seek(middle);
      if (at === -1) return -1;
      if (this.view.getUint32(at + column, true) < value) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  #openTop(): DataView | undefined {
    if (this.#top !== undefined) return this.#top;
    const chunks = Math.ceil(this.rows / this.#rowsPerChunk);
    const bytes = chunks * this.#rowBytes;
    const read = this.#file.read(this.#stream, chunks * chunkBytes, bytes + crcBytes);
    const top = read === undefined ? undefined : Buffer.from(read);
    if (top === undefined || top.readUInt32LE(bytes) !== crcOf(top.subarray(0, bytes), chunks)) {
      this.#damaged();
      return undefined;
    }
    this.#top = new DataView(top.buffer, top.byteOffset, bytes);
    return this.#top;
  }
}
