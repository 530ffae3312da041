/** Instances that a merge puts away and an un-merge gives back, on the pure transition. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JourneyMap } from '../src/journeys/definition.ts';
import { newPerson } from '../src/journeys/engine/apply.ts';
import { join, part } from '../src/journeys/engine/join.ts';
import { Moment } from '../src/journeys/engine/moment.ts';
import { runningTimers } from '../src/journeys/engine/timers.ts';
import type { PersonState } from '../src/journeys/state.ts';
import { Play, startMs } from './support/journeykit.ts';

const map: JourneyMap = {
  entry: [{ event: 'Step 1' }],
  expiresAfter: '1m',
  stages: [{ name: 's', steps: [{ name: 'a', on: [{ event: 'Step 2' }] }, { name: 'b' }] }],
  goal: [{ event: 'Never' }],
};

/** Somebody who began at an instant, milliseconds since the start, and is as far as these events bring. */
function played(home: string, at: number, ...types: readonly string[]): Play {
  const play = new Play({ maps: { m: map } });
  for (const type of types) play.event(at, type);
  for (const instance of play.instances) instance.home = home;
  return play;
}

function momentAt({ force }: Play, person: PersonState, at: number): Moment {
  const cause = { stamp: 1, ordinal: 0 };
  return new Moment({ force, person, home: 'ann', at: startMs + at, cause, isSilent: true });
}

const statuses = ({ instances }: PersonState): readonly string[] =>
  instances.map(({ home, reason = '', status }) => `${home} ${status} ${reason}`.trim());

test('clocks of what was put away stand still until it is given back', () => {
  const ann = played('ann', 0, 'Step 1', 'Step 2');
  const bob = played('bob', 0, 'Step 1');
  const { id } = bob.instance;
  join(momentAt(ann, ann.person, 40_000), bob.person);
  assert.deepEqual([...statuses(ann.person)].sort(), ['ann active', 'bob cancelled merged']);
  const other = newPerson('bob');
  part(momentAt(ann, ann.person, 600_000), other, (home) => home === 'bob');
  assert.deepEqual([statuses(ann.person), statuses(other)], [['ann active'], ['bob active']]);
  const [instance] = other.instances;
  assert.deepEqual(
    [instance!.id, 'merged' in instance!, 'endedAt' in instance!],
    [id, false, false],
  );
  const dues = [...runningTimers(other)].map(({ due }) => due - startMs);
  assert.deepEqual(dues, [620_000], 'twenty seconds were left');
});

test('what was paused is given back paused', () => {
  const ann = played('ann', 0, 'Step 1', 'Step 2');
  const bob = played('bob', 0, 'Step 1');
  bob.command(10_000, { command: 'pause', instance: bob.instance.id });
  bob.instance.dormant = [0];
  join(momentAt(ann, ann.person, 40_000), bob.person);
  const other = newPerson('bob');
  part(momentAt(ann, ann.person, 600_000), other, (home) => home === 'bob');
  assert.deepEqual(statuses(other), ['bob paused']);
  assert.deepEqual(other.instances[0]!.dormant, [0], 'waits that had not begun');
  assert.equal(other.instances[0]!.pausedAt, startMs + 10_000);
  assert.equal(other.instances[0]!.timers[0]!.left, 50_000);
});

test('the further one goes, the other is given back to whom it stayed with', () => {
  const ann = played('ann', 0, 'Step 1');
  const bob = played('bob', 0, 'Step 1', 'Step 2');
  join(momentAt(ann, ann.person, 10), bob.person);
  const other = newPerson('bob');
  part(momentAt(ann, ann.person, 20), other, (home) => home === 'bob');
  assert.deepEqual([statuses(ann.person), statuses(other)], [['ann active'], ['bob active']]);
});

test('of three that were merged only what is parted from its other is given back', () => {
  const ann = played('ann', 0, 'Step 1', 'Step 2');
  const [bob, cid] = [played('bob', 1, 'Step 1'), played('cid', 2, 'Step 1')];
  join(momentAt(ann, ann.person, 10), bob.person);
  join(momentAt(ann, ann.person, 11), cid.person);
  const left = newPerson('cid');
  part(momentAt(ann, ann.person, 20), left, (home) => home === 'cid');
  assert.deepEqual(statuses(left), ['cid active']);
  assert.deepEqual([...statuses(ann.person)].sort(), ['ann active', 'bob cancelled merged']);
});

test('two that lose the one they were put away for are still one: one of them goes on', () => {
  const ann = played('ann', 0, 'Step 1', 'Step 2');
  const [bob, cid] = [played('bob', 1, 'Step 1'), played('cid', 2, 'Step 1')];
  join(momentAt(ann, ann.person, 10), bob.person);
  join(momentAt(ann, ann.person, 11), cid.person);
  const left = newPerson('ann');
  part(momentAt(ann, ann.person, 20), left, (home) => home === 'ann');
  assert.deepEqual(statuses(left), ['ann active']);
  assert.deepEqual([...statuses(ann.person)].sort(), ['bob active', 'cid cancelled merged']);
  const again = newPerson('cid');
  part(momentAt(ann, ann.person, 30), again, (home) => home === 'cid');
  assert.deepEqual([statuses(ann.person), statuses(again)], [['bob active'], ['cid active']]);
});
