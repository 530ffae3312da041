/**
 * The agents of one workspace as they are now: who is there, what they can do, how many offers they hold.
 * In memory; definitions and presence are rows (`records.ts`), and what an agent holds follows from the
 * offers on the board.
 */
import type { Place } from '../place.ts';
import type { AgentDefinition, DeskDefinition, PresenceStatus } from './agent.ts';
import type { Candidate } from './match.ts';
import { Nearby } from './near.ts';
import type { OfferKind, Search } from './search.ts';

export interface Presence {
  readonly status: PresenceStatus;
  readonly place: Place | undefined;
  /** It counts before this instant; Infinity while the agent's live connection is open. */
  readonly until: number;
}

const absent: Presence = { status: 'offline', place: undefined, until: Number.POSITIVE_INFINITY };

/** One agent. */
export class Seat implements Candidate {
  readonly id: string;
  definition: AgentDefinition;
  presence: Presence = absent;
  skills: ReadonlyMap<string, number> = new Map();
  place: Place | undefined;
  takes: ReadonlySet<OfferKind> | undefined;
  lastOfferAt = 0;
  /** When the board looks at its presence next; Infinity: never. */
  armedAt = Number.POSITIVE_INFINITY;
  /** Ids of offers that are reserved for it, or accepted and not completed. The roster changes it. */
  readonly holds = new Set<string>();

  constructor(id: string, definition: AgentDefinition) {
    this.id = id;
    this.definition = definition;
  }

  get load(): number {
    return this.holds.size;
  }

  get capacity(): number {
    return this.definition.capacity;
  }

  isAvailable(now: number): boolean {
    return this.presence.status === 'available' && now < this.presence.until;
  }
}

/** Also one that agents name and nobody has defined. */
interface Desk {
  definition: DeskDefinition | undefined;
  readonly members: Set<Seat>;
  /** Offers that its members hold. */
  load: number;
}

export class Roster {
  readonly #seats = new Map<string, Seat>();
  readonly #desks = new Map<string, Desk>();
  readonly #nearby = new Nearby(this.#seats);

  get size(): number {
    return this.#seats.size;
  }

  seat(id: string): Seat | undefined {
    return this.#seats.get(id);
  }

  seats(): Iterable<Seat> {
    return this.#seats.values();
  }

  desk(name: string): DeskDefinition | undefined {
    return this.#desks.get(name)?.definition;
  }

  /** How many agents are at a desk, and what they hold together. */
  occupancy(name: string): { readonly agents: number; readonly load: number } {
    const desk = this.#desks.get(name);
    return { agents: desk?.members.size ?? 0, load: desk?.load ?? 0 };
  }

  /** Those that are defined. */
  *desks(): Iterable<[name: string, definition: DeskDefinition]> {
    for (const [name, { definition }] of this.#desks) {
      if (definition !== undefined) yield [name, definition];
    }
  }

  putAgent(id: string, definition: AgentDefinition): Seat {
    const seat = this.#seats.get(id) ?? new Seat(id, definition);
    this.#leave(seat);
    seat.definition = definition;
    this.#seats.set(id, seat);
    this.#join(seat);
    this.#equip(seat);
    this.#nearby.change();
    return seat;
  }

  removeAgent(seat: Seat): void {
    this.#leave(seat);
    this.#seats.delete(seat.id);
    this.#nearby.change();
  }

  /** @returns the agents it concerns. */
  putDesk(name: string, definition: DeskDefinition | undefined): Iterable<Seat> {
    const desk = this.#deskNamed(name);
    desk.definition = definition;
    for (const seat of desk.members) this.#equip(seat);
    this.#sweep(name);
    return desk.members;
  }

  /** The agent has one more offer, or one less. */
  hold(seat: Seat, offer: string, holds: boolean): void {
    const isChange = holds ? !seat.holds.has(offer) : seat.holds.has(offer);
    if (!isChange) return;
    if (holds) seat.holds.add(offer);
    else seat.holds.delete(offer);
    const desk = this.#deskOf(seat);
    if (desk !== undefined && this.#seats.get(seat.id) === seat) desk.load += holds ? 1 : -1;
  }

  setPresence(seat: Seat, presence: Presence): void {
    seat.presence = presence;
    this.#equip(seat);
  }

  /** Whether the agent may be asked once more, its desk's room included. */
  hasRoom(seat: Seat): boolean {
    if (seat.load >= seat.capacity) return false;
    const desk = this.#deskOf(seat);
    return (
      desk === undefined || desk.load < (desk.definition?.capacity ?? Number.POSITIVE_INFINITY)
    );
  }

  /** Who can take more when the agent holds one less: itself, and others of its desk if they share its room. */
  relieved(seat: Seat): Iterable<Seat> {
    const desk = this.#deskOf(seat);
    return desk?.definition?.capacity === undefined ? [seat] : desk.members;
  }

  /** Everybody who may be near enough for a search, and perhaps others. */
  near({ miles, place }: Search): Iterable<Seat> {
    return this.#nearby.within(place, miles);
  }

  #deskNamed(name: string): Desk {
    let desk = this.#desks.get(name);
    if (desk === undefined) {
      desk = { definition: undefined, members: new Set(), load: 0 };
      this.#desks.set(name, desk);
    }
    return desk;
  }

  #deskOf({ definition: { desk } }: Seat): Desk | undefined {
    return desk === undefined ? undefined : this.#desks.get(desk);
  }

  #join(seat: Seat): void {
    const { desk: name } = seat.definition;
    if (name === undefined) return;
    const desk = this.#deskNamed(name);
    desk.members.add(seat);
    desk.load += seat.load;
  }

  #leave(seat: Seat): void {
    const { desk: name } = seat.definition;
    const desk = this.#deskOf(seat);
    if (name === undefined || desk?.members.delete(seat) !== true) return;
    desk.load -= seat.load;
    this.#sweep(name);
  }

  /** Forgets a desk that is neither defined nor named by anybody. */
  #sweep(name: string): void {
    const desk = this.#desks.get(name);
    if (desk?.definition === undefined && desk?.members.size === 0) this.#desks.delete(name);
  }

  /** Works out skills and place from the agent, its desk and its presence. */
  #equip(seat: Seat): void {
    const { channels, place, skills: own } = seat.definition;
    const desk = this.#deskOf(seat)?.definition;
    const skills = new Map(Object.entries(desk?.skills ?? {}));
    for (const [skill, level] of Object.entries(own)) {
      skills.set(skill, Math.max(level, skills.get(skill) ?? 0));
    }
    seat.skills = skills;
    seat.takes = channels === undefined ? undefined : new Set(channels);
    const here = seat.presence.place ?? place ?? desk?.place;
    const stays =
      here?.latitude === seat.place?.latitude && here?.longitude === seat.place?.longitude;
    seat.place = here;
    if (!stays) this.#nearby.change();
  }
}
