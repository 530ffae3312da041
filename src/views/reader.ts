/**
 * How one front answers views: by what it has kept, by a scan on its own thread, or, when that outgrows
 * the thread's budget, by a scan in the pool.
 *
 *     asks ─▶ kept and true? ─▶ the rest in one scan ─▶ too long? the same scan in the pool ─▶ keep
 */
import type { Clock } from '../std/clock.ts';
import type { Metrics } from '../std/metrics.ts';
import { ScanBudget, ScanTooLong } from '../tape/budget.ts';
import type { Tape } from '../tape/tape.ts';
import { scanViews, type ViewFound, type ViewsAsk } from './answer.ts';
import { KeptAnswers, type KeptView } from './kept.ts';
import { formerPlaceOf, type Place, placeOf } from './place.ts';
import { ShownInstants } from './shown.ts';

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
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
  /** See `createShownMemory`. */
  readonly shown: SharedArrayBuffer;
  /** Scans in the pool, and counts that. */
  readonly pool: (ask: ViewsAsk) => Promise<readonly ViewFound[]>;
}

export class ViewReader {
  readonly #parts: ViewReaderParts;
  readonly #kept: KeptAnswers;

  constructor(parts: ViewReaderParts) {
    this.#parts = parts;
    this.#kept = new KeptAnswers({ shown: new ShownInstants(parts.shown) });
  }

  /** What is found for each view; at once, when it need not go to the pool. */
  read(reading: ViewReading): readonly ViewFound[] | Promise<readonly ViewFound[]> {
    const { clock, metrics } = this.#parts;
    const { freshness, views } = reading;
    metrics.add('views_total', views.length);
    const asOf = typeof freshness === 'number' ? freshness : clock.now();
    const found = views.map((view) => this.#find(reading, view, asOf));
    const missing = views.filter((_, index) => found[index] === undefined);
    metrics.add('views_kept_total', views.length - missing.length);
    if (missing.length === 0) return this.#show(reading, found as ViewFound[]);
    const fill = (made: readonly ViewFound[]): readonly ViewFound[] => {
      let next = 0;
      const filled = found.map((each) => each ?? made[next++]!);
      return this.#show(reading, filled);
    };
    const startedMs = clock.monotonicMs();
    const made = this.#make(reading, missing, asOf);
    const told = (): void =>
      metrics.observe('read_seconds', (clock.monotonicMs() - startedMs) / 1000);
    if (made instanceof Promise) return made.finally(told).then(fill);
    told();
    return fill(made);
  }

  /** Notes what readers are shown of snapshots, so that none is shown an older one later. */
  #show(reading: ViewReading, found: readonly ViewFound[]): readonly ViewFound[] {
    const { customer, freshness, views, workspace } = reading;
    if (freshness !== 'snapshot' && freshness !== 'fresh') return found;
    for (const [at, view] of views.entries()) {
      this.#kept.show({ workspace, customer, view }, found[at]!);
    }
    return found;
  }

  /** One scan for all that are to speak of one instant, which nearly always is the same for all. */
  #make(
    { customer, freshness, workspace }: ViewReading,
    views: readonly KeptView[],
    asOf: number,
  ): readonly ViewFound[] | Promise<readonly ViewFound[]> {
    const { tape } = this.#parts;
    const instants = views.map((view) => {
      if (freshness !== 'snapshot') return asOf;
      return this.#kept.behind(tape, { workspace, customer, view }, asOf) ?? asOf;
    });
    const isNow = typeof freshness !== 'number';
    const scan = (instant: number, wishes: readonly KeptView[]) => {
      const ask = { workspace, customer, asOf: instant, isNow: isNow && instant === asOf, wishes };
      return this.#scan(ask, wishes, isNow);
    };
    if (instants.every((instant) => instant === instants[0])) return scan(instants[0]!, views);
    const each = views.map(async (view, at) => (await scan(instants[at]!, [view]))[0]!);
    return Promise.all(each);
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
    keeps: boolean,
  ): readonly ViewFound[] | Promise<readonly ViewFound[]> {
    const { metrics, pool, tape } = this.#parts;
    const { customer, isNow, workspace } = ask;
    let before: Place | undefined;
    if (keeps) before = (isNow ? placeOf : formerPlaceOf)(tape, workspace, customer);
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
