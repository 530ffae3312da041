/** Gives what customers' states ask for to those who carry it out: each request and delivery once. */

import type { CompiledRule } from '../compile/compiled.ts';
import type { Request } from '../state.ts';
import { newPerson } from './apply.ts';
import { type PersonName, parseName, workPrefix } from './layout.ts';
import type { Person, Persons } from './persons.ts';
import { type Rebuild, settleRebuilt } from './rebuild.ts';
import type { JourneyStore } from './store.ts';
import type { Definitions, Worker } from './work.ts';

export interface HandsParts {
  readonly store: JourneyStore;
  readonly persons: Persons;
  readonly workers: readonly Worker[];
  readonly definitions: Definitions;
  /** Nobody decides this any more. */
  readonly lapsed: (workspace: number, customer: string, request: Request) => void;
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

  /** Everything that is on the tape has been applied: what is left from before is given first. */
  begin(rebuild: Rebuild | undefined): void {
    const { persons, store } = this.#parts;
    this.#isOn = true;
    for (const [key] of store.range(workPrefix)) {
      const person = persons.find(parseName(key));
      if (person !== undefined) this.note(person);
    }
    if (rebuild !== undefined) for (const { name } of this.#touched) this.#settle(name, rebuild);
    this.give();
  }

  #settle(name: PersonName, rebuild: Rebuild): void {
    const { definitions, lapsed, persons } = this.#parts;
    const person = persons.find(name);
    if (person === undefined) return;
    const rule = (rule: string): CompiledRule | undefined => definitions.rule(name.workspace, rule);
    for (const request of settleRebuilt(person.state, rebuild, rule)) {
      lapsed(name.workspace, name.customer, request);
    }
    persons.touch(person);
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
