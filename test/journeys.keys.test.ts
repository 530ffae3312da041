/** Rules about maps that tell instances apart by a key: each instance is asked about, and waited for, by itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JourneyMap, Rule } from '../src/journeys/definition.ts';
import { Play } from './support/journeykit.ts';

const order: JourneyMap = {
  key: 'order',
  entry: [{ event: 'Placed' }],
  stages: [{ name: 'a', steps: [{ name: 'placed' }, { name: 'sent', on: [{ event: 'Sent' }] }] }],
  goal: [{ event: 'Received' }],
};
const then: Rule['then'] = [{ do: 'notify', data: {} }];

function ordering(when: Rule['when'], more: Partial<Rule> = {}): Play {
  const play = new Play({
    maps: { order },
    rules: { r: { journey: 'order', when, then, ...more } },
  });
  play.event(1, 'Placed', { order: 'o1' });
  play.event(2, 'Placed', { order: 'o2' });
  return play;
}

/** Keys of the instances that were asked about, in the order in which they were. */
function keysAsked({ asked, instances }: Play): string[] {
  return asked.flatMap(({ id }) => {
    return instances.filter((each) => id.includes(`/${each.id}/`)).map(({ key }) => key);
  });
}

test('an event rule asks about the instance whose key the event carries, and about all when it carries none', () => {
  const play = ordering({ event: 'Late' });
  play.event(10, 'Late', { order: 'o1' });
  assert.deepEqual(keysAsked(play), ['o1']);
  play.event(20, 'Late', { order: 'o3' });
  assert.deepEqual(keysAsked(play), ['o1']);
  play.event(30, 'Late');
  assert.deepEqual(keysAsked(play), ['o1', 'o1', 'o2']);
});

test('an event rule asks about the instances only for which its condition holds', () => {
  const play = ordering({ event: 'Late', where: "instance.key == 'o2' || instance.step == 2" });
  play.event(10, 'Late');
  assert.deepEqual(keysAsked(play), ['o2']);
  play.event(20, 'Sent', { order: 'o1' });
  play.event(30, 'Late');
  assert.deepEqual(keysAsked(play), ['o2', 'o1', 'o2']);
});

test('of a map without a key every event is about the instance', () => {
  const { key: _, ...single } = order;
  const rule: Rule = { journey: 'single', when: { event: 'Late' }, then };
  const play = new Play({ maps: { single }, rules: { rule } });
  play.event(1, 'Placed', { order: 'o1' });
  play.event(2, 'Late', { order: 'o2' });
  assert.equal(play.asked.length, 1);
});

const unsent: Rule['when'] = {
  after: { event: 'Placed' },
  without: { event: 'Sent' },
  within: '3s',
};

test('what does not come is waited for by each instance: the event of one ends the wait of that one', () => {
  const play = ordering(unsent);
  play.event(1000, 'Sent', { order: 'o2' });
  play.until(10_000);
  assert.deepEqual(keysAsked(play), ['o1']);
  assert.equal(play.asked[0]!.at, 3002);
});

test('an event without a key ends the waits of all, an event with one of none but its own', () => {
  const play = ordering(unsent);
  play.event(1000, 'Sent');
  play.until(10_000);
  assert.deepEqual(keysAsked(play), []);
  const other = ordering(unsent);
  other.event(1000, 'Sent', { order: 'o3' });
  other.until(10_000);
  assert.deepEqual(keysAsked(other), ['o1', 'o2']);
});

test('the first event counts, and there is no wait for a journey that is over', () => {
  const play = ordering(unsent);
  play.event(1000, 'Placed', { order: 'o1' });
  play.event(1100, 'Received', { order: 'o2' });
  play.until(10_000);
  assert.deepEqual(keysAsked(play), ['o1']);
  assert.equal(play.asked[0]!.at, 3002);
});

test('a pause freezes the wait for what does not come, of the paused instance alone', () => {
  const play = ordering(unsent);
  const [one] = play.instances;
  play.command(1001, { command: 'pause', instance: one!.id });
  play.until(60_000);
  assert.deepEqual(keysAsked(play), ['o2']);
  play.command(60_000, { command: 'resume', instance: one!.id });
  play.until(120_000);
  assert.deepEqual(keysAsked(play), ['o2', 'o1']);
  assert.equal(play.asked[1]!.at, 62_001);
});

test('what comes during a pause has come', () => {
  const play = ordering(unsent);
  const [one] = play.instances;
  play.command(1001, { command: 'pause', instance: one!.id });
  play.event(2000, 'Sent', { order: 'o1' });
  play.command(60_000, { command: 'resume', instance: one!.id });
  play.until(120_000);
  assert.deepEqual(keysAsked(play), ['o2']);
});
