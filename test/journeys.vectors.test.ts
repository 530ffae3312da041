/** Event patterns on the engine's transition: who is in, with which event, and what becomes of it as time passes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AudienceDefinition } from '../src/audiences/definition.ts';
import { partialMatchesMax } from '../src/audiences/matcher.ts';
import type { Rule } from '../src/journeys/definition.ts';
import { Play } from './support/journeykit.ts';
import { eventsOf, patternVectors } from './support/patternvectors.ts';

const then: Rule['then'] = [{ do: 'notify', data: {} }];

/** Rules that hear of who enters an audience, and of who leaves it. */
function watching(definition: AudienceDefinition): Play {
  const rule = (change: 'enter' | 'leave'): Rule => {
    return { audiences: { it: definition }, when: { audience: 'it', change }, then };
  };
  return new Play({ rules: { enter: rule('enter'), leave: rule('leave') } });
}

function heard(play: Play): [string, number][] {
  return play.asked.map(({ at, rule }) => [rule!, at]);
}

const letter = (name: string): string => name;

for (const [index, vector] of patternVectors.entries()) {
  test(`${index + 1}. ${vector.title}: ${vector.tape}`, () => {
    const events = eventsOf(vector);
    const last = events.at(-1)!.at;
    const expected = events.filter(({ name }) => name === vector.enters);
    // As they happen; and all of them at the end, each as late as it is then.
    const live = watching(vector.audience(letter));
    for (const event of events) live.event(event.at, event.letter);
    const late = watching(vector.audience(letter));
    const entered: string[] = [];
    for (const event of events) {
      late.event(last, event.letter, {}, last - event.at);
      while (entered.length < late.asked.length) entered.push(event.name);
    }
    const times = expected.map(({ at }): [string, number] => ['enter', at]);
    assert.deepEqual(heard(live), times);
    const names = expected.map(({ name }) => name);
    assert.deepEqual(entered, names);
  });
}

const step = (name: string, by?: 'then' | 'thenAny' | 'notThen') => {
  return { name, event: name, ...(by !== undefined && { by }) };
};

test('membership lasts from the newest match on: of any b, or of the first alone', () => {
  for (const [by, left] of [
    ['then', 10_011],
    ['thenAny', 10_021],
  ] as const) {
    const pattern = { steps: [step('a'), step('b', by)], afterMatch: 'none' } as const;
    const play = watching({ pattern, within: '10s' });
    for (const [at, type] of ['a', 'b', 'b'].entries()) play.event(at * 10, type);
    play.until(60_000);
    assert.deepEqual(heard(play), [
      ['enter', 10],
      ['leave', left],
    ]);
  }
});

test('what does not follow is missed when the time is over, and not a moment before', () => {
  const silent: AudienceDefinition = {
    pattern: { steps: [step('a'), step('b', 'notThen')] },
    within: '30s',
  };
  const play = watching(silent);
  play.event(0, 'a');
  play.until(30_000);
  assert.deepEqual(heard(play), []);
  play.until(200_000);
  assert.deepEqual(heard(play), [
    ['enter', 30_001],
    ['leave', 60_002],
  ]);
  const followed = watching(silent);
  followed.event(0, 'a');
  followed.event(30_000, 'b');
  followed.until(200_000);
  assert.deepEqual(heard(followed), []);
  // It had come in time after all, and is told when that is known.
  const late = watching(silent);
  late.event(0, 'a');
  late.event(31_000, 'b', {}, 1000);
  late.until(200_000);
  assert.deepEqual(heard(late), [
    ['enter', 30_001],
    ['leave', 31_000],
  ]);
});

test('partial matches of a customer are bounded, and what is given up is told', () => {
  const audience = { pattern: { steps: [step('a'), step('b', 'then')] }, within: '1h' };
  const rule: Rule = { audiences: { it: audience }, when: { audience: 'it' }, then };
  const play = new Play({ rules: { enter: rule } });
  for (let n = 0; n < partialMatchesMax; n++) play.event(n, 'a');
  assert.equal(play.givenUp, 0);
  for (let n = 0; n < 5; n++) play.event(partialMatchesMax + n, 'a');
  assert.equal(play.givenUp, 5);
  play.event(5000, 'b');
  assert.deepEqual(heard(play), [['enter', 5000]]);
  assert.equal(play.givenUp, 5);
});
