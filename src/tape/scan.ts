/**
 * `scan`: one customer's events, newest first, by (time, commit): the union of what the customer's
 * identities contribute, over every part and segment of their shards. A source is opened only when it
 * may hold the next event: the newest fifty of a customer touch the newest few sources.
 */
import { Heap } from '../std/heap.ts';
import type { ScanBudget } from './budget.ts';
import type { EventPosition } from './cursor.ts';
import type { TapeEvent } from './event.ts';
import { isErased } from './gone.ts';
import type { ErasedCustomer } from './job.ts';
import type { Member } from './members.ts';
import { typeHashOf } from './route.ts';
import type { Run, RunBounds, Source } from './run.ts';
import type { Tape } from './tape.ts';

export interface ScanQuery {
  readonly workspace: number;
  readonly customer: string;
  /** Only events before this one in the order of the tape. */
  readonly before?: EventPosition | undefined;
  /** Only what was committed with this stamp or before it; `needs` is not asked about anything else. */
  readonly stampMax?: number | undefined;
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
  const types = query.types?.length ? query.types.map((type) => Buffer.from(type)) : undefined;
  const typeHashes = types && new Set(types.map((type) => typeHashOf(type, 0, type.length)));
  const { needs, stampMax = Number.POSITIVE_INFINITY, workspace } = query;
  tape.enter();
  try {
    const receivedFrom = tape.receivedFrom(workspace);
    const shares = sharesOf(tape, query);
    const runs = new MergedRuns(shares, query.since ?? Number.NEGATIVE_INFINITY, needs, budget);
    for (let open = runs.next(); open !== undefined; open = runs.next()) {
      const { run, share } = open;
      if (typeHashes !== undefined && !typeHashes.has(run.typeHash)) continue;
      if (run.stamp > stampMax || isErased(share.erased, run.stamp, run.time)) continue;
      if (needs !== undefined && !needs.wants(run.typeHash, run.time)) continue;
      const event = run.event();
      if (event === undefined || !event.isOf(workspace, share.member.customer)) continue;
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

/** What one identity contributes to a scan. */
export interface Share {
  readonly member: Member;
  readonly bounds: RunBounds;
  readonly sources: readonly Source[];
  readonly erased: readonly ErasedCustomer[];
}

function sharesOf(tape: Tape, query: ScanQuery): Share[] {
  const { before, needs, workspace } = query;
  const since = query.since ?? Number.NEGATIVE_INFINITY;
  const until = query.until ?? Number.POSITIVE_INFINITY;
  return tape.membersOf(workspace, query.customer).members.map((member) => {
    const { customer, from, hash, to } = member;
    const first = Math.max(since, from);
    const bounds: RunBounds = {
      before,
      get since() {
        return needs === undefined ? first : Math.max(first, needs.since);
      },
      // Times are whole milliseconds.
      until: Math.min(until, to - 1),
    };
    const { sources } = tape.shards[tape.shardNumber(hash)]!;
    const erased = tape.erased.of(workspace, hash, () => customer);
    return { member, bounds, sources, erased };
  });
}

/** A run, and whose it is. */
interface OpenRun {
  readonly run: Run;
  readonly share: Share;
}

/** A source not opened yet for one identity. */
interface ClosedRun {
  readonly source: Source;
  readonly share: Share;
  /** The newest time it may hold. */
  bound: number;
  isExact: boolean;
}

/** What one identity costs in one source before anything is read: looked up and put in order. */
export const shareSourceSteps = 8;

/** The runs of all shares over their sources as one, newest first. */
export class MergedRuns {
  readonly #budget: ScanBudget;
  readonly #since: number;
  readonly #needs: ScanNeeds | undefined;
  /** The one that may hold the newest first. */
  readonly #closed: Heap<ClosedRun>;
  readonly #open = new Heap<OpenRun>([], (a, b) => isNewer(a.run, b.run));
  #current: OpenRun | undefined;

  constructor(
    shares: readonly Share[],
    since: number,
    needs: ScanNeeds | undefined,
    budget: ScanBudget,
  ) {
    this.#budget = budget;
    this.#since = since;
    this.#needs = needs;
    const closed: ClosedRun[] = [];
    for (const share of shares) {
      const { until } = share.bounds;
      // Before they are made: what is too much is not begun.
      budget.spend(share.sources.length * shareSourceSteps);
      for (const source of share.sources) {
        closed.push({ source, share, bound: Math.min(source.timeMax, until), isExact: false });
      }
    }
    this.#closed = new Heap(closed, (a, b) => a.bound > b.bound);
  }

  /** The run that stands at the next event. */
  next(): OpenRun | undefined {
    if (this.#current !== undefined) this.#advance();
    const since =
      this.#needs === undefined ? this.#since : Math.max(this.#since, this.#needs.since);
    for (;;) {
      const candidate = this.#closed.first;
      if (candidate === undefined) break;
      if (candidate.bound < (this.#open.first?.run.time ?? since)) break;
      if (candidate.isExact) {
        this.#closed.removeFirst();
        this.#begin(candidate);
      } else this.#refine(candidate);
    }
    const best = this.#open.first;
    this.#current = best !== undefined && best.run.time >= since ? best : undefined;
    return this.#current;
  }

  #begin({ share, source }: ClosedRun): void {
    const run = source.run(share.member.hash, share.bounds, this.#budget);
    const open = { run, share };
    if (moves(open)) this.#open.add(open);
  }

  /** Moves the run that stands first to its next event; one that has none in its share's span is left. */
  #advance(): void {
    if (moves(this.#open.first!)) this.#open.settleFirst();
    else this.#open.removeFirst();
  }

  /** Looks how new the identity's events in the source really are. */
  #refine(candidate: ClosedRun): void {
    this.#budget.spend(1);
    const latest = candidate.source.latest(candidate.share.member.hash);
    candidate.bound = Math.min(latest, candidate.share.bounds.until);
    candidate.isExact = true;
    const isBeyond = candidate.bound < candidate.share.member.from;
    if (candidate.bound === Number.NEGATIVE_INFINITY || isBeyond) this.#closed.removeFirst();
    else this.#closed.settleFirst();
  }
}

/** Whether a run moves on. False: nothing of its share's span is left in it. */
function moves({ run, share }: OpenRun): boolean {
  return run.next() && run.time >= share.member.from;
}

function isNewer(a: Run, b: Run): boolean {
  if (a.time !== b.time) return a.time > b.time;
  if (a.stamp !== b.stamp) return a.stamp > b.stamp;
  return a.ordinal > b.ordinal;
}
