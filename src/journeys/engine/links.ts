/**
 * Customers are joined and parted where the tape says so. An event of this kind stands on one customer's
 * tape and does not name the other: a handle stands for it, which the graph of identities knows. A handle is
 * never another's, so every replay learns the same; that of somebody who was erased is nobody's.
 */
import type { LinkReader } from '../../identity/reader.ts';
import type { PersonState } from '../state.ts';
import type { Aliases } from './aliases.ts';
import { isBlank, newPerson } from './apply.ts';
import type { WorkspaceForce } from './force.ts';
import { join, part } from './join.ts';
import type { PersonName } from './layout.ts';
import { Moment, type SeenEvent } from './moment.ts';
import type { Person, Persons } from './persons.ts';
import type { Recaller } from './recaller.ts';

export interface LinksParts {
  readonly reader: LinkReader;
  readonly aliases: Aliases;
  readonly persons: Persons;
  readonly recaller: Recaller;
  readonly touched: (person: Person) => void;
  /** Nothing is known any more of somebody under this name: it is another's. */
  readonly gone: (workspace: number, customer: string) => void;
}

interface Said {
  /** Handles. */
  readonly member?: number;
  readonly owner?: number;
  readonly switched?: boolean;
  readonly leaves?: boolean;
}

export class Links {
  readonly #parts: LinksParts;

  constructor(parts: LinksParts) {
    this.#parts = parts;
  }

  /** @returns whether the event was about who belongs to whom. */
  take(workspace: number, customer: string, event: SeenEvent, force: WorkspaceForce): boolean {
    const { type } = event;
    const isLink = type === 'tapeline.link' || type === 'tapeline.merge';
    if (!isLink && type !== 'tapeline.unmerge') return false;
    const said = JSON.parse(event.data() ?? '{}') as Said;
    const place = { workspace, customer, event, force };
    if (isLink) this.#join(place, said);
    else if (said.leaves === true) this.#part(place, said);
    return true;
  }

  /** The member becomes the customer's, with what is known of it; a device that changes hands comes with nothing. */
  #join(place: Place, { member, switched }: Said): void {
    const { aliases, gone, persons, reader, touched } = this.#parts;
    const { customer, workspace } = place;
    const identity = member === undefined ? undefined : reader.nameOf(workspace, member);
    if (identity === undefined) return;
    const before = aliases.ownerOf(workspace, identity);
    if (before.customer === identity && switched !== true) {
      // Each by itself: what both did is joined below.
      this.#tell(place, before);
      this.#tell(place, aliases.ownerOf(workspace, customer));
    }
    aliases.set({ workspace, customer: identity }, customer);
    const after = aliases.ownerOf(workspace, identity);
    const isItself = before.customer === identity && after.customer !== identity;
    const left = isItself && switched !== true ? persons.find(before) : undefined;
    if (left === undefined) return;
    const into = this.#personOf(after);
    join(momentOf(place, into.state), left.state);
    persons.takeOver(into, left);
    touched(into);
    gone(workspace, before.customer);
  }

  /** Audiences that have not been told yet what somebody did are told now; who did nothing stays unknown. */
  #tell({ event, force, workspace }: Place, name: PersonName): void {
    const { persons, recaller } = this.#parts;
    const known = persons.find(name);
    const state = known?.state ?? newPerson(name.customer);
    recaller.tell(workspace, force, state, event, event.received);
    if (known !== undefined) persons.touch(known);
    else if (Object.keys(state.audiences).length > 0) persons.touch(persons.add(name, state));
  }

  /** The identity, whose tape this is, is its own again, or another's; instances that began with it go along. */
  #part(place: Place, { owner }: Said): void {
    const { aliases, persons, reader, touched } = this.#parts;
    const { customer, workspace } = place;
    const identity = reader.canonical(customer);
    const before = aliases.ownerOf(workspace, identity);
    const next = owner === undefined ? undefined : reader.nameOf(workspace, owner);
    aliases.part({ workspace, customer: identity }, next);
    const after = aliases.ownerOf(workspace, identity);
    const from = before.customer === after.customer ? undefined : persons.find(before);
    if (from === undefined) return;
    const into = persons.find(after)?.state ?? newPerson(after.customer);
    const isTheirs = (home: string): boolean => {
      return aliases.ownerOf(workspace, home).customer === after.customer;
    };
    part(momentOf(place, from.state), into, isTheirs);
    persons.touch(from);
    touched(from);
    if (isBlank(into)) return;
    const person = persons.find(after) ?? persons.add(after, into);
    persons.touch(person);
    touched(person);
  }

  #personOf(name: { readonly workspace: number; readonly customer: string }): Person {
    const { persons } = this.#parts;
    const person = persons.find(name) ?? persons.add(name, newPerson(name.customer));
    persons.touch(person);
    return person;
  }
}

interface Place {
  readonly workspace: number;
  readonly customer: string;
  readonly event: SeenEvent;
  readonly force: WorkspaceForce;
}

function momentOf({ customer, event, force }: Place, person: PersonState): Moment {
  const { ordinal, received, stamp } = event;
  const cause = { stamp, ordinal };
  return new Moment({ force, person, home: customer, at: received, cause, isSilent: true });
}
