/**
 * The customers that the engine knows: those in use in memory, the others in `journeys.mdb`. What is changed
 * is written with the next checkpoint, together with how far the tape was applied, and until then stays here.
 */
import { assert } from '../../std/assert.ts';
import type { PersonState } from '../state.ts';
import { type PersonName, personKey, timerKey, workKey } from './layout.ts';
import type { JourneyStore } from './store.ts';
import { firstDue } from './timers.ts';

/** What the customers in memory may weigh, as JSON; past that those in use go too, if they are written. */
export const personsBytesMax = 32 * 1024 * 1024;
/** Of one that has not been written yet. */
const freshBytes = 1024;

/** A customer's row. */
interface StoredPerson {
  /** Of its row among the timers. */
  readonly due?: number;
  /** It has a row among those with something to be done. */
  readonly work?: true;
  readonly state: PersonState;
}

export interface Person {
  readonly key: string;
  readonly name: PersonName;
  readonly state: PersonState;
  /** Of its tape, when it was found by it. */
  hash: number | undefined;
  /** Changed since the last checkpoint was cut. */
  isDirty: boolean;
  /** Of the checkpoint that was, and still to be written out. */
  isCut: boolean;
  /** Asked for since the last checkpoint. */
  isRecent: boolean;
  /** As in its row. */
  dueStored: number | undefined;
  hasWorkStored: boolean;
  /** It is looked at for timers then; infinite: nobody will look. */
  lookAt: number;
  /** Timers that were said and have not been read back: id and generation. */
  said: Set<string> | undefined;
  /** Requests and deliveries that were given to be carried out. */
  given: Set<string> | undefined;
  bytes: number;
}

export function keyOf({ customer, workspace }: PersonName): string {
  return `${workspace}/${customer}`;
}

export class Persons {
  readonly #store: JourneyStore;
  readonly #bytesMax: number;
  readonly #persons = new Map<string, Person>();
  /** Of these, who was found by the hash of its tape, the last one of each. */
  readonly #byHash = new Map<number, Person>();
  /** Changed since the last checkpoint was cut. */
  #dirty = new Set<Person>();
  /** Of the checkpoint that is being made: still as they were when it was cut, and not written out yet. */
  #cut = new Set<Person>();
  #cutAt = 0;
  #bytes = 0;

  constructor(store: JourneyStore, bytesMax: number = personsBytesMax) {
    this.#store = store;
    this.#bytesMax = bytesMax;
  }

  /** How many have changed since they were written out. */
  get unwritten(): number {
    return this.#dirty.size + this.#cut.size;
  }

  get inMemory(): number {
    return this.#persons.size;
  }

  /** To be changed, if at all, before anything else happens; undefined: nothing is known of it. */
  find(name: PersonName): Person | undefined {
    const key = keyOf(name);
    const known = this.#persons.get(key);
    if (known !== undefined) return this.#use(known);
    const value = this.#store.get(personKey(name));
    if (value === undefined) return undefined;
    const stored = JSON.parse(value.toString('utf8')) as StoredPerson;
    return this.#keep(name, stored, value.length);
  }

  #use(person: Person): Person {
    person.isRecent = true;
    // The checkpoint has it as it is now.
    if (person.isCut) this.#writeOne(person);
    return person;
  }

  /**
   * As `find`, of one under the name of its own tape.
   * @param hash of that tape: to look a number up takes a third of the time that a text takes.
   */
  findOnTape(name: PersonName, hash: number): Person | undefined {
    // Then it is a small integer for the engine.
    const int = hash | 0;
    const hinted = this.#byHash.get(int);
    const isIt =
      hinted?.name.customer === name.customer && hinted.name.workspace === name.workspace;
    if (isIt) return this.#use(hinted);
    const found = this.find(name);
    if (found !== undefined) {
      found.hash = int;
      this.#byHash.set(int, found);
    }
    return found;
  }

  /** As `find`, for a look: who is not in memory is not kept there. */
  peek(name: PersonName): PersonState | undefined {
    const known = this.#persons.get(keyOf(name));
    if (known !== undefined) return known.state;
    const value = this.#store.get(personKey(name));
    return value && (JSON.parse(value.toString('utf8')) as StoredPerson).state;
  }

  /** A customer that nothing was known of. */
  add(name: PersonName, state: PersonState): Person {
    const person = this.#keep(name, { state }, freshBytes);
    this.touch(person);
    return person;
  }

  #keep(name: PersonName, { due, state, work }: StoredPerson, bytes: number): Person {
    // Not begun with a spread: Node 20 gives each object made so a shape of its own, and every look at it is slow.
    const person: Person = {
      name,
      state,
      hash: undefined,
      bytes,
      key: keyOf(name),
      isDirty: false,
      isCut: false,
      isRecent: true,
      dueStored: due,
      hasWorkStored: work === true,
      lookAt: Number.POSITIVE_INFINITY,
      said: undefined,
      given: undefined,
    };
    this.#persons.set(person.key, person);
    this.#bytes += bytes;
    return person;
  }

  /** Its state is, or will be, another one. */
  touch(person: Person): void {
    if (person.isDirty) return;
    person.isDirty = true;
    this.#dirty.add(person);
  }

  *changed(): Iterable<Person> {
    yield* this.#cut;
    yield* this.#dirty;
  }

  /** `left` is `into`'s now, with what was said and given for it. */
  takeOver(into: Person, left: Person): void {
    if (left.said !== undefined) into.said = new Set([...(into.said ?? []), ...left.said]);
    if (left.given !== undefined) into.given = new Set([...(into.given ?? []), ...left.given]);
    this.remove(left.name);
  }

  /** Nothing is known of it any more. */
  remove(name: PersonName): void {
    const person = this.find(name);
    if (person === undefined) return;
    this.#persons.delete(person.key);
    this.#forgetHash(person);
    this.#dirty.delete(person);
    this.#bytes -= person.bytes;
    this.#store.put(personKey(name), undefined);
    if (person.dueStored !== undefined) {
      this.#store.put(timerKey(person.dueStored, name), undefined);
    }
    if (person.hasWorkStored) this.#store.put(workKey(name), undefined);
  }

  /** A checkpoint begins: who has changed so far is of it, as they are now. @param now the clock's. */
  cut(now: number): void {
    assert(this.#cut.size === 0, 'one checkpoint at a time');
    [this.#cut, this.#dirty] = [this.#dirty, this.#cut];
    this.#cutAt = now;
    for (const person of this.#cut) {
      person.isDirty = false;
      person.isCut = true;
    }
  }

  /**
   * Puts those who are of the checkpoint into the store's, until it is over.
   * @returns whether everybody has been.
   */
  writeCut(isOver: () => boolean, written: (person: Person) => void): boolean {
    for (const person of this.#cut) {
      this.#writeOne(person);
      written(person);
      if (isOver()) break;
    }
    if (this.#cut.size > 0) return false;
    this.#evict();
    return true;
  }

  #writeOne(person: Person): void {
    person.isCut = false;
    this.#cut.delete(person);
    this.#write(person);
  }

  /** As it is, and was when the checkpoint was cut. */
  #write(person: Person): void {
    const { name, state } = person;
    this.#moveTimer(person, this.#cutAt);
    const hasWork = state.requests.length > 0 || state.deliveries.length > 0;
    if (hasWork !== person.hasWorkStored) {
      this.#store.putCut(workKey(name), hasWork ? nothing : undefined);
      person.hasWorkStored = hasWork;
    }
    const work = hasWork ? true : undefined;
    const value = Buffer.from(JSON.stringify({ due: person.dueStored, work, state }));
    this.#store.putCut(personKey(name), value);
    this.#bytes += value.length - person.bytes;
    person.bytes = value.length;
  }

  /** A row that is too early is left where it is until its time has passed: activity only moves timers on. */
  #moveTimer(person: Person, now: number): void {
    const due = firstDue(person.state);
    const stored = person.dueStored;
    if (stored !== undefined && stored <= due && stored > now && due !== infinite) return;
    if (stored === due) return;
    if (stored !== undefined) this.#store.putCut(timerKey(stored, person.name), undefined);
    person.dueStored = due === infinite ? undefined : due;
    if (due !== infinite) this.#store.putCut(timerKey(due, person.name), nothing);
  }

  #forgetHash(person: Person): void {
    const { hash } = person;
    if (hash !== undefined && this.#byHash.get(hash) === person) this.#byHash.delete(hash);
  }

  /**
   * Whoever was not asked for since the last checkpoint goes: as objects customers weigh some six times their JSON,
   * and while the collector goes through them nothing else happens, timers above all.
   */
  #evict(): void {
    for (const person of this.#persons.values()) {
      if (person.isRecent) person.isRecent = false;
      else this.#letGo(person);
    }
    for (const person of this.#persons.values()) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#letGo(person);
    }
  }

  /** Unless it is to be written; what was said or given is remembered with it. */
  #letGo(person: Person): void {
    if (person.isDirty || person.isCut) return;
    if (person.said !== undefined || person.given !== undefined) return;
    this.#persons.delete(person.key);
    this.#forgetHash(person);
    this.#bytes -= person.bytes;
  }
}

const infinite = Number.POSITIVE_INFINITY;
const nothing = Buffer.alloc(0);
