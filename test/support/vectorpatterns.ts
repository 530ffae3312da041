/** Event patterns on a real server: the tables of `patternvectors.ts`, all of them at once, in the past. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rule } from '../../src/journeys/definition.ts';
import { eventsOf, patternVectors, type VectorEvent } from './patternvectors.ts';
import { fresh, store, until } from './session.ts';
import type { World } from './vectorworld.ts';

const then: Rule['then'] = [{ do: 'event', type: 'Matched' }];

function typeOf(index: number): (letter: string) => string {
  return (letter) => `Vector ${index} ${letter}`;
}

export function patternRules(): Record<string, Rule> {
  const rules: Record<string, Rule> = { end: { when: { event: 'The End' }, then } };
  for (const [index, { audience }] of patternVectors.entries()) {
    const audiences = { it: audience(typeOf(index)) };
    rules[`vector ${index}`] = { audiences, when: { audience: 'it' }, then };
  }
  return rules;
}

interface Actor {
  readonly customer: string;
  readonly title: string;
  readonly events: readonly VectorEvent[];
  readonly decided: readonly string[];
}

/** For each vector one who does all of it, and one who stops right before it would be in. */
function actorsOf(index: number): Actor[] {
  const vector = patternVectors[index]!;
  const events = eventsOf(vector);
  const title = `${vector.title}: ${vector.tape}`;
  const in_ = events.findIndex(({ name }) => name === vector.enters);
  if (in_ === -1) return [{ customer: `whole-${index}`, title, events, decided: ['end:act'] }];
  const decided = [`vector ${index}:act`, 'end:act'];
  const short = { title: `${title}, cut`, events: events.slice(0, in_), decided: ['end:act'] };
  return [
    { customer: `whole-${index}`, title, events, decided },
    { customer: `short-${index}`, ...short },
  ];
}

export function patternTests(world: World): void {
  test('who is in, and with which event, is as the tables of patterns say', () => tables(world));
  test('what was done before a rule was there counts for it', () => past(world));
}

async function tables(world: World): Promise<void> {
  const now = Date.now();
  const all = patternVectors.flatMap((_, index) => {
    return actorsOf(index).map((actor) => ({ ...actor, of: typeOf(index) }));
  });
  const sent = all.flatMap(({ customer, events, of }) => {
    const begun = now - (events.at(-1)?.at ?? 0) - 1000;
    return events.map(({ at, letter }) => ({ customer, type: of(letter), time: begun + at }));
  });
  await store(world.server, sent);
  await store(
    world.server,
    all.map(({ customer }) => ({ customer, type: 'The End' })),
  );
  for (const { customer, decided, title } of all) {
    await world.awaited(customer, 'tapeline.decision', decided.length);
    // What comes last is decided last, so nothing else is to come.
    assert.deepEqual(await world.decided(customer), decided, title);
  }
}

/** A touchpoint asks about somebody of whom the engine has not heard yet, and events come of who is two by then. */
async function past(world: World): Promise<void> {
  const [often, seldom, known] = ['often', 'seldom', 'known'].map(fresh);
  const cookie = `cookie:${fresh('past')}`;
  const calls = [often, often, often, seldom, cookie, cookie, known];
  await store(
    world.server,
    calls.map((customer) => ({ customer, type: 'Past Call' })),
  );
  const audiences = { caller: { performed: 'Past Call', times: 3, within: '30d' } };
  const rule = { audiences, if: 'audience.caller', then };
  await world.putRules({
    'past ask': { ...rule, when: { ask: 'past' } },
    'past page': { ...rule, when: { event: 'Past Page' } },
    'past entry': { audiences, when: { audience: 'caller' }, then },
  });
  const asked = async (customer: string): Promise<string> => {
    const wish = { customer, placement: 'past', candidates: [], withinMs: 10_000 };
    const { candidates } = (await world.call('POST', '/v1/decide', wish)) as {
      candidates: readonly { id: string; verdict: string }[];
    };
    return candidates.map(({ id, verdict }) => `${id}:${verdict}`).join();
  };
  assert.equal(await asked(often!), 'past ask:act');
  assert.equal(await asked(seldom!), 'past ask:condition');
  await world.send(known!, 'Past Login', { previous: cookie });
  for (const customer of [often, seldom, known]) {
    await world.send(customer!, 'Past Page');
    await world.send(customer!, 'The End');
    await until(async () => (await world.decided(customer!)).includes('end:act'));
  }
  // Whoever is in already did not enter.
  for (const [customer, expected] of [
    [often!, ['past page:act', 'end:act']],
    [seldom!, ['end:act']],
    [known!, ['past page:act', 'end:act']],
  ] as const) {
    const decided = (await world.decided(customer)).filter((each) => !each.startsWith('undefined'));
    assert.deepEqual(decided, expected, customer);
  }
}
