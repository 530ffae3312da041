/**
 * Random play of a board of offers: agents come, go, move and learn, offers are made, answered, let pass and
 * withdrawn, what is said becomes durable late or not at all, the server restarts. After every step nobody
 * holds more than they may, no offer that somebody could have is left open, and nothing is over too early.
 */
import assert from 'node:assert/strict';
import { type AgentDefinition, presenceStatuses } from '../../src/journeys/route/agent.ts';
import { applyOffer, offerOf } from '../../src/journeys/route/applied.ts';
import { Board, type Move, type Offer } from '../../src/journeys/route/board.ts';
import { fits } from '../../src/journeys/route/match.ts';
import type { Presence, Seat } from '../../src/journeys/route/roster.ts';
import { planOf, searchAt } from '../../src/journeys/route/search.ts';
import type { PersonState } from '../../src/journeys/state.ts';
import type { OfferSaid } from '../../src/journeys/words.ts';
import { AppError } from '../../src/std/errors.ts';
import { type Random, seededRandom } from '../../src/std/random.ts';
import { agentAction, agentDefinition, desks, oneOf, personWith, placeOf } from './routemake.ts';

const steps = 250;
const forever = Number.POSITIVE_INFINITY;

interface Known {
  readonly definition: AgentDefinition;
  readonly presence: Presence;
}

export class RoutePlay {
  readonly #random: Random;
  #board = new Board();
  #now = 1_763_740_000_000;
  /** What a restart finds. */
  readonly #agents = new Map<string, Known>();
  readonly #desks = new Map<string, number>();
  readonly #people = new Map<string, PersonState>();
  readonly #unneeded = new Set<string>();
  /** Said, and not read back. */
  #tape: { customer: string; said: OfferSaid }[] = [];
  /** Whose capacity was less than what they held: they may hold more for a while. */
  readonly #lowered = new Set<string>();
  #made = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  run(): void {
    for (let step = 0; step < steps; step++) {
      this.#step();
      this.#turn();
      this.#check();
    }
    this.#end();
  }

  #step(): void {
    const ways = [
      () => this.#putAgent(),
      () => this.#setPresence(),
      () => this.#setPresence(),
      () => this.#makeOffer(),
      () => this.#makeOffer(),
      () => this.#answer(),
      () => this.#answer(),
      () => this.#answer(),
      () => this.#readBack(),
      () => this.#readBack(),
      () => this.#readBack(),
      () => this.#pass(this.#random.below(3000)),
      () => this.#pass(this.#random.below(60_000)),
      () => this.#random.below(3) === 0 && this.#removeAgent(),
      () => this.#random.below(4) === 0 && this.#putDesk(),
      () => this.#random.below(3) === 0 && this.#lift(),
      () => this.#random.below(8) === 0 && this.#restart(),
    ];
    ways[this.#random.below(ways.length)]!();
  }

  #putAgent(): void {
    const id = `a${this.#random.below(8)}`;
    const definition = agentDefinition(this.#random, id);
    const before = this.#agents.get(id);
    const presence = before?.presence ?? { status: 'offline', place: undefined, until: forever };
    this.#agents.set(id, { definition, presence });
    this.#excuse();
    this.#board.putAgent(id, definition);
  }

  /** From now on those who hold more than they may now are let be, until they hold less. */
  #excuse(): void {
    for (const id of this.#agents.keys()) this.#lowered.add(id);
    for (const name of desks) this.#lowered.add(name);
  }

  #removeAgent(): void {
    const seat = this.#anybody();
    if (seat === undefined) return;
    this.#agents.delete(seat.id);
    this.#board.removeAgent(seat);
  }

  #putDesk(): void {
    const name = oneOf(this.#random, desks);
    const capacity = 1 + this.#random.below(4);
    this.#desks.set(name, capacity);
    this.#excuse();
    this.#board.putDesk(name, { title: name, capacity, skills: { spanish: 4 } });
  }

  #anybody(): Seat | undefined {
    const seats = [...this.#board.roster.seats()];
    return seats.length === 0 ? undefined : oneOf(this.#random, seats);
  }

  #setPresence(): void {
    const seat = this.#anybody();
    if (seat === undefined) return;
    const status = this.#random.below(3) > 0 ? 'available' : oneOf(this.#random, presenceStatuses);
    const until = this.#random.below(2) === 0 ? forever : this.#now + this.#random.below(90_000);
    const place = this.#random.below(3) === 0 ? placeOf(this.#random) : undefined;
    const presence: Presence = { status, place, until };
    this.#agents.set(seat.id, { ...this.#agents.get(seat.id)!, presence });
    this.#board.setPresence(seat, presence);
  }

  #makeOffer(): void {
    const number = ++this.#made;
    const id = `o${String(number).padStart(4, '0')}`;
    const action = agentAction(this.#random, id);
    const name = `c${number}`;
    const delivery = { action, request: 'r', at: this.#now };
    this.#people.set(name, personWith(name, [delivery]));
    this.#follow(name);
  }

  #follow(name: string): void {
    const person = this.#people.get(name)!;
    const [delivery] = person.deliveries;
    const id = `o${name.slice(1).padStart(4, '0')}`;
    if (delivery === undefined) {
      this.#board.follow(id, undefined);
      this.#people.delete(name);
      return;
    }
    this.#board.follow(id, {
      id,
      customer: name,
      plan: planOf(delivery.action),
      at: delivery.at,
      state: structuredClone(offerOf(delivery)),
      isNeeded: !this.#unneeded.has(name),
    });
  }

  /** Somebody answers: mostly who was asked. What is not theirs is refused. */
  #answer(): void {
    const people = [...this.#people.values()];
    if (people.length === 0) return;
    const person = oneOf(this.#random, people);
    const [delivery] = person.deliveries;
    const { agent, state, until } = offerOf(delivery!);
    const change = oneOf(this.#random, ['accepted', 'accepted', 'declined', 'completed'] as const);
    const who = this.#random.below(4) > 0 ? agent : `a${this.#random.below(8)}`;
    if (who === undefined) return;
    const { id } = delivery!.action;
    const isFree = this.#board.offer(id)!.said === undefined;
    const mayComplete = state === 'accepted' && change === 'completed';
    const mayAnswer = state === 'reserved' && change !== 'completed' && this.#now < until!;
    const isRight = who === agent && isFree && (mayComplete || mayAnswer);
    try {
      this.#say([this.#board.answer(id, who, { change }, this.#now)]);
      assert.ok(isRight, `${who} could say ${change} of an offer that is ${state} (${agent})`);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      assert.equal(error.code, 'conflict');
      assert.ok(!isRight, `${who} could not say ${change} of an offer that is ${state}`);
    }
  }

  /** What it was made for has ended. */
  #lift(): void {
    const names = [...this.#people.keys()];
    if (names.length === 0) return;
    const name = oneOf(this.#random, names);
    this.#unneeded.add(name);
    this.#follow(name);
  }

  #pass(ms: number): void {
    this.#now += ms;
  }

  #say(moves: readonly Move[]): void {
    for (const { customer, said } of moves) {
      if (this.#random.below(20) === 0) this.#board.fail(said.action, this.#now);
      else this.#tape.push({ customer, said });
    }
  }

  /** Some of what is on the tape is read. */
  #readBack(): void {
    const count = 1 + this.#random.below(4);
    for (const { customer, said } of this.#tape.splice(0, count)) {
      const person = this.#people.get(customer);
      if (person === undefined) continue;
      assert.ok(applyOffer(person, said, this.#now), `${JSON.stringify(said)} did not count`);
      this.#follow(customer);
    }
  }

  /** A new board knows what is stored of agents, and what the tape says of offers. */
  #restart(): void {
    while (this.#tape.length > 0) this.#readBack();
    this.#board = new Board();
    for (const [name, capacity] of this.#desks) {
      this.#board.putDesk(name, { title: name, capacity, skills: { spanish: 4 } });
    }
    for (const [id, { definition, presence }] of this.#agents) {
      this.#board.setPresence(this.#board.putAgent(id, definition), presence);
    }
    for (const name of this.#people.keys()) this.#follow(name);
  }

  /** What the board wants said is said, and is right; whoever was to have what could not be said is free again. */
  #turn(): void {
    let moves = this.#board.moves(this.#now);
    while (moves.length > 0) {
      for (const { customer, said } of moves) this.#checkMove(customer, said);
      this.#checkOrder(moves);
      this.#say(moves);
      moves = this.#board.moves(this.#now);
    }
  }

  #checkMove(customer: string, said: OfferSaid): void {
    const [delivery] = this.#people.get(customer)!.deliveries;
    const plan = planOf(delivery!.action);
    const { agent, passed, until } = offerOf(delivery!);
    const seat = agent === undefined ? undefined : this.#board.roster.seat(agent);
    switch (said.change) {
      case 'reserved':
        assert.equal(said.until, this.#now + plan.reserveMs);
        assert.ok(!passed.includes(said.agent!), 'who passed it on is not asked again');
        break;
      case 'timedOut': {
        const isThere = seat?.isAvailable(this.#now) === true;
        assert.ok(this.#now >= until! || !isThere, 'it is the agent’s until its time is up');
        break;
      }
      case 'expired':
        assert.ok(this.#now >= delivery!.at + plan.ttlMs, 'it has its time');
        break;
      case 'withdrawn':
        assert.ok(this.#unneeded.has(customer));
        break;
      default:
        assert.equal(said.outcome, 'unreported');
    }
  }

  /** Nobody got what an offer before it is still waiting for. */
  #checkOrder(moves: readonly Move[]): void {
    const offers = this.#offers();
    for (const { said } of moves) {
      if (said.change !== 'reserved') continue;
      const seat = this.#board.roster.seat(said.agent!)!;
      const served = this.#board.offer(said.action)!;
      for (const other of offers) {
        if (!this.#isWaiting(other) || !comesBefore(other, served)) continue;
        assert.ok(!this.#fits(other, seat), `${other.id} comes before ${served.id}`);
      }
    }
  }

  #offers(): Offer[] {
    const people = [...this.#people.values()];
    return people.map(({ deliveries: [each] }) => this.#board.offer(each!.action.id)!);
  }

  #isWaiting({ id, said, state }: Offer): boolean {
    return state.state === 'open' && said === undefined && !this.#board.rests(id, this.#now);
  }

  #fits({ at, plan, state }: Offer, seat: Seat): boolean {
    return !state.passed.includes(seat.id) && fits(seat, searchAt(plan, this.#now - at));
  }

  #check(): void {
    const { roster } = this.#board;
    const offers = this.#offers();
    const held = new Map<string, number>();
    for (const { said, state } of offers) {
      const holder = state.agent ?? (said?.change === 'reserved' ? said.agent : undefined);
      if (holder !== undefined) held.set(holder, (held.get(holder) ?? 0) + 1);
    }
    for (const seat of roster.seats()) {
      assert.equal(
        seat.load,
        held.get(seat.id) ?? 0,
        `what ${seat.id} holds follows from the offers`,
      );
      this.#checkBound(seat.id, seat.load, seat.capacity);
    }
    for (const name of desks) {
      const load = [...roster.seats()]
        .filter(({ definition }) => definition.desk === name)
        .reduce((sum, seat) => sum + seat.load, 0);
      this.#checkBound(name, load, this.#desks.get(name) ?? forever);
    }
    this.#checkOpen(offers);
  }

  #checkBound(name: string, load: number, capacity: number): void {
    if (load <= capacity) this.#lowered.delete(name);
    else assert.ok(this.#lowered.has(name), `${name} holds ${load} of ${capacity}`);
  }

  /** Nobody who could take an open offer is idle, unless it could not be said just now. */
  #checkOpen(offers: readonly Offer[]): void {
    for (const offer of offers) {
      if (!this.#isWaiting(offer)) continue;
      for (const seat of this.#board.roster.seats()) {
        if (!seat.isAvailable(this.#now) || !this.#board.roster.hasRoom(seat)) continue;
        assert.ok(!this.#fits(offer, seat), `${offer.id} is open and ${seat.id} could have it`);
      }
    }
  }

  /** Everything ends by itself, and nobody is left holding anything. */
  #end(): void {
    for (let turn = 0; this.#people.size > 0; turn++) {
      assert.ok(turn < 10_000, 'every offer is over some time');
      this.#turn();
      this.#check();
      if (this.#tape.length > 0) this.#readBack();
      else {
        const next = this.#board.nextAt();
        assert.ok(next !== undefined, 'something is due while an offer is not over');
        this.#now = Math.max(this.#now, next);
      }
    }
    assert.equal(this.#board.size, 0);
    for (const seat of this.#board.roster.seats()) assert.equal(seat.load, 0);
  }
}

function comesBefore(a: Offer, b: Offer): boolean {
  if (a.plan.priority !== b.plan.priority) return a.plan.priority > b.plan.priority;
  return a.at < b.at || (a.at === b.at && a.id < b.id);
}
