/**
 * Whose a customer's identities were in its past: each its own until the tape says whose it is. Joined and
 * parted as the engine does it (`engine/links.ts`), on plain memory.
 */
import { newPerson } from '../engine/apply.ts';
import type { WorkspaceForce } from '../engine/force.ts';
import type { Happening } from '../engine/happening.ts';
import { join, part } from '../engine/join.ts';
import { Moment, type SeenEvent } from '../engine/moment.ts';
import type { PersonState } from '../state.ts';

/** What the graph of identities knows of names. */
export interface Names {
  canonical(identity: string): string;
  /** Undefined: of somebody who was erased. */
  nameOf(workspace: number, handle: number): string | undefined;
}

interface Said {
  /** Handles. */
  readonly member?: number;
  readonly owner?: number;
  readonly switched?: boolean;
  readonly leaves?: boolean;
}

interface LinkEvent extends SeenEvent {
  readonly home: string;
}

export class People {
  readonly #workspace: number;
  readonly #names: Names;
  readonly #owners = new Map<string, string>();
  readonly #persons = new Map<string, PersonState>();

  constructor(workspace: number, names: Names) {
    this.#workspace = workspace;
    this.#names = names;
  }

  of(identity: string): PersonState {
    const owner = this.#ownerOf(identity);
    const person = this.#persons.get(owner) ?? newPerson(owner);
    this.#persons.set(owner, person);
    return person;
  }

  /** Whether an identity is that person's by now. */
  isOf(identity: string, { name }: PersonState): boolean {
    return this.#ownerOf(identity) === this.#ownerOf(name);
  }

  /** Undefined: nobody has such an instance. */
  holderOf(instance: string): PersonState | undefined {
    for (const person of this.#persons.values()) {
      if (person.instances.some(({ id }) => id === instance)) return person;
    }
    return undefined;
  }

  /**
   * @param tell tells a person's audiences what it did before, if they do not know.
   * @returns whether the event was about who belongs to whom.
   */
  take(
    event: LinkEvent,
    force: WorkspaceForce,
    observe: (each: Happening) => void,
    tell: (person: PersonState) => void,
  ): boolean {
    const isLink = event.type === 'tapeline.link' || event.type === 'tapeline.merge';
    if (!isLink && event.type !== 'tapeline.unmerge') return false;
    const said = JSON.parse(event.data() ?? '{}') as Said;
    const momentOf = (person: PersonState): Moment => {
      const { home, ordinal, received, stamp } = event;
      const cause = { stamp, ordinal };
      return new Moment({ force, person, home, at: received, cause, isSilent: true, observe });
    };
    if (isLink) this.#join(event.home, said, momentOf, tell);
    else if (said.leaves === true) this.#part(event.home, said, momentOf);
    return true;
  }

  #join(
    customer: string,
    { member, switched }: Said,
    momentOf: (person: PersonState) => Moment,
    tell: (person: PersonState) => void,
  ): void {
    const named = member === undefined ? undefined : this.#names.nameOf(this.#workspace, member);
    if (named === undefined) return;
    const identity = this.#names.canonical(named);
    const before = this.#ownerOf(identity);
    if (before === identity && switched !== true) {
      for (const name of [before, this.#ownerOf(customer)]) tell(this.of(name));
    }
    if (this.#ownerOf(customer) !== identity) this.#owners.set(identity, customer);
    const after = this.#ownerOf(identity);
    const left = before === identity && after !== identity ? this.#persons.get(before) : undefined;
    if (left === undefined || switched === true) return;
    join(momentOf(this.of(after)), left);
    this.#persons.delete(before);
  }

  #part(customer: string, { owner }: Said, momentOf: (person: PersonState) => Moment): void {
    const identity = this.#names.canonical(customer);
    const before = this.#ownerOf(identity);
    const next = owner === undefined ? undefined : this.#names.nameOf(this.#workspace, owner);
    this.#owners.set(identity, next ?? identity);
    const after = this.#ownerOf(identity);
    const from = before === after ? undefined : this.#persons.get(before);
    if (from === undefined) return;
    part(momentOf(from), this.of(after), (home) => this.#ownerOf(home) === after);
  }

  #ownerOf(identity: string): string {
    let owner = this.#names.canonical(identity);
    for (let steps = 0; steps <= this.#owners.size; steps++) {
      const next = this.#owners.get(owner);
      if (next === undefined || next === owner) return owner;
      owner = next;
    }
    return owner;
  }
}
