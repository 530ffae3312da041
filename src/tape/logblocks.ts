/** Commit order in the index of a part: the blocks are in the log, here is the table that finds them. */
import type { SegmentWriter } from '../store/segment.ts';
import type { Block } from './block.ts';
import type { HotLog } from './hotlog.ts';
import { frameRow, stream } from './layout.ts';
import type { CommitOrder } from './run.ts';
import { type TableReader, TableWriter } from './table.ts';

export class LogBlockWriter {
  readonly #table: TableWriter;
  readonly #base: number;
  rows = 0;

  /** @param base the first stamp. */
  constructor(file: SegmentWriter, base: number) {
    this.#table = new TableWriter(file, stream.frameTable, frameRow.size);
    this.#base = base;
  }

  add({ records, stamp }: Block): void {
    const at = this.#table.add();
    const { view } = this.#table;
    view.setUint32(at + frameRow.first, stamp - this.#base, true);
    view.setUint32(at + frameRow.last, stamp - this.#base, true);
    view.setUint32(at + frameRow.firstRow, this.rows, true);
    view.setUint32(at + frameRow.rows, records, true);
    this.rows += records;
  }

  /** @returns how many blocks there are. */
  finish(): number {
    this.#table.finish();
    return this.#table.rows;
  }
}

export class LogBlockReader implements CommitOrder {
  readonly #table: TableReader;
  readonly #base: number;
  readonly #log: HotLog;
  /** The row found last: whoever reads in commit order wants the next one. */
  #hint = 0;

  /** Takes the log over: it is closed with this. */
  constructor(log: HotLog, table: TableReader, base: number) {
    this.#log = log;
    this.#table = table;
    this.#base = base;
  }

  nextStamp(stamp: number): number {
    const wanted = Math.max(0, stamp - this.#base);
    if (wanted > 0xffffffff) return Number.POSITIVE_INFINITY;
    const isNext = this.#stampAt(this.#hint) < wanted && this.#stampAt(this.#hint + 1) >= wanted;
    const found = isNext ? this.#hint + 1 : this.#table.lowerBound(frameRow.first, wanted);
    if (found === -1 || found >= this.#table.rows) return Number.POSITIVE_INFINITY;
    this.#hint = found;
    return this.#base + this.#stampAt(found);
  }

  /** Less the first; NaN where it cannot be told. */
  #stampAt(row: number): number {
    const at = this.#table.seek(row);
    return at === -1 ? Number.NaN : this.#table.view.getUint32(at + frameRow.first, true);
  }

  block(stamp: number): Block | undefined {
    return this.#log.block(stamp);
  }

  recordAt(row: number): { block: Block; record: number } | undefined {
    const at = this.#table.seek(this.#table.lowerBound(frameRow.firstRow, row + 1) - 1);
    if (at === -1) return undefined;
    const { view } = this.#table;
    const record = row - view.getUint32(at + frameRow.firstRow, true);
    const block = this.#log.block(this.#base + view.getUint32(at + frameRow.first, true));
    return block && record < block.records ? { block, record } : undefined;
  }

  close(): Promise<void> {
    return this.#log.close();
  }
}
