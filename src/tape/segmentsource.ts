/** A sealed segment, or a part with its index, as a source among others. */
import type { Metrics } from '../std/metrics.ts';
import type { Block } from './block.ts';
import type { ScanBudget } from './budget.ts';
import type { SegmentEntry } from './catalogue.ts';
import type { Position } from './cursor.ts';
import type { TapeEvent } from './event.ts';
import { blockSteps } from './hotrun.ts';
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
    const run = this.#segment.run(customerHash, before, until);
    return new BudgetedRun(run, budget, this.#segment.part === undefined ? sealed : indexed);
  }

  /** In the order of time, so all are looked at. */
  hasNewer(
    customerHash: number,
    since: Position,
    types: ReadonlySet<number>,
    stepsMax: number,
  ): boolean {
    if (this.#last <= since.stamp) return false;
    const run = this.#segment.run(customerHash);
    for (let steps = 0; run.next(); steps++) {
      if (steps >= stepsMax) return true;
      const { ordinal, stamp } = run;
      const isNewer = stamp > since.stamp || (stamp === since.stamp && ordinal > since.ordinal);
      if (isNewer && types.has(run.typeHash)) return true;
    }
    return false;
  }

  firstStampOf(customerHash: number, stamp: number): number {
    const isAbsent = stamp > this.#last || this.latest(customerHash) === Number.NEGATIVE_INFINITY;
    return isAbsent ? Number.POSITIVE_INFINITY : Math.max(stamp, this.first);
  }

  nextStamp(stamp: number): number {
    return this.#segment.nextStamp(stamp);
  }

  /** Types are in the order of customers alone. */
  mayHave(): boolean {
    return true;
  }

  block(stamp: number): Block | undefined {
    return this.#segment.block(stamp);
  }

  close(): Promise<void> {
    return this.#segment.close();
  }
}

/** Steps for going to the next record, and for reading it. */
interface RunPrice {
  readonly next: number;
  readonly event: number;
}

/** The record is in a block that is in memory; its share of inflating the block is included. */
const sealed: RunPrice = { next: 8, event: 0 };
/** Each is in a block of the log. */
const indexed: RunPrice = { next: 1, event: blockSteps };

class BudgetedRun implements Run {
  readonly #run: Run;
  readonly #budget: ScanBudget;
  readonly #price: RunPrice;

  constructor(run: Run, budget: ScanBudget, price: RunPrice) {
    this.#run = run;
    this.#budget = budget;
    this.#price = price;
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
    this.#budget.spend(this.#price.next);
    return this.#run.next();
  }

  event(): TapeEvent | undefined {
    this.#budget.spend(this.#price.event);
    return this.#run.event();
  }
}
