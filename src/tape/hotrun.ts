/**
 * A run over a part's index: the chain of one customer hash is walked in arrival order, and events
 * that arrived late are held in a heap until nothing older in arrival can be newer in time.
 */
import type { ScanBudget } from './budget.ts';
import type { EventPosition } from './cursor.ts';
import { TapeEvent } from './event.ts';
import type { HotLog } from './hotlog.ts';
import type { IndexReader } from './index.ts';
import type { Run, RunBounds } from './run.ts';

/** Reading and checking a block, in index steps. */
export const blockSteps = 100;

export class HotRun implements Run {
  readonly #index: IndexReader;
  readonly #log: HotLog;
  readonly #bounds: RunBounds;
  readonly #budget: ScanBudget;
  readonly #heap: EntryHeap;
  /** The next entry of the chain; 0 at its end. */
  #chain: number;
  // Of the current event: each is asked for several times, and lies in memory that is rarely in a cache.
  time = Number.NEGATIVE_INFINITY;
  stamp = 0;
  ordinal = 0;
  typeHash = 0;

  constructor(
    { index, log }: { readonly index: IndexReader; readonly log: HotLog },
    customerHash: number,
    bounds: RunBounds,
    budget: ScanBudget,
  ) {
    this.#index = index;
    this.#log = log;
    this.#bounds = bounds;
    this.#budget = budget;
    this.#heap = new EntryHeap(index);
    this.#chain = index.newestEntry(customerHash);
  }

  next(): boolean {
    const index = this.#index;
    const heap = this.#heap;
    let entry = this.#chain;
    while (entry !== 0 && (heap.size === 0 || index.latest[entry]! > index.time[heap.top]!)) {
      if (index.latest[entry]! < this.#bounds.since) {
        entry = 0;
        break;
      }
      this.#budget.spend(1);
      if (this.#isWanted(entry)) heap.push(entry);
      entry = index.previous[entry]!;
    }
    this.#chain = entry;
    if (heap.size === 0) return false;
    const current = heap.pop();
    const block = index.block[current]!;
    this.time = index.time[current]!;
    this.stamp = index.stamp[block]!;
    this.ordinal = current - index.first[block]!;
    this.typeHash = index.typeHash[current]!;
    return true;
  }

  event(): TapeEvent | undefined {
    this.#budget.spend(blockSteps);
    const block = this.#log.block(this.stamp);
    return block === undefined ? undefined : new TapeEvent(block, this.ordinal);
  }

  #isWanted(entry: number): boolean {
    const { before, since, until } = this.#bounds;
    const time = this.#index.time[entry]!;
    if (time < since || time > until) return false;
    if (before === undefined || time < before.time) return true;
    return time === before.time && this.#isBefore(entry, before);
  }

  #isBefore(entry: number, before: EventPosition): boolean {
    const number = this.#index.block[entry]!;
    const stamp = this.#index.stamp[number]!;
    if (stamp !== before.stamp) return stamp < before.stamp;
    return entry - this.#index.first[number]! < before.ordinal;
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
