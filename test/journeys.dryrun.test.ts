/** Dry runs: what maps and rules would have done on a tape, from its events and the time between them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DryRunAsk } from '../src/journeys/aids/dryrun.ts';
import type { Rule } from '../src/journeys/definition.ts';
import { day, Past, quote, second, startMs, walkIn } from './support/past.ts';

test('a stall beyond the step is asked for once, when the clock is past it', async () => {
  const past = new Past();
  await past.quote('c1');
  await past.event('c2', 'Quote Started');
  past.clock.step(28 * second);
  await past.event('c1', 'Bought');
  const stalled = new Past();
  await stalled.quote('c1');
  stalled.clock.step(29 * second);
  assert.equal(past.run({}, { quote }, { walkIn }).rules['walkIn']!.tally.requested, 0);
  // A timer fires when the clock is past it: at thirty seconds and a millisecond.
  const asked = (until: number): number =>
    stalled.run({ until }, { quote }, { walkIn }).rules['walkIn']!.tally.requested;
  const lastActivity = startMs + 3 * second;
  assert.equal(asked(lastActivity + 30 * second), 0);
  assert.equal(asked(lastActivity + 30 * second + 1), 1);
  assert.equal(asked(lastActivity + day), 1, 'once for each silence');
});

test('steps, ends, days, timing and examples are told', async () => {
  const past = new Past();
  await past.quote('c1');
  await past.event('c1', 'Bought');
  await past.quote('c2');
  past.clock.step(day);
  await past.event('c2', 'Call', {}, { id: 'call-1' });
  await past.event('c3', 'Quote Started');
  past.clock.step(3 * day);
  const { customers, events, journeys, partial, rules, upTo } = past.run({}, { quote }, { walkIn });
  assert.deepEqual([customers, events, partial], [3, { seen: 11, relevant: 11 }, false]);
  assert.equal(upTo, past.clock.now() + 1);
  const { days, examples, tally, timing } = journeys['quote']!;
  assert.deepEqual(
    [tally.started, tally.completed, tally.exited, tally.expired, tally.open],
    [3, 1, 1, 1, 0],
  );
  assert.deepEqual(tally.steps['4'], { entered: 2, completed: 2, here: 0, left: 1 });
  assert.deepEqual(days, {
    '2026-01-01': { started: 2, completed: 1 },
    '2026-01-02': { exited: 1, started: 1 },
    '2026-01-04': { expired: 1 },
  });
  assert.equal(timing.steps['4']!.medianMs, 3 * second);
  assert.deepEqual(timing.completed, {
    count: 1,
    medianMs: 4 * second,
    p90Ms: 4 * second,
    maxMs: 4 * second,
  });
  const [exit] = examples['exited']!;
  assert.deepEqual([exit!.customer, exit!.detail], ['c2', 'called']);
  assert.deepEqual([exit!.event!.type, exit!.event!.id], ['Call', 'call-1']);
  assert.equal(examples['expired']![0]!.event, undefined, 'the clock was the cause');
  const { tally: asked } = rules['walkIn']!;
  assert.deepEqual(asked.verdicts, { act: 1 });
  assert.equal(asked.actions['page']!.decided, 1);
});

test('guards are asked as in earnest: conditions, caps, suppression, control, one for each channel', async () => {
  const past = new Past();
  for (let n = 0; n < 3; n++) {
    await past.event('c1', 'Call', { minutes: n });
    past.clock.step(second);
  }
  const onCall: Rule = { when: { event: 'Call' }, then: [{ do: 'page', data: {} }] };
  const rules: Record<string, Rule> = {
    capped: { ...onCall, channel: 'a', caps: [{ scope: 'rule', times: 1, per: 'day' }] },
    long: { ...onCall, channel: 'b', if: 'event.data.minutes > 1' },
    nobody: { ...onCall, channel: 'c', control: { percent: 100 } },
    suppressed: {
      ...onCall,
      channel: 'd',
      audiences: { caller: { performed: 'Call', times: 2, within: '1h' } },
      suppressedBy: ['caller'],
    },
    better: { ...onCall, channel: 'e', propensity: 1, priority: 1 },
    worse: { ...onCall, channel: 'e', propensity: 1 },
  };
  const found = past.run({}, {}, rules).rules;
  const verdicts = (name: string) => found[name]!.tally.verdicts;
  assert.deepEqual(verdicts('capped'), { act: 1, capped: 2 });
  assert.deepEqual(verdicts('long'), { condition: 2, act: 1 });
  assert.deepEqual(verdicts('nobody'), { control: 3 });
  assert.deepEqual(verdicts('suppressed'), { act: 1, suppressed: 2 });
  assert.equal(found['suppressed']!.examples['suppressed']![0]!.detail, 'caller');
  assert.deepEqual([verdicts('better'), verdicts('worse')], [{ act: 3 }, { outranked: 3 }]);
});

test('a view is read as it was', async () => {
  const past = new Past();
  for (let n = 1; n <= 3; n++) {
    await past.event('c1', 'Login');
    past.clock.step(second);
  }
  const template = { fields: [{ name: 'Logins', event: 'Login', type: 'count' as const }] };
  const views = [{ name: 'v', template, version: 1, variant: '' }];
  const rule: Rule = {
    when: { view: 'v', where: 'view.Logins == 2' },
    then: [{ do: 'event', type: 'Second' }],
  };
  const shown = ['Login'];
  const tried = [{ name: 'r', version: 1, text: JSON.stringify(rule), shown }];
  const { rules } = past.run({ views, rules: tried }, {});
  assert.deepEqual(rules['r']!.tally.verdicts, { condition: 2, act: 1 });
});

test('only the span, the workspace and the sample are looked at', async () => {
  const past = new Past();
  for (let n = 0; n < 200; n++) await past.event(`c${n}`, 'Quote Started');
  await past.kit.store([{ customer: 'c1', type: 'Quote Started', id: 'x' }], 2);
  past.clock.step(day);
  await past.event('c999', 'Quote Started');
  const started = (ask: Partial<DryRunAsk>): number =>
    past.run(ask, { quote }).journeys['quote']!.tally.started;
  assert.equal(started({}), 201);
  assert.equal(started({ from: startMs + 1 }), 1);
  assert.equal(started({ until: startMs + day }), 200);
  const some = started({ sample: 25 });
  assert.ok(some > 20 && some < 85, String(some));
  assert.equal(started({ sample: 25 }), some, 'always the same ones');
});

test('what the server said of journeys is no input, what somebody commanded is', async () => {
  const past = new Past();
  const start = { command: 'start', journey: 'quote', key: '' };
  await past.say('c1', 'tapeline.journey', start);
  await past.say('c1', 'tapeline.decision', { request: 'q', version: 1, verdict: 'act' });
  const { events, journeys } = past.run({}, { quote });
  assert.deepEqual(events, { seen: 2, relevant: 1 });
  assert.equal(journeys['quote']!.tally.started, 1);
});
