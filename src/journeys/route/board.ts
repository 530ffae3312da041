/**
 * The offers of one workspace that are not over, and who should have them. A pure part: it is told what
 * agents say and what is read back from the tape, and tells what should be said next.
 *
 *     agents, presence ─┐
 *                       ├─▶ board ─▶ moves: "reserved for a1 until …" ─▶ said on the tape ─▶ read back ─┐
 *     offers ───────────┘     ▲                                                                         │
 *                             └────────────────────────── follow(offer, its state) ◀────────────────────┘
 *
 * Offers of a higher priority come before lower ones whatever their age, those of the same oldest first.
 * What was said and not read back yet holds room like what was: so an agent never has more than its capacity.
 */
import TinyQueue from 'tinyqueue';
import { AppError } from '../../std/errors.ts';
import type { OfferState } from '../state.ts';
import type { OfferSaid } from '../words.ts';
import type { AgentDefinition, DeskDefinition } from './agent.ts';
import { passesMax } from './applied.ts';
import { best } from './match.ts';
import { type Presence, Roster, type Seat } from './roster.ts';
import { nextChange, type SearchPlan, searchAt } from './search.ts';

/** An accepted offer that nobody completes is taken for done after so long. */
export const handleMsMax = 24 * 3_600_000;
/** Of a workspace; what comes beyond is over at once. */
export const offersMax = 10_000;
/** What could not be said is tried again after so long. */
export const retryMs = 1000;

export interface OfferFacts {
  /** The action's id. */
  readonly id: string;
  /** The customer's name as it is now. */
  readonly customer: string;
  readonly plan: SearchPlan;
  readonly at: number;
  readonly state: OfferState;
  /** Nobody needs it any more: what it was made for has ended. */
  readonly isNeeded: boolean;
}

export interface Offer extends OfferFacts {
  readonly expiresAt: number;
  /** Said, and not read back. */
  readonly said: OfferSaid | undefined;
}

export interface Move {
  readonly customer: string;
  readonly said: OfferSaid;
}

export interface Answer {
  readonly change: 'accepted' | 'declined' | 'completed';
  readonly meeting?: string;
  readonly agentName?: string;
  readonly outcome?: string;
}

const verbs = { accepted: 'accept', declined: 'decline', completed: 'complete' };

interface Posted {
  facts: OfferFacts;
  /** There was no room for it. */
  readonly isExcess: boolean;
  said: OfferSaid | undefined;
  /** Nothing is said of it before. */
  restsUntil: number;
  /** For whom it is reserved, or who accepted it; what was said and is not read back included. */
  holder: Seat | undefined;
}

/** When to look at an offer, or at an agent. */
type Due = { readonly at: number } & ({ readonly offer: string } | { readonly agent: string });

export class Board {
  readonly roster = new Roster();
  readonly #offers = new Map<string, Posted>();
  readonly #due = new TinyQueue<Due>([], (a, b) => a.at - b.at);
  /** Offers to look at because of themselves, and agents who can take more than before. */
  readonly #touched = new Set<Posted>();
  readonly #freed = new Set<Seat>();

  get size(): number {
    return this.#offers.size;
  }

  offer(id: string): Offer | undefined {
    const posted = this.#offers.get(id);
    return posted === undefined ? undefined : shown(posted);
  }

  /** Whether it waits a little because what was to be said of it could not be said. */
  rests(id: string, now: number): boolean {
    return now < (this.#offers.get(id)?.restsUntil ?? 0);
  }

  /** What an agent holds, and what is on its way to it; in no order. */
  offersOf(seat: Seat): Offer[] {
    return [...seat.holds].map((id) => shown(this.#offers.get(id)!));
  }

  /** When `moves` should be asked again, if nothing happens before. */
  nextAt(): number | undefined {
    return this.#due.peek()?.at;
  }

  putAgent(id: string, definition: AgentDefinition): Seat {
    const before = this.roster.seat(id);
    // It may leave a desk, which then has room for others.
    if (before !== undefined) this.#free(before);
    const seat = this.roster.putAgent(id, definition);
    // One that was removed may have left an offer that it accepted.
    if (before === undefined) for (const offer of this.#offers.values()) this.#assign(offer);
    this.#touchAgent(seat);
    return seat;
  }

  /** What it was asked goes to others, what it accepted stays until it is completed. */
  removeAgent(seat: Seat): void {
    this.#free(seat);
    this.#freed.delete(seat);
    this.roster.setPresence(seat, { status: 'offline', place: undefined, until: 0 });
    this.roster.removeAgent(seat);
    this.#touchHeld(seat);
  }

  putDesk(name: string, definition: DeskDefinition | undefined): void {
    for (const seat of this.roster.putDesk(name, definition)) this.#touchAgent(seat);
  }

  setPresence(seat: Seat, presence: Presence): void {
    this.roster.setPresence(seat, presence);
    this.#touchAgent(seat);
  }

  /**
   * Takes over what the tape says of an offer; `undefined`: it is over.
   * @returns what it was before.
   */
  follow(id: string, facts: OfferFacts | undefined): OfferFacts | undefined {
    const posted = this.#offers.get(id);
    const before = posted?.facts;
    if (facts === undefined) {
      if (posted !== undefined) this.#drop(posted);
      return before;
    }
    const offer = posted ?? newPosted(facts, this.#offers.size >= offersMax);
    this.#offers.set(id, offer);
    offer.facts = facts;
    if (offer.said !== undefined && offer.said.number <= facts.state.number) offer.said = undefined;
    this.#assign(offer);
    this.#touched.add(offer);
    return before;
  }

  /**
   * What an agent says of an offer it has; the caller says it on the tape, and calls `fail` if that fails.
   * @throws AppError conflict when the offer is not, or not any more, the agent's to answer.
   */
  answer(id: string, agent: string, wish: Answer, now: number): Move {
    const offer = this.#offers.get(id);
    const isTheirs = offer?.facts.state.agent === agent;
    const wanted = wish.change === 'completed' ? 'accepted' : 'reserved';
    const hasTime = wanted === 'accepted' || now < (offer?.facts.state.until ?? 0);
    const isFree = offer?.said === undefined && offer?.facts.state.state === wanted;
    if (offer === undefined || !isTheirs || !hasTime || !isFree) {
      throw new AppError(
        'conflict',
        `the offer is not, or not any more, the agent's to ${verbs[wish.change]}`,
      );
    }
    return this.#say(offer, saidOf(offer.facts, { ...wish, agent }));
  }

  /** What was said did not become durable, or was read back and did not count. */
  fail(id: string, now: number): void {
    const offer = this.#offers.get(id);
    if (offer === undefined || offer.said === undefined) return;
    offer.said = undefined;
    offer.restsUntil = now + retryMs;
    this.#due.push({ at: offer.restsUntil, offer: id });
    this.#assign(offer);
  }

  /** What should be said now. Each offer has at most one move under way. */
  moves(now: number): Move[] {
    this.#wake(now);
    const touched = [...this.#touched];
    const moves: Move[] = [];
    for (const offer of touched) {
      const said = this.#overdue(offer, now);
      if (said !== undefined) moves.push(this.#say(offer, said));
    }
    for (const offer of this.#waiting()) {
      const seat = this.#choose(offer, now);
      if (seat !== undefined) moves.push(this.#reserve(offer, seat, now));
    }
    for (const offer of touched) this.#arm(offer, now);
    this.#touched.clear();
    this.#freed.clear();
    return moves;
  }

  #wake(now: number): void {
    for (let due = this.#due.peek(); due !== undefined && due.at <= now; due = this.#due.peek()) {
      this.#due.pop();
      if ('offer' in due) {
        const offer = this.#offers.get(due.offer);
        if (offer !== undefined) this.#touched.add(offer);
      } else {
        const seat = this.roster.seat(due.agent);
        if (seat === undefined) continue;
        seat.armedAt = Number.POSITIVE_INFINITY;
        if (now < seat.presence.until) this.#armAgent(seat);
        else this.#touchHeld(seat);
      }
    }
  }

  /** What time, or an agent who left, makes of an offer. */
  #overdue(offer: Posted, now: number): OfferSaid | undefined {
    if (offer.said !== undefined || now < offer.restsUntil) return undefined;
    const { facts } = offer;
    const { acceptedAt, agent, passed, state, until } = facts.state;
    const say = (rest: Omit<OfferSaid, 'action' | 'number'>): OfferSaid => saidOf(facts, rest);
    if (state === 'accepted') {
      const isStale = now - (acceptedAt ?? 0) >= handleMsMax;
      return isStale
        ? say({ change: 'completed', agent: agent!, outcome: 'unreported' })
        : undefined;
    }
    if (!facts.isNeeded) return say({ change: 'withdrawn' });
    if (state === 'reserved') {
      const hasTime = now < until! && offer.holder?.isAvailable(now) === true;
      return hasTime ? undefined : say({ change: 'timedOut', agent: agent! });
    }
    if (offer.isExcess) {
      return say({ change: 'expired', outcome: 'overloaded' });
    }
    const isOver = now >= expiresAt(facts) || passed.length >= passesMax;
    return isOver ? say({ change: 'expired' }) : undefined;
  }

  /** Open offers that may find somebody now, in the order in which they are served. */
  #waiting(): Posted[] {
    const all = this.#freed.size > 0 ? this.#offers.values() : this.#touched;
    return [...all].filter(isOpen).sort(comparePosted);
  }

  #choose(offer: Posted, now: number): Seat | undefined {
    const { facts } = offer;
    if (now < offer.restsUntil) return undefined;
    const search = searchAt(facts.plan, now - facts.at);
    // Whoever was there before and is not freed was looked at before, and did not fit.
    const among = this.#touched.has(offer) ? this.roster.near(search) : this.#freed;
    return best(this.#freeAmong(among, facts.state.passed, now), search);
  }

  *#freeAmong(seats: Iterable<Seat>, passed: readonly string[], now: number): Iterable<Seat> {
    for (const seat of seats) {
      if (seat.isAvailable(now) && this.roster.hasRoom(seat) && !passed.includes(seat.id)) {
        yield seat;
      }
    }
  }

  #reserve(offer: Posted, seat: Seat, now: number): Move {
    const until = now + offer.facts.plan.reserveMs;
    seat.lastOfferAt = now;
    return this.#say(offer, saidOf(offer.facts, { change: 'reserved', agent: seat.id, until }));
  }

  #say(offer: Posted, said: OfferSaid): Move {
    offer.said = said;
    this.#assign(offer);
    return { customer: offer.facts.customer, said };
  }

  /** Room follows the offer: from its last holder to the one that it has, or is about to have. */
  #assign(offer: Posted): void {
    const { state } = offer.facts;
    const said = offer.said?.change === 'reserved' ? offer.said.agent : undefined;
    const id = state.state === 'open' ? said : state.agent;
    const holder = id === undefined ? undefined : this.roster.seat(id);
    if (holder === offer.holder) return;
    this.#release(offer);
    offer.holder = holder;
    if (holder !== undefined) this.roster.hold(holder, offer.facts.id, true);
  }

  #release(offer: Posted): void {
    const { holder } = offer;
    if (holder === undefined) return;
    offer.holder = undefined;
    this.roster.hold(holder, offer.facts.id, false);
    this.#free(holder);
  }

  /** It is another than before: it may take what it could not, or lose what it has. */
  #touchAgent(seat: Seat): void {
    this.#freed.add(seat);
    this.#armAgent(seat);
    this.#touchHeld(seat);
  }

  #touchHeld(seat: Seat): void {
    for (const id of seat.holds) this.#touched.add(this.#offers.get(id)!);
  }

  /** Its presence is looked at when it ends, and only then whether it was prolonged. */
  #armAgent(seat: Seat): void {
    const { until } = seat.presence;
    if (until >= seat.armedAt) return;
    seat.armedAt = until;
    this.#due.push({ at: until, agent: seat.id });
  }

  #free(seat: Seat): void {
    for (const each of this.roster.relieved(seat)) this.#freed.add(each);
  }

  #drop(offer: Posted): void {
    this.#release(offer);
    this.#touched.delete(offer);
    this.#offers.delete(offer.facts.id);
  }

  /** Notes when time changes something by itself. */
  #arm(offer: Posted, now: number): void {
    if (offer.said !== undefined || !this.#offers.has(offer.facts.id)) return;
    const { at, id, plan, state } = offer.facts;
    const push = (when: number): void => {
      if (when > now) this.#due.push({ at: when, offer: id });
    };
    if (state.state === 'accepted') push((state.acceptedAt ?? 0) + handleMsMax);
    else if (state.state === 'reserved') push(state.until!);
    else {
      push(expiresAt(offer.facts));
      const change = nextChange(plan, now - at);
      if (change !== undefined) push(at + change);
    }
  }
}

function newPosted(facts: OfferFacts, isExcess: boolean): Posted {
  return { facts, isExcess, said: undefined, restsUntil: 0, holder: undefined };
}

function expiresAt({ at, plan }: OfferFacts): number {
  return at + plan.ttlMs;
}

function shown({ facts, said }: Posted): Offer {
  return { ...facts, expiresAt: expiresAt(facts), said };
}

function isOpen({ facts, said }: Posted): boolean {
  return facts.state.state === 'open' && said === undefined;
}

function comparePosted({ facts: a }: Posted, { facts: b }: Posted): number {
  return b.plan.priority - a.plan.priority || a.at - b.at || (a.id < b.id ? -1 : 1);
}

/** What is said of an offer next: the number after the last. */
export function saidOf(
  { id, state }: Pick<OfferFacts, 'id' | 'state'>,
  rest: Omit<OfferSaid, 'action' | 'number'>,
): OfferSaid {
  return { action: id, number: state.number + 1, ...rest };
}
