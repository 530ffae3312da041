/** Gathers records from log blocks in memory, and puts them into customer order. */
import type { Block } from './block.ts';
import { type CustomerWriter, emptyPlace } from './customers.ts';
import { blockHeaderBytes, row, rowBytes } from './layout.ts';
import { orderByKey, orderByTime } from './order.ts';

export interface GatherLimits {
  readonly payloadBytes: number;
  readonly records: number;
}

/** Which records are gathered. */
export interface GatherRange {
  /** Of customer hashes. */
  readonly from: number;
  readonly to: number;
  readonly isWanted?: () => boolean;
}

/** What may be gathered at once, and so what sealing takes: about 256 MiB: a million events of 160 bytes. */
export const gatherLimits: GatherLimits = {
  payloadBytes: 160 * 1024 * 1024,
  records: 1024 * 1024,
};

/** Records whose bytes are fetched ahead together: some 16 KiB. */
const warmRecords = 64;

/** A record is touched at 128 bytes from its first, too. */
const pastEnd = 129;

const rowWords = rowBytes / 4;
const rowDoubles = rowBytes / 8;
const hashWord = row.customerHash / 4;
/** Words of a row that mean nothing on disk and hold what is needed here, so that all lies together. */
const payloadWord = row.payloadAt / 4;
const ordinalWord = row.typeHash / 4;
const blockWord = row.ticket / 4;

/** The thread's: pages of memory that were used before cost nothing again. */
let spare: Gather | undefined;

export class Gather {
  readonly #payloads: Uint8Array;
  /** Of the job at hand; there may be room for more. */
  #limits: GatherLimits;
  readonly #rows: Uint8Array;
  readonly #words: Uint32Array;
  readonly #hashes: Uint32Array;
  readonly #stamps: number[] = [];
  readonly #received: number[] = [];
  #payloadBytes = 0;
  #count = 0;
  /** Keeps the reads of `warm` from being optimised away. */
  warmth = 0;

  /** An empty one, for one job at a time on this thread. */
  static sized(limits: GatherLimits): Gather {
    if (spare === undefined || !spare.#hasRoom(limits)) spare = new Gather(limits);
    spare.#limits = limits;
    spare.clear();
    return spare;
  }

  #hasRoom({ payloadBytes, records }: GatherLimits): boolean {
    return payloadBytes + pastEnd <= this.#payloads.length && records <= this.#hashes.length;
  }

  /** Memory is taken as it is used. */
  private constructor(limits: GatherLimits) {
    const { payloadBytes, records } = limits;
    this.#limits = limits;
    this.#payloads = new Uint8Array(payloadBytes + pastEnd);
    this.#rows = new Uint8Array(records * rowBytes);
    this.#words = new Uint32Array(this.#rows.buffer);
    this.#hashes = new Uint32Array(records);
  }

  /** Whether this much could be gathered. */
  holds({ payloadBytes, records }: GatherLimits): boolean {
    return payloadBytes <= this.#limits.payloadBytes && records <= this.#limits.records;
  }

  clear(): void {
    this.#payloadBytes = 0;
    this.#count = 0;
    this.#stamps.length = 0;
    this.#received.length = 0;
  }

  fits(payloadBytes: number, records: number): boolean {
    return this.holds({
      payloadBytes: this.#payloadBytes + payloadBytes,
      records: this.#count + records,
    });
  }

  #addBlock(block: Block): void {
    this.#stamps.push(block.stamp);
    this.#received.push(block.receivedOf(0));
  }

  /** Adds all records of a block. `fits` has been asked with its bytes. */
  addAll(block: Block): void {
    const { bytes, records, tableAt } = block;
    this.#addBlock(block);
    const shift = this.#payloadBytes - blockHeaderBytes;
    this.#payloads.set(bytes.subarray(blockHeaderBytes, tableAt), this.#payloadBytes);
    this.#payloadBytes += tableAt - blockHeaderBytes;
    this.#rows.set(bytes.subarray(tableAt, block.rowAt(records)), this.#count * rowBytes);
    for (let record = 0; record < records; record++) {
      this.#note(record, this.#words[this.#count * rowWords + payloadWord]! + shift);
    }
  }

  /**
   * Adds the records of a block that are not `gone`, whose customerHash is in [from, to), and that are
   * wanted: asked in commit order.
   */
  addSome(block: Block, gone: Uint8Array | undefined, { from, isWanted, to }: GatherRange): void {
    const { bytes, records, view } = block;
    this.#addBlock(block);
    for (let record = 0; record < records; record++) {
      if (gone?.[record] === 1) continue;
      const at = block.rowAt(record);
      const hash = view.getUint32(at + row.customerHash, true);
      if (hash < from || hash >= to || isWanted?.() === false) continue;
      const payloadAt = view.getUint32(at + row.payloadAt, true);
      const length =
        view.getUint16(at + row.payloadBytes, true) + view.getUint16(at + row.extraBytes, true);
      this.#rows.set(bytes.subarray(at, at + rowBytes), this.#count * rowBytes);
      this.#payloads.set(bytes.subarray(payloadAt, payloadAt + length), this.#payloadBytes);
      this.#note(record, this.#payloadBytes);
      this.#payloadBytes += length;
    }
  }

  #note(record: number, payloadAt: number): void {
    const words = this.#words;
    const at = this.#count * rowWords;
    words[at + payloadWord] = payloadAt;
    words[at + ordinalWord] = (words[at + ordinalWord]! & 0xffff) | (record << 16);
    words[at + blockWord] = this.#stamps.length - 1;
    this.#hashes[this.#count] = words[at + hashWord]!;
    this.#count += 1;
  }

  /**
   * Touches what the next records will need. Each is a cache miss; here they do not depend on each
   * other, so the processor waits for many at once.
   */
  #warm(order: Uint32Array, from: number, to: number): void {
    let warmth = 0;
    for (let i = from; i < to; i++) warmth ^= this.#words[order[i]! * rowWords + blockWord]!;
    for (let i = from; i < to; i++) {
      const at = this.#words[order[i]! * rowWords + payloadWord]!;
      warmth ^= this.#payloads[at]! ^ this.#payloads[at + 64]! ^ this.#payloads[at + 128]!;
    }
    this.warmth = warmth;
  }

  /** Writes everything gathered, by (customerHash, time, stamp, ordinal). */
  write(writer: CustomerWriter): void {
    const count = this.#count;
    const hashes = this.#hashes;
    const words = this.#words;
    const times = new Float64Array(this.#rows.buffer);
    // Numbers were given in commit order, and both sorts are stable.
    const order = orderByKey(hashes, count);
    const place = emptyPlace();
    place.words = words;
    place.doubles = times;
    place.payloads = this.#payloads;
    let warmed = 0;
    for (let from = 0; from < count; ) {
      let to = from + 1;
      while (to < count && hashes[to] === hashes[from]) to += 1;
      if (to > warmed) {
        warmed = Math.max(to, Math.min(count, from + warmRecords));
        this.#warm(order, from, warmed);
      }
      orderByTime(order, from, to, times, rowDoubles, row.time / 8);
      for (; from < to; from++) {
        const at = order[from]! * rowWords;
        const block = words[at + blockWord]!;
        place.rowAt = at;
        place.payloadAt = words[at + payloadWord]!;
        place.stamp = this.#stamps[block]!;
        place.received = this.#received[block]!;
        place.ordinal = words[at + ordinalWord]! >>> 16;
        writer.add(place);
      }
    }
  }
}
