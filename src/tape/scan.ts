/**
 * `scan`: one customer's events, newest first, by (time, commit). The index is walked in arrival order;
 * events that arrived late are held in a heap until nothing older in arrival can be newer in time.
 */
import type { EventPosition } from './cursor.ts';
import { TapeEvent } from './event.ts';
import type { IndexReader } from './index.ts';
import { typeHashOf } from './route.ts';
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
}

/** What a scan may cost on a thread that has other work, in index steps (some 50 ns each). */
export class ScanBudget {
  #left: number;
  steps = 0;

  constructor(stepsMax: number) {
    this.#left = stepsMax;
  }

  spend(steps: number): void {
    this.steps += steps;
    this.#left -= steps;
    if (this.#left < 0) throw new ScanTooLong();
  }
}

/** The scan outgrew its budget; do it again on a thread that has the time. */
export class ScanTooLong extends Error {}

/** Reading and checking a block, in index steps. */
export const blockSteps = 100;

/** An event is valid until the next one is taken. */
export function* scan(tape: Tape, query: ScanQuery, budget: ScanBudget): Iterable<TapeEvent> {
  const customer = Buffer.from(query.customer, 'utf8');
  const hash = tape.customerHash(query.workspace, customer);
  const { index, log } = tape.shards[tape.shardNumber(hash)]!;
  const types = query.types?.length ? query.types.map((type) => Buffer.from(type)) : undefined;
  for (const entry of entriesByTime(index, index.newestEntry(hash), bounds(index, query), budget)) {
    budget.spend(blockSteps);
    const number = index.block[entry]!;
    const block = log.block(index.stamp[number]!);
    if (block === undefined) continue;
    const event = new TapeEvent(block, entry - index.first[number]!);
    if (!event.isOf(query.workspace, customer)) continue;
    if (types !== undefined && !types.some((type) => event.hasType(type))) continue;
    if (query.channels?.length && !query.channels.includes(event.channel() ?? '')) continue;
    // Reading it out takes time too: about as much as an index step for 16 bytes.
    budget.spend(event.payloadBytes >> 4);
    yield event;
  }
}

/** What the index alone can decide of an entry. */
interface Bounds {
  readonly since: number;
  wanted(entry: number): boolean;
}

function bounds(index: IndexReader, query: ScanQuery): Bounds {
  const since = query.since ?? Number.NEGATIVE_INFINITY;
  const until = query.until ?? Number.POSITIVE_INFINITY;
  const { before } = query;
  const hashes = query.types?.length ? new Set(query.types.map(typeHash)) : undefined;
  const wanted = (entry: number): boolean => {
    const time = index.time[entry]!;
    if (time < since || time > until) return false;
    if (hashes !== undefined && !hashes.has(index.typeHash[entry]!)) return false;
    if (before === undefined || time < before.time) return true;
    return time === before.time && isBefore(index, entry, before);
  };
  return { since, wanted };
}

function typeHash(type: string): number {
  const bytes = Buffer.from(type);
  return typeHashOf(bytes, 0, bytes.length);
}

function isBefore(index: IndexReader, entry: number, before: EventPosition): boolean {
  const number = index.block[entry]!;
  const stamp = index.stamp[number]!;
  if (stamp !== before.stamp) return stamp < before.stamp;
  return entry - index.first[number]! < before.ordinal;
}

/** Entries from the chain that starts at `newest`, by (time, arrival) descending. */
function* entriesByTime(
  index: IndexReader,
  newest: number,
  { since, wanted }: Bounds,
  budget: ScanBudget,
): Iterable<number> {
  const heap = new EntryHeap(index);
  let entry = newest;
  for (;;) {
    while (entry !== 0 && (heap.size === 0 || index.latest[entry]! > index.time[heap.top]!)) {
      if (index.latest[entry]! < since) {
        entry = 0;
        break;
      }
      budget.spend(1);
      if (wanted(entry)) heap.push(entry);
      entry = index.previous[entry]!;
    }
    if (heap.size === 0) return;
    yield heap.pop();
  }
}

/** A binary heap of entries; the top is the newest by (time, arrival). Usually holds one. */
class EntryHeap {
  readonly #index: IndexReader;
  readonly #entries: number[] = [];

  constructor(index: IndexReader) {
    this.#index = index;
  }

  get size(): number {
    return this.#entries.length;
  }

  get top(): number {
    return this.#entries[0]!;
  }

  push(entry: number): void {
    const entries = this.#entries;
    let at = entries.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#newer(entry, entries[parent]!)) break;
      entries[at] = entries[parent]!;
      at = parent;
    }
    entries[at] = entry;
  }

  pop(): number {
    const entries = this.#entries;
    const top = entries[0]!;
    const last = entries.pop()!;
    if (entries.length > 0) this.#sink(last);
    return top;
  }

  #sink(entry: number): void {
    const entries = this.#entries;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= entries.length) break;
      if (child + 1 < entries.length && this.#newer(entries[child + 1]!, entries[child]!))
        child += 1;
      if (!this.#newer(entries[child]!, entry)) break;
      entries[at] = entries[child]!;
      at = child;
    }
    entries[at] = entry;
  }

  #newer(a: number, b: number): boolean {
    const timeA = this.#index.time[a]!;
    const timeB = this.#index.time[b]!;
    return timeA === timeB ? a > b : timeA > timeB;
  }
}
