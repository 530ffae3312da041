/**
 * Sequences in the words of ClickHouse: what is found, how often, which events; against regular expressions
 * where there is no time, and as part of an audience. `TAPELINE_SEEDS` says how many random ones.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compileSequence,
  findSequence,
  latestStart,
  lookStepsMax,
  type SequenceEvent,
} from '../src/audiences/sequence.ts';
import { AppError } from '../src/std/errors.ts';
import { type Random, seededRandom } from '../src/std/random.ts';
import { audience, Member } from './support/audiences.ts';

/** `1 2 1@5 .@7`: which condition each event meets, and its second (else one after the other); `.` meets none of them. */
function events(text: string): SequenceEvent[] {
  return text.split(' ').map((each, index) => {
    const [condition, second = index] = each.split('@');
    return {
      at: Number(second) * 1000,
      bits: condition === '.' ? 0 : 1 << (Number(condition) - 1),
    };
  });
}

function found(pattern: string, text: string): { count: number; events: readonly number[] } {
  return findSequence(compileSequence(pattern, 4, 'matches'), events(text));
}

test('what follows at once, with one between, with any between', () => {
  assert.deepEqual(found('(?1)(?2)', '1 3 1 2'), { count: 1, events: [2, 3] });
  assert.deepEqual(found('(?1).(?2)', '1 3 2 1 2'), { count: 1, events: [0, 2] });
  assert.deepEqual(found('(?1).*(?2)', '1 3 3 2 1 2'), { count: 2, events: [0, 3] });
  assert.deepEqual(found('(?1)(?1)', '1 1 1 1 1'), { count: 2, events: [0, 1] }, 'shares no event');
  assert.deepEqual(found('(?1)(?2)', '2 1 1'), { count: 0, events: [1] }, 'the furthest it came');
});

test('time is told from the event before, in seconds, and others may come between', () => {
  assert.equal(found('(?1)(?t<=2)(?2)', '1@0 3@1 2@2').count, 1);
  assert.equal(found('(?1)(?t<2)(?2)', '1@0 3@1 2@2').count, 0);
  assert.equal(found('(?1)(?t>=2)(?2)', '1@0 2@1 2@2').count, 1);
  assert.deepEqual(found('(?1)(?t>1)(?2)', '1@0 2@1 2@2').events, [0, 2]);
  assert.equal(found('(?1)(?t==2)(?2)', '1@0 2@1 2@3').count, 0);
  assert.equal(found('(?1)(?t<=1)(?2)', '1@0 1@4 2@5').count, 1, 'begins anew');
  assert.equal(found('(?1)(?t<=0.5)(?2)', '1@0 2@0.5').count, 1);
  assert.equal(found('(?1)(?t>1)(?t<9)(?2)', '1@0 3@5 2@20').count, 0);
});

function randomPattern(random: Random): { readonly pattern: string; readonly expression: RegExp } {
  const parts = Array.from({ length: 1 + random.below(5) }, () => random.below(6));
  // One that begins with an event finds nothing in nothing.
  const all = [random.below(3), ...parts];
  const pattern = all.map((part) => (part < 4 ? `(?${part + 1})` : part === 4 ? '.' : '.*'));
  const expression = all.map((part) => (part < 4 ? 'abcd'[part] : part === 4 ? '.' : '.*?'));
  return { pattern: pattern.join(''), expression: new RegExp(expression.join(''), 'g') };
}

test('without time it is a lazy regular expression', () => {
  const seeds = Number(process.env['TAPELINE_SEEDS'] ?? 800);
  for (let seed = 1; seed <= seeds; seed++) {
    const random = seededRandom(seed);
    const { expression, pattern } = randomPattern(random);
    const kinds = Array.from({ length: 1 + random.below(20) }, () => random.below(4));
    const tape = kinds.map((kind, at) => ({ at, bits: 1 << kind }));
    const text = kinds.map((kind) => 'abcd'[kind]).join('');
    const { count } = findSequence(compileSequence(pattern, 4, 'matches'), tape);
    assert.equal(count, [...text.matchAll(expression)].length, `seed ${seed}: ${pattern} ${text}`);
  }
});

test('the latest start is that of the shortest end of a tape in which it is found often enough', () => {
  const seeds = Number(process.env['TAPELINE_SEEDS'] ?? 800);
  for (let seed = 1; seed <= seeds; seed++) {
    const random = seededRandom(seed);
    const { pattern } = randomPattern(random);
    const timed = random.below(2) === 0 ? pattern : pattern.replace(')(', ')(?t<=3)(');
    const tape = Array.from({ length: 1 + random.below(16) }, (_, at) => {
      return { at: at * 1000, bits: 1 + random.below(15) };
    });
    const times = 1 + random.below(3);
    const compiled = compileSequence(timed, 4, 'matches');
    const starts = tape.map((_, from) => findSequence(compiled, tape.slice(from)).count);
    const latest = starts.findLastIndex((count) => count >= times);
    assert.equal(latestStart(compiled, tape, times), latest, `seed ${seed}: ${timed}`);
  }
});

test('a pattern that would take too long is given up, not followed', () => {
  const pattern = `(?1)${'.*(?1)'.repeat(30)}(?t==7)(?2)`;
  const tape = Array.from({ length: 400 }, (_, at) => ({ at, bits: 1 }));
  assert.ok(lookStepsMax < 400 * 400);
  assert.equal(findSequence(compileSequence(pattern, 2, 'matches'), tape).count, 0);
});

test('an audience is in from the match on, as long as its first event is within the window', () => {
  const definition = {
    matches: '(?1)(?t<=5)(?2)',
    of: ['Search', { event: 'Exit' }],
    within: '1m',
  };
  const member = new Member(definition);
  assert.equal(member.take('Search', 10_000), false);
  assert.equal(member.take('Other', 11_000), false);
  assert.equal(member.take('Exit', 15_000), true);
  assert.equal(member.changesAt(15_000), 70_001);
  assert.equal(member.isIn(70_000), true);
  assert.equal(member.isIn(70_001), false);
  const late = new Member(definition);
  late.take('Exit', 15_000);
  assert.equal(late.take('Search', 10_000, 16_000), true, 'put where it belongs');
  const slow = new Member(definition);
  slow.take('Search', 10_000);
  assert.equal(slow.take('Exit', 15_001), false);
  assert.deepEqual([...audience(definition).types], ['Search', 'Exit']);
});

test('several matches, for good, and of two customers', () => {
  const twice = new Member({ matches: '(?1)(?2)', of: ['a', 'b'], times: 2, within: '10s' });
  for (const [at, type] of ['a', 'b', 'a'].entries()) twice.take(type, at * 1000);
  assert.equal(twice.take('b', 3000), true);
  assert.equal(twice.changesAt(3000), 10_001, 'the first of both has to be within it');
  const ever = new Member({ matches: '(?1)(?2)', of: ['a', 'b'] });
  ever.take('a', 0);
  assert.equal(ever.take('b', 1000), true);
  assert.equal(ever.changesAt(1000), undefined);
  for (let n = 2; n < 300; n++) ever.take('a', n * 1000);
  assert.equal(ever.isIn(1e12), true);
  const compiled = audience({ matches: '(?1)(?2)', of: ['a', 'b'], within: '1m' });
  const [one, other] = ['a', 'b'].map((type, n) => {
    const member = new Member({ matches: '(?1)(?2)', of: ['a', 'b'], within: '1m' });
    member.take(type, n * 1000);
    return member.state;
  });
  const joined = compiled.join(one!, other!);
  assert.equal(compiled.holds(joined, 2000, { name: 'c1', instances: [] }), true);
});

test('what is no sequence is refused with the place', () => {
  const refused = (definition: object, message: RegExp): void => {
    assert.throws(
      () => audience({ of: ['a', 'b'], ...definition }),
      (error) =>
        error instanceof AppError && error.code === 'invalid' && message.test(error.message),
      String(message),
    );
  };
  refused({ matches: '(?3)' }, /^audience\.matches: \(\?3\): there are 2 conditions/);
  refused({ matches: '(?1)x' }, /^audience\.matches: write \(\?1\), .* at character 5 \(x\)/);
  refused({ matches: '(?t<5)(?1)' }, /time is told from an event before it/);
  refused({ matches: '.'.repeat(257) }, /audience\.matches must be a string of 1 to 256/);
  refused({ matches: '(?1)', of: [] }, /audience\.of must be a list of 1 to 16/);
  refused({ matches: '(?1)', times: 101 }, /audience\.times must be a whole number from 1 to 100/);
});
