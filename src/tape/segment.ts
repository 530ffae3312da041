/**
 * A sealed segment as readers see it, in both orders (`layout.ts`). It never changes, so there is nothing
 * to lock; what is damaged is counted and passed over, never served and never thrown through a scan.
 */
import { AppError } from '../std/errors.ts';
import type { Metrics } from '../std/metrics.ts';
import { SegmentFile } from '../store/segment.ts';
import type { Block } from './block.ts';
import { BlockReader } from './blocks.ts';
import type { SegmentHead } from './compose.ts';
import type { EventPosition } from './cursor.ts';
import { Filter, type FilterPlace } from './filter.ts';
import { FrameReader } from './frames.ts';
import { readItem } from './item.ts';
import {
  blockRow,
  customerRow,
  extentBytes,
  frameRow,
  idRow,
  itemHeaderBytes,
  segmentVersion,
  stream,
} from './layout.ts';
import type { StoredRecord } from './record.ts';
import type { Run } from './run.ts';
import type { SegmentSummary } from './summary.ts';
import { TableReader } from './table.ts';
import type { TimeGate } from './tally.ts';

/** What a segment says of itself when its head can be read, and its summary cannot. */
const unknownSummary = { workspaces: [], types: [], minutes: { unitMs: 60_000, counts: [] } };

export class Segment {
  readonly path: string;
  readonly head: SegmentHead;
  readonly #file: SegmentFile;
  readonly #frames: FrameReader;
  readonly #blocks: BlockReader;
  readonly #customers: TableReader;
  readonly #ids: TableReader;
  readonly #damaged: () => void;
  /** Read on first use; null: damaged, so it excludes nothing. */
  #idFilter: Filter | null | undefined;
  #customerFilter: Filter | null | undefined;
  #summary: SegmentSummary | undefined;

  private constructor(path: string, file: SegmentFile, head: SegmentHead, damaged: () => void) {
    this.path = path;
    this.head = head;
    this.#file = file;
    this.#damaged = damaged;
    const table = (number: number, size: number, rows: number): TableReader =>
      new TableReader(file, number, size, rows, damaged);
    const frames = table(stream.frameTable, frameRow.size, head.frames);
    this.#frames = new FrameReader(file, frames, head.first, head.frameBytes, damaged);
    const blocks = table(stream.blockTable, blockRow.size, head.blocks);
    this.#blocks = new BlockReader(file, blocks, head.blockBytes, damaged);
    this.#customers = table(stream.customerTable, customerRow.size, head.customers);
    this.#ids = table(stream.idTable, idRow.size, head.ids);
  }

  /**
   * Opens a segment on this thread; little is read until it is asked for.
   *
   * @throws AppError `invalid` when the file is damaged where everything hangs on it.
   */
  static open(path: string, metrics: Metrics): Segment {
    const file = SegmentFile.open(path, extentBytes);
    const head = readHead(file);
    if (head === undefined) {
      void file.close();
      throw new AppError('invalid', `the head of ${path} is damaged: restore it from a copy`);
    }
    return new Segment(path, file, head, () => metrics.add('blocks_damaged_total', 1));
  }

  /** Read when it is first asked for; without its counts when they are damaged. */
  get summary(): SegmentSummary {
    if (this.#summary === undefined) {
      const text = readItem(this.#file, stream.summary, 0, this.head.summaryBytes, 0);
      if (text === undefined) this.#damaged();
      this.#summary =
        text === undefined
          ? { ...unknownSummary, ...this.head.bounds }
          : (JSON.parse(Buffer.from(text).toString()) as SegmentSummary);
    }
    return this.#summary;
  }

  get gate(): TimeGate {
    return this.head.gate;
  }

  /** The newest event time of a customer hash in here, or -Infinity. Exact but for damage. */
  latest(customerHash: number): number {
    const at = this.#seekCustomer(customerHash);
    if (at === -1) return Number.NEGATIVE_INFINITY;
    return this.#customers.view.getFloat64(at + customerRow.newest, true);
  }

  #seekCustomer(customerHash: number): number {
    if (!this.#mayHoldCustomer(customerHash)) return -1;
    const found = this.#customers.lowerBound(customerRow.hash, customerHash);
    const at = this.#customers.seek(found);
    if (at === -1) return -1;
    return this.#customers.view.getUint32(at, true) === customerHash ? at : -1;
  }

  /**
   * A customer hash's events, newest first: those before `before` in the order (time, stamp, ordinal),
   * and not later than `until`.
   */
  run(customerHash: number, before?: EventPosition, until = Number.POSITIVE_INFINITY): Run {
    const at = this.#seekCustomer(customerHash);
    if (at === -1) return this.#blocks.run(customerHash, -1, -1);
    const { view } = this.#customers;
    const lastBlock = view.getUint32(at + customerRow.lastBlock, true);
    const lastRow = view.getUint16(at + customerRow.lastRow, true);
    // `until` is a position too: before everything of the next instant.
    const bound =
      before !== undefined && before.time <= until
        ? before
        : { time: until, stamp: Number.POSITIVE_INFINITY, ordinal: 0 };
    return this.#blocks.runBefore(customerHash, lastBlock, lastRow, bound);
  }

  /** The stamp of the first block in here that is at least `stamp`, or Infinity. */
  nextStamp(stamp: number): number {
    return this.#frames.nextStamp(stamp);
  }

  /** The log block of a stamp; undefined when it is damaged or not in here. */
  block(stamp: number): Block | undefined {
    return this.#frames.block(stamp);
  }

  /** Whether an event that occurred at exactly this time may be in here. */
  mayHaveTime(time: number): boolean {
    const { ranges, unitMs } = this.head.gate;
    const unit = Math.floor(time / unitMs);
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ranges[middle]![1] < unit) low = middle + 1;
      else high = middle;
    }
    return low < ranges.length && ranges[low]![0] <= unit;
  }

  /** Whether an event with this idHash may be in here; one in a hundred answers is a false yes. */
  mayHoldId(idHash: number): boolean {
    const { idFilter, idFilterBytes } = this.head;
    if (this.#idFilter === undefined) {
      this.#idFilter = this.#readFilter(stream.idFilter, idFilter, idFilterBytes);
    }
    return this.#idFilter === null || this.#idFilter.has(idHash);
  }

  #mayHoldCustomer(hash: number): boolean {
    const { customerFilter, customerFilterBytes } = this.head;
    if (this.#customerFilter === undefined) {
      const place = customerFilter;
      this.#customerFilter = this.#readFilter(stream.customerFilter, place, customerFilterBytes);
    }
    return this.#customerFilter === null || this.#customerFilter.has(hash);
  }

  #readFilter(number: number, place: FilterPlace, bytes: number): Filter | null {
    const filter = Filter.read(this.#file, number, place, bytes);
    if (filter === undefined) this.#damaged();
    return filter ?? null;
  }

  /** The records whose idHash this is, in commit order; the caller compares bytes. Each valid until the next. */
  *recordsWithId(idHash: number): Iterable<StoredRecord & { readonly stamp: number }> {
    let number = this.#ids.lowerBound(idRow.hash, idHash);
    if (number === -1) return;
    for (; number < this.#ids.rows; number++) {
      const at = this.#ids.seek(number);
      if (at === -1 || this.#ids.view.getUint32(at + idRow.hash, true) !== idHash) return;
      const found = this.#frames.recordAt(this.#ids.view.getUint32(at + idRow.row, true));
      if (found === undefined || found.block.isErased(found.record)) continue;
      const { block, record } = found;
      const rowAt = block.rowAt(record);
      yield { payloads: block.bytes, rows: block.view, rowAt, stamp: block.stampOf(record) };
    }
  }

  async close(): Promise<void> {
    this.#frames.close();
    this.#blocks.close();
    await this.#file.close();
  }

  /** For merging: the frames, the blocks and the ids in their orders. */
  get frameReader(): FrameReader {
    return this.#frames;
  }

  get blockReader(): BlockReader {
    return this.#blocks;
  }

  get idTable(): TableReader {
    return this.#ids;
  }
}

function readHead(file: SegmentFile): SegmentHead | undefined {
  const start = file.read(stream.head, 0, itemHeaderBytes);
  if (start === undefined) return undefined;
  const bytes = new DataView(start.buffer, start.byteOffset).getUint32(0, true);
  const text = readItem(file, stream.head, 0, itemHeaderBytes + bytes, 0);
  if (text === undefined) return undefined;
  const head = JSON.parse(Buffer.from(text).toString()) as SegmentHead;
  return head.version === segmentVersion ? head : undefined;
}
