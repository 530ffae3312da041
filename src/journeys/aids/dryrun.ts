/**
 * Dry run: what a map or rule would have done over a span of the past, told from the tape alone and without
 * leaving a trace. It begins with nobody in it and nothing remembered. Customers are taken as they are linked
 * today; what the server said on their tapes of journeys is left out, but for commands.
 *
 *     Tail from the first instant ─▶ workspace, type, sample ─▶ Trial (`trial.ts`) ─▶ reports
 */

import { bucketOf } from '../../audiences/bucket.ts';
import { ScanBudget, ScanTooLong } from '../../tape/budget.ts';
import type { TapeEvent } from '../../tape/event.ts';
import { positionSince } from '../../tape/since.ts';
import { Tail, type Wants } from '../../tape/tail.ts';
import type { Tape } from '../../tape/tape.ts';
import { scanViews } from '../../views/answer.ts';
import type { KeptView } from '../../views/kept.ts';
import { type Fields, fieldsOf, readCause } from '../decide/facts.ts';
import { WorkspaceForce } from '../engine/force.ts';
import { PastEvent } from '../engine/pastevent.ts';
import { typeOfCommand } from '../words.ts';
import { type Compilable, compileMaps, compileRules } from './compilable.ts';
import { Diaries } from './diaries.ts';
import type { MapReport, RuleReport } from './report.ts';
import { Trial } from './trial.ts';

/** Events that are looked at, those that matter, and the bytes of these. */
export const dryRunEventsMax = 10_000_000;
export const dryRunRelevantMax = 300_000;
export const dryRunBytesMax = 256 * 1024 * 1024;
/** Views that are read, and what each may cost in index steps. */
export const dryRunViewsMax = 5000;
const viewStepsMax = 200_000;
/** The clocks of commits that follow each other may be this far apart, and more than that is read. */
const commitSlackMs = 20_000;

/** Plain data: it crosses threads. */
export interface DryRunAsk {
  readonly workspace: number;
  /** Epoch milliseconds of commit: from, and until before. */
  readonly from: number;
  readonly until: number;
  /** Percent of customers, always the same ones. */
  readonly sample: number;
  readonly maps: readonly Compilable[];
  readonly rules: readonly Compilable[];
  /** Those that the rules ask for. */
  readonly views: readonly KeptView[];
}

export interface DryRunAnswer {
  readonly from: number;
  readonly until: number;
  readonly sample: number;
  /** There was more than a dry run may look at: everything is told up to `upTo`, and no further. */
  readonly partial: boolean;
  readonly upTo: number;
  readonly events: { readonly seen: number; readonly relevant: number };
  readonly customers: number;
  readonly journeys: Readonly<Record<string, MapReport>>;
  readonly rules: Readonly<Record<string, RuleReport>>;
}

/** To whom an identity belongs today. */
export type CustomerOf = (workspace: number, identity: string) => string;

export function dryRun(tape: Tape, customerOf: CustomerOf, ask: DryRunAsk): DryRunAnswer {
  return new DryRun(tape, customerOf, ask).run();
}

const sampleSalt = 'tapeline.dry-run';

class DryRun {
  readonly #tape: Tape;
  readonly #customerOf: CustomerOf;
  readonly #ask: DryRunAsk;
  readonly #force: WorkspaceForce;
  readonly #diaries: Diaries;
  readonly #trial: Trial;
  readonly #names = new Map<string, string | undefined>();
  /** Of the block at hand: any other read, of tape or identities, would take its bytes away. */
  #waiting: PastEvent[] = [];
  #seen = 0;
  #relevant = 0;
  #bytes = 0;
  #viewsRead = 0;
  #upTo: number;

  constructor(tape: Tape, customerOf: CustomerOf, ask: DryRunAsk) {
    this.#tape = tape;
    this.#customerOf = customerOf;
    this.#ask = ask;
    const maps = compileMaps(ask.maps);
    const rules = compileRules(ask.rules);
    const versions = new Map(maps.map((map) => [map.name, new Map([[map.version, map]])]));
    this.#force = new WorkspaceForce(maps, versions, rules);
    this.#diaries = new Diaries(maps, rules);
    this.#upTo = ask.from;
    this.#trial = new Trial(
      {
        workspace: ask.workspace,
        force: this.#force,
        readEvent: (place) => readCause(this.#tape, place),
        readView: (view, customer, at) => this.#readView(view, customer, at),
      },
      this.#diaries,
    );
  }

  run(): DryRunAnswer {
    const { from, sample, until, workspace } = this.#ask;
    const shards = this.#tape.shards.map((_, number) => number);
    const tail = new Tail(this.#tape, shards, positionSince(this.#tape, from));
    const horizon = this.#lastStamp();
    const visit = (event: TapeEvent): boolean => this.#visit(event);
    const wants: Wants = (of, _customer, typeHash) => {
      if (of !== workspace) return false;
      this.#seen++;
      return this.#force.wants(typeHash);
    };
    let isPartial = false;
    while (!isPartial && tail.visitBlock(horizon, visit, wants)) {
      this.#tryWaiting();
      isPartial = this.#isSpent();
    }
    if (!isPartial) {
      this.#trial.passTo(until);
      isPartial = this.#trial.isFull;
      if (!isPartial) this.#upTo = until;
    }
    return {
      ...{ from, until, sample, partial: isPartial, upTo: this.#upTo },
      events: { seen: this.#seen, relevant: this.#relevant },
      customers: this.#trial.customers,
      ...this.#diaries.reports(),
    };
  }

  /** What was committed before the end of the span has at most this stamp. */
  #lastStamp(): number {
    const horizon = this.#tape.horizon();
    const past = positionSince(this.#tape, this.#ask.until + commitSlackMs);
    return Math.min(horizon, past.stamp + 1);
  }

  #isSpent(): boolean {
    return (
      this.#seen > dryRunEventsMax ||
      this.#relevant > dryRunRelevantMax ||
      this.#bytes > dryRunBytesMax ||
      this.#viewsRead > dryRunViewsMax ||
      this.#trial.isFull
    );
  }

  #visit(event: TapeEvent): true {
    const { received, type } = event;
    const { from, until } = this.#ask;
    if (received < from || received >= until) return true;
    this.#upTo = received;
    // The server's own are no input, for it would say others now; commands are somebody's.
    if (type.startsWith('tapeline.') && type !== typeOfCommand) return true;
    const home = event.customer;
    if (this.#names.has(home) && this.#names.get(home) === undefined) return true;
    this.#waiting.push(new PastEvent(event));
    return true;
  }

  #tryWaiting(): void {
    for (const event of this.#waiting) {
      const customer = this.#sampled(event.home);
      if (customer === undefined) continue;
      this.#relevant++;
      this.#bytes += event.bytes;
      this.#trial.take(event, customer, event.home);
    }
    this.#waiting = [];
  }

  /** Whose event it is; undefined: somebody's who is not looked at. */
  #sampled(identity: string): string | undefined {
    if (this.#names.has(identity)) return this.#names.get(identity);
    const { sample, workspace } = this.#ask;
    const customer = this.#customerOf(workspace, identity);
    const found = bucketOf(customer, sampleSalt) < sample ? customer : undefined;
    if (this.#names.size > 100_000) this.#names.clear();
    this.#names.set(identity, found);
    return found;
  }

  #readView(name: string, customer: string, at: number): Fields | undefined {
    const view = this.#ask.views.find((each) => each.name === name);
    this.#viewsRead++;
    if (view === undefined || this.#viewsRead > dryRunViewsMax) return undefined;
    const { workspace } = this.#ask;
    try {
      const ask = { workspace, customer, asOf: at, isNow: false, wishes: [view] };
      const found = scanViews(this.#tape, ask, new ScanBudget(viewStepsMax));
      return fieldsOf([view], found).get(name);
    } catch (error) {
      if (error instanceof ScanTooLong) return undefined;
      throw error;
    }
  }
}
