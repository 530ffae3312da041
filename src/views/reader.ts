/**
 * How one front answers views: by what it has kept, by a scan on its own thread, or, when that outgrows
 * the thread's budget, by a scan in the pool.
 *
 *     asks ─▶ kept and true? ─▶ the rest in one scan ─▶ too long? the same scan in the pool ─▶ keep
 */
import type { Metrics } from '../std/metrics.ts';
import { ScanBudget, ScanTooLong } from '../tape/budget.ts';
import type { Tape } from '../tape/tape.ts';
import { scanViews, type ViewFound, type ViewsAsk } from './answer.ts';
import { KeptAnswers, type KeptView } from './kept.ts';
import { type Place, placeOf } from './place.ts';

/** Index steps a read may take on a front (about ten milliseconds); then it goes to the pool. */
export const readStepsMax = 200_000;

/**
 * `snapshot`: a kept answer, one that is as old as the template allows too. `current`: one that is true
 * now. `fresh`: a new scan. A number: as of that instant, epoch milliseconds.
 */
export type Freshness = 'snapshot' | 'current' | 'fresh' | number;

export interface ViewReading {
  readonly workspace: number;
  readonly customer: string;
  readonly views: readonly KeptView[];
  readonly freshness: Freshness;
}

export interface ViewReaderParts {
  readonly tape: Tape;
  readonly metrics: Metrics;
  readonly now: () => number;
  /** Scans in the pool, and counts that. */
  readonly pool: (ask: ViewsAsk) => Promise<readonly ViewFound[]>;
}

export class ViewReader {
  readonly #parts: ViewReaderParts;
  readonly #kept = new KeptAnswers();

  constructor(parts: ViewReaderParts) {
    this.#parts = parts;
  }

  /** What is found for each view; at once, when it need not go to the pool. */
  read(reading: ViewReading): readonly ViewFound[] | Promise<readonly ViewFound[]> {
    const { metrics, now } = this.#parts;
    const { customer, freshness, views, workspace } = reading;
    metrics.add('views_total', views.length);
    const isNow = typeof freshness !== 'number';
    const asOf = isNow ? now() : freshness;
    const found = views.map((view) => this.#find(reading, view, asOf));
    const missing = views.filter((_, index) => found[index] === undefined);
    metrics.add('views_kept_total', views.length - missing.length);
    if (missing.length === 0) return found as ViewFound[];
    const fill = (made: readonly ViewFound[]): ViewFound[] => {
      let next = 0;
      return found.map((each) => each ?? made[next++]!);
    };
    const made = this.#scan({ workspace, customer, asOf, isNow, wishes: missing }, missing);
    return made instanceof Promise ? made.then(fill) : fill(made);
  }

  #find(reading: ViewReading, view: KeptView, now: number): ViewFound | undefined {
    const { customer, freshness, workspace } = reading;
    if (freshness !== 'snapshot' && freshness !== 'current') return undefined;
    const wanted = { workspace, customer, view };
    return this.#kept.find(this.#parts.tape, wanted, now, freshness === 'current');
  }

  #scan(
    ask: ViewsAsk,
    views: readonly KeptView[],
  ): readonly ViewFound[] | Promise<readonly ViewFound[]> {
    const { metrics, pool, tape } = this.#parts;
    // As of an instant of the past nothing is kept.
    const before = ask.isNow ? placeOf(tape, ask.workspace, ask.customer) : undefined;
    metrics.add('scans_total', 1);
    try {
      return this.#keep(ask, views, before, scanViews(tape, ask, new ScanBudget(readStepsMax)));
    } catch (error) {
      if (!(error instanceof ScanTooLong)) throw error;
      return pool(ask).then((found) => this.#keep(ask, views, before, found));
    }
  }

  #keep(
    { customer, workspace }: ViewsAsk,
    views: readonly KeptView[],
    before: Place | undefined,
    found: readonly ViewFound[],
  ): readonly ViewFound[] {
    if (before === undefined) return found;
    for (const [index, view] of views.entries()) {
      this.#kept.keep({ workspace, customer, view }, before, found[index]!);
    }
    return found;
  }
}
