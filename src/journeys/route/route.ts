/**
 * Routing: offers to agents are carried out here. On the engine's thread; what it decides is said on the
 * customer's tape and counts when it is read back (`applied.ts`). Enter the room here.
 *
 *     delivery `do: agent` ─▶ board of the workspace ─▶ say: reserved for a1 ─▶ read back ─▶ a1's live feed
 *     a1 accepts ─▶ say: accepted, with the meeting link ─▶ read back ─▶ both sides have the link
 *     time, presence, the journey ─▶ say: timed out, expired, withdrawn ─▶ read back ─▶ the next agent, or over
 */
import { AppError } from '../../std/errors.ts';
import type { Answerer } from '../engine/asks.ts';
import type { EngineContext, Work, Worker } from '../engine/work.ts';
import type { Delivery, PersonState } from '../state.ts';
import type { OfferSaid } from '../words.ts';
import { answererOf } from './answers.ts';
import { offerOf } from './applied.ts';
import type { AgentMessage, RouteAsks, ShownOffer } from './asks.ts';
import type { Move, Offer, OfferFacts } from './board.ts';
import { Echoes } from './echoes.ts';
import { Office } from './office.ts';
import { RouteRecords } from './records.ts';
import type { Seat } from './roster.ts';
import { offerEvents } from './said.ts';
import { planOf } from './search.ts';
import { instanceOf, shownOffer } from './shown.ts';

/** How often it is looked at what was said and not read back, and which workspaces are gone. */
const upkeepMs = 1000;

export function openRouting(context: EngineContext): Routing {
  return new Routing(context);
}

export class Routing implements Worker {
  readonly answerer: Answerer<keyof RouteAsks>;
  readonly #context: EngineContext;
  readonly #records: RouteRecords;
  readonly #offices = new Map<number, Office>();
  /** Ids of offers by workspace and customer, as they were seen last. */
  readonly #known = new Map<string, ReadonlySet<string>>();
  /** Offers that a customer has no more: over, or another's by a merge, which this turn tells. */
  #missing: { readonly office: Office; readonly id: string; readonly customer: string }[] = [];
  readonly #echoes: Echoes;
  /** By workspace and offer: what is being said of it. */
  readonly #saying = new Map<string, Promise<void>>();
  readonly #stopUpkeep: () => void;
  #isClosed = false;
  #stopTimer: (() => void) | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(context: EngineContext) {
    this.#context = context;
    this.#records = new RouteRecords(context.rows('route'));
    const now = context.clock.now();
    for (const [workspace, rows] of this.#records.load()) {
      this.#offices.set(workspace, new Office(workspace, this.#records, rows, now));
    }
    this.#echoes = new Echoes(context);
    this.answerer = answererOf({
      clock: context.clock,
      office: (workspace) => this.office(workspace),
      flush: () => this.#records.flush(),
      touched: () => this.#soon(),
      tell: (office, seat, message) => this.#tell(office, seat.id, message),
      say: (office, move) => this.#sayOut(office, move),
      saying: ({ workspace }, offer) => this.#saying.get(`${workspace}/${offer}`),
      shown: (office, seat, offer) => this.#shown(office, seat, offer),
      meetingTemplate: (office, offer) => this.#deliveryOf(office, offer)?.action['meeting'],
    });
    this.#stopUpkeep = context.clock.every(upkeepMs, () => this.#upkeep());
  }

  /** The agents and offers of a workspace. */
  office(workspace: number): Office {
    let office = this.#offices.get(workspace);
    if (office === undefined) {
      const nothing = { agents: new Map(), desks: new Map(), presences: new Map() };
      office = new Office(workspace, this.#records, nothing, this.#context.clock.now());
      this.#offices.set(workspace, office);
    }
    return office;
  }

  take({ deliveries, person, workspace }: Work): void {
    if (deliveries.some(isOffer)) this.changed(workspace, person);
  }

  /** Something was read of a customer: what became of offers, of the journeys they came from, of the name. */
  changed(workspace: number, person: PersonState): void {
    const key = `${workspace}/${person.name}`;
    const before = this.#known.get(key);
    const offers = person.deliveries.filter(isOffer);
    if (before === undefined && offers.length === 0) return;
    const office = this.office(workspace);
    const here = new Set(offers.map(({ action }) => action.id));
    for (const delivery of offers) {
      this.#follow(office, delivery.action.id, factsOf(office, person, delivery));
    }
    for (const id of before ?? []) {
      if (!here.has(id)) this.#missing.push({ office, id, customer: person.name });
    }
    if (here.size === 0) this.#known.delete(key);
    else this.#known.set(key, here);
    this.#soon();
  }

  forget(workspace: number, identity: string): void {
    const key = `${workspace}/${identity}`;
    for (const id of this.#known.get(key) ?? [])
      this.#follow(this.office(workspace), id, undefined);
    this.#known.delete(key);
    this.#soon();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopUpkeep();
    this.#stopTimer?.();
    this.#echoes.close();
  }

  #follow(office: Office, id: string, facts: OfferFacts | undefined): void {
    const said = office.board.offer(id)?.said;
    const before = office.board.follow(id, facts);
    this.#announce(office, id, { before, after: facts, said });
    this.#echoes.heard(office, id);
  }

  /** Tells agents what they have now and what not any more, and the customer where to meet. */
  #announce(
    office: Office,
    id: string,
    change: {
      before?: OfferFacts | undefined;
      after?: OfferFacts | undefined;
      said?: OfferSaid | undefined;
    },
  ): void {
    const was = change.before?.state;
    const is = change.after?.state;
    if (was?.number === is?.number) return;
    if (was?.agent !== undefined && was.agent !== is?.agent) {
      const isOurs = change.said?.number === was.number + 1;
      const reason = isOurs ? goneReasons[change.said!.change] : undefined;
      this.#tell(office, was.agent, { type: 'gone', offer: id, reason: reason ?? 'withdrawn' });
    }
    const seat = is?.agent === undefined ? undefined : office.board.roster.seat(is.agent);
    if (seat === undefined) return;
    const offer = this.#shown(office, seat, office.board.offer(id)!);
    this.#tell(office, seat.id, { type: is?.state === 'accepted' ? 'accepted' : 'offer', offer });
    if (is?.state === 'reserved') office.noteAsked(seat);
  }

  #tell({ workspace }: Office, agent: string, message: AgentMessage): void {
    this.#context.tell({ kind: 'agent', workspace, agent, message });
  }

  #shown({ workspace }: Office, seat: Seat, offer: Offer): ShownOffer {
    const { clock, definitions } = this.#context;
    const background = {
      person: this.#context.person(workspace, offer.customer),
      map: ({ journey, version }: { journey: string; version: number }) =>
        definitions.map(workspace, journey, version),
    };
    return shownOffer(offer, seat, background, clock.now());
  }

  #deliveryOf({ workspace }: Office, { customer, id }: Offer): Delivery | undefined {
    const person = this.#context.person(workspace, customer);
    return person?.deliveries.find(({ action }) => action.id === id);
  }

  /**
   * Says what the boards want said, once this turn is over: what comes together is looked at together. After a
   * start every offer that is left comes in one turn, so what agents hold is known before anybody is asked.
   */
  #soon(): void {
    this.#wakeAt(this.#context.clock.now());
  }

  #wakeAt(at: number): void {
    if (this.#isClosed || at >= this.#timerAt) return;
    this.#stopTimer?.();
    this.#timerAt = at;
    const { clock } = this.#context;
    this.#stopTimer = clock.after(Math.max(0, at - clock.now()), () => this.#turn());
  }

  #turn(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#dropMissing();
    let next = Number.POSITIVE_INFINITY;
    for (const office of this.#offices.values()) {
      for (const move of office.board.moves(this.#context.clock.now())) {
        this.#sayOut(office, move).catch(refusedOr);
      }
      next = Math.min(next, office.board.nextAt() ?? next);
    }
    if (Number.isFinite(next)) this.#wakeAt(next);
  }

  #dropMissing(): void {
    const missing = this.#missing;
    this.#missing = [];
    for (const { customer, id, office } of missing) {
      const isBack = this.#known.get(`${office.workspace}/${customer}`)?.has(id) === true;
      const isTheirs = office.board.offer(id)?.customer === customer;
      if (isTheirs && !isBack) this.#follow(office, id, undefined);
    }
  }

  /** Resolves when it was read back and counts. @throws AppError unavailable, conflict when it did not count. */
  async #sayOut(office: Office, move: Move): Promise<void> {
    const key = `${office.workspace}/${move.said.action}`;
    const heard = this.#sayAndHear(office, move);
    this.#saying.set(
      key,
      heard.catch(() => undefined),
    );
    try {
      await heard;
    } finally {
      this.#saying.delete(key);
    }
  }

  async #sayAndHear(office: Office, { customer, said }: Move): Promise<void> {
    const { clock, metrics } = this.#context;
    try {
      await this.#context.say(office.workspace, offerEvents(customer, said));
    } catch (error) {
      office.board.fail(said.action, clock.now());
      this.#soon();
      throw error;
    }
    metrics.add('offer_changes_total', 1);
    try {
      await this.#echoes.of(office, said);
    } finally {
      this.#soon();
    }
  }

  #upkeep(): void {
    // What was read and is gone counts, whether or not the turn that looks at it has come.
    this.#dropMissing();
    for (const { office, said } of this.#echoes.lost()) {
      office.board.fail(said.action, this.#context.clock.now());
      this.#soon();
    }
    for (const workspace of this.#offices.keys()) {
      if (this.#context.directory.workspace(workspace) !== undefined) continue;
      this.#offices.delete(workspace);
      this.#records.forget(workspace);
    }
  }
}

const goneReasons = {
  declined: 'declined',
  timedOut: 'timedOut',
  expired: 'expired',
  withdrawn: 'withdrawn',
  completed: 'completed',
  reserved: undefined,
  accepted: undefined,
} as const;

function isOffer({ action }: Delivery): boolean {
  return action.do === 'agent';
}

/** What the board needs to know; it keeps nothing of the engine's, which may change under it. */
function factsOf(office: Office, person: PersonState, delivery: Delivery): OfferFacts {
  const { action, at } = delivery;
  const instance = instanceOf(person, delivery);
  const state = offerOf(delivery);
  return {
    id: action.id,
    customer: person.name,
    plan: office.board.offer(action.id)?.plan ?? planOf(action),
    at,
    state: { ...state, passed: [...state.passed] },
    // A journey that had ended before the offer was made does not need it less than then.
    isNeeded: (instance?.endedAt ?? 0) <= at,
  };
}

/** What could not be said is tried again; anything else is a mistake of ours. */
function refusedOr(error: unknown): void {
  if (error instanceof AppError) return;
  setImmediate(() => {
    throw error;
  });
}
