/** Composes a segment's file out of its streams; used by `seal` and by `merge` alike. */
import { basename, join } from 'node:path';
import { assert } from '../std/assert.ts';
import { SegmentWriter } from '../store/segment.ts';
import { CustomerWriter } from './customers.ts';
import { Filter, type FilterPlace } from './filter.ts';
import { FrameWriter } from './frames.ts';
import { writeItem } from './item.ts';
import type { SegmentFacts, SegmentJob } from './job.ts';
import { extentBytes, idRow, segmentFile, segmentVersion, stream } from './layout.ts';
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
  /** Rows of the tables. */
  readonly frames: number;
  readonly blocks: number;
  readonly customers: number;
  readonly ids: number;
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

  constructor(file: SegmentWriter, ids: number) {
    this.#file = file;
    this.#table = new TableWriter(file, stream.idTable, idRow.size);
    this.#filter = Filter.sized(ids);
  }

  add(hash: number, rowNumber: number): void {
    const at = this.#table.add();
    this.#table.view.setUint32(at + idRow.hash, hash, true);
    this.#table.view.setUint32(at + idRow.row, rowNumber, true);
    this.#filter.add(hash);
  }

  finish(): { ids: number; filter: FilterPlace } {
    this.#table.finish();
    return { ids: this.#table.rows, filter: this.#filter.write(this.#file, stream.idFilter) };
  }
}

export class Composer {
  readonly frames: FrameWriter;
  readonly customers: CustomerWriter;
  readonly tally = new Tally();
  /** Up to which stamp something of a workspace was left out, its retention being over. */
  readonly dropped: Map<number, number>;
  readonly #job: SegmentJob;
  readonly #path: string;
  readonly #file: SegmentWriter;

  constructor(job: SegmentJob) {
    assert(job.last - job.first < stampsMax, 'a segment stands for fewer than 2^32 stamps');
    this.#job = job;
    this.dropped = job.dropped ?? new Map();
    const { directory, first, generation, last, shard } = job;
    this.#path = join(directory, segmentFile(shard, first, last, generation));
    this.#file = new SegmentWriter(this.#path, extentBytes);
    this.frames = new FrameWriter(this.#file, first);
    this.customers = new CustomerWriter(this.#file);
  }

  /** Takes ids in the order of their hashes, then of their rows. Made when they can be counted. */
  ids(count: number): IdWriter {
    return new IdWriter(this.#file, count);
  }

  /** Ends the file and makes it durable. `ids` is what `this.ids` has made. @see SegmentFacts */
  finish(ids: IdWriter, damaged: number): SegmentFacts {
    const file = this.#file;
    const frames = this.frames.finish();
    const { blocks, customers, filter: customerFilter } = this.customers.finish();
    const { filter: idFilter, ids: idCount } = ids.finish();
    const { first, generation, last } = this.#job;
    const counted = this.tally.summary();
    const { events } = counted;
    const { receivedMax, receivedMin, sentBytes, timeMax, timeMin } = counted;
    const times = { timeMin, timeMax, receivedMin, receivedMax };
    const version = segmentVersion;
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
      frames,
      blocks,
      customers,
      ids: idCount,
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
    this.#file.abandon();
  }
}

/** Runs `compose`; what it leaves unfinished is removed. */
export function composing(
  job: SegmentJob,
  compose: (composer: Composer) => SegmentFacts | undefined,
): SegmentFacts | undefined {
  const composer = new Composer(job);
  let facts: SegmentFacts | undefined;
  try {
    facts = compose(composer);
    return facts;
  } finally {
    if (facts === undefined) composer.abandon();
  }
}
