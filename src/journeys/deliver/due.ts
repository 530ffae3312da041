/** What is to be done later, in memory: never early, by one timer however much waits. */
import type { Clock } from '../../std/clock.ts';
import { Heap } from '../../std/heap.ts';

/** The longest a timer is set for. */
const napMsMax = 3_600_000;

interface Due<Item> {
  readonly item: Item;
  readonly at: number;
}

export class DueList<Item> {
  readonly #clock: Clock;
  /** `at`: as it was added. Whatever has changed since is for the owner to see. */
  readonly #onDue: (item: Item, at: number) => void;
  readonly #heap = new Heap<Due<Item>>([], (one, other) => one.at < other.at);
  #wake: { readonly at: number; readonly cancel: () => void } | undefined;
  #closed = false;

  constructor(clock: Clock, onDue: (item: Item, at: number) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** @param at epoch milliseconds; what is past is due at once, but not before this returns. */
  add(item: Item, at: number): void {
    this.#heap.add({ item, at });
    this.#set();
  }

  close(): void {
    this.#closed = true;
    this.#wake?.cancel();
  }

  #set(): void {
    const first = this.#heap.first;
    if (this.#closed || first === undefined) return;
    if (this.#wake !== undefined && this.#wake.at <= first.at) return;
    this.#wake?.cancel();
    const delayMs = Math.min(Math.max(0, first.at - this.#clock.now()), napMsMax);
    this.#wake = { at: first.at, cancel: this.#clock.after(delayMs, () => this.#work()) };
  }

  #work(): void {
    this.#wake = undefined;
    const now = this.#clock.now();
    for (let due = this.#heap.first; due !== undefined && due.at <= now; due = this.#heap.first) {
      this.#heap.removeFirst();
      this.#onDue(due.item, due.at);
    }
    this.#set();
  }
}
