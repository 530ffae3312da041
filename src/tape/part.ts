/** A part of the hot log as a reader meets it: blocks in commit order, indexed in shared memory. */
import type { Metrics } from '../std/metrics.ts';
import type { Block } from './block.ts';
import type { ScanBudget } from './budget.ts';
import type { Position } from './cursor.ts';
import { HotLog } from './hotlog.ts';
import { HotRun } from './hotrun.ts';
import { type IndexMemory, IndexReader } from './index.ts';
import type { Run, RunBounds, Source } from './run.ts';
import type { TypeSet } from './typeset.ts';

/** Any thread, once the writer has opened the part and put it in the catalogue. */
export class PartReader implements Source {
  readonly first: number;
  readonly timeMax = Number.POSITIVE_INFINITY;
  readonly index: IndexReader;
  readonly log: HotLog;
  /** The block that was found last: the next one wanted is usually its neighbour. */
  #hint = 1;

  constructor(path: string, first: number, index: IndexMemory, metrics: Metrics) {
    this.first = first;
    this.index = new IndexReader(index);
    this.log = HotLog.openReader(path, metrics);
  }

  latest(customerHash: number): number {
    return this.index.latestOf(customerHash);
  }

  newestPosition(customerHash: number): Position | undefined {
    const { index } = this;
    const entry = index.newestEntry(customerHash);
    if (entry === 0) return undefined;
    const number = index.block[entry]!;
    return { stamp: index.stamp[number]!, ordinal: entry - index.first[number]! };
  }

  hasNewer(
    customerHash: number,
    since: Position,
    types: ReadonlySet<number>,
    stepsMax: number,
  ): boolean {
    const { index } = this;
    let steps = 0;
    for (let entry = index.newestEntry(customerHash); entry !== 0; entry = index.previous[entry]!) {
      const number = index.block[entry]!;
      const stamp = index.stamp[number]!;
      if (stamp < since.stamp) return false;
      if (stamp === since.stamp && entry - index.first[number]! <= since.ordinal) return false;
      if (types.has(index.typeHash[entry]!) || ++steps > stepsMax) return true;
    }
    return false;
  }

  run(customerHash: number, bounds: RunBounds, budget: ScanBudget): Run {
    return new HotRun(this, customerHash, bounds, budget);
  }

  firstStampOf(customerHash: number, stamp: number, stepsMax: number): number {
    const { index } = this;
    let found = Number.POSITIVE_INFINITY;
    let steps = 0;
    for (let entry = index.newestEntry(customerHash); entry !== 0; entry = index.previous[entry]!) {
      const at = index.stamp[index.block[entry]!]!;
      if (at < stamp) break;
      if (++steps > stepsMax) return stamp;
      found = at;
    }
    return found;
  }

  nextStamp(stamp: number): number {
    const { index } = this;
    const last = index.publishedBlocks();
    let number = this.#hint;
    if (number <= last && index.stamp[number]! < stamp) number += 1;
    const isNext = number === 1 || index.stamp[number - 1]! < stamp;
    if (!isNext || (number <= last && index.stamp[number]! < stamp))
      number = index.blockFrom(stamp);
    this.#hint = number;
    return number <= last ? index.stamp[number]! : Number.POSITIVE_INFINITY;
  }

  mayHave(stamp: number, types: TypeSet): boolean {
    const { index } = this;
    const isFound = this.#hint <= index.publishedBlocks() && index.stamp[this.#hint] === stamp;
    return index.mayHave(isFound ? this.#hint : index.blockFrom(stamp), types);
  }

  block(stamp: number): Block | undefined {
    return this.log.block(stamp);
  }

  close(): Promise<void> {
    return this.log.close();
  }
}
