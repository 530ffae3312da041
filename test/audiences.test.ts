/** Audiences, part by part: who is in, from when to when, and what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AudiencePerson, JourneySteps } from '../src/audiences/audience.ts';
import { AppError } from '../src/std/errors.ts';
import { audience, Member, occurred, somebody } from './support/audiences.ts';

const minute = 60_000;
const hour = 60 * minute;
const start = Date.UTC(2026, 0, 1);

test('three calls within three hours: sliding, inclusive at the far end', () => {
  const definition = { performed: 'Call', times: 3, within: '3h' };
  for (const [last, isIn] of [
    [3 * hour, true],
    [3 * hour + 1, false],
  ] as const) {
    const now = new Member(definition);
    const ever = new Member({ ...definition, when: 'ever' });
    for (const at of [0, 90 * minute, last]) {
      now.take('Call', start + at);
      ever.take('Call', start + at);
    }
    assert.equal(now.isIn(start + last), isIn);
    assert.equal(ever.isIn(start + last), isIn);
    assert.equal(now.isIn(start + last + 1), false);
    assert.equal(ever.isIn(start + 100 * hour), isIn);
  }
});

test('who performed something leaves by itself when it grows old, once', () => {
  const member = new Member({ performed: 'Call', times: 2, within: '1h' });
  assert.equal(member.take('Call', start), false);
  assert.equal(member.changesAt(start), undefined);
  assert.equal(member.take('Call', start + minute), true);
  assert.equal(member.take('Call', start + 2 * minute), false, 'in already');
  assert.equal(member.changesAt(start + 2 * minute), start + minute + hour + 1);
  assert.equal(member.settle(start + minute + hour), false);
  assert.equal(member.settle(start + minute + hour + 1), true);
  assert.equal(member.settle(start + minute + hour + 2), false);
  assert.equal(member.changesAt(start + minute + hour + 1), undefined);
});

test('an event that comes late counts at its own time, one that is dated ahead at its receipt', () => {
  const member = new Member({ performed: 'Call', times: 2, within: '1h' });
  member.take('Call', start, start + 50 * minute);
  member.take('Call', start + 40 * minute);
  assert.equal(member.changesAt(start + 50 * minute), start + hour + 1);
  const ahead = new Member({ performed: 'Call', within: '1h' });
  assert.equal(ahead.take('Call', start + 20 * hour, start), true);
  assert.equal(ahead.changesAt(start), start + hour + 1);
});

test('who did not perform something is in without any event, and again after a while', () => {
  const member = new Member({ notPerformed: 'Login', within: '30d' });
  assert.equal(member.isIn(start), true);
  assert.equal(member.take('Other', start), false);
  assert.equal(member.take('Login', start + 1), true);
  const back = start + 1 + 30 * 24 * hour + 1;
  assert.equal(member.changesAt(start + 1), back);
  assert.equal(member.isIn(back - 1), false);
  assert.equal(member.settle(back), true);
  const never = new Member({ notPerformed: 'Login' });
  assert.equal(never.take('Login', start), true);
  assert.equal(never.changesAt(start), undefined);
});

test('the last event of a type decides, in the order of the tape', () => {
  const member = new Member({ lastPerformed: 'Plan', where: "event.data.plan == 'pro'" });
  assert.equal(member.take('Plan', start, start, { plan: 'pro' }), true);
  assert.equal(member.take('Plan', start - 1, start + 5, { plan: 'free' }), false, 'it is older');
  assert.equal(member.take('Plan', start, start + 6, { plan: 'free' }), true, 'of one time: later');
  assert.equal(member.take('Plan', start + 7, start + 7, { plan: 'pro' }), true);
});

test('a sequence is called after a failed payment, whatever comes between', () => {
  const definition = { sequence: ['Payment Failed', 'Call'], within: '1d' };
  const member = new Member(definition);
  assert.equal(member.take('Call', start), false);
  assert.equal(member.take('Payment Failed', start + 1), false);
  assert.equal(member.take('Login', start + 2), false);
  assert.equal(member.take('Call', start + 3), true);
  assert.equal(member.changesAt(start + 3), start + 1 + 24 * hour + 1);
  const late = new Member(definition);
  late.take('Call', start + 3);
  assert.equal(late.take('Payment Failed', start + 1, start + 4), true, 'it was before');
  const apart = new Member(definition);
  apart.take('Payment Failed', start);
  assert.equal(apart.take('Call', start + 24 * hour + 1), false);
  const ever = new Member({ ...definition, when: 'ever' });
  ever.take('Payment Failed', start);
  assert.equal(ever.take('Call', start + 24 * hour), true);
  assert.equal(ever.changesAt(start + 24 * hour), undefined);
});

test('what a sequence remembers is bounded, and enough to go on with', () => {
  const member = new Member({ sequence: ['a', 'b', 'c'], when: 'ever' });
  member.take('a', start);
  for (let n = 1; n < 1000; n++) member.take('b', start + n);
  assert.ok(JSON.stringify(member.state).length < 10_000);
  assert.equal(member.take('c', start + 1000), true);
});

test('events of one time are together however many they are', () => {
  const member = new Member({ sequence: ['a', 'b'], within: '1m' });
  for (let n = 0; n < 300; n++) member.take('a', start);
  assert.equal(member.take('b', start), true);
  const other = new Member({ sequence: ['a', 'b', 'c'], within: '1m' });
  for (let n = 0; n < 300; n++) other.take('a', start);
  other.take('b', start + 1);
  other.take('c', start + 2);
  assert.equal(other.isIn(start + 2), true);
});

test('buckets, members and journeys look at who the customer is', () => {
  const halves = [0, 50].map((from) => ({ bucket: { from, to: from + 50, salt: 's' } }));
  const half = halves.map((definition) => new Member(definition).isIn(start));
  assert.deepEqual([...half].sort(), [false, true]);
  assert.equal(new Member({ members: ['c2', 'c1'] }).isIn(start), true);
  assert.equal(new Member({ members: ['c2'] }).isIn(start), false);
});

const steps: JourneySteps = {
  stageOf: (journey, _version, step) =>
    journey === 'loan' ? ['start', 'start', 'end'][step - 1] : undefined,
  ordinalOf: (journey, _version, step) =>
    journey === 'loan' ? ['one', 'two', 'three'].indexOf(step) + 1 : undefined,
};

test('a journey counts by status, stage and step, and what is not known is absent, also negated', () => {
  const at = (current: number, status = 'active', journey = 'loan'): AudiencePerson => ({
    name: 'c1',
    instances: [{ journey, version: 1, status, current }],
  });
  const isIn = (wish: object, person: AudiencePerson, known?: JourneySteps): boolean => {
    const compiled = audience(wish);
    assert.equal(compiled.asksJourneys, true);
    return compiled.holds(compiled.start(), start, person, known);
  };
  assert.equal(isIn({ journey: 'loan' }, at(1)), true);
  assert.equal(isIn({ journey: 'loan' }, at(1, 'paused')), true);
  assert.equal(isIn({ journey: 'loan' }, at(1, 'completed')), false);
  assert.equal(isIn({ journey: 'loan', status: 'completed' }, at(1, 'completed')), true);
  assert.equal(isIn({ journey: 'loan', beyondStep: 2 }, at(2)), false);
  assert.equal(isIn({ journey: 'loan', beyondStep: 2 }, at(3)), true);
  assert.equal(isIn({ journey: 'loan', beyondStep: 'two' }, at(3), steps), true);
  assert.equal(isIn({ journey: 'loan', stage: 'end' }, at(3), steps), true);
  assert.equal(isIn({ journey: 'loan', stage: 'end' }, at(2), steps), false);
  assert.equal(isIn({ journey: 'loan', stage: 'end' }, at(3)), false);
  assert.equal(isIn({ not: { journey: 'loan', stage: 'end' } }, at(3)), false);
  assert.equal(isIn({ not: { journey: 'loan', stage: 'end' } }, at(2), steps), true);
});

test('who enters and leaves a journey is told once', () => {
  const compiled = audience({ journey: 'support' });
  const state = compiled.start();
  const inside: AudiencePerson = {
    name: 'c1',
    instances: [{ journey: 'support', version: 1, status: 'active', current: 1 }],
  };
  assert.equal(compiled.settle(state, start, somebody), false);
  assert.equal(compiled.settle(state, start, inside), true);
  assert.equal(compiled.settle(state, start, inside), false);
  assert.equal(compiled.settle(state, start, somebody), true);
});

test('all, any and not; a change of the whole is found among those of the parts', () => {
  const member = new Member({
    all: [
      {
        any: [
          { performed: 'a', within: '1m' },
          { performed: 'b', within: '2m' },
        ],
      },
      { not: { performed: 'c' } },
    ],
  });
  assert.equal(member.take('a', start), true);
  assert.equal(member.take('b', start), false);
  assert.equal(
    member.changesAt(start),
    start + 2 * minute + 1,
    'when a grows old, b is there still',
  );
  assert.equal(member.take('c', start), true);
  assert.equal(member.changesAt(start), undefined);
});

test('while a tape is loaded everything told by events is unknown, and what comes out is no change', () => {
  const compiled = audience({ not: { performed: 'Call' } });
  const state = compiled.start(true);
  assert.equal(compiled.holds(state, start, somebody), false);
  assert.equal(compiled.take(state, occurred('Login', start), somebody), false);
  assert.equal(state.isIn, undefined);
  compiled.loaded(state, start, somebody);
  assert.equal(state.isIn, true);
  assert.equal(compiled.take(state, occurred('Call', start), somebody), true);
});

test('two customers who are one have done what both did', () => {
  const together = (definition: object, first: string[], second: string[]): boolean => {
    const compiled = audience(definition);
    const [one, other] = [first, second].map((types) => {
      const state = compiled.start();
      for (const each of types) {
        const [type, at] = each.split('@') as [string, string];
        compiled.take(state, occurred(type, start + Number(at)), somebody);
      }
      return state;
    });
    return compiled.holds(compiled.join(one!, other!), start + 10, somebody);
  };
  assert.equal(together({ performed: 'a', times: 3, within: '1h' }, ['a@1', 'a@3'], ['a@2']), true);
  assert.equal(
    together({ performed: 'a', times: 3, within: '1h', when: 'ever' }, ['a@1', 'a@3'], ['a@2']),
    true,
  );
  assert.equal(together({ notPerformed: 'a' }, [], ['a@2']), false);
  assert.equal(together({ sequence: ['a', 'b'] }, ['b@5'], ['a@2']), true);
  assert.equal(together({ sequence: ['a', 'b'] }, ['b@1'], ['a@2']), false);
  const next = {
    steps: [
      { name: 'a', event: 'a' },
      { name: 'b', event: 'b', by: 'next' },
    ],
  };
  assert.equal(together({ pattern: next }, ['a@1', 'b@3'], ['c@2']), false);
  const last = { lastPerformed: 'a', where: 'event.id == ""' };
  assert.equal(together(last, ['a@1'], []), true);
});

test('server events count only for those who name them', () => {
  const any = new Member({ performed: '*' });
  assert.equal(any.take('tapeline.link', start), false);
  assert.equal(any.take('Login', start), true);
  assert.equal(new Member({ performed: 'tapeline.link' }).take('tapeline.link', start), true);
});

test('what events matter, and how far back', () => {
  const compiled = audience({
    any: [
      { performed: 'a', within: '2h' },
      { sequence: ['b', { event: 'c' }], within: '1d' },
      { bucket: { from: 0, to: 1 } },
    ],
  });
  assert.deepEqual([...compiled.types], ['a', 'b', 'c']);
  assert.equal(compiled.withinMs, 24 * hour);
  assert.equal(audience({ performed: 'a' }).withinMs, Number.POSITIVE_INFINITY);
  assert.equal(audience({ members: ['c1'] }).withinMs, 0);
});

test('definitions that are wrong are refused with the place', () => {
  const refused = (definition: unknown, message: RegExp): void => {
    assert.throws(
      () => audience(definition),
      (error) =>
        error instanceof AppError && error.code === 'invalid' && message.test(error.message),
      String(message),
    );
  };
  refused('Call', /^audience must be an object/);
  refused({}, /^audience must have exactly one of performed, /);
  refused({ performed: 'a', notPerformed: 'b' }, /must have exactly one/);
  refused(
    { performed: 'a', twice: true },
    /audience has an unknown member "twice" \(known: performed/,
  );
  refused({ performed: '' }, /audience\.performed must be a string/);
  refused({ performed: 'é'.repeat(100) }, /audience\.performed must be at most 128 bytes/);
  refused({ performed: 'a', times: 0 }, /audience\.times must be a whole number from 1 to 1000/);
  refused({ performed: 'a', within: 3 }, /audience\.within must look like/);
  refused({ performed: 'a', when: 'then' }, /audience\.when must be now or ever/);
  refused({ performed: 'a', where: 'event.datum' }, /^audience\.where: /);
  refused({ lastPerformed: 'a' }, /audience\.where is required/);
  refused({ sequence: new Array(17).fill('a') }, /audience\.sequence must be a list of 1 to 16/);
  refused({ sequence: ['a', { event: 'b', where: '1 +' }] }, /^audience\.sequence\[1\]\.where: /);
  refused({ bucket: { from: 10, to: 10 } }, /bucket\.from must be less than to/);
  refused({ bucket: { from: -1, to: 10 } }, /bucket\.from must be a number from 0 to 100/);
  refused({ journey: 'a', status: 'new' }, /audience\.status must be one of active/);
  refused({ members: [] }, /audience\.members must be a list of 1 to 1000/);
  refused(
    { all: [{ any: [{ not: { performed: 1 } }] }] },
    /^audience\.all\[0\]\.any\[0\]\.not\.performed/,
  );
  let deep: unknown = { performed: 'a' };
  for (let n = 0; n < 8; n++) deep = { not: deep };
  refused(deep, /is more than 8 levels deep/);
  const wide = { all: new Array(16).fill({ not: { performed: 'a' } }) };
  refused(wide, /an audience has at most 32 parts/);
});
