/**
 * Which customers to look at when, for timers that may be due. In memory are only those of the near future;
 * the others are rows in the order of their time, and are taken over as it comes near.
 */
import { Heap } from '../../std/heap.ts';
import { dueOf, type PersonName, parseTimer, personKey, timersFrom } from './layout.ts';
import type { JourneyStore } from './store.ts';

/** How far ahead rows are taken into memory, and when the next stretch is. */
export const nearMs = 20_000;
const extendMs = 10_000;
/** Rows that are taken over in one go; more only when they are due in the same millisecond. */
const pageRows = 2000;

interface Look {
  readonly at: number;
  readonly name: PersonName;
}

export class Schedule {
  readonly #store: JourneyStore;
  readonly #looks = new Heap<Look>([], (one, other) => one.at < other.at);
  /** Rows up to here are in memory. */
  #until = -1;
  /** Up to where the stretch goes that is being taken over. */
  #end = -1;

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

  /**
   * Takes rows of the next stretch over, when it is near: a page of them. What comes to be due in it meanwhile
   * is for whoever changes it to add, as `until` says.
   * @returns whether it did; `isBehind` tells whether there are more.
   */
  extend(now: number): boolean {
    if (!this.isBehind) {
      if (this.#until >= now + extendMs) return false;
      this.#end = now + nearMs;
    }
    const last = this.#takePage(timersFrom(this.#until + 1), timersFrom(this.#end + 1));
    for (const key of this.#store.waitingKeys(timersFrom(this.#until + 1), timersFrom(last + 1))) {
      this.#takeRow(key);
    }
    this.#until = last;
    return true;
  }

  get isBehind(): boolean {
    return this.#until < this.#end;
  }

  /** @returns up to when there are no other rows in the file. */
  #takePage(start: Buffer, end: Buffer): number {
    const persons: Buffer[] = [];
    let last = this.#end;
    let before = -1;
    for (const key of this.#store.settledKeys(start, end)) {
      const due = dueOf(key);
      if (persons.length >= pageRows && due > before) {
        last = before;
        break;
      }
      persons.push(personKey(this.#takeRow(key)));
      before = due;
    }
    this.#store.prefetch(persons);
    return last;
  }

  #takeRow(key: Buffer): PersonName {
    const { customer, due, workspace } = parseTimer(key);
    const name = { workspace, customer };
    this.add(due, name);
    return name;
  }
}
