/** Agents, offers and persons for tests of routing, at random or plain. */

import type { Place } from '../../src/journeys/place.ts';
import type { AgentDefinition } from '../../src/journeys/route/agent.ts';
import { offerKinds } from '../../src/journeys/route/search.ts';
import type { Delivery, PersonState } from '../../src/journeys/state.ts';
import type { DecidedAction } from '../../src/journeys/words.ts';
import type { Random } from '../../src/std/random.ts';

export const skills = ['licence', 'loans', 'spanish'];
export const desks = ['north', 'south'];

export function oneOf<Item>(random: Random, items: readonly Item[]): Item {
  return items[random.below(items.length)]!;
}

function someOf<Item>(random: Random, items: readonly Item[]): Item[] {
  return items.filter(() => random.below(2) === 0);
}

/** Within some thirty miles of each other. */
export function placeOf(random: Random): Place {
  return { latitude: 37 + random.next() / 2, longitude: -122 + random.next() / 2 };
}

export function agentDefinition(random: Random, name: string): AgentDefinition {
  const levels = someOf(random, skills).map((skill) => [skill, 1 + random.below(10)]);
  return {
    name,
    skills: Object.fromEntries(levels) as Record<string, number>,
    capacity: 1 + random.below(3),
    ...(random.below(3) === 0 && { desk: oneOf(random, desks) }),
    ...(random.below(4) > 0 && { place: placeOf(random) }),
    ...(random.below(4) === 0 && { channels: [oneOf(random, offerKinds)] }),
  };
}

export function agentAction(random: Random, id: string): DecidedAction {
  const wishes = someOf(random, skills).map((skill) => ({
    skill,
    ...(random.below(2) === 0 && { level: 1 + random.below(8) }),
    ...(random.below(2) === 0 && { weight: random.below(5) }),
    ...(random.below(3) === 0 && { dropAfter: `${10 + random.below(60)}s` }),
  }));
  const rings = [
    { after: '0s', miles: 1 + random.below(10) },
    { after: '20s', miles: 25, levelsLower: random.below(4) },
    { after: '60s', anywhere: true },
  ];
  return {
    id,
    do: 'agent',
    kind: oneOf(random, offerKinds),
    title: 'Talk to us',
    skills: wishes,
    priority: random.below(3),
    reserveFor: `${5 + random.below(30)}s`,
    ttl: `${30 + random.below(200)}s`,
    ...(random.below(2) === 0 && { rings }),
    ...(random.below(4) > 0 && { place: placeOf(random) }),
  };
}

/** Somebody of whom nothing is known but what is to be delivered. */
export function personWith(name: string, deliveries: Delivery[]): PersonState {
  const nothing = { instances: [], timers: [], requests: [], touches: [] };
  return { name, ...nothing, audiences: {}, deliveries, consent: {}, responses: {} };
}
