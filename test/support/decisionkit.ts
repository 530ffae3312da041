/**
 * An engine for tests of decisions: a clock that a test turns, rules compiled as the real ones, a tape that
 * takes what is said and gives it back when the test wants, and failures on demand.
 */

import type { CompiledMap, CompiledRule } from '../../src/journeys/compile/compiled.ts';
import { compileMap } from '../../src/journeys/compile/map.ts';
import { compileRule } from '../../src/journeys/compile/rule.ts';
import { answerText } from '../../src/journeys/decide/answer.ts';
import { applyDecision, applyDelivery, applyResponse } from '../../src/journeys/decide/applied.ts';
import type {
  DecideAnswer,
  DecideWish,
  LocalCandidate,
  RespondWish,
} from '../../src/journeys/decide/asks.ts';
import { type Decider, openDecide } from '../../src/journeys/decide/decide.ts';
import { checkMenu } from '../../src/journeys/decide/menu.ts';
import type { JourneyMap, Rule } from '../../src/journeys/definition.ts';
import type { Definitions, EngineContext } from '../../src/journeys/engine/work.ts';
import type { PersonState, Request } from '../../src/journeys/state.ts';
import type { DecisionSaid, DeliverySaid, ResponseSaid } from '../../src/journeys/words.ts';
import type { Clock } from '../../src/std/clock.ts';
import { AppError } from '../../src/std/errors.ts';
import { seededRandom } from '../../src/std/random.ts';
import { noon, personOf } from './candidates.ts';

export interface Said {
  readonly id: string;
  readonly customer: string;
  readonly type: string;
  readonly data: unknown;
}

type Chosen = Omit<Partial<DecideWish>, 'menu'> & {
  readonly candidates?: readonly LocalCandidate[];
};

interface Due {
  readonly at: number;
  readonly run: () => void;
}

/** Time passes when a test says so. */
export class HandClock implements Clock {
  nowMs = noon;
  readonly #due = new Set<Due>();

  now(): number {
    return this.nowMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const due = { at: this.nowMs + delayMs, run };
    this.#due.add(due);
    return () => this.#due.delete(due);
  }

  every(): () => void {
    return () => undefined;
  }

  /** Runs what comes due, in order, and lets promises settle in between. */
  async pass(ms: number): Promise<void> {
    const until = this.nowMs + ms;
    for (;;) {
      await settle();
      const next = [...this.#due].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#due.delete(next);
      this.nowMs = Math.max(this.nowMs, next.at);
      next.run();
    }
    this.nowMs = until;
    await settle();
  }
}

/** Every promise that can go on does. */
export async function settle(): Promise<void> {
  for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
}

export class DecisionKit {
  readonly clock = new HandClock();
  readonly rules = new Map<string, CompiledRule>();
  readonly maps = new Map<string, CompiledMap>();
  readonly persons = new Map<string, PersonState>();
  /** On the tape, not read back yet. */
  readonly unread: Said[] = [];
  /** All that was ever said. */
  readonly said: Said[] = [];
  /** By rule: the audiences that its customer is in. */
  readonly audiences = new Map<string, Record<string, boolean>>();
  /** By the view's name, what it shows; a promise: it takes its time. */
  readonly views = new Map<string, Record<string, unknown> | Promise<Record<string, unknown>>>();
  /** How many times saying fails from now on. */
  failures = 0;
  #asked = 0;
  #stamp = 1;
  #passed = 1;
  readonly decider: Decider;

  constructor() {
    this.decider = openDecide(this.#context(), (_workspace, _person, rule) => {
      return this.audiences.get(rule.name) ?? {};
    });
  }

  rule(name: string, rule: Partial<Rule>): void {
    const whole: Rule = {
      when: { event: 'Trigger' },
      then: [{ do: 'page', data: { title: name } }],
      ...rule,
    };
    this.rules.set(name, compileRule(name, 1, whole));
  }

  map(name: string, map: JourneyMap): void {
    this.maps.set(name, compileMap(name, 1, map));
  }

  person(name = 'c1'): PersonState {
    const known = this.persons.get(name) ?? personOf({ name });
    this.persons.set(name, known);
    return known;
  }

  /** Requests of one moment, handed over as the engine does. */
  ask(rules: readonly string[], some: Partial<Request> = {}, customer = 'c1'): void {
    const person = this.person(customer);
    const requests = rules.map((rule): Request => {
      const at = this.clock.now();
      const id = `${customer} ${rule} ${++this.#asked}`;
      return { id, rule, version: 1, at, until: at + 60_000, ...some };
    });
    person.requests.push(...requests);
    this.decider.take({ workspace: 1, person, requests, deliveries: [] });
  }

  /** A touchpoint's question. */
  async choose({ candidates = [], ...some }: Chosen): Promise<DecideAnswer> {
    const wish = { workspace: 1, customer: 'c1', k: 1, withinMs: 100, askedMs: this.clock.nowMs };
    const menu = candidates.length === 0 ? undefined : checkMenu(candidates);
    const told = await this.decider.answerer.decide({
      kind: 'decide',
      ...wish,
      ...some,
      ...(menu !== undefined && { menu: menu.text }),
    });
    return JSON.parse(answerText(told, menu?.data ?? [])) as DecideAnswer;
  }

  respond(some: Partial<RespondWish>): Promise<{ customer: string; decision: string }> {
    const wish = { workspace: 1, customer: 'c1', answer: 'accepted' };
    return Promise.resolve(this.decider.answerer.respond({ kind: 'respond', ...wish, ...some }));
  }

  /** The engine reads what is on the tape. */
  readBack(): void {
    for (const { customer, data, type } of this.unread.splice(0)) {
      const person = this.person(customer);
      if (type === 'tapeline.decision')
        applyDecision(person, data as DecisionSaid, this.clock.now());
      if (type === 'tapeline.delivery') applyDelivery(person, data as DeliverySaid);
      if (type === 'tapeline.response') applyResponse(person, data as ResponseSaid);
    }
    this.#passed = this.#stamp;
  }

  /** What was decided, the newest last: `rule:verdict`, or of a touchpoint's `id:verdict` for each. */
  decided(): string[] {
    const decisions = this.said.filter(({ type }) => type === 'tapeline.decision');
    return decisions.flatMap(({ data }) => {
      const { candidates, rule = 'step', verdict } = data as DecisionSaid;
      if (candidates === undefined) return [`${rule}:${verdict}`];
      return candidates.map((each) => `${each.id}:${each.verdict}`);
    });
  }

  #context(): EngineContext {
    const definitions: Definitions = {
      map: (_workspace, name) => this.maps.get(name),
      rule: (_workspace, name) => this.rules.get(name),
      maps: () => [...this.maps.values()],
      rules: () => [...this.rules.values()],
      memberships: () => ({}),
    };
    const kit = this;
    const context = {
      clock: this.clock,
      random: seededRandom(5),
      log: { info: () => undefined, warn: () => undefined, error: console.error },
      metrics: { add: () => undefined, observe: () => undefined },
      definitions,
      tape: { issued: () => this.#stamp, shards: [] },
      directory: {
        view: (_workspace: number, name: string) => {
          return this.views.has(name) ? { name, template: { fields: [] }, version: 1 } : undefined;
        },
      },
      say: async (_workspace: number, events: readonly Said[]) => this.#say(events),
      person: (_workspace: number, customer: string) => this.persons.get(customer),
      follow: async () => undefined,
      drop: (_workspace: number, customer: string, requests: ReadonlySet<string>) => {
        const person = this.person(customer);
        person.requests = person.requests.filter(({ id }) => !requests.has(id));
      },
      readViews: ({ views }: { views: readonly { name: string }[] }) => this.#read(views),
      get passedUpTo() {
        return kit.#passed;
      },
    };
    return context as unknown as EngineContext;
  }

  #say(events: readonly Said[]): void {
    if (this.failures > 0) {
      this.failures--;
      throw new AppError('unavailable', 'the disk is full', { retryAfterSeconds: 1 });
    }
    const fresh = events.filter(({ id }) => !this.said.some((known) => known.id === id));
    this.said.push(...fresh);
    this.unread.push(...fresh);
    this.#stamp++;
  }

  #read(views: readonly { name: string }[]): unknown {
    const shown = views.map(({ name }) => this.views.get(name)!);
    const found = (fields: Record<string, unknown>) => ({
      asOf: this.clock.now(),
      holdsUntil: 0,
      json: JSON.stringify(Object.entries(fields).map(([name, value]) => ({ name, value }))),
    });
    if (!shown.some((each) => each instanceof Promise)) {
      return shown.map((each) => found(each as Record<string, unknown>));
    }
    return Promise.all(shown).then((all) => all.map(found));
  }
}
