/** (customer, time) order in the index of a part: where each event is in the log (`layout.ts`). */
import type { SegmentWriter } from '../store/segment.ts';
import type { Block } from './block.ts';
import { isBefore } from './blocks.ts';
import type { EventPosition } from './cursor.ts';
import type { WrittenCustomers } from './customers.ts';
import { TapeEvent } from './event.ts';
import { Filter } from './filter.ts';
import { customerRow, postingRow, row, rowBytes, stream } from './layout.ts';
import { orderByKey, orderByTime } from './order.ts';
import type { CommitOrder, CustomerOrder, CustomerPlace, Run } from './run.ts';
import { type TableReader, TableWriter } from './table.ts';

const postingWords = postingRow.size / 4;
const postingDoubles = postingRow.size / 8;

/** Takes records in commit order, sorts them in memory: 20 bytes for each, and 16 more while it sorts. */
export class PostingWriter {
  readonly #file: SegmentWriter;
  readonly #base: number;
  readonly #hashes: Uint32Array;
  /** Rows as they will be written: what is met at random lies together. */
  readonly #words: Uint32Array;
  readonly #doubles: Float64Array;
  #count = 0;

  /** @param base the first stamp. @param recordsMax the most that will be added. */
  constructor(file: SegmentWriter, base: number, recordsMax: number) {
    this.#file = file;
    this.#base = base;
    this.#hashes = new Uint32Array(recordsMax);
    this.#doubles = new Float64Array(recordsMax * postingDoubles);
    this.#words = new Uint32Array(this.#doubles.buffer);
  }

  add({ records, stamp, tableAt, view }: Block): void {
    const hashes = this.#hashes;
    const words = this.#words;
    let at = tableAt;
    for (let record = 0; record < records; record++) {
      const to = this.#count * postingWords;
      hashes[this.#count++] = view.getUint32(at + row.customerHash, true);
      words[to] = view.getUint32(at + row.time, true);
      words[to + 1] = view.getUint32(at + row.time + 4, true);
      words[to + postingRow.stamp / 4] = stamp - this.#base;
      // The ordinal and, above it, the hash of the type.
      words[to + postingRow.ordinal / 4] = record | (view.getUint16(at + row.typeHash, true) << 16);
      at += rowBytes;
    }
  }

  finish(): WrittenCustomers {
    const count = this.#count;
    const hashes = this.#hashes;
    const times = this.#doubles;
    // Both sorts are stable: what is equal stays in commit order.
    const order = orderByKey(hashes, count);
    const postings = new TableWriter(this.#file, stream.postings, postingRow.size);
    const customers = new TableWriter(this.#file, stream.customerTable, customerRow.size);
    const distinct = new Uint32Array(count);
    for (let from = 0; from < count; ) {
      const hash = hashes[from]!;
      let to = from + 1;
      while (to < count && hashes[to] === hash) to += 1;
      orderByTime(order, from, to, times, postingDoubles, 0);
      for (let i = from; i < to; i++) this.#write(postings, order[i]!);
      const at = customers.add();
      customers.view.setUint32(at + customerRow.hash, hash, true);
      customers.view.setUint32(at + customerRow.records, to - from, true);
      customers.view.setFloat64(
        at + customerRow.newest,
        times[order[to - 1]! * postingDoubles]!,
        true,
      );
      customers.view.setUint32(at + customerRow.lastBlock, to - 1, true);
      distinct[customers.rows - 1] = hash;
      from = to;
    }
    postings.finish();
    customers.finish();
    const filter = Filter.sized(customers.rows);
    for (let i = 0; i < customers.rows; i++) filter.add(distinct[i]!);
    return {
      blocks: 0,
      customers: customers.rows,
      filter: filter.write(this.#file, stream.customerFilter),
    };
  }

  #write(postings: TableWriter, number: number): void {
    const to = postings.add();
    const { view } = postings;
    for (let word = 0; word < postingWords; word++) {
      view.setUint32(to + word * 4, this.#words[number * postingWords + word]!, true);
    }
  }
}

export class PostingReader implements CustomerOrder {
  readonly #table: TableReader;
  readonly #base: number;
  readonly #blocks: CommitOrder;

  /** @param blocks where the events themselves are. */
  constructor(table: TableReader, base: number, blocks: CommitOrder) {
    this.#table = table;
    this.#base = base;
    this.#blocks = blocks;
  }

  runBefore({ lastBlock: last, records }: CustomerPlace, position: EventPosition): Run {
    const first = last - records + 1;
    let low = first - 1;
    let high = last;
    // What is asked for is mostly the newest.
    if (this.#isBefore(last, position)) low = last;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#isBefore(middle, position)) low = middle;
      else high = middle - 1;
    }
    return new PostingRun(this.#table, this.#base, this.#blocks, first, low);
  }

  /** What cannot be read is passed over by the run. */
  #isBefore(number: number, position: EventPosition): boolean {
    const at = this.#table.seek(number);
    if (at === -1) return true;
    const { view } = this.#table;
    return isBefore(
      view.getFloat64(at + postingRow.time, true),
      this.#base + view.getUint32(at + postingRow.stamp, true),
      view.getUint16(at + postingRow.ordinal, true),
      position,
    );
  }

  close(): void {
    // The table's file and the log are closed by whoever opened them.
  }
}

class PostingRun implements Run {
  readonly #table: TableReader;
  readonly #base: number;
  readonly #blocks: CommitOrder;
  readonly #first: number;
  /** The row after which the next older one comes. */
  #row: number;
  time = Number.NEGATIVE_INFINITY;
  stamp = 0;
  ordinal = 0;
  typeHash = 0;

  constructor(table: TableReader, base: number, blocks: CommitOrder, first: number, last: number) {
    this.#table = table;
    this.#base = base;
    this.#blocks = blocks;
    this.#first = first;
    this.#row = last + 1;
  }

  next(): boolean {
    while (--this.#row >= this.#first) {
      const at = this.#table.seek(this.#row);
      if (at === -1) continue;
      const { view } = this.#table;
      this.time = view.getFloat64(at + postingRow.time, true);
      this.stamp = this.#base + view.getUint32(at + postingRow.stamp, true);
      this.ordinal = view.getUint16(at + postingRow.ordinal, true);
      this.typeHash = view.getUint16(at + postingRow.typeHash, true);
      return true;
    }
    return false;
  }

  event(): TapeEvent | undefined {
    const block = this.#blocks.block(this.stamp);
    return block && this.ordinal < block.records ? new TapeEvent(block, this.ordinal) : undefined;
  }
}
