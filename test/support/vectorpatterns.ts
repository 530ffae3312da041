/** Event patterns on a real server: the tables of `patternvectors.ts`, all of them at once, in the past. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rule } from '../../src/journeys/definition.ts';
import { eventsOf, patternVectors, type VectorEvent } from './patternvectors.ts';
import { store } from './session.ts';
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
  test('who is in, and with which event, is as the tables of patterns say', async () => {
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
  });
}
