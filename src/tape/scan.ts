/**
 * `scan`: one customer's events, newest first, by (time, commit), over every part and segment of the
 * customer's shard. A source is opened only when it may hold the next event: the newest fifty of a
 * customer touch the newest few sources.
 */
import type { ScanBudget } from './budget.ts';
import type { EventPosition } from './cursor.ts';
import type { TapeEvent } from './event.ts';
import { typeHashOf } from './route.ts';
import type { Run, RunBounds, Source } from './run.ts';
import type { Tape } from './tape.ts';

export interface ScanQuery {
  readonly workspace: number;
  readonly customer: string;
  /** Only events before this one in the order of the tape. */
  readonly before?: EventPosition | undefined;
  /** Epoch milliseconds, inclusive. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** Any of these types; absent or empty: all. */
  readonly types?: readonly string[] | undefined;
  readonly channels?: readonly string[] | undefined;
  /** What is still needed besides: asked anew for every entry, before its block is read. */
  readonly needs?: ScanNeeds | undefined;
}

/** May need less and less while a scan goes on. */
export interface ScanNeeds {
  /** Epoch milliseconds: nothing older is needed any more. */
  readonly since: number;
  wants(typeHash: number, time: number): boolean;
}

/** An event is valid until the next one is taken. @throws ScanTooLong past the budget. */
export function* scan(tape: Tape, query: ScanQuery, budget: ScanBudget): Iterable<TapeEvent> {
  const customer = Buffer.from(query.customer, 'utf8');
  const hash = tape.customerHash(query.workspace, customer);
  const types = query.types?.length ? query.types.map((type) => Buffer.from(type)) : undefined;
  const typeHashes = types && new Set(types.map((type) => typeHashOf(type, 0, type.length)));
  const { needs } = query;
  const since = query.since ?? Number.NEGATIVE_INFINITY;
  const bounds: RunBounds = {
    before: query.before,
    get since() {
      return needs === undefined ? since : Math.max(since, needs.since);
    },
    until: query.until ?? Number.POSITIVE_INFINITY,
  };
  tape.enter();
  try {
    const receivedFrom = tape.receivedFrom(query.workspace);
    const erasedUpTo = tape.erased.upTo(query.workspace, hash, () => customer);
    const runs = new MergedRuns(tape.shards[tape.shardNumber(hash)]!.sources, hash, bounds, budget);
    for (let run = runs.next(); run !== undefined; run = runs.next()) {
      if (typeHashes !== undefined && !typeHashes.has(run.typeHash)) continue;
      if (needs !== undefined && !needs.wants(run.typeHash, run.time)) continue;
      if (run.stamp <= erasedUpTo) continue;
      const event = run.event();
      if (event === undefined || !event.isOf(query.workspace, customer)) continue;
      if (event.received < receivedFrom) continue;
      if (types !== undefined && !types.some((type) => event.hasType(type))) continue;
      if (query.channels?.length && !query.channels.includes(event.channel() ?? '')) continue;
      // Reading it out takes time too: about as much as an index step for 16 bytes.
      budget.spend(event.payloadBytes >> 4);
      yield event;
    }
  } finally {
    tape.leave();
  }
}

/** The runs of one customer hash over many sources as one, newest first. */
export class MergedRuns {
  readonly #hash: number;
  readonly #bounds: RunBounds;
  readonly #budget: ScanBudget;
  /** Sources not opened yet, and the newest time each may hold; the next one to open comes last. */
  readonly #closed: { readonly source: Source; bound: number; isExact: boolean }[];
  readonly #open: Run[] = [];
  #current: Run | undefined;

  constructor(sources: readonly Source[], hash: number, bounds: RunBounds, budget: ScanBudget) {
    this.#hash = hash;
    this.#bounds = bounds;
    this.#budget = budget;
    this.#closed = sources.map((source) => ({ source, bound: source.timeMax, isExact: false }));
    this.#closed.sort((a, b) => a.bound - b.bound);
  }

  /** The run that stands at the next event. */
  next(): Run | undefined {
    if (this.#current?.next() === false) {
      this.#open.splice(this.#open.indexOf(this.#current), 1);
    }
    let best = this.#newest();
    for (;;) {
      const candidate = this.#closed.at(-1);
      if (candidate === undefined || candidate.bound < (best?.time ?? this.#bounds.since)) break;
      if (candidate.isExact) {
        this.#closed.pop();
        const run = candidate.source.run(this.#hash, this.#bounds, this.#budget);
        if (run.next()) this.#open.push(run);
        best = this.#newest();
      } else this.#refine(candidate);
    }
    this.#current = best !== undefined && best.time >= this.#bounds.since ? best : undefined;
    return this.#current;
  }

  /** Looks how new the customer's events in the source really are. */
  #refine(candidate: { readonly source: Source; bound: number; isExact: boolean }): void {
    this.#budget.spend(1);
    candidate.bound = candidate.source.latest(this.#hash);
    candidate.isExact = true;
    if (candidate.bound === Number.NEGATIVE_INFINITY) this.#closed.pop();
    else this.#closed.sort((a, b) => a.bound - b.bound);
  }

  #newest(): Run | undefined {
    let newest: Run | undefined;
    for (const run of this.#open) if (newest === undefined || isNewer(run, newest)) newest = run;
    return newest;
  }
}

function isNewer(a: Run, b: Run): boolean {
  if (a.time !== b.time) return a.time > b.time;
  if (a.stamp !== b.stamp) return a.stamp > b.stamp;
  return a.ordinal > b.ordinal;
}
