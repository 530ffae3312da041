/**
 * Merging: several neighbouring segments become one, or one becomes another without what is gone. Each
 * order is merged from its own: frames are taken over as they are stored, records and ids are merged
 * by their keys. Memory is bounded by what is open of each segment: a block, a chunk, a frame.
 *
 * Segments with damage are not merged, so that what can still be read stays where it is. Only when
 * something has to go are they rewritten all the same: what is damaged in one order is then missing
 * in that order of the result, and only there.
 */
import { join } from 'node:path';
import { AppError } from '../std/errors.ts';
import type { Metrics } from '../std/metrics.ts';
import type { Block } from './block.ts';
import type { BlockReader } from './blocks.ts';
import { type Composer, composing, SegmentComposer } from './compose.ts';
import { emptyPlace } from './customers.ts';
import { noteDropped } from './ended.ts';
import { eraseRecords, goneRecords, isRecordGone } from './erase.ts';
import type { Frame, FrameReader } from './frames.ts';
import type { Gone, MergeJob, SegmentFacts } from './job.ts';
import { idRow, row } from './layout.ts';
import { typeHashOf } from './route.ts';
import { Segment } from './segment.ts';
import type { TableReader } from './table.ts';

/**
 * Makes one segment of a job's. Synchronous, for a background thread. `isGone` is asked of each record
 * in both orders, and must answer the same.
 *
 * @returns undefined when there is nothing to keep.
 * @throws AppError `unavailable` when there is no room, `invalid` when one is damaged.
 */
export function merge(job: MergeJob, metrics?: Metrics): SegmentFacts | undefined {
  const sources: Segment[] = [];
  let damaged = 0;
  const counting: Metrics = {
    add(name, amount) {
      damaged += amount;
      metrics?.add(name, amount);
    },
    observe: (name, seconds) => metrics?.observe(name, seconds),
  };
  try {
    for (const name of job.segments) {
      sources.push(Segment.open(join(job.directory, `shard-${job.shard}`, name), counting));
    }
    return composing(new SegmentComposer(job), (composer) => {
      const merging = new Merging(sources, composer, job.isGone);
      merging.mergeFrames();
      merging.mergeRecords();
      const ids = merging.mergeIds();
      if (damaged > 0 && job.isGone === undefined) throw damagedError(job);
      const isEmpty = composer.customers.records === 0 && composer.tally.events === 0;
      return isEmpty && damaged === 0 ? undefined : composer.finish(ids, damaged);
    });
  } finally {
    for (const source of sources) void source.close();
  }
}

function damagedError({ segments }: MergeJob): AppError {
  const names = segments.join(', ');
  return new AppError('invalid', `one of ${names} is damaged: restore it from a copy`);
}

class Merging {
  readonly #sources: readonly Segment[];
  readonly #composer: SegmentComposer;
  readonly #isGone: Gone | undefined;
  /** What the rows of each source are moved by. */
  readonly #shifts: number[] = [];
  /** A bit for each row that has become an empty place. */
  #gone = new Uint8Array(64 * 1024);

  constructor(sources: readonly Segment[], composer: SegmentComposer, isGone: Gone | undefined) {
    this.#sources = sources;
    this.#composer = composer;
    this.#isGone = isGone;
  }

  mergeFrames(): void {
    const { frames, tally } = this.#composer;
    for (const source of this.#sources) {
      this.#shifts.push(frames.rows);
      // Counts that are damaged are made anew.
      const mustCount = this.#isGone !== undefined || source.summary.workspaces.length === 0;
      if (!mustCount) tally.merge(source.summary, source.gate, hashOfType);
      noteDropped(this.#composer.dropped, source.summary.dropped);
      const reader = source.frameReader;
      for (let number = 0; number < reader.frames; number++) {
        const frame = reader.frame(number);
        if (frame === undefined) continue;
        frames.skipTo(this.#shifts.at(-1)! + frame.firstRow);
        this.#mergeFrame(reader, number, frame, mustCount);
      }
    }
  }

  #mergeFrame(reader: FrameReader, number: number, frame: Frame, mustCount: boolean): void {
    const { frames } = this.#composer;
    if (mustCount) {
      const blocks = reader.blocksOf(number);
      if (blocks === undefined) return;
      const gone = blocks.map((block) => this.#countBlock(block));
      if (gone.some((each) => each?.isNew)) {
        for (const [i, block] of blocks.entries()) {
          frames.add(gone[i] === undefined ? block : eraseRecords(block, gone[i].records));
        }
        frames.endFrame();
        this.#noteGone(frames.rows - frame.rows, gone, blocks);
        return;
      }
    }
    const stored = reader.stored(frame);
    if (stored !== undefined) frames.copy(stored, frame);
  }

  /** Counts what stays of a block; undefined when that is all. */
  #countBlock(block: Block): { records: Uint8Array; isNew: boolean } | undefined {
    const records = goneRecords(block, this.#isGone);
    let isNew = false;
    for (let record = 0; record < block.records; record++) {
      if (records?.[record] !== 1) this.#composer.tally.add(block, record);
      else isNew ||= !block.isErased(record);
    }
    return records && { records, isNew };
  }

  #noteGone(
    firstRow: number,
    gone: readonly ({ readonly records: Uint8Array } | undefined)[],
    blocks: readonly Block[],
  ): void {
    let at = firstRow;
    for (const [i, block] of blocks.entries()) {
      for (let record = 0; record < block.records; record++, at++) {
        if (gone[i]?.records[record] !== 1) continue;
        while (at >>> 3 >= this.#gone.length) {
          const smaller = this.#gone;
          this.#gone = new Uint8Array(smaller.length * 2);
          this.#gone.set(smaller);
        }
        this.#gone[at >>> 3]! |= 1 << (at & 7);
      }
    }
  }

  mergeRecords(): void {
    const cursors = this.#sources.map(({ blockReader }) => new RecordCursor(blockReader));
    const { customers } = this.#composer;
    const isGone = this.#isGone;
    for (;;) {
      const [first, second] = leastTwo(cursors, isRecordBefore);
      if (first === undefined) return;
      do {
        if (!isRecordGone(first.block!, first.record, isGone)) customers.add(first.place);
        first.next();
      } while (first.block !== undefined && (!second || isRecordBefore(first, second)));
    }
  }

  mergeIds(): ReturnType<Composer['ids']> {
    const count = this.#sources.reduce((sum, { idTable }) => sum + idTable.rows, 0);
    const checkBits = Math.min(...this.#sources.map(({ idCheckBits }) => idCheckBits));
    const ids = this.#composer.ids(count, checkBits);
    const cursors = this.#sources.map((source, i) => new IdCursor(source, this.#shifts[i]!));
    for (;;) {
      const [first] = leastTwo(cursors, (a, b) => a.hash < b.hash);
      if (first === undefined) return ids;
      const at = first.row;
      const isGone = (this.#gone[at >>> 3] ?? 0) & (1 << (at & 7));
      // Rows behind the last frame that could be read are nobody's.
      if (!isGone && at < this.#composer.frames.rows) ids.add(first.hash, at, first.check);
      first.next();
    }
  }
}

function hashOfType(type: Uint8Array): number {
  return typeHashOf(type, 0, type.length);
}

/** The cursors that come first and second; of equal ones the earlier. Those at their end do not count. */
function leastTwo<T extends { readonly isAtEnd: boolean }>(
  cursors: readonly T[],
  isBefore: (a: T, b: T) => boolean,
): [T | undefined, T | undefined] {
  let first: T | undefined;
  let second: T | undefined;
  for (const cursor of cursors) {
    if (cursor.isAtEnd) continue;
    if (first === undefined || isBefore(cursor, first)) {
      second = first;
      first = cursor;
    } else if (second === undefined || isBefore(cursor, second)) second = cursor;
  }
  return [first, second];
}

/** Goes through a segment's records by (customerHash, time, stamp, ordinal). */
class RecordCursor {
  readonly #reader: BlockReader;
  #number = -1;
  block: Block | undefined;
  record = 0;
  hash = 0;
  time = 0;
  readonly place = emptyPlace();

  constructor(reader: BlockReader) {
    this.#reader = reader;
    this.next();
  }

  get isAtEnd(): boolean {
    return this.block === undefined;
  }

  next(): void {
    this.record += 1;
    while (this.block === undefined || this.record >= this.block.records) {
      this.#number += 1;
      this.record = 0;
      this.block = undefined;
      if (this.#number >= this.#reader.blocks) return;
      this.block = this.#reader.block(this.#number);
      if (this.block === undefined) continue;
      const { buffer, byteLength, byteOffset } = this.block.view;
      this.place.words = new Uint32Array(buffer, byteOffset, byteLength >>> 2);
      this.place.doubles = new Float64Array(buffer, byteOffset, byteLength >>> 3);
      this.place.payloads = this.block.bytes;
    }
    const { block, place, record } = this;
    const rowAt = block.rowAt(record);
    place.rowAt = rowAt / 4;
    place.payloadAt = block.view.getUint32(rowAt + row.payloadAt, true);
    place.stamp = block.stampOf(record);
    place.received = block.receivedOf(record);
    place.ordinal = block.ordinalOf(record);
    this.hash = block.customerHashOf(record);
    this.time = block.timeOf(record);
  }
}

function isRecordBefore(a: RecordCursor, b: RecordCursor): boolean {
  if (a.hash !== b.hash) return a.hash < b.hash;
  if (a.time !== b.time) return a.time < b.time;
  // The stamps of two segments are never the same.
  return a.place.stamp < b.place.stamp;
}

/** Goes through a segment's ids by (idHash, row). */
class IdCursor {
  readonly #table: TableReader;
  readonly #shift: number;
  readonly #rowMask: number;
  #number = -1;
  hash = 0;
  row = 0;
  /** As many bits as there are, from the highest on. */
  check = 0;
  isAtEnd = false;

  constructor({ idCheckBits, idTable }: Segment, shift: number) {
    this.#table = idTable;
    this.#shift = shift;
    this.#rowMask = 0xffffffff >>> idCheckBits;
    this.next();
  }

  next(): void {
    for (;;) {
      this.#number += 1;
      this.isAtEnd = this.#number >= this.#table.rows;
      if (this.isAtEnd) return;
      const at = this.#table.seek(this.#number);
      if (at === -1) continue;
      this.hash = this.#table.view.getUint32(at + idRow.hash, true);
      this.check = this.#table.view.getUint32(at + idRow.row, true);
      this.row = ((this.check & this.#rowMask) >>> 0) + this.#shift;
      return;
    }
  }
}
