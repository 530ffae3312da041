/** Who gets an offer: skills, load, idleness, rings, and what may become of an offer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isWithin } from '../src/journeys/place.ts';
import { applyOffer, newOffer, offerOf } from '../src/journeys/route/applied.ts';
import { best, type Candidate, compare, fits } from '../src/journeys/route/match.ts';
import { Nearby } from '../src/journeys/route/near.ts';
import { meetingOf } from '../src/journeys/route/said.ts';
import { nextChange, planOf, type Search, searchAt } from '../src/journeys/route/search.ts';
import type { PersonState } from '../src/journeys/state.ts';
import type { DecidedAction, OfferSaid } from '../src/journeys/words.ts';
import { seededRandom } from '../src/std/random.ts';
import { personWith } from './support/routemake.ts';

const minute = 60_000;
const now = 1_763_740_000_000;
const anything: Search = {
  kind: 'offer',
  required: [],
  preferred: [],
  miles: Number.POSITIVE_INFINITY,
  place: undefined,
};

function agent(
  id: string,
  rest: Partial<Candidate> & { levels?: Record<string, number> } = {},
): Candidate {
  const { levels = {}, ...given } = rest;
  return {
    id,
    skills: new Map(Object.entries(levels)),
    place: undefined,
    takes: undefined,
    load: 0,
    capacity: 5,
    lastOfferAt: 0,
    ...given,
  };
}

function order(agents: readonly Candidate[], search: Search): string {
  return [...agents]
    .sort((a, b) => compare(a, b, search))
    .map(({ id }) => id)
    .join(' ');
}

function action(members: Record<string, unknown>): DecidedAction {
  return { id: 'a1', do: 'agent', kind: 'walkIn', title: 'Talk to us', ...members };
}

test('the lowest load ratio comes first, then who was asked the longest ago', () => {
  const agents = [
    agent('A', { load: 3, capacity: 5, lastOfferAt: now - 5 * minute }),
    agent('B', { load: 3, capacity: 4, lastOfferAt: now - 3 * minute }),
    agent('C', { load: 3, capacity: 5, lastOfferAt: now - 7 * minute }),
    agent('D', { load: 0, capacity: 5, lastOfferAt: now - 2 * minute }),
  ];
  assert.equal(order(agents, anything), 'D C A B');
});

test('what is preferred weighs more than load, and the id decides when nothing else does', () => {
  const search = {
    ...anything,
    preferred: [
      { skill: 'loans', weight: 3 },
      { skill: 'spanish', weight: 1 },
    ],
  };
  const agents = [
    agent('b', { levels: { loans: 5 }, load: 4 }),
    agent('c', { levels: { spanish: 10 } }),
    agent('z', { levels: { loans: 5 }, load: 4 }),
    agent('a'),
  ];
  assert.equal(order(agents, search), 'b z c a');
});

test('required skills are hard, and so are kinds and miles', () => {
  const here = { latitude: 37.77, longitude: -122.42 };
  const near = { latitude: 37.8, longitude: -122.42 };
  const search: Search = {
    ...anything,
    required: [{ skill: 'licence', level: 7 }],
    miles: 5,
    place: here,
  };
  const licensed = { levels: { licence: 7 }, place: near };
  assert.equal(fits(agent('a', licensed), search), true);
  assert.equal(fits(agent('a', { ...licensed, levels: { licence: 6 } }), search), false);
  assert.equal(fits(agent('a', { ...licensed, place: undefined }), search), false);
  assert.equal(fits(agent('a', licensed), { ...search, miles: 2 }), false);
  assert.equal(fits(agent('a', licensed), { ...search, place: undefined }), false);
  assert.equal(
    fits(agent('a', { ...licensed, takes: new Set(['callback' as const]) }), search),
    false,
  );
  assert.equal(
    fits(agent('a', { levels: { licence: 7 } }), {
      ...search,
      miles: Number.POSITIVE_INFINITY,
      place: undefined,
    }),
    true,
  );
  assert.equal(best([], search), undefined);
});

test('rings widen, levels sink and wishes are dropped as time passes', () => {
  const plan = planOf(
    action({
      place: { latitude: 37.77, longitude: -122.42 },
      skills: [
        { skill: 'licence', level: 7 },
        { skill: 'spanish', level: 3, weight: 2, dropAfter: '2m' },
      ],
      rings: [
        { after: '0s', miles: 5 },
        { after: '1m', miles: 25 },
        { after: '3m', anywhere: true, levelsLower: 8 },
      ],
    }),
  );
  const spanish = { skill: 'spanish', level: 3 };
  const licence = { skill: 'licence', level: 7 };
  assert.deepEqual(searchAt(plan, 0), {
    ...searchAt(plan, 0),
    miles: 5,
    required: [licence, spanish],
  });
  assert.equal(searchAt(plan, minute - 1).miles, 5);
  assert.equal(searchAt(plan, minute).miles, 25);
  assert.deepEqual(searchAt(plan, 2 * minute).required, [licence]);
  assert.deepEqual(searchAt(plan, 3 * minute).required, [{ skill: 'licence', level: 1 }]);
  assert.equal(searchAt(plan, 3 * minute).miles, Number.POSITIVE_INFINITY);
  // Weighed all along, required or not.
  assert.deepEqual(searchAt(plan, 9 * minute).preferred, [{ skill: 'spanish', weight: 2 }]);
  const changes: number[] = [];
  for (let at: number | undefined = 0; at !== undefined; at = nextChange(plan, at))
    changes.push(at);
  assert.deepEqual(changes, [0, minute, 2 * minute, 3 * minute]);
});

test('without rings an offer goes as far as its rule, and an unknown place only anywhere', () => {
  assert.equal(searchAt(planOf(action({ within: { miles: 25 } })), 0).miles, 25);
  assert.equal(searchAt(planOf(action({ within: 'anywhere' })), 0).miles, Number.POSITIVE_INFINITY);
  assert.equal(searchAt(planOf(action({})), 0).miles, Number.POSITIVE_INFINITY);
  assert.equal(planOf(action({ place: { latitude: 91, longitude: 0 } })).place, undefined);
  // A first ring that begins later holds from the beginning.
  assert.equal(searchAt(planOf(action({ rings: [{ after: '1m', miles: 3 }] })), 0).miles, 3);
});

test('the context of the journey adds what is preferred', () => {
  const skills = [
    { skill: 'banking', level: 1 },
    { context: 'interest', weight: 10 },
    { context: 'language', weight: 5 },
  ];
  const plan = planOf(action({ skills, context: { interest: 'auto-loans', language: 7 } }));
  assert.deepEqual(plan.preferred, [{ skill: 'auto-loans', weight: 10 }]);
  const search = searchAt(plan, 0);
  const levels = { banking: 5 };
  const agents = [
    agent('mortgages', { levels: { ...levels, mortgages: 9 } }),
    agent('cars', { levels: { ...levels, 'auto-loans': 2 }, load: 4 }),
    agent('expert', { levels: { 'auto-loans': 10 } }),
  ];
  assert.equal(best(agents, search)?.id, 'cars');
});

test('who is near is found in the tree as by looking at everybody', () => {
  const random = seededRandom(7);
  const agents = new Map<
    string,
    { id: string; place: { latitude: number; longitude: number } | undefined }
  >();
  for (let i = 0; i < 500; i++) {
    const place = { latitude: random.next() * 180 - 90, longitude: random.next() * 360 - 180 };
    agents.set(`a${i}`, { id: `a${i}`, place: i % 10 === 0 ? undefined : place });
  }
  const nearby = new Nearby(agents);
  for (let i = 0; i < 50; i++) {
    const place = { latitude: random.next() * 180 - 90, longitude: (i % 2) * 359.8 - 179.9 };
    const miles = 50 + random.next() * 2000;
    const found = [...nearby.within(place, miles)].filter((each) =>
      isWithin(each.place, place, miles),
    );
    const all = [...agents.values()].filter((each) => isWithin(each.place, place, miles));
    assert.deepEqual(found.map(({ id }) => id).sort(), all.map(({ id }) => id).sort());
  }
  const moved = agents.get('a1')!;
  moved.place = { latitude: 1, longitude: 1 };
  nearby.change();
  assert.ok([...nearby.within({ latitude: 1, longitude: 1 }, 1)].includes(moved));
  assert.deepEqual([...nearby.within(undefined, 1)], []);
});

test('nobody is near when nobody has a place', () => {
  const agents = new Map(Array.from({ length: 100 }, (_, i) => [`a${i}`, { place: undefined }]));
  assert.deepEqual([...new Nearby(agents).within({ latitude: 0, longitude: 0 }, 10)], []);
});

function person(): PersonState {
  return personWith('c1', [{ action: action({ id: 'x' }), request: 'r', at: now }]);
}

function say(
  to: PersonState,
  change: OfferSaid['change'],
  number: number,
  rest: Partial<OfferSaid> = {},
): boolean {
  return applyOffer(to, { action: 'x', change, number, ...rest }, now + number);
}

test('an offer is reserved, declined, reserved for another, accepted and completed', () => {
  const who = person();
  const until = now + 30_000;
  assert.equal(say(who, 'reserved', 1, { agent: 'a', until }), true);
  assert.equal(say(who, 'declined', 2, { agent: 'b' }), false, 'by somebody else');
  assert.equal(say(who, 'declined', 2, { agent: 'a' }), true);
  assert.deepEqual(offerOf(who.deliveries[0]!), { number: 2, state: 'open', passed: ['a'] });
  assert.equal(say(who, 'reserved', 3, { agent: 'b', until }), true);
  assert.equal(say(who, 'accepted', 4, { agent: 'b', meeting: 'https://meet.example/x' }), true);
  assert.deepEqual(offerOf(who.deliveries[0]!), {
    number: 4,
    state: 'accepted',
    agent: 'b',
    passed: ['a'],
    acceptedAt: now + 4,
    meeting: 'https://meet.example/x',
  });
  const [, invitation] = who.deliveries;
  assert.deepEqual(
    [invitation!.action.do, invitation!.action.id, invitation!.request],
    ['page', 'x-meeting', 'r'],
  );
  const { meeting } = invitation!.action['data'] as { meeting: string };
  assert.equal(meeting, 'https://meet.example/x');
  who.deliveries.pop();
  assert.equal(say(who, 'withdrawn', 5), false, 'an agent is with the customer');
  assert.equal(say(who, 'completed', 5, { agent: 'b', outcome: 'sold' }), true);
  assert.deepEqual(who.deliveries, []);
});

test('of two changes with one number the first counts', () => {
  const who = person();
  say(who, 'reserved', 1, { agent: 'a', until: now });
  assert.equal(say(who, 'timedOut', 2, { agent: 'a' }), true);
  assert.equal(say(who, 'accepted', 2, { agent: 'a' }), false);
  assert.equal(say(who, 'reserved', 4, { agent: 'b', until: now }), false, 'one is missing');
  assert.equal(offerOf(who.deliveries[0]!).state, 'open');
});

test('a link is filled in with the agent, encoded, and one that is no link of the web is none', () => {
  const ann = { name: 'Ann & Co', skills: {}, desk: 'Main/1', capacity: 1 };
  const link = (template: unknown) => meetingOf(template, 'a 1', ann);
  assert.equal(
    link('https://m.example/x?who=${agent.name}&id=${ agent.id }&at=${agent.desk}'),
    'https://m.example/x?who=Ann%20%26%20Co&id=a%201&at=Main%2F1',
  );
  for (const none of [undefined, '', 7, 'meet me', 'javascript:alert(1)', 'data:text/html,x']) {
    assert.equal(link(none), undefined, String(none));
  }
  assert.equal(link(`https://m.example/${'x'.repeat(2048)}`), undefined);
});

test('what is said of no offer, or another kind of action, changes nothing', () => {
  const who = person();
  assert.equal(applyOffer(who, { action: 'y', change: 'expired', number: 1 }, now), false);
  who.deliveries = [{ ...who.deliveries[0]!, action: { ...action({}), id: 'x', do: 'page' } }];
  assert.equal(say(who, 'expired', 1), false);
  assert.deepEqual(newOffer(), { number: 0, state: 'open', passed: [] });
});
