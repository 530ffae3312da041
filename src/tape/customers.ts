/** (customer, time) order in a segment: blocks of records, and the tables that find them (`layout.ts`). */
import type { SegmentWriter } from '../store/segment.ts';
import { Filter, type FilterPlace } from './filter.ts';
import { fold } from './fold.ts';
import { writeItem } from './item.ts';
import {
  blockHeaderBytes,
  blockRow,
  customerBlockVersion,
  customerRow,
  header,
  position,
  positionBytes,
  row,
  rowBytes,
  stream,
} from './layout.ts';
import { TableWriter } from './table.ts';

/**
 * A block holds some 140 events of ordinary size; a page of 50 of one customer inflates one or two. In
 * halves the time to deflate them grows by a third, since each call has its price.
 */
export const customerBlockBytes = 32 * 1024;
const recordsMax = 0xffff;

/** A record to be written, reused from record to record. */
export interface RecordPlace {
  /** Rows as words, and as doubles. */
  words: Uint32Array;
  doubles: Float64Array;
  /** In words. The row's own payloadAt, index and ticket are not looked at. */
  rowAt: number;
  payloads: Uint8Array;
  payloadAt: number;
  stamp: number;
  received: number;
  ordinal: number;
}

export function emptyPlace(): RecordPlace {
  return {
    words: new Uint32Array(0),
    doubles: new Float64Array(0),
    rowAt: 0,
    payloads: new Uint8Array(0),
    payloadAt: 0,
    stamp: 0,
    received: 0,
    ordinal: 0,
  };
}

/** What a writer of the order by customer has written. */
export interface WrittenCustomers {
  readonly blocks: number;
  readonly customers: number;
  readonly filter: FilterPlace;
}

const rowWords = rowBytes / 4;
const lengthsWord = row.payloadBytes / 4;
const hashWord = row.customerHash / 4;
const idWord = row.idHash / 4;
const typeWord = row.typeHash / 4;
const ticketWord = row.ticket / 4;

/** Takes records in the order (customerHash, time, stamp, ordinal). */
export class CustomerWriter {
  readonly #file: SegmentWriter;
  readonly #blocks: TableWriter;
  readonly #customers: TableWriter;
  #bytes = new Uint8Array(customerBlockBytes * 2);
  #end = blockHeaderBytes;
  #table = new Uint8Array(1024 * rowBytes);
  #tableWords = new Uint32Array(this.#table.buffer);
  #positions = new Uint8Array(1024 * positionBytes);
  #positionDoubles = new Float64Array(this.#positions.buffer);
  #positionWords = new Uint32Array(this.#positions.buffer);
  #records = 0;
  #hash = -1;
  #ofHash = 0;
  #newest = 0;
  #hashes = new Uint32Array(1024);
  #hashCount = 0;
  records = 0;

  constructor(file: SegmentWriter) {
    this.#file = file;
    this.#blocks = new TableWriter(file, stream.blockTable, blockRow.size);
    this.#customers = new TableWriter(file, stream.customerTable, customerRow.size);
  }

  add(place: RecordPlace): void {
    const { payloadAt, rowAt, words } = place;
    const lengths = words[rowAt + lengthsWord]!;
    const length = (lengths & 0xffff) + (lengths >>> 16);
    const hash = words[rowAt + hashWord]!;
    const time = place.doubles[(rowAt * 4 + row.time) / 8]!;
    // Before the block may change: the row of a customer names the last of its blocks.
    if (hash !== this.#hash) this.#endCustomer(hash);
    const bytesAfter = this.#end + length + (this.#records + 1) * (rowBytes + positionBytes);
    const isFull = bytesAfter > customerBlockBytes || this.#records === recordsMax;
    if (isFull && this.#records > 0) this.#flush();
    if (this.#records === 0) this.#beginBlock(place, hash, time, length);

    this.#bytes.set(place.payloads.subarray(payloadAt, payloadAt + length), this.#end);
    if ((this.#records + 1) * rowBytes > this.#table.length) this.#growTables();
    const table = this.#tableWords;
    const to = this.#records * rowWords;
    for (let word = 1; word < ticketWord; word++) table[to + word] = words[rowAt + word]!;
    table[to] = this.#end;
    table[to + idWord] = 0;
    table[to + typeWord] = words[rowAt + typeWord]! & 0xffff;
    table[to + ticketWord] = 0;
    const positionAt = (this.#records * positionBytes) / 8;
    this.#positionDoubles[positionAt + position.stamp / 8] = place.stamp;
    this.#positionDoubles[positionAt + position.received / 8] = place.received;
    this.#positionWords[(positionAt + position.ordinal / 8) * 2] = place.ordinal;
    this.#end += length;
    this.#records += 1;
    this.#ofHash += 1;
    this.#newest = time;
    this.records += 1;
  }

  #growTables(): void {
    const table = this.#table;
    const positions = this.#positions;
    this.#table = new Uint8Array(table.length * 2);
    this.#table.set(table);
    this.#tableWords = new Uint32Array(this.#table.buffer);
    this.#positions = new Uint8Array(positions.length * 2);
    this.#positions.set(positions);
    this.#positionDoubles = new Float64Array(this.#positions.buffer);
    this.#positionWords = new Uint32Array(this.#positions.buffer);
  }

  #beginBlock({ ordinal, stamp }: RecordPlace, hash: number, time: number, length: number): void {
    const room = blockHeaderBytes + length + rowBytes + positionBytes + 8;
    if (room > this.#bytes.length) this.#bytes = new Uint8Array(room * 2);
    const to = this.#blocks.add();
    const { view } = this.#blocks;
    view.setUint32(to + blockRow.hash, hash, true);
    view.setUint16(to + blockRow.ordinal, ordinal, true);
    view.setFloat64(to + blockRow.time, time, true);
    view.setFloat64(to + blockRow.stamp, stamp, true);
    view.setFloat64(to + blockRow.at, this.#file.bytesOf(stream.blocks), true);
  }

  #flush(): void {
    const records = this.#records;
    const tableAt = (this.#end + 7) & ~7;
    const positionsAt = tableAt + records * rowBytes;
    const bytes = positionsAt + records * positionBytes;
    if (bytes > this.#bytes.length) {
      const smaller = this.#bytes;
      this.#bytes = new Uint8Array(bytes * 2);
      this.#bytes.set(smaller.subarray(0, this.#end));
    }
    const block = this.#bytes.subarray(0, bytes);
    const view = new DataView(block.buffer, 0, bytes);
    const number = this.#blocks.rows - 1;
    block.fill(0, 0, blockHeaderBytes);
    block.fill(0, this.#end, tableAt);
    block.set(this.#table.subarray(0, records * rowBytes), tableAt);
    block.set(this.#positions.subarray(0, records * positionBytes), positionsAt);
    fold(block, tableAt, records, rowBytes);
    fold(block, positionsAt, records, positionBytes);
    view.setUint8(header.version, customerBlockVersion);
    view.setUint16(header.records, records, true);
    view.setUint32(header.bytes, bytes, true);
    view.setFloat64(header.stamp, number, true);
    view.setUint32(header.tableAt, tableAt, true);
    writeItem(this.#file, stream.blocks, block, number);
    this.#blocks.view.setUint32(this.#blocks.lastAt + blockRow.records, records, true);
    this.#end = blockHeaderBytes;
    this.#records = 0;
  }

  #endCustomer(next: number): void {
    if (this.#ofHash > 0) {
      const to = this.#customers.add();
      const { view } = this.#customers;
      view.setUint32(to + customerRow.hash, this.#hash, true);
      view.setUint32(to + customerRow.records, this.#ofHash, true);
      view.setFloat64(to + customerRow.newest, this.#newest, true);
      view.setUint32(to + customerRow.lastBlock, this.#blocks.rows - 1, true);
      view.setUint16(to + customerRow.lastRow, this.#records - 1, true);
      if (this.#hashCount === this.#hashes.length) {
        const hashes = this.#hashes;
        this.#hashes = new Uint32Array(hashes.length * 2);
        this.#hashes.set(hashes);
      }
      this.#hashes[this.#hashCount++] = this.#hash;
    }
    this.#hash = next;
    this.#ofHash = 0;
  }

  finish(): WrittenCustomers {
    this.#endCustomer(-1);
    if (this.#records > 0) this.#flush();
    this.#blocks.finish();
    this.#customers.finish();
    const filter = Filter.sized(this.#hashCount);
    for (let i = 0; i < this.#hashCount; i++) filter.add(this.#hashes[i]!);
    return {
      blocks: this.#blocks.rows,
      customers: this.#customers.rows,
      filter: filter.write(this.#file, stream.customerFilter),
    };
  }
}
