/** Composes a segment's file out of its streams, for `seal`, `merge` and `indexLog`. */
import { basename, join } from 'node:path';
import { assert } from '../std/assert.ts';
import { SegmentWriter } from '../store/segment.ts';
import { CustomerWriter, type WrittenCustomers } from './customers.ts';
import { Filter, type FilterPlace } from './filter.ts';
import { FrameWriter } from './frames.ts';
import { writeItem } from './item.ts';
import type { IndexJob, SegmentFacts, SegmentJob } from './job.ts';
import {
  extentBytes,
  idRow,
  partIndexVersion,
  segmentFile,
  segmentVersion,
  stream,
} from './layout.ts';
import { LogBlockWriter } from './logblocks.ts';
import { PostingWriter } from './postings.ts';
import type { SegmentBounds, SegmentSummary } from './summary.ts';
import { TableWriter } from './table.ts';
import { Tally, type TimeGate } from './tally.ts';

/** Stamps less the segment's first are stored in 32 bits. */
const stampsMax = 2 ** 32;

/** What a reader needs at once: bounds, and how long everything is. */
export interface SegmentHead {
  readonly version: number;
  readonly first: number;
  readonly bounds: SegmentBounds;
  readonly gate: TimeGate;
  /** Set in the index of a part: the part's number. */
  readonly part?: number;
  /** Rows of the tables; of the index of a part, `frames` are blocks of the log. */
  readonly frames: number;
  readonly blocks: number;
  readonly customers: number;
  readonly ids: number;
  /** Absent in older versions: there are none. */
  readonly idCheckBits?: number;
  readonly idFilter: FilterPlace;
  readonly customerFilter: FilterPlace;
  /** Bytes of the streams that are not tables. */
  readonly frameBytes: number;
  readonly blockBytes: number;
  readonly idFilterBytes: number;
  readonly customerFilterBytes: number;
  readonly summaryBytes: number;
}

/** The ids of a segment: a table by hash, and its filter. */
class IdWriter {
  readonly #table: TableWriter;
  readonly #filter: Filter;
  readonly #file: SegmentWriter;
  readonly #checkBits: number;
  readonly #rowMask: number;

  constructor(file: SegmentWriter, ids: number, checkBits: number) {
    this.#file = file;
    this.#checkBits = checkBits;
    this.#rowMask = 0xffffffff >>> checkBits;
    this.#table = new TableWriter(file, stream.idTable, idRow.size);
    this.#filter = Filter.sized(ids);
  }

  /** @param check of the customer, from the highest bit on: see `idCheckOf`. */
  add(hash: number, rowNumber: number, check: number): void {
    const at = this.#table.add();
    this.#table.view.setUint32(at + idRow.hash, hash, true);
    this.#table.view.setUint32(at + idRow.row, (check & ~this.#rowMask) | rowNumber, true);
    this.#filter.add(hash);
  }

  finish(): { ids: number; checkBits: number; filter: FilterPlace } {
    this.#table.finish();
    const filter = this.#filter.write(this.#file, stream.idFilter);
    return { ids: this.#table.rows, checkBits: this.#checkBits, filter };
  }
}

/** What has been written of both orders. */
interface WrittenOrders extends WrittenCustomers {
  readonly frames: number;
}

export abstract class Composer {
  readonly tally = new Tally();
  /** Up to which stamp something of a workspace was left out, its retention being over. */
  readonly dropped: Map<number, number>;
  readonly #job: SegmentJob;
  readonly #path: string;
  protected readonly file: SegmentWriter;

  constructor(job: SegmentJob) {
    assert(job.last - job.first < stampsMax, 'a segment stands for fewer than 2^32 stamps');
    this.#job = job;
    this.dropped = job.dropped ?? new Map();
    const { directory, first, generation, last, shard } = job;
    this.#path = join(directory, segmentFile(shard, first, last, generation));
    this.file = new SegmentWriter(this.#path, extentBytes);
  }

  /**
   * Takes ids in the order of their hashes, then of their rows. Made when they can be counted, and all rows are there.
   * @param checkBitsMax as many are known.
   */
  ids(count: number, checkBitsMax = 32): IdWriter {
    return new IdWriter(this.file, count, Math.min(Math.clz32(this.rows), checkBitsMax));
  }

  /** In commit order, so far. */
  protected abstract get rows(): number;

  /** Ends both orders. */
  protected abstract finishOrders(): WrittenOrders;

  /** The part that an index is of. */
  protected part(): number | undefined {
    return undefined;
  }

  /** Ends the file and makes it durable. `ids` is what `this.ids` has made. @see SegmentFacts */
  finish(ids: IdWriter, damaged: number): SegmentFacts {
    const { file } = this;
    const { filter: customerFilter, ...orders } = this.finishOrders();
    const { checkBits: idCheckBits, filter: idFilter, ids: idCount } = ids.finish();
    const { first, generation, last } = this.#job;
    const part = this.part();
    const version = part === undefined ? segmentVersion : partIndexVersion;
    const counted = this.tally.summary();
    const { events } = counted;
    const { receivedMax, receivedMin, sentBytes, timeMax, timeMin } = counted;
    const times = { timeMin, timeMax, receivedMin, receivedMax };
    const bounds = { version, events, sentBytes, first, last, generation, ...times };
    const dropped = [...this.dropped];
    const summary: SegmentSummary = {
      ...counted,
      ...bounds,
      ...(dropped.length > 0 && { dropped }),
    };
    writeItem(file, stream.summary, Buffer.from(JSON.stringify(summary)), 0);
    const head: SegmentHead = {
      version,
      first,
      bounds,
      gate: this.tally.gate(),
      ...(part !== undefined && { part }),
      ...orders,
      ids: idCount,
      idCheckBits,
      idFilter,
      customerFilter,
      frameBytes: file.bytesOf(stream.frames),
      blockBytes: file.bytesOf(stream.blocks),
      idFilterBytes: file.bytesOf(stream.idFilter),
      customerFilterBytes: file.bytesOf(stream.customerFilter),
      summaryBytes: file.bytesOf(stream.summary),
    };
    writeItem(file, stream.head, Buffer.from(JSON.stringify(head)), 0);
    const bytes = file.finish();
    const name = basename(this.#path);
    const facts = { file: name, events, bytes, sentBytes, first, last, generation, damaged };
    return { ...facts, ...times, dropped };
  }

  /** Leaves nothing behind. */
  abandon(): void {
    this.file.abandon();
  }
}

/** Composes a sealed segment. */
export class SegmentComposer extends Composer {
  readonly frames: FrameWriter;
  readonly customers: CustomerWriter;

  constructor(job: SegmentJob) {
    super(job);
    this.frames = new FrameWriter(this.file, job.first);
    this.customers = new CustomerWriter(this.file);
  }

  protected override get rows(): number {
    return this.frames.rows;
  }

  protected override finishOrders(): WrittenOrders {
    return { frames: this.frames.finish(), ...this.customers.finish() };
  }
}

/** Composes the index of a part. */
export class IndexComposer extends Composer {
  readonly blocks: LogBlockWriter;
  readonly postings: PostingWriter;
  readonly #part: number;

  constructor(job: IndexJob) {
    super(job);
    this.#part = job.part;
    this.blocks = new LogBlockWriter(this.file, job.first);
    this.postings = new PostingWriter(this.file, job.first, job.eventsMax);
  }

  protected override part(): number {
    return this.#part;
  }

  protected override get rows(): number {
    return this.blocks.rows;
  }

  protected override finishOrders(): WrittenOrders {
    return { frames: this.blocks.finish(), ...this.postings.finish() };
  }
}

/** Runs `compose`; what it leaves unfinished is removed. */
export function composing<Made extends Composer>(
  composer: Made,
  compose: (composer: Made) => SegmentFacts | undefined,
): SegmentFacts | undefined {
  let facts: SegmentFacts | undefined;
  try {
    facts = compose(composer);
    return facts;
  } finally {
    if (facts === undefined) composer.abandon();
  }
}
