/** Reading a segment's blocks in (customer, time) order: runs, and the way through all of them. */
import type { SegmentFile } from '../store/segment.ts';
import { Block } from './block.ts';
import type { EventPosition } from './cursor.ts';
import { TapeEvent } from './event.ts';
import { eachBlock, unfold, unfoldBlock } from './fold.ts';
import { readItem } from './item.ts';
import { blockRow, positionBytes, row, stream } from './layout.ts';
import { recentBlocks } from './recentblocks.ts';
import type { CustomerOrder, CustomerPlace, Run } from './run.ts';
import type { TableReader } from './table.ts';

export class BlockReader implements CustomerOrder {
  readonly #file: SegmentFile;
  readonly #table: TableReader;
  readonly #streamBytes: number;
  readonly #damaged: () => void;
  /** The block read last: who goes through all of them asks for its records one by one. */
  #last: Block | undefined;
  /** What it is called among the readers whose blocks are kept; 0: none is. */
  #called = 0;

  constructor(file: SegmentFile, table: TableReader, streamBytes: number, damaged: () => void) {
    this.#file = file;
    this.#table = table;
    this.#streamBytes = streamBytes;
    this.#damaged = damaged;
  }

  get blocks(): number {
    return this.#table.rows;
  }

  /** A block's bytes are its own: they stay valid. Undefined when it is damaged. */
  block(number: number): Block | undefined {
    if (this.#last?.stamp === number) return this.#last;
    const isLast = number + 1 === this.#table.rows;
    const next = isLast ? 0 : this.#table.seek(number + 1);
    const end = isLast ? this.#streamBytes : this.#table.view.getFloat64(next + blockRow.at, true);
    const at = next === -1 ? -1 : this.#table.seek(number);
    if (at === -1) return undefined;
    const begin = this.#table.view.getFloat64(at + blockRow.at, true);
    const bytes = readItem(this.#file, stream.blocks, begin, end, number);
    const block = bytes && openBlock(bytes, number);
    if (block === undefined) this.#damaged();
    else this.#last = block;
    return block;
  }

  /** The same for whoever asks for one customer: it may be kept, and will be. */
  recent(number: number): Block | undefined {
    if (this.#called === 0) this.#called = recentBlocks.join();
    const kept = recentBlocks.find(this.#called, number);
    if (kept !== undefined) return kept;
    const block = this.block(number);
    if (block !== undefined) recentBlocks.keep(this.#called, number, block);
    return block;
  }

  /** Whether block `number` begins before a position of a customer hash; undefined: it cannot be told. */
  #beginsBefore(number: number, hash: number, position: EventPosition): boolean | undefined {
    const at = this.#table.seek(number);
    if (at === -1) return undefined;
    const { view } = this.#table;
    const first = view.getUint32(at + blockRow.hash, true);
    if (first !== hash) return first < hash;
    return isBefore(
      view.getFloat64(at + blockRow.time, true),
      view.getFloat64(at + blockRow.stamp, true),
      view.getUint16(at + blockRow.ordinal, true),
      position,
    );
  }

  /** Whether a block's first record is the customer's: then its events may begin in an earlier block. */
  beginsWith(number: number, hash: number): boolean {
    const at = this.#table.seek(number);
    // Where it cannot be told, the block before will tell.
    return at === -1 || this.#table.view.getUint32(at + blockRow.hash, true) === hash;
  }

  /** The run of a customer hash that ends at (block, record). */
  #run(hash: number, block: number, record: number): Run {
    return new SegmentRun(this, hash, block, record);
  }

  /** Entered by bisecting what the blocks begin with. */
  runBefore({ hash, lastBlock, lastRow }: CustomerPlace, position: EventPosition): Run {
    let number = lastBlock;
    // Steps that double: what is asked for is mostly new.
    for (let step = 1; number > 0 && this.#beginsBefore(number, hash, position) === false; ) {
      number = Math.max(0, number - step);
      step *= 2;
    }
    let high = lastBlock;
    while (number < high) {
      const middle = Math.ceil((number + high) / 2);
      if (this.#beginsBefore(middle, hash, position) === false) high = middle - 1;
      else number = middle;
    }
    const block = this.recent(number);
    if (block === undefined) return this.#run(hash, number - 1, Number.POSITIVE_INFINITY);
    let low = -1;
    let top = number === lastBlock ? lastRow : block.records - 1;
    while (low < top) {
      const middle = Math.ceil((low + top) / 2);
      if (recordIsBefore(block, middle, hash, position)) low = middle;
      else top = middle - 1;
    }
    if (low === -1) return this.#run(hash, number - 1, Number.POSITIVE_INFINITY);
    return this.#run(hash, number, low);
  }

  close(): void {
    this.#last = undefined;
    if (this.#called !== 0) recentBlocks.leave(this.#called);
    this.#called = 0;
  }
}

export function isBefore(
  time: number,
  stamp: number,
  ordinal: number,
  position: EventPosition,
): boolean {
  if (time !== position.time) return time < position.time;
  if (stamp !== position.stamp) return stamp < position.stamp;
  return ordinal < position.ordinal;
}

function recordIsBefore(
  block: Block,
  record: number,
  hash: number,
  position: EventPosition,
): boolean {
  const of = block.customerHashOf(record);
  if (of !== hash) return of < hash;
  return isBefore(block.timeOf(record), block.stampOf(record), block.ordinalOf(record), position);
}

/** Unfolds the content of a block's item. */
function openBlock(bytes: Uint8Array, number: number): Block | undefined {
  let isOne = false;
  const positions = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isWhole = eachBlock(bytes, (view, at, length) => {
    isOne = at === 0 && length === bytes.length;
    if (!isOne) return;
    unfoldBlock(bytes, view, at);
    const records = positions.getUint16(2, true);
    unfold(bytes, length - records * positionBytes, records, positionBytes);
  });
  return isWhole && isOne ? Block.openCustomers(bytes, number) : undefined;
}

class SegmentRun implements Run {
  readonly #reader: BlockReader;
  readonly #hash: number;
  #number: number;
  /** The record after which the next older one comes. */
  #record: number;
  #block: Block | undefined;
  time = Number.NEGATIVE_INFINITY;
  stamp = 0;
  ordinal = 0;
  typeHash = 0;

  /** @param record the newest; infinity: the block's last. */
  constructor(reader: BlockReader, hash: number, number: number, record: number) {
    this.#reader = reader;
    this.#hash = hash;
    this.#number = number;
    this.#record = record + 1;
  }

  next(): boolean {
    this.#record -= 1;
    while (this.#block === undefined || this.#record < 0) {
      if (this.#block !== undefined) {
        this.#number -= 1;
        this.#record = Number.POSITIVE_INFINITY;
      }
      if (this.#number < 0) return this.#end();
      this.#block = this.#reader.recent(this.#number);
      if (this.#block !== undefined) {
        this.#record = Math.min(this.#record, this.#block.records - 1);
      } else {
        // Damaged, and counted: what is older may lie before it.
        if (!this.#reader.beginsWith(this.#number, this.#hash)) return this.#end();
        this.#number -= 1;
        this.#record = Number.POSITIVE_INFINITY;
      }
    }
    const block = this.#block;
    const record = this.#record;
    if (block.customerHashOf(record) !== this.#hash) return this.#end();
    this.time = block.timeOf(record);
    this.stamp = block.stampOf(record);
    this.ordinal = block.ordinalOf(record);
    this.typeHash = block.view.getUint16(block.rowAt(record) + row.typeHash, true);
    return true;
  }

  #end(): false {
    this.#number = -1;
    this.#record = 0;
    this.#block = undefined;
    return false;
  }

  event(): TapeEvent | undefined {
    return this.#block && new TapeEvent(this.#block, this.#record);
  }
}
