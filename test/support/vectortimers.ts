/**
 * Silence, pauses, waits and what does not come, on a real server. The tape says when a timer was due and when it was
 * said, so the instants of the vectors are read there; what must not have happened is known once something
 * later has.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JourneyMap, Rule } from '../../src/journeys/definition.ts';
import type { StoredEvent } from './session.ts';
import { fresh } from './session.ts';
import type { World } from './vectorworld.ts';

const hourMs = 3_600_000;
const silentMs = 3000;

/** Five steps, and a word that begins their events. */
function stepsOf(word: string, more: Partial<JourneyMap> = {}): JourneyMap {
  const steps = [1, 2, 3, 4, 5].map((n) => ({ name: `s${n}`, on: [{ event: `${word} ${n}` }] }));
  return {
    entry: [{ event: `${word} 1` }],
    stages: [{ name: 'all', steps }],
    goal: [{ event: `${word} Done` }],
    ...more,
  };
}

export function timerMaps(zone: string): Record<string, JourneyMap> {
  const hour = (text: string) => ({ at: text, zone });
  const begun = {
    name: 'begun',
    waits: [
      { name: 'long', for: '3h', thenStep: 'given up' },
      { name: 'short', for: '2h', thenStep: 'reminded' },
    ],
  };
  const evening = {
    name: 'begun',
    waits: [{ name: 'w', until: hour('20:15'), thenStep: 'called' }],
  };
  return {
    silence: stepsOf('Silence'),
    furthest: stepsOf('Furthest'),
    spoken: stepsOf('Spoken', { activityChannel: 'voice' }),
    bounded: stepsOf('Bounded'),
    overnight: stepsOf('Overnight'),
    waits: {
      entry: [{ event: 'Waits Begun' }],
      stages: [{ name: 'all', steps: [begun, { name: 'reminded' }, { name: 'given up' }] }],
    },
    evening: {
      entry: [{ event: 'Evening Begun' }],
      stages: [{ name: 'all', steps: [evening, { name: 'called' }] }],
    },
  };
}

const then: Rule['then'] = [{ do: 'event', type: 'Offer Made' }];
const when = { beyondStep: 3, silentFor: `${silentMs / 1000}s` } as const;

export const timerRules: Readonly<Record<string, Rule>> = {
  silence: { journey: 'silence', when, then },
  furthest: { journey: 'furthest', when: { ...when, by: 'furthest' }, then },
  spoken: { journey: 'spoken', when, then },
  bounded: { journey: 'bounded', when, then, perInstanceMax: 1 },
  overnight: { journey: 'overnight', when: { beyondStep: 3, silentFor: '1h' }, then },
  missed: {
    when: { after: { event: 'Cart' }, without: { event: 'Order' }, within: '2s' },
    then,
  },
  unhelped: {
    audiences: {
      unhelped: {
        pattern: {
          steps: [
            { name: 'failed', event: 'Upload Failed' },
            { name: 'helped', event: 'Help Opened', by: 'notThen' },
          ],
        },
        within: '2s',
      },
    },
    when: { audience: 'unhelped' },
    then,
  },
};

async function reach(world: World, customer: string, word: string, step: number): Promise<void> {
  for (let n = 1; n <= step; n++) await world.send(customer, `${word} ${n}`);
}

/** A timer is said when the clock is past it, and not a moment before. */
function assertNotEarly({ due, event }: { due: number; event: StoredEvent }): void {
  assert.ok(event.received > due, `due ${due}, said ${event.received}`);
}

/** Does it with another customer until what had to come in time did; only a machine that stands still needs a second. */
async function inTime(
  attempt: (customer: string) => Promise<boolean>,
  stem: string,
): Promise<string> {
  for (;;) {
    const customer = fresh(stem);
    if (await attempt(customer)) return customer;
  }
}

/** What a day before left behind. */
interface Left {
  paused: string;
}

const left: Left = { paused: '' };

/** A day before: what is to be found by the server that comes back. */
export async function livedBefore(world: World): Promise<void> {
  await world.send('overdue', 'Waits Begun');
  await world.send('evening', 'Evening Begun');
  await reach(world, 'overnight', 'Overnight', 4);
  left.paused = await inTime(async (customer) => {
    await reach(world, customer, 'Silence', 4);
    await world.command(customer, 'pause');
    const [activity, pause] = await pausedAt(world, customer);
    return pause - activity <= silentMs;
  }, 'paused');
}

/** When somebody was last active, and paused. */
async function pausedAt(world: World, customer: string): Promise<[number, number]> {
  const [activity] = await world.said(customer, 'Silence 4');
  const [pause] = await world.said(customer, 'tapeline.journey');
  return [activity!.received, pause!.received];
}

export function timerTests(world: World): void {
  test('what fell due while nobody was there is fired late, once, in its order', () =>
    overdue(world));
  test('a wait for a local time ends at that time', () => evening(world));
  test('silence beyond the step is asked about past its time, and no other', () => silence(world));
  test('a pause keeps what was left of the silence, a day of it too', () => pause(world));
  test('the furthest step, the channel that counts, and how often', () => options(world));
  test('what does not follow in time is missed, and what does is not', () => missed(world));
}

async function overdue(world: World): Promise<void> {
  await world.awaited('overdue', 'tapeline.timer', 2);
  const [begun] = await world.said('overdue', 'Waits Begun');
  const timers = await world.timers('overdue', '/w/');
  assert.deepEqual(
    timers.map(({ due }) => due - begun!.received),
    [2 * hourMs, 3 * hourMs],
  );
  for (const { event } of timers) assert.equal(event.data!['late'], true);
  const { visited } = await world.instance('overdue');
  assert.deepEqual(
    visited.map(({ name }) => name),
    ['begun', 'reminded'],
  );
  await world.awaited('overnight', 'Offer Made');
  const [activity] = await world.said('overnight', 'Overnight 4');
  const [stall, ...more] = await world.timers('overnight', '/r/');
  assert.deepEqual([stall!.due, more.length], [activity!.received + hourMs, 0]);
  assert.equal(stall!.event.data!['late'], true);
  assert.equal((await world.said('overnight', 'Offer Made')).length, 1);
}

async function evening(world: World): Promise<void> {
  await world.awaited('evening', 'tapeline.timer');
  const [begun] = await world.said('evening', 'Evening Begun');
  const [timer] = await world.timers('evening', '/w/');
  const shown = new Intl.DateTimeFormat('en-GB', { timeZone: world.zone, timeStyle: 'medium' });
  assert.equal(shown.format(timer!.due + 1), '20:15:00');
  assert.ok(timer!.due > begun!.received && timer!.due < begun!.received + 24 * hourMs);
  assertNotEarly(timer!);
}

async function silence(world: World): Promise<void> {
  const [third, back, over, fourth] = ['third', 'back', 'over', 'fourth'].map(fresh);
  await reach(world, third!, 'Silence', 3);
  await reach(world, back!, 'Silence', 4);
  await world.send(back!, 'Silence 2');
  await reach(world, over!, 'Silence', 4);
  await world.send(over!, 'Silence Done');
  const active = await inTime(async (customer) => {
    await reach(world, customer, 'Silence', 4);
    await world.send(customer, 'Silence 4');
    const [one, other] = await world.said(customer, 'Silence 4');
    return other!.received - one!.received <= silentMs;
  }, 'active');
  await reach(world, fourth!, 'Silence', 4);
  await world.awaited(fourth!, 'Offer Made');
  const [stall] = await world.timers(fourth!, '/r/');
  const [reached] = await world.said(fourth!, 'Silence 4');
  assert.equal(stall!.due, reached!.received + silentMs);
  assertNotEarly(stall!);
  // Whoever was there before it would have been asked about by now.
  for (const customer of [third, back, over]) {
    assert.deepEqual(await world.said(customer!, 'Offer Made', 'tapeline.timer'), []);
  }
  await world.awaited(active, 'Offer Made');
  const activity = await world.said(active, 'Silence 4');
  await world.send(active, 'Silence 5');
  await world.awaited(active, 'Offer Made', 2);
  const [after] = await world.said(active, 'Silence 5');
  const stalls = await world.timers(active, '/r/');
  const begun = [activity[1]!, after!].map(({ received }) => received + silentMs);
  assert.deepEqual(
    stalls.map(({ due }) => due),
    begun,
  );
  for (const each of stalls) assertNotEarly(each);
  assert.equal((await world.said(fourth!, 'Offer Made')).length, 1, 'once for a silence');
}

async function pause(world: World): Promise<void> {
  const { paused } = left;
  // That it is overdue is found with everybody else's that is.
  await world.awaited('overnight', 'Offer Made');
  assert.deepEqual(await world.said(paused, 'tapeline.timer', 'Offer Made'), []);
  await world.command(paused, 'resume');
  await world.awaited(paused, 'Offer Made');
  const [activity, pausedFrom] = await pausedAt(world, paused);
  const [, resumed] = await world.said(paused, 'tapeline.journey');
  assert.ok(resumed!.received - pausedFrom > 20 * hourMs);
  const [stall, ...more] = await world.timers(paused, '/r/');
  const left_ = activity + silentMs - pausedFrom;
  assert.deepEqual([stall!.due, more.length], [resumed!.received + left_, 0]);
  assertNotEarly(stall!);
  assert.equal((await world.said(paused, 'Offer Made')).length, 1);
}

async function options(world: World): Promise<void> {
  const [far, spoken, bounded] = ['far', 'spoken', 'bounded'].map(fresh);
  await reach(world, far!, 'Furthest', 4);
  await world.send(far!, 'Furthest 2');
  for (let n = 1; n <= 4; n++) await world.send(spoken!, `Spoken ${n}`, { channel: 'voice' });
  await world.send(spoken!, 'Anything', { channel: 'voice' });
  await world.send(spoken!, 'Spoken 5', { channel: 'web' });
  await reach(world, bounded!, 'Bounded', 4);
  await world.awaited(bounded!, 'Offer Made');
  await world.send(bounded!, 'Bounded 5');
  await world.awaited(bounded!, 'tapeline.timer', 2);
  await world.send(bounded!, 'The End');
  assert.deepEqual(await world.decidedSoon(bounded!, 2), ['bounded:act', 'end:act']);
  for (const [customer, type] of [
    [far!, 'Furthest 2'],
    [spoken!, 'Anything'],
  ] as const) {
    await world.awaited(customer, 'Offer Made');
    const activity = (await world.said(customer, type)).at(-1)!;
    const [stall] = await world.timers(customer, '/r/');
    assert.equal(stall!.due, activity.received + silentMs, customer);
    assertNotEarly(stall!);
  }
}

async function missed(world: World): Promise<void> {
  // A rule counts from the commit, an audience from the event's own time.
  const pairs = [
    ['Cart', 'Order', 'received'],
    ['Upload Failed', 'Help Opened', 'time'],
  ] as const;
  for (const [begins, ends, since] of pairs) {
    const followed = await inTime(async (customer) => {
      await world.sendAll(customer, [begins, ends]);
      const [one, other] = await world.said(customer, begins, ends);
      // Close to the end of its time the timer may be said before what came in time is read; it then counts for nothing.
      return other!.received - one!.received <= 1000;
    }, 'followed');
    const alone = fresh('alone');
    await world.send(alone, begins);
    await world.awaited(alone, 'Offer Made');
    const [begun] = await world.said(alone, begins);
    const [timer] = await world.timers(alone, '');
    assert.equal(timer!.due, begun![since] + 2000, begins);
    assertNotEarly(timer!);
    assert.deepEqual(await world.said(followed, 'Offer Made', 'tapeline.timer'), [], begins);
  }
}
