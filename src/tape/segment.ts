/**
 * A sealed segment, or a part with its index, as readers see it: both orders (`layout.ts`). It never
 * changes, so there is nothing to lock; what is damaged is counted and passed over, never served and
 * never thrown through a scan.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { assert } from '../std/assert.ts';
import { AppError } from '../std/errors.ts';
import type { Metrics } from '../std/metrics.ts';
import { checkPages } from '../store/pages.ts';
import { SegmentFile } from '../store/segment.ts';
import type { Block } from './block.ts';
import { BlockReader } from './blocks.ts';
import type { SegmentHead } from './compose.ts';
import type { EventPosition } from './cursor.ts';
import { Filter, type FilterPlace } from './filter.ts';
import { FrameReader } from './frames.ts';
import { HotLog } from './hotlog.ts';
import { readItem } from './item.ts';
import {
  blockRow,
  customerRow,
  extentBytes,
  frameRow,
  idRow,
  itemHeaderBytes,
  partIndexVersion,
  partIndexVersionsBefore,
  partName,
  postingRow,
  segmentVersion,
  segmentVersionsBefore,
  stream,
} from './layout.ts';
import { LogBlockReader } from './logblocks.ts';
import { PostingReader } from './postings.ts';
import type { StoredRecord } from './record.ts';
import { idCheckOf } from './route.ts';
import { type CommitOrder, type CustomerOrder, noRun, type Run } from './run.ts';
import type { SegmentSummary } from './summary.ts';
import { TableReader } from './table.ts';
import type { TimeGate } from './tally.ts';

/** Where a segment comes from: found at a start, what it depends on is checked; made by this process, it need not be. */
export type SegmentOrigin = 'found' | 'made';

/** The index is whole, the part that it is of is not. */
export class PartDamaged extends AppError {
  readonly part: number;

  constructor(part: number, { message }: AppError) {
    super('invalid', message);
    this.part = part;
  }
}

/** What a segment says of itself when its head can be read, and its summary cannot. */
const unknownSummary = { workspaces: [], types: [], minutes: { unitMs: 60_000, counts: [] } };

interface SegmentParts {
  readonly path: string;
  readonly file: SegmentFile;
  readonly head: SegmentHead;
  /** Of the part, if this is the index of one. */
  readonly log: HotLog | undefined;
  readonly damaged: () => void;
}

export class Segment {
  readonly path: string;
  readonly head: SegmentHead;
  readonly #file: SegmentFile;
  readonly #byCommit: CommitOrder;
  readonly #byCustomer: CustomerOrder;
  readonly #customers: TableReader;
  readonly #ids: TableReader;
  readonly #damaged: () => void;
  /** Read on first use; null: damaged, so it excludes nothing. */
  #idFilter: Filter | null | undefined;
  #customerFilter: Filter | null | undefined;
  #summary: SegmentSummary | undefined;

  private constructor({ damaged, file, head, log, path }: SegmentParts) {
    this.path = path;
    this.head = head;
    this.#file = file;
    this.#damaged = damaged;
    const table = (number: number, size: number, rows: number): TableReader =>
      new TableReader(file, number, size, rows, damaged);
    const frames = table(stream.frameTable, frameRow.size, head.frames);
    if (log === undefined) {
      const blocks = table(stream.blockTable, blockRow.size, head.blocks);
      this.#byCommit = new FrameReader(file, frames, head.first, head.frameBytes, damaged);
      this.#byCustomer = new BlockReader(file, blocks, head.blockBytes, damaged);
    } else {
      const postings = table(stream.postings, postingRow.size, head.ids);
      this.#byCommit = new LogBlockReader(log, frames, head.first);
      this.#byCustomer = new PostingReader(postings, head.first, this.#byCommit);
    }
    this.#customers = table(stream.customerTable, customerRow.size, head.customers);
    this.#ids = table(stream.idTable, idRow.size, head.ids);
  }

  /**
   * Opens a segment on this thread; little is read until it is asked for.
   *
   * @throws AppError `invalid` when the file is damaged where everything hangs on it; PartDamaged.
   */
  static open(path: string, metrics: Metrics, origin: SegmentOrigin = 'made'): Segment {
    const file = SegmentFile.open(path, extentBytes);
    const head = readHead(file);
    if (head === undefined) {
      void file.close();
      throw new AppError('invalid', `the head of ${path} is damaged: restore it from a copy`);
    }
    const { part } = head;
    const log = part === undefined ? undefined : openPart({ path, part, file, metrics, origin });
    const damaged = (): void => metrics.add('blocks_damaged_total', 1);
    return new Segment({ path, file, head, log, damaged });
  }

  /** The part that this is the index of; undefined: it is sealed. */
  get part(): number | undefined {
    return this.head.part;
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
    if (at === -1) return noRun;
    const { view } = this.#customers;
    const place = {
      hash: customerHash,
      records: view.getUint32(at + customerRow.records, true),
      lastBlock: view.getUint32(at + customerRow.lastBlock, true),
      lastRow: view.getUint16(at + customerRow.lastRow, true),
    };
    // `until` is a position too: before everything of the next instant.
    const bound =
      before !== undefined && before.time <= until
        ? before
        : { time: until, stamp: Number.POSITIVE_INFINITY, ordinal: 0 };
    return this.#byCustomer.runBefore(place, bound);
  }

  /** The stamp of the first block in here that is at least `stamp`, or Infinity. */
  nextStamp(stamp: number): number {
    return this.#byCommit.nextStamp(stamp);
  }

  /** The log block of a stamp; undefined when it is damaged or not in here. */
  block(stamp: number): Block | undefined {
    return this.#byCommit.block(stamp);
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

  /** Whether an event with this idHash may be in here; one in a thousand answers is a false yes. */
  mayHoldId(idHash: number): boolean {
    const filter = this.#openIdFilter();
    return filter === null || filter.has(idHash);
  }

  /** Touches what the next `count` calls of `mayHoldId` will need. */
  warmIds(idHashes: Uint32Array, count: number): void {
    this.#openIdFilter()?.warm(idHashes, count);
  }

  #openIdFilter(): Filter | null {
    if (this.#idFilter === undefined) {
      const { idFilter, idFilterBytes } = this.head;
      this.#idFilter = this.#readFilter(stream.idFilter, idFilter, idFilterBytes);
    }
    return this.#idFilter;
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

  /**
   * The records of a customer whose idHash this is, in commit order; the caller compares bytes, of a few others
   * too. Each valid until the next.
   */
  *recordsWithId(
    idHash: number,
    customerHash: number,
  ): Iterable<StoredRecord & { readonly stamp: number }> {
    const rowMask = 0xffffffff >>> this.idCheckBits;
    const check = idCheckOf(customerHash);
    let number = this.#ids.lowerBound(idRow.hash, idHash);
    if (number === -1) return;
    for (; number < this.#ids.rows; number++) {
      const at = this.#ids.seek(number);
      if (at === -1 || this.#ids.view.getUint32(at + idRow.hash, true) !== idHash) return;
      const checked = this.#ids.view.getUint32(at + idRow.row, true);
      // Without this one event in so many would cost the reading of a frame, the more the more there are.
      if (((checked ^ check) & ~rowMask) !== 0) continue;
      const found = this.#byCommit.recordAt((checked & rowMask) >>> 0);
      if (found === undefined || found.block.isErased(found.record)) continue;
      const { block, record } = found;
      const rowAt = block.rowAt(record);
      yield { payloads: block.bytes, rows: block.view, rowAt, stamp: block.stampOf(record) };
    }
  }

  async close(): Promise<void> {
    this.#byCustomer.close();
    await this.#byCommit.close();
    await this.#file.close();
  }

  /** For merging: the frames, the blocks and the ids in their orders. */
  get frameReader(): FrameReader {
    assert(this.#byCommit instanceof FrameReader, 'what is merged is sealed');
    return this.#byCommit;
  }

  get blockReader(): BlockReader {
    assert(this.#byCustomer instanceof BlockReader, 'what is merged is sealed');
    return this.#byCustomer;
  }

  get idTable(): TableReader {
    return this.#ids;
  }

  /** How many of the highest bits of a row of ids are its customer's. */
  get idCheckBits(): number {
    return this.head.idCheckBits ?? 0;
  }
}

interface IndexFound {
  readonly path: string;
  readonly part: number;
  readonly file: SegmentFile;
  readonly metrics: Metrics;
  readonly origin: SegmentOrigin;
}

/** The part that the index at `path` is of. Opened where it is not, it would be made. */
function openPart({ file, metrics, origin, part, path }: IndexFound): HotLog {
  const log = join(dirname(path), partName(part));
  try {
    if (!existsSync(log)) {
      throw new AppError('invalid', `${path} is the index of a part that is not there`);
    }
    if (origin === 'found') checkPart(log, part);
    return HotLog.openReader(log, metrics);
  } catch (error) {
    void file.close();
    throw error;
  }
}

/** @throws PartDamaged */
function checkPart(path: string, part: number): void {
  try {
    checkPages(path, 'kept');
  } catch (error) {
    throw error instanceof AppError ? new PartDamaged(part, error) : error;
  }
}

function readHead(file: SegmentFile): SegmentHead | undefined {
  const start = file.read(stream.head, 0, itemHeaderBytes);
  if (start === undefined) return undefined;
  const bytes = new DataView(start.buffer, start.byteOffset).getUint32(0, true);
  const text = readItem(file, stream.head, 0, itemHeaderBytes + bytes, 0);
  if (text === undefined) return undefined;
  const head = JSON.parse(Buffer.from(text).toString()) as SegmentHead;
  const versions =
    head.part === undefined
      ? [segmentVersion, ...segmentVersionsBefore]
      : [partIndexVersion, ...partIndexVersionsBefore];
  return versions.includes(head.version) ? head : undefined;
}
