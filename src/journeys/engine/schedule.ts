/**
 * Which customers to look at when, for timers that may be due. In memory are only those of the near future;
 * the others are rows in the order of their time, and are taken over as it comes near.
 */
import { Heap } from '../../std/heap.ts';
import { type PersonName, parseTimer, timersFrom } from './layout.ts';
import type { JourneyStore } from './store.ts';

/** How far ahead rows are taken into memory, and when the next stretch is. */
export const nearMs = 120_000;
const extendMs = 60_000;

interface Look {
  readonly at: number;
  readonly name: PersonName;
}

export class Schedule {
  readonly #store: JourneyStore;
  readonly #looks = new Heap<Look>([], (one, other) => one.at < other.at);
  /** Rows up to here are in memory. */
  #until = -1;

  constructor(store: JourneyStore) {
    this.#store = store;
  }

  /** Up to where looks are held in memory. */
  get until(): number {
    return this.#until;
  }

  add(at: number, name: PersonName): void {
    this.#looks.add({ at, name });
  }

  /** Those whose time is past. */
  *take(now: number): Iterable<PersonName> {
    for (let first = this.#looks.first; first !== undefined && first.at < now; ) {
      this.#looks.removeFirst();
      yield first.name;
      first = this.#looks.first;
    }
  }

  /** When to look next; infinite: at nobody. */
  get next(): number {
    return this.#looks.first?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Takes the rows of the next stretch over, when it is near. @returns whether it did. */
  extend(now: number): boolean {
    if (this.#until >= now + extendMs) return false;
    const until = now + nearMs;
    const [start, end] = [timersFrom(this.#until + 1), timersFrom(until + 1)];
    for (const key of this.#store.keysBetween(start, end)) {
      const { customer, due, workspace } = parseTimer(key);
      this.add(due, { workspace, customer });
    }
    this.#until = until;
    return true;
  }
}
