/**
 * What conditions and templates of journeys may ask of, and in which words:
 *
 *     event      as everywhere (`event/condition.ts`)
 *     instance   id journey key status stepName       texts
 *                run version step furthest            whole numbers; a step is its ordinal, 0: none yet
 *                milestones                           names, in the order they were reached
 *                context                              a map: what the instance remembers
 *                startedAt lastActivity               timestamps
 *                silentMs activeMs                    since its last activity, since its start, without pauses
 *     audience   name → whether the customer is in
 *     view       name of a field → its value
 *     customer   id; place, if it is known: latitude, longitude
 *     decision   id rule channel                       texts, where there are any; score: a number
 *     ask        what the touchpoint said of itself     a map
 *
 * What is not there when a text is looked at is an error, and an error is no match.
 */
import { type FactType, Vocabulary } from '../../event/condition.ts';
import type { InstanceState } from '../state.ts';
import type { CompiledMap, Facts } from './compiled.ts';

/** An instance at an instant, as conditions see it; reads `state` when it is asked. */
export class InstanceFact {
  readonly #state: InstanceState;
  readonly #map: CompiledMap | undefined;
  readonly #nowMs: number | undefined;
  #context: unknown;

  constructor(state: InstanceState, map: CompiledMap | undefined, nowMs: number | undefined) {
    this.#state = state;
    this.#map = map;
    this.#nowMs = nowMs;
  }

  get id(): string {
    return this.#state.id;
  }

  get journey(): string {
    return this.#state.journey;
  }

  get key(): string {
    return this.#state.key;
  }

  get status(): string {
    return this.#state.status;
  }

  /** Undefined without the map: then it is not known. */
  get stepName(): string | undefined {
    const { current } = this.#state;
    return current === 0 ? '' : this.#map?.steps[current - 1]?.name;
  }

  get run(): bigint {
    return BigInt(this.#state.run);
  }

  get version(): bigint {
    return BigInt(this.#state.version);
  }

  get step(): bigint {
    return BigInt(this.#state.current);
  }

  get furthest(): bigint {
    return BigInt(this.#state.furthest);
  }

  get milestones(): string[] {
    return this.#state.milestones.map(({ name }) => name);
  }

  get context(): unknown {
    this.#context ??= asFact(this.#state.context);
    return this.#context;
  }

  get startedAt(): Date {
    return new Date(this.#state.startedAt);
  }

  get lastActivity(): Date {
    return new Date(this.#state.lastActivity);
  }

  /** Undefined without the time: then it is not known. */
  get silentMs(): bigint | undefined {
    const { lastActivity, pausedAt } = this.#state;
    const until = pausedAt ?? this.#nowMs;
    return until === undefined ? undefined : BigInt(Math.max(0, until - lastActivity));
  }

  get activeMs(): bigint | undefined {
    const { endedAt, pausedAt, pausedMs, startedAt } = this.#state;
    const until = endedAt ?? pausedAt ?? this.#nowMs;
    return until === undefined ? undefined : BigInt(Math.max(0, until - startedAt - pausedMs));
  }
}

/** The facts as the language sees them; `asked` are the variables that a text asks for. */
export function asVariables(facts: Facts, asked: ReadonlyMap<string, unknown>): object {
  const { audience, customer, decision, event, instance, map, nowMs, place } = facts;
  const isAsked = asked.has('instance') && instance !== undefined;
  return {
    event,
    audience,
    decision,
    instance: isAsked ? new InstanceFact(instance, map, nowMs) : undefined,
    customer: customer === undefined ? undefined : { id: customer, place },
    view: asked.has('view') ? viewFact.of(facts.view) : undefined,
    ask: asked.has('ask') ? askFact.of(facts.ask) : undefined,
  };
}

/** Many conditions are asked about one value, one after the other. Nobody changes such a value. */
class LastFact {
  #value: object | undefined;
  #fact: unknown;

  of(value: object | undefined): unknown {
    if (value !== this.#value) {
      this.#fact = asFact(value);
      this.#value = value;
    }
    return this.#fact;
  }
}

const viewFact = new LastFact();
const askFact = new LastFact();

/** Values as the language wants them: an object with a member `constructor` would be taken for something else. */
export function asFact(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.some(isObject) ? value.map(asFact) : value;
  const entries = Object.entries(value);
  if (Object.hasOwn(value, 'constructor')) {
    return new Map(entries.map(([name, each]) => [name, asFact(each)]));
  }
  return entries.some(([, each]) => isObject(each))
    ? Object.fromEntries(entries.map(([name, each]) => [name, asFact(each)]))
    : value;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

const time = 'google.protobuf.Timestamp';
const instanceType: FactType = {
  name: 'Instance',
  of: InstanceFact,
  members: {
    ...{ id: 'string', journey: 'string', key: 'string', status: 'string', stepName: 'string' },
    ...{ run: 'int', version: 'int', step: 'int', furthest: 'int', silentMs: 'int' },
    ...{ activeMs: 'int', milestones: 'list<string>', context: 'map<string, dyn>' },
    ...{ startedAt: time, lastActivity: time },
  },
};
const placeType: FactType = {
  name: 'Place',
  members: { latitude: 'double', longitude: 'double' },
};
const customerType: FactType = { name: 'Customer', members: { id: 'string', place: 'Place' } };
const decisionType: FactType = {
  name: 'Decision',
  members: { id: 'string', rule: 'string', channel: 'string', score: 'double' },
};
const types = [instanceType, placeType, customerType, decisionType];

/** Every variable with its type. */
const variableTypes = {
  event: 'Event',
  instance: 'Instance',
  audience: 'map<string, bool>',
  view: 'map<string, dyn>',
  customer: 'Customer',
  decision: 'Decision',
  ask: 'map<string, dyn>',
} as const;
export type Variable = keyof typeof variableTypes;

const vocabularies = new Map<string, Vocabulary>();

/** The vocabulary in which just these variables are known; made once for each choice. */
export function vocabularyOf(variables: readonly Variable[]): Vocabulary {
  const key = variables.join(' ');
  const known = vocabularies.get(key);
  if (known !== undefined) return known;
  const made = new Vocabulary(
    Object.fromEntries(variables.map((name) => [name, variableTypes[name]])),
    types,
    hintsFor(variables),
  );
  vocabularies.set(key, made);
  return made;
}

const whereKnown = {
  instance: 'is known once there is one, in rules that name a journey',
  view: 'in rules that name one',
  ask: 'in rules for touchpoints that ask',
} as const;

function hintsFor(variables: readonly Variable[]): Vocabulary['hints'] {
  const members = types
    .filter(({ name }) => variables.some((variable) => variableTypes[variable] === name))
    .map(({ members, name }) => `${name.toLowerCase()}: ${Object.keys(members).join(', ')}`);
  if (variables.includes('event')) {
    members.unshift('event: type, id, customer, channel, source, time, data');
  }
  const elsewhere = (['instance', 'view', 'ask'] as const)
    .filter((name) => !variables.includes(name))
    .map((name) => `${name} ${whereKnown[name]}`);
  const others = elsewhere.length === 0 ? '' : ` (${elsewhere.join('; ')})`;
  return {
    variables: `what is known here: ${variables.join(', ')}${others}; text stands in quotes`,
    members: `members are ${members.join('; ')}`,
  };
}
