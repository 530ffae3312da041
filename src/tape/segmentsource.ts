/** A sealed segment as a source among others. */
import type { Metrics } from '../std/metrics.ts';
import type { Block } from './block.ts';
import type { ScanBudget } from './budget.ts';
import type { SegmentEntry } from './catalogue.ts';
import type { Position } from './cursor.ts';
import type { TapeEvent } from './event.ts';
import { ordinalMax } from './layout.ts';
import type { Run, RunBounds, Source } from './run.ts';
import { Segment } from './segment.ts';

export function openSegmentSource(path: string, entry: SegmentEntry, metrics: Metrics): Source {
  return new SegmentSource(entry, Segment.open(path, metrics));
}

class SegmentSource implements Source {
  readonly first: number;
  readonly timeMax: number;
  readonly #last: number;
  readonly #segment: Segment;

  constructor({ first, last, timeMax }: SegmentEntry, segment: Segment) {
    this.first = first;
    this.#last = last;
    this.timeMax = timeMax;
    this.#segment = segment;
  }

  latest(customerHash: number): number {
    return this.#segment.latest(customerHash);
  }

  newestPosition(customerHash: number): Position | undefined {
    const isAbsent = this.latest(customerHash) === Number.NEGATIVE_INFINITY;
    // Its end, not its beginning: a merge with older ones must not bring an old answer back.
    return isAbsent ? undefined : { stamp: this.#last, ordinal: ordinalMax };
  }

  run(customerHash: number, { before, until }: RunBounds, budget: ScanBudget): Run {
    return new BudgetedRun(this.#segment.run(customerHash, before, until), budget);
  }

  firstStampOf(customerHash: number, stamp: number): number {
    const isAbsent = stamp > this.#last || this.latest(customerHash) === Number.NEGATIVE_INFINITY;
    return isAbsent ? Number.POSITIVE_INFINITY : Math.max(stamp, this.first);
  }

  nextStamp(stamp: number): number {
    return this.#segment.nextStamp(stamp);
  }

  block(stamp: number): Block | undefined {
    return this.#segment.block(stamp);
  }

  close(): Promise<void> {
    return this.#segment.close();
  }
}

/** Going to the next record of a block that is in memory, its share of inflating the block included. */
const recordSteps = 8;

class BudgetedRun implements Run {
  readonly #run: Run;
  readonly #budget: ScanBudget;

  constructor(run: Run, budget: ScanBudget) {
    this.#run = run;
    this.#budget = budget;
  }

  get time(): number {
    return this.#run.time;
  }

  get stamp(): number {
    return this.#run.stamp;
  }

  get ordinal(): number {
    return this.#run.ordinal;
  }

  get typeHash(): number {
    return this.#run.typeHash;
  }

  next(): boolean {
    this.#budget.spend(recordSteps);
    return this.#run.next();
  }

  event(): TapeEvent | undefined {
    return this.#run.event();
  }
}
