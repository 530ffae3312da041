/**
 * The quarantine of a workspace: events that its taxonomy kept apart, with the reason, newest first by
 * (time, commit), over all shards. It is append-only as every tape is: what became of an event when it
 * was replayed is a *mark*, an event of the server's with the same customer and time. Marks are
 * committed later, so a reader from newest to oldest meets an event's marks before the event itself, and
 * has to remember them only while the time stays the same.
 *
 *     newest ◀── mark(a) at t2 ── a at t2 ── b at t1 ── mark(c) at t0 ── c at t0 ──▶ oldest
 */
import type { ScanBudget } from './budget.ts';
import { type EventPosition, parseEventPosition } from './cursor.ts';
import type { TapeEvent } from './event.ts';
import { isErased as isGone } from './gone.ts';
import { aloneOn } from './members.ts';
import { quarantineHashOf, quarantineOf, typeHashOf } from './route.ts';
import type { Run, RunBounds } from './run.ts';
import { MergedRuns } from './scan.ts';
import type { Tape } from './tape.ts';

/** The type of marks; their data is `QuarantineMark`. */
export const markType = 'tapeline.replay';
/** A page of large events ends early, with `next`. */
const pageCharactersMax = 4 * 1024 * 1024;

export interface QuarantineMark {
  /** Of the event that was replayed. */
  readonly id: string;
  /** Why it is still kept; absent: it went through. */
  readonly reason?: string;
}

export type QuarantineStatus = 'waiting' | 'replayed' | 'all';

export interface QuarantineQuery {
  readonly workspace: number;
  /** 1…1000. */
  readonly limit: number;
  readonly before: string | undefined;
  readonly since: number | undefined;
  readonly until: number | undefined;
  /** Any of these; empty: all. */
  readonly types: readonly string[];
  readonly customers: readonly string[];
  readonly ids: readonly string[];
  readonly status: QuarantineStatus;
}

/**
 * One page, as the answer's JSON text: `{"events":[…],"next":…}`, events as the tape gives them, with
 * `reason`, `status`, and `replayed` (epoch ms) when they were.
 *
 * @throws AppError `invalid` when `before` is no cursor; ScanTooLong past the budget.
 */
export function quarantinePage(tape: Tape, query: QuarantineQuery, budget: ScanBudget): string {
  const events: string[] = [];
  let characters = 0;
  let last = '';
  let next: string | null = null;
  for (const { event, mark, markedAt } of readQuarantine(tape, query, budget)) {
    if (events.length === query.limit || characters >= pageCharactersMax) {
      next = last;
      break;
    }
    const isReplayed = mark !== undefined && mark.reason === undefined;
    const facts = {
      reason: mark?.reason ?? event.note ?? '',
      status: isReplayed ? 'replayed' : 'waiting',
      ...(isReplayed && { replayed: markedAt }),
    };
    const json = `${event.json().slice(0, -1)},${JSON.stringify(facts).slice(1)}`;
    events.push(json);
    characters += json.length;
    last = event.cursor;
  }
  return `{"events":[${events.join(',')}],"next":${JSON.stringify(next)}}`;
}

interface Quarantined {
  readonly event: TapeEvent;
  readonly mark: QuarantineMark | undefined;
  readonly markedAt: number;
}

function* readQuarantine(
  tape: Tape,
  query: QuarantineQuery,
  budget: ScanBudget,
): Iterable<Quarantined> {
  const before = query.before === undefined ? undefined : parseEventPosition(query.before);
  const wanted = new Wanted(query, before);
  const until = Math.min(
    query.until ?? Number.POSITIVE_INFINITY,
    before?.time ?? Number.POSITIVE_INFINITY,
  );
  const bounds = {
    before: undefined,
    since: query.since ?? Number.NEGATIVE_INFINITY,
    until,
  };
  const marks = new Marks();
  tape.enter();
  try {
    const number = quarantineOf(query.workspace);
    const receivedFrom = tape.receivedFrom(number);
    for (const run of runsOf(tape, query.workspace, bounds, budget)) {
      const isMark = run.typeHash === markHash;
      if (!isMark && !wanted.mayBe(run)) continue;
      const event = run.event();
      if (event === undefined || event.workspace !== number) continue;
      if (event.received < receivedFrom || isErased(tape, event)) continue;
      budget.spend(event.payloadBytes >> 4);
      if (isMark && event.type === markType) marks.note(event);
      else if (wanted.isWanted(event)) {
        const found = marks.of(event);
        if (wanted.hasStatus(found?.mark)) {
          yield { event, mark: found?.mark, markedAt: found?.at ?? 0 };
        }
      }
    }
  } finally {
    tape.leave();
  }
}

/** Everything under the quarantine's hash, newest first over all shards. */
function* runsOf(
  tape: Tape,
  workspace: number,
  bounds: RunBounds,
  budget: ScanBudget,
): Iterable<Run> {
  const hash = quarantineHashOf(tape.hashSeed, workspace);
  const [member] = aloneOn(Buffer.alloc(0), hash).members;
  const shares = tape.shards.map(({ sources }) => {
    return { member: member!, bounds, sources, erased: [] };
  });
  const runs = new MergedRuns(shares, bounds.since, undefined, budget);
  for (let open = runs.next(); open !== undefined; open = runs.next()) yield open.run;
}

function isNewer(a: EventPosition, b: EventPosition): boolean {
  if (a.time !== b.time) return a.time > b.time;
  if (a.stamp !== b.stamp) return a.stamp > b.stamp;
  return a.ordinal > b.ordinal;
}

function isErased(tape: Tape, event: TapeEvent): boolean {
  const { customerHash, stamp, workspace } = event;
  const erased = tape.erased.of(workspace, customerHash, () => event.customerBytes);
  return isGone(erased, stamp, event.time);
}

const markBytes = Buffer.from(markType);
const markHash = typeHashOf(markBytes, 0, markBytes.length);

/** What of a query can be asked of an event. */
class Wanted {
  readonly #query: QuarantineQuery;
  readonly #before: EventPosition | undefined;
  readonly #typeHashes: ReadonlySet<number> | undefined;

  constructor(query: QuarantineQuery, before: EventPosition | undefined) {
    this.#query = query;
    this.#before = before;
    const types = query.types.map((type) => Buffer.from(type));
    const hashes = types.map((type) => typeHashOf(type, 0, type.length));
    this.#typeHashes = types.length === 0 ? undefined : new Set(hashes);
  }

  /** Before its block is read; false is certain. */
  mayBe(run: Run): boolean {
    if (this.#before !== undefined && !isNewer(this.#before, run)) return false;
    return this.#typeHashes === undefined || this.#typeHashes.has(run.typeHash);
  }

  isWanted(event: TapeEvent): boolean {
    const { customers, ids, types } = this.#query;
    if (types.length > 0 && !types.includes(event.type)) return false;
    if (customers.length > 0 && !customers.includes(event.customer)) return false;
    return ids.length === 0 || ids.includes(event.id);
  }

  hasStatus(mark: QuarantineMark | undefined): boolean {
    const { status } = this.#query;
    if (status === 'all') return true;
    const isReplayed = mark !== undefined && mark.reason === undefined;
    return isReplayed === (status === 'replayed');
  }
}

/** The newest mark of each event at the time that is being read. */
class Marks {
  #time = Number.NaN;
  readonly #marks = new Map<string, { readonly mark: QuarantineMark; readonly at: number }>();

  note(event: TapeEvent): void {
    this.#follow(event.time);
    const data = event.data();
    if (data === undefined) return;
    const mark = JSON.parse(data) as QuarantineMark;
    const name = nameOf(event.customer, mark.id);
    if (!this.#marks.has(name)) this.#marks.set(name, { mark, at: event.received });
  }

  of(event: TapeEvent): { readonly mark: QuarantineMark; readonly at: number } | undefined {
    this.#follow(event.time);
    if (this.#marks.size === 0) return undefined;
    return this.#marks.get(nameOf(event.customer, event.id));
  }

  #follow(time: number): void {
    if (time === this.#time) return;
    this.#time = time;
    this.#marks.clear();
  }
}

function nameOf(customer: string, id: string): string {
  return JSON.stringify([customer, id]);
}
