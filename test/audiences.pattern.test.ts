/**
 * Event patterns. The first tables are the examples of Apache Flink's page on complex event processing
 * (`docs/content/docs/libs/cep.md`), where a pattern says how it goes on after a match.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PatternStep } from '../src/audiences/definition.ts';
import { partialMatchesMax } from '../src/audiences/matcher.ts';
import { AppError } from '../src/std/errors.ts';
import { audience, letters, Member, matchesOf, type PatternInput } from './support/audiences.ts';

const a: PatternStep = { name: 'a', event: 'a' };
const b: PatternStep = { name: 'b', event: 'b' };
const many = { min: 1, max: 'many' } as const;

/** `a next b`, `a then b` … */
function pair(by: NonNullable<PatternStep['by']>, more: Partial<PatternInput> = {}): PatternInput {
  return { steps: [a, { ...b, by }], afterMatch: 'none', ...more };
}

/** `steps[1]` must not come; then c. */
function without(by: 'notNext' | 'notThen'): PatternInput {
  const c: PatternStep = { name: 'c', event: 'c', by: 'then' };
  return { steps: [a, { ...b, by }, c], afterMatch: 'none' };
}

const loop = {
  steps: [
    { ...b, ...many },
    { name: 'c', event: 'c', by: 'then' },
  ],
} satisfies PatternInput;

const flink: readonly [string, PatternInput, string, string[]][] = [
  ['a next b', pair('next'), 'a c b1 b2', []],
  ['a then b', pair('then'), 'a c b1 b2', ['a b1']],
  ['a thenAny b', pair('thenAny'), 'a c b1 b2', ['a b1', 'a b2']],
  ['b+ c, none', { ...loop, afterMatch: 'none' }, 'b1 b2 b3 c', ['b1 b2 b3 c', 'b2 b3 c', 'b3 c']],
  [
    'b+ c, toNext',
    { ...loop, afterMatch: 'toNext' },
    'b1 b2 b3 c',
    ['b1 b2 b3 c', 'b2 b3 c', 'b3 c'],
  ],
  ['b+ c, pastLast', { ...loop, afterMatch: 'pastLast' }, 'b1 b2 b3 c', ['b1 b2 b3 c']],
  [
    'b+ c, toFirst b',
    { ...loop, afterMatch: { toFirst: 'b' } },
    'b1 b2 b3 c',
    ['b1 b2 b3 c', 'b2 b3 c', 'b3 c'],
  ],
  [
    'b+ c, toLast b',
    { ...loop, afterMatch: { toLast: 'b' } },
    'b1 b2 b3 c',
    ['b1 b2 b3 c', 'b3 c'],
  ],
  [
    'a+ until b',
    { steps: [{ ...a, ...many, until: 'b' }], afterMatch: 'none' },
    'a1 c a2 b a3',
    ['a1', 'a1 a2', 'a2', 'a3'],
  ],
];

for (const [title, pattern, tape, found] of flink) {
  test(`${title} over ${tape}`, () => assert.deepEqual(matchesOf(pattern, letters(tape)), found));
}

test('what must not come right after, and what must not come at all', () => {
  assert.deepEqual(matchesOf(without('notNext'), letters('a b c')), []);
  assert.deepEqual(matchesOf(without('notNext'), letters('a d b c')), ['a c']);
  assert.deepEqual(matchesOf(without('notNext'), letters('a c')), ['a c']);
  assert.deepEqual(matchesOf(without('notThen'), letters('a d b c')), []);
  assert.deepEqual(matchesOf(without('notThen'), letters('a d c b')), ['a c']);
  // What must not come between the first and the second may come before and after.
  assert.deepEqual(matchesOf(without('notThen'), letters('b a c')), ['a c']);
});

test('an optional step carries what must not come before it on to the next', () => {
  const steps: PatternStep[] = [
    a,
    { name: 'x', event: 'x', by: 'notThen' },
    { ...b, min: 0, max: 1, by: 'then' },
    { name: 'c', event: 'c', by: 'then' },
  ];
  const found = (tape: string): string[] => matchesOf({ steps }, letters(tape));
  assert.deepEqual(found('a b c'), ['a b c']);
  assert.deepEqual(found('a c'), ['a c']);
  assert.deepEqual(found('a b x c'), ['a b c'], 'after b it is allowed');
  assert.deepEqual(found('a x b c'), []);
  assert.deepEqual(found('a x c'), []);
});

test('quantifiers: so many, at most, at least, as few as possible', () => {
  const c: PatternStep = { name: 'c', event: 'c', by: 'then' };
  const found = (times: Partial<PatternStep>, tape: string, by: PatternStep['by'] = 'then') =>
    matchesOf({ steps: [a, { ...b, by: 'then', ...times }, { ...c, by }] }, letters(tape));
  assert.deepEqual(found({ min: 2 }, 'a b1 b2 b3 c'), ['a b1 b2 c']);
  assert.deepEqual(found({ min: 2 }, 'a b1 c'), []);
  assert.deepEqual(found({ min: 2, max: 3 }, 'a b1 b2 b3 b4 c'), ['a b1 b2 b3 c']);
  assert.deepEqual(found({ min: 0, max: 'many' }, 'a c'), ['a c']);
  assert.deepEqual(found({ min: 0, max: 'many' }, 'a b1 d b2 c'), ['a b1 b2 c']);
  assert.deepEqual(found({ min: 1, max: 'many', lazy: true }, 'a b1 b2 c'), ['a b1 c']);
  assert.deepEqual(found({ min: 0, max: 1, lazy: true }, 'a b1 c'), ['a c']);
  assert.deepEqual(found({ min: 0, max: 1, lazy: true }, 'a b1 c', 'next'), ['a b1 c']);
  // What follows must be the very next, so the lazy one goes on until it is.
  assert.deepEqual(found({ min: 1, max: 'many', lazy: true }, 'a b1 b2 c', 'next'), ['a b1 b2 c']);
  assert.deepEqual(found({ min: 1, max: 'many' }, 'a b1 d c', 'next'), []);
  assert.deepEqual(found({ min: 1, max: 'many' }, 'a b1 d b2 c', 'next'), ['a b1 b2 c']);
  assert.deepEqual(found({ min: 1, max: 'many', until: 'u' }, 'a b1 u b2 c'), ['a b1 c']);
  assert.deepEqual(found({ min: 2, max: 'many', until: 'u' }, 'a b1 u b2 c'), []);
});

test('an event is one step only, and those of one time stand in the order of the steps', () => {
  assert.deepEqual(matchesOf({ steps: [a, { ...a, name: 'a2', by: 'then' }] }, letters('a1')), []);
  const twice = { steps: [a, { ...a, name: 'a2', by: 'next' as const }] };
  assert.deepEqual(matchesOf(twice, letters('a1 a2 a3 a4')), ['a1 a2', 'a3 a4']);
  const together = letters('c b a').map((event) => ({ ...event, at: 7 }));
  assert.deepEqual(matchesOf(pair('next'), together), ['a b']);
});

test('a window counts from the first event and includes its end', () => {
  const within = { withinMs: 2 };
  assert.deepEqual(matchesOf(pair('then', within), letters('a d b')), ['a b']);
  assert.deepEqual(matchesOf(pair('then', within), letters('a d d b')), []);
  assert.deepEqual(matchesOf(pair('then', within), letters('a1 a2 d b')), ['a2 b']);
});

test('a pattern that ends with notThen matches when its window is over', () => {
  const silent = pair('notThen', { withinMs: 5 });
  assert.deepEqual(matchesOf(silent, letters('a'), 5), []);
  assert.deepEqual(matchesOf(silent, letters('a'), 6), ['a']);
  assert.deepEqual(matchesOf(silent, letters('a d d d d b'), 99), []);
  assert.deepEqual(matchesOf(silent, letters('a d d d d d b'), 99), ['a']);
  const notNext = pair('notNext');
  assert.deepEqual(matchesOf(notNext, letters('a'), 99), [], 'something must have come');
  assert.deepEqual(matchesOf(notNext, letters('a b a c')), ['a']);
});

test('absence is told by the timer, taken back by an event that comes late, and ends with its window', () => {
  const member = new Member({ pattern: { steps: [a, { ...b, by: 'notThen' }] }, within: '10s' });
  assert.equal(member.take('a', 1000), false);
  assert.equal(member.changesAt(1000), 11_001);
  assert.equal(member.isIn(11_000), false);
  assert.equal(member.isIn(11_001), true);
  assert.equal(member.settle(11_001), true);
  assert.equal(member.changesAt(11_001), 21_002, 'complete at 11,001, so ten seconds more');
  assert.equal(member.take('b', 11_000, 12_000), true, 'it had come after all');
  assert.equal(member.isIn(12_000), false);
});

test('membership by a pattern lasts for its window, or for ever', () => {
  const pattern = { steps: [a, { ...b, by: 'then' }] };
  const lasting = new Member({ pattern, within: '10s' });
  lasting.take('a', 0);
  assert.equal(lasting.take('b', 4000), true);
  assert.equal(lasting.changesAt(4000), 14_001);
  assert.equal(lasting.isIn(14_000), true);
  assert.equal(lasting.isIn(14_001), false);
  for (const definition of [{ pattern }, { pattern, within: '10s', when: 'ever' }]) {
    const ever = new Member(definition);
    ever.take('a', 0);
    assert.equal(ever.take('b', 4000), true);
    assert.equal(ever.changesAt(4000), undefined);
    assert.equal(ever.isIn(1e12), true);
  }
});

test('partial matches are bounded, and what is given up is counted', () => {
  const definition = { pattern: { steps: [a, { ...b, by: 'then' }] }, within: '1h' };
  const compiled = audience(definition);
  const member = new Member(definition);
  for (let n = 0; n < partialMatchesMax + 5; n++) member.take('a', n);
  assert.equal(compiled.givenUp(member.state), 5);
  assert.equal(member.take('b', 5000), true, 'those that began last are still there');
});

test('without a window, those who wait for the same are one', () => {
  const member = new Member({ pattern: { steps: [a, { ...b, by: 'then' }] } });
  for (let n = 0; n < 3 * partialMatchesMax; n++) member.take('a', n);
  assert.ok(JSON.stringify(member.state).length < 10_000);
  assert.equal(member.take('b', 5000), true);
});

test('other events matter only where something has to be the very next', () => {
  assert.deepEqual([...audience({ pattern: pair('then') }).types], ['a', 'b']);
  assert.deepEqual([...audience({ pattern: pair('next') }).types], ['a', 'b', '*']);
  const among = audience({ pattern: { ...pair('next'), among: ['c'] } });
  assert.deepEqual([...among.types], ['a', 'b', 'c']);
  const only = { ...pair('next'), among: ['c'] };
  assert.deepEqual(matchesOf(only, letters('a d b')), ['a b']);
  assert.deepEqual(matchesOf(only, letters('a c b')), []);
});

test('patterns that make no sense are refused with the place', () => {
  const refused = (pattern: unknown, message: RegExp, more: object = {}): void => {
    assert.throws(
      () => audience({ pattern, ...more }),
      (error) =>
        error instanceof AppError && error.code === 'invalid' && message.test(error.message),
      String(message),
    );
  };
  refused({ steps: [] }, /pattern\.steps must be a list of 1 to 15/);
  refused({ steps: [{ ...a, by: 'next' }] }, /steps\[0\]\.by: nothing comes before/);
  refused({ steps: [a, { ...b, by: 'after' }] }, /steps\[1\]\.by must be one of/);
  refused({ steps: [a, { ...a, by: 'then' }] }, /steps\[1\]\.name is the name of another/);
  refused({ steps: [{ ...a, min: 0 }] }, /must have a step that is not optional/);
  refused({ steps: [a, { ...b, by: 'notThen' }] }, /needs a window/);
  refused({ steps: [a, { ...b, by: 'notNext', max: 2 }] }, /steps\[1\]: what must not come has no/);
  refused({ steps: [{ ...a, max: 2, min: 3 }] }, /steps\[0\]\.max must be a whole number from 3/);
  refused({ steps: [{ ...a, max: 101 }] }, /steps\[0\]\.max must be a whole number from 1 to 100/);
  refused({ steps: [{ ...a, until: 'b' }] }, /steps\[0\]\.until is for a step with "max":"many"/);
  refused({ steps: [{ ...a, where: 'event.data.x >' }] }, /audience\.pattern\.steps\[0\]\.where/);
  refused({ steps: [a], afterMatch: { toFirst: 'z' } }, /afterMatch\.toFirst must name a step/);
  refused({ steps: [a], afterMatch: 'past' }, /afterMatch must be none, pastLast/);
  refused({ steps: [a], speed: 1 }, /unknown member "speed"/);
  refused({ steps: [a] }, /within must look like/, { within: '367d' });
});
