/** Commit order in a segment: log blocks in frames, and the table that finds them (`layout.ts`). */
import type { SegmentFile, SegmentWriter } from '../store/segment.ts';
import { Block } from './block.ts';
import { eachBlock, foldBlock, unfoldBlock } from './fold.ts';
import { readItem, readStored, writeItem } from './item.ts';
import { frameRow, header, stream } from './layout.ts';
import type { CommitOrder } from './run.ts';
import { type TableReader, TableWriter } from './table.ts';

/**
 * How much of the log is deflated in one go. Half of it takes 15 % more time; more would make the first
 * event of a reader in commit order wait longer, and the memory that each holds larger.
 */
export const frameBytes = 128 * 1024;

export class FrameWriter {
  readonly #file: SegmentWriter;
  readonly #table: TableWriter;
  readonly #base: number;
  #frame = new Uint8Array(frameBytes * 2);
  #bytes = 0;
  #first = 0;
  #last = 0;
  #firstRow = 0;
  /** Rows so far, erased ones too: the next row's number in commit order. */
  rows = 0;

  /** @param base the segment's first stamp. */
  constructor(file: SegmentWriter, base: number) {
    this.#file = file;
    this.#base = base;
    this.#table = new TableWriter(file, stream.frameTable, frameRow.size);
  }

  add(block: Block): void {
    const { bytes, stamp } = block;
    if (this.#bytes > 0 && this.#bytes + bytes.length > frameBytes) this.#flush();
    if (bytes.length > this.#frame.length) this.#frame = new Uint8Array(bytes.length * 2);
    if (this.#bytes === 0) {
      this.#first = stamp;
      this.#firstRow = this.rows;
    }
    this.#last = stamp;
    this.rows += block.records;
    this.#frame.set(bytes, this.#bytes);
    const end = this.#bytes + bytes.length;
    this.#bytes = (end + 7) & ~7;
    this.#frame.fill(0, end, this.#bytes);
  }

  /** The next block begins a frame. */
  endFrame(): void {
    if (this.#bytes > 0) this.#flush();
  }

  /** Leaves row numbers out, those of a damaged frame. Not while a frame is open. */
  skipTo(rowNumber: number): void {
    this.rows = Math.max(this.rows, rowNumber);
  }

  #flush(): void {
    const frame = this.#frame.subarray(0, this.#bytes);
    eachBlock(frame, (view, at) => foldBlock(frame, view, at));
    const at = writeItem(this.#file, stream.frames, frame, this.#first);
    this.#addRow(this.#first, this.#last, this.#firstRow, this.rows - this.#firstRow, at);
    this.#bytes = 0;
  }

  #addRow(first: number, last: number, firstRow: number, rows: number, at: number): void {
    const to = this.#table.add();
    const { view } = this.#table;
    view.setUint32(to + frameRow.first, first - this.#base, true);
    view.setUint32(to + frameRow.last, last - this.#base, true);
    view.setUint32(to + frameRow.firstRow, firstRow, true);
    view.setUint32(to + frameRow.rows, rows, true);
    view.setFloat64(to + frameRow.at, at, true);
  }

  /** Takes over a frame of another segment as it is stored; its rows keep their order. */
  copy(stored: Uint8Array, frame: Frame): void {
    this.endFrame();
    const at = this.#file.append(stream.frames, stored);
    this.#addRow(frame.first, frame.last, this.rows, frame.rows, at);
    this.rows += frame.rows;
  }

  /** @returns how many frames there are. */
  finish(): number {
    this.endFrame();
    this.#table.finish();
    return this.#table.rows;
  }
}

/** A row of the table of frames. */
export interface Frame {
  readonly first: number;
  readonly last: number;
  readonly firstRow: number;
  readonly rows: number;
  readonly at: number;
  readonly end: number;
}

/** A frame's blocks, ready to be read. */
interface OpenFrame {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly stamps: readonly number[];
  /** Where each block begins in `bytes` and where it ends, in turn. */
  readonly starts: readonly number[];
  readonly records: readonly number[];
}

export class FrameReader implements CommitOrder {
  readonly #file: SegmentFile;
  readonly #table: TableReader;
  readonly #base: number;
  readonly #streamBytes: number;
  readonly #damaged: () => void;
  /** The frame read last: whoever reads in commit order wants its neighbours too. */
  #open: OpenFrame | undefined;

  constructor(
    file: SegmentFile,
    table: TableReader,
    base: number,
    streamBytes: number,
    damaged: () => void,
  ) {
    this.#file = file;
    this.#table = table;
    this.#base = base;
    this.#streamBytes = streamBytes;
    this.#damaged = damaged;
  }

  get frames(): number {
    return this.#table.rows;
  }

  frame(number: number): Frame | undefined {
    const next = this.#table.seek(number + 1);
    const isLast = number + 1 === this.#table.rows;
    if (next === -1 && !isLast) return undefined;
    const end = isLast ? this.#streamBytes : this.#table.view.getFloat64(next + frameRow.at, true);
    const at = this.#table.seek(number);
    if (at === -1) return undefined;
    const { view } = this.#table;
    return {
      first: this.#base + view.getUint32(at + frameRow.first, true),
      last: this.#base + view.getUint32(at + frameRow.last, true),
      firstRow: view.getUint32(at + frameRow.firstRow, true),
      rows: view.getUint32(at + frameRow.rows, true),
      at: view.getFloat64(at + frameRow.at, true),
      end,
    };
  }

  /** A frame as it is stored, checked. */
  stored(frame: Frame): Uint8Array | undefined {
    return readStored(this.#file, stream.frames, frame.at, frame.end, frame.first);
  }

  /** The first stamp of a block that is at least `stamp`, or infinity. A damaged frame has its first only. */
  nextStamp(stamp: number): number {
    if (stamp <= this.#base) return this.frame(0)?.first ?? Number.POSITIVE_INFINITY;
    let number = this.#table.lowerBound(frameRow.last, Math.min(stamp - this.#base, 0xffffffff));
    if (number === -1) return Number.POSITIVE_INFINITY;
    for (; number < this.#table.rows; number++) {
      const frame = this.frame(number);
      if (frame === undefined || frame.last < stamp) continue;
      if (frame.first >= stamp) return frame.first;
      const found = this.#openFrame(number, frame)?.stamps.find((each) => each >= stamp);
      if (found !== undefined) return found;
    }
    return Number.POSITIVE_INFINITY;
  }

  block(stamp: number): Block | undefined {
    const open = this.#open;
    if (open !== undefined && open.stamps[0]! <= stamp && stamp <= open.stamps.at(-1)!) {
      return this.#blockOf(open, stamp);
    }
    const number = this.#table.lowerBound(frameRow.last, stamp - this.#base);
    const frame = number === -1 ? undefined : this.frame(number);
    if (frame === undefined || stamp < frame.first) return undefined;
    const opened = this.#openFrame(number, frame);
    return opened && this.#blockOf(opened, stamp);
  }

  #blockOf({ bytes, stamps, starts }: OpenFrame, stamp: number): Block | undefined {
    const i = stamps.indexOf(stamp);
    if (i === -1) return undefined;
    const block = Block.open(bytes.subarray(starts[2 * i], starts[2 * i + 1]), stamp);
    if (block === undefined) this.#damaged();
    return block;
  }

  /** The record with a number in commit order. */
  recordAt(row: number): { block: Block; record: number } | undefined {
    const after = this.#table.lowerBound(frameRow.firstRow, row + 1);
    const frame = after < 1 ? undefined : this.frame(after - 1);
    const open = frame && this.#openFrame(after - 1, frame);
    if (open === undefined) return undefined;
    let record = row - frame!.firstRow;
    for (const [i, stamp] of open.stamps.entries()) {
      if (record < open.records[i]!) {
        const block = this.#blockOf(open, stamp);
        return block && { block, record };
      }
      record -= open.records[i]!;
    }
    return undefined;
  }

  /** All blocks of a frame; undefined when any is damaged. Valid until another frame is read. */
  blocksOf(number: number): Block[] | undefined {
    const frame = this.frame(number);
    const open = frame && this.#openFrame(number, frame);
    const blocks = open?.stamps.map((stamp) => this.#blockOf(open, stamp));
    return blocks?.every((block) => block !== undefined) ? blocks : undefined;
  }

  #openFrame(number: number, frame: Frame): OpenFrame | undefined {
    if (this.#open?.number === number) return this.#open;
    const bytes = readItem(this.#file, stream.frames, frame.at, frame.end, frame.first);
    const stamps: number[] = [];
    const starts: number[] = [];
    const records: number[] = [];
    let isWhole = bytes !== undefined;
    if (bytes !== undefined) {
      isWhole = eachBlock(bytes, (view, at, length) => {
        unfoldBlock(bytes, view, at);
        stamps.push(view.getFloat64(at + header.stamp, true));
        starts.push(at, at + length);
        records.push(view.getUint16(at + header.records, true));
      });
    }
    if (!isWhole || stamps.length === 0) {
      this.#damaged();
      return undefined;
    }
    this.#open = { number, bytes: bytes!, stamps, starts, records };
    return this.#open;
  }

  /** Forgets the frame read last. */
  close(): void {
    this.#open = undefined;
  }
}
