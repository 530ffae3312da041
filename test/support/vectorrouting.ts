/** Who is asked about an offer, and when, on a real server: load and idleness, rings, priority and age. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Action, Rule } from '../../src/journeys/definition.ts';
import { keyOf, present, putAgent } from './agents.ts';
import { ask, fresh, type StoredEvent, until } from './session.ts';
import type { World } from './vectorworld.ts';

type Offer = Partial<Extract<Action, { readonly do: 'agent' }>>;

/** Customers who do this are offered to an agent with this skill. */
function offering(event: string, skill: string, level: number, more: Offer = {}): Rule {
  const skills = [{ skill, level }];
  const rest = { reserveFor: '10m', ttl: '1h', skills, ...more };
  return { when: { event }, then: [{ do: 'agent', kind: 'offer', title: event, ...rest }] };
}

const names = ['A', 'B', 'C', 'D'] as const;
const rings = [
  { after: '0s', miles: 5 },
  { after: '1s', miles: 25 },
  { after: '3s', anywhere: true, levelsLower: 2 },
];

export const routingRules: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(
    names.map((name) => [`fill ${name}`, offering(`Fill ${name}`, `only ${name}`, 1)]),
  ),
  idle: offering('Ask idle', 'idle', 1),
  rings: offering('Ask rings', 'rings', 7, { rings }),
  alone: offering('Ask alone', 'alone', 1),
  urgent: offering('Ask urgent', 'alone', 1, { priority: 5 }),
};

/** Agents of these tests, with what they say. */
class Staff {
  readonly #world: World;
  readonly #keys = new Map<string, string>();

  constructor(world: World) {
    this.#world = world;
  }

  async hire(id: string, body: object): Promise<void> {
    const { server } = this.#world;
    await putAgent(server, id, { name: id, ...body });
    const there = await present(server, id);
    assert.ok(there.status < 300, there.text);
    this.#keys.set(id, await keyOf(server, id));
  }

  async say(offer: StoredEvent, way: string): Promise<void> {
    const { agent, action } = offer.data as { agent: string; action: string };
    const path = `/v1/agents/${agent}/offers/${encodeURIComponent(action)}/${way}`;
    const answer = await ask(this.#world.server, path, {
      method: 'POST',
      key: this.#keys.get(agent)!,
    });
    assert.ok(answer.status < 300, `${path}: ${answer.text}`);
  }

  /** Waits until a customer has been offered to so many; the last of them. */
  async reserved(customer: string, count = 1): Promise<StoredEvent> {
    const reserved = async (): Promise<StoredEvent[]> => {
      const said = await this.#world.said(customer, 'tapeline.offer');
      return said.filter(({ data }) => data!['change'] === 'reserved');
    };
    await until(async () => (await reserved()).length >= count);
    return (await reserved())[count - 1]!;
  }

  /** Whom a customer is offered to, when everybody declines. */
  async asked(customer: string, count: number): Promise<StoredEvent[]> {
    const all: StoredEvent[] = [];
    for (let n = 1; n <= count; n++) {
      const offer = await this.reserved(customer, n);
      await this.say(offer, 'decline');
      all.push(offer);
    }
    return all;
  }
}

const agentsOf = (offers: readonly StoredEvent[]): unknown[] => {
  return offers.map(({ data }) => data!['agent']);
};

export function routingTests(world: World): void {
  const staff = new Staff(world);
  test('the lowest load ratio is asked first, of equal ones who was asked the longest ago: D, C, A, B', () =>
    byLoad(world, staff));
  test('a ring widens at its time and no earlier, a level sinks with it', () =>
    byRings(world, staff));
  test('a higher priority comes before what is older, and of the same the oldest', () =>
    byPriority(world, staff));
}

async function byLoad(world: World, staff: Staff): Promise<void> {
  for (const [name, capacity] of [
    ['A', 5],
    ['B', 4],
    ['C', 5],
    ['D', 5],
  ] as const) {
    await staff.hire(name, { capacity, skills: { idle: 1, [`only ${name}`]: 1 } });
  }
  for (const name of ['C', 'C', 'C', 'A', 'A', 'A', 'B', 'B', 'B', 'D']) {
    const customer = fresh(`held-${name}`);
    await world.send(customer, `Fill ${name}`);
    const offer = await staff.reserved(customer);
    assert.equal(offer.data!['agent'], name);
    await staff.say(offer, 'accept');
    if (name === 'D') await staff.say(offer, 'complete');
  }
  const customer = fresh('idle');
  await world.send(customer, 'Ask idle');
  assert.deepEqual(agentsOf(await staff.asked(customer, 4)), ['D', 'C', 'A', 'B']);
}

async function byRings(world: World, staff: Staff): Promise<void> {
  const place = { latitude: 37.77, longitude: -122.42 };
  const north = (degrees: number) => ({ ...place, latitude: place.latitude + degrees });
  await staff.hire('near', { capacity: 1, place: north(0.01), skills: { rings: 7 } });
  await staff.hire('far', { capacity: 1, place: north(0.2), skills: { rings: 7 } });
  await staff.hire('novice', { capacity: 1, place: north(0.01), skills: { rings: 5 } });
  const customer = fresh('ringed');
  await world.send(customer, 'Location', { data: place });
  await world.send(customer, 'Ask rings');
  const offers = await staff.asked(customer, 3);
  assert.deepEqual(agentsOf(offers), ['near', 'far', 'novice']);
  const [decision] = await world.said(customer, 'tapeline.decision');
  const ages = offers.map(({ received }) => received - decision!.received);
  assert.ok(ages[1]! >= 1000 && ages[2]! >= 3000, `asked after ${ages} ms`);
}

async function byPriority(world: World, staff: Staff): Promise<void> {
  await staff.hire('alone', { capacity: 1, skills: { alone: 1 } });
  const [first, old, young, urgent] = ['first', 'old', 'young', 'urgent'].map(fresh);
  for (const customer of [first, old, young]) {
    await world.send(customer!, 'Ask alone');
    await world.awaited(customer!, 'tapeline.decision');
  }
  await world.send(urgent!, 'Ask urgent');
  await world.awaited(urgent!, 'tapeline.decision');
  const times: number[] = [];
  for (const customer of [first, urgent, old, young]) {
    const offer = await staff.reserved(customer!);
    await staff.say(offer, 'accept');
    await staff.say(offer, 'complete');
    times.push(offer.received);
  }
  assert.deepEqual(
    times,
    [...times].sort((one, other) => one - other),
  );
}
