/** Gives what customers' states ask for to those who carry it out: each request and delivery once. */

import { newPerson } from './apply.ts';
import { parseName, workPrefix } from './layout.ts';
import type { Person, Persons } from './persons.ts';
import { lapse, replayedMs } from './requests.ts';
import type { JourneyStore } from './store.ts';
import type { Worker } from './work.ts';

export interface HandsParts {
  readonly store: JourneyStore;
  readonly persons: Persons;
  readonly workers: readonly Worker[];
}

export class Hands {
  readonly #parts: HandsParts;
  /** To whom something was applied since they were looked at. */
  readonly #touched = new Set<Person>();
  #isOn = false;

  constructor(parts: HandsParts) {
    this.#parts = parts;
  }

  note(person: Person): void {
    const { deliveries, requests } = person.state;
    if (requests.length > 0 || deliveries.length > 0 || person.given !== undefined) {
      this.#touched.add(person);
    }
  }

  /** Nothing is known any more of somebody under this name. */
  noteGone(workspace: number, customer: string): void {
    if (!this.#isOn) return;
    const nobody = newPerson(customer);
    for (const worker of this.#parts.workers) worker.changed?.(workspace, nobody);
  }

  /**
   * Everything that is on the tape has been applied: what is left from before is given first.
   * @param replayedAt when the tape was read from its beginning: older requests came to nothing.
   */
  begin(replayedAt: number | undefined): void {
    const { persons, store } = this.#parts;
    this.#isOn = true;
    for (const [key] of store.range(workPrefix)) {
      const person = persons.find(parseName(key));
      if (person !== undefined) this.note(person);
    }
    for (const person of replayedAt === undefined ? [] : this.#touched) {
      lapse(person.state, replayedAt!, undefined, replayedMs);
      persons.touch(person);
    }
    this.give();
  }

  /** At the end of a turn. */
  give(): void {
    if (!this.#isOn || this.#touched.size === 0) return;
    const touched = [...this.#touched];
    this.#touched.clear();
    for (const person of touched) this.#give(person);
  }

  #give(person: Person): void {
    const { name, state } = person;
    const given = person.given ?? new Set();
    const requests = state.requests.filter(({ id }) => !given.has(id));
    const deliveries = state.deliveries.filter(({ action }) => !given.has(action.id));
    const living = [...state.requests.map(({ id }) => id), ...state.deliveries.map(idOf)];
    person.given = living.length === 0 ? undefined : new Set(living);
    for (const worker of this.#parts.workers) {
      worker.changed?.(name.workspace, state);
      if (requests.length > 0 || deliveries.length > 0) {
        worker.take({ workspace: name.workspace, person: state, requests, deliveries });
      }
    }
  }

  end(): void {
    this.#isOn = false;
  }
}

function idOf({ action }: { readonly action: { readonly id: string } }): string {
  return action.id;
}
