/** What events, the clock and commands come to: the exact meanings of maps, instances and rules. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JourneyMap } from '../src/journeys/definition.ts';
import { Play, startMs } from './support/journeykit.ts';
import { quote, reach, stalls } from './support/journeymaps.ts';

const dayMs = 24 * 3_600_000;

test('at step 3 nothing is asked for, however long it is silent', () => {
  const play = stalls();
  reach(play, 3);
  play.until(31_003);
  assert.deepEqual(play.asked, []);
});

test('at step 4 it is asked for when it has been silent for more than 30 seconds, once', () => {
  const play = stalls();
  reach(play, 4);
  play.until(30_004);
  assert.deepEqual(play.asked, []);
  play.until(30_005);
  assert.deepEqual(
    play.asked.map(({ at }) => at),
    [30_005],
  );
  play.until(10 * 60_000);
  assert.equal(play.asked.length, 1);
});

test('activity begins the silence anew, and the next one is asked for too, under another id', () => {
  const play = stalls();
  reach(play, 4);
  play.event(29_004, 'Step 4');
  play.until(59_004);
  assert.deepEqual(play.asked, []);
  play.event(70_000, 'Step 4');
  play.until(200_000);
  assert.deepEqual(
    play.asked.map(({ at }) => at),
    [59_005, 100_001],
  );
  assert.equal(new Set(play.asked.map(({ id }) => id)).size, 2);
});

test('a pause freezes the silence: after 20 seconds and an hour of pause 10.001 seconds are left', () => {
  const play = stalls();
  reach(play, 4);
  play.command(20_004, { command: 'pause', instance: play.instance.id });
  play.until(3_620_004);
  assert.deepEqual(play.asked, []);
  play.command(3_620_004, { command: 'resume', instance: play.instance.id });
  play.until(4_000_000);
  assert.deepEqual(
    play.asked.map(({ at }) => at),
    [3_620_004 + 10_001],
  );
});

test('what was asked for before a pause is not asked for again after it', () => {
  const play = stalls();
  reach(play, 4);
  play.until(40_000);
  play.command(41_000, { command: 'pause', instance: play.instance.id });
  play.command(42_000, { command: 'resume', instance: play.instance.id });
  play.until(400_000);
  assert.equal(play.asked.length, 1);
});

test('a journey that is over or went back asks for nothing', () => {
  for (const type of ['Bought', 'Gave Up', 'Step 2']) {
    const play = stalls();
    reach(play, 4);
    play.event(10_000, type);
    play.until(100_000);
    assert.deepEqual(play.asked, [], type);
  }
  const play = stalls({ rule: { when: { beyondStep: 's3', by: 'furthest', silentFor: '30s' } } });
  reach(play, 4);
  play.event(10_000, 'Step 2');
  play.until(100_000);
  assert.deepEqual(
    play.asked.map(({ at }) => at),
    [40_001],
  );
});

test('a rule acts at most so often for one instance, and a no does not count', () => {
  const play = stalls({ rule: { perInstanceMax: 2 } });
  reach(play, 4);
  const verdicts = ['quietHours', 'act', 'outranked', 'act', 'act'] as const;
  for (const [n, verdict] of verdicts.entries()) {
    play.event((n + 1) * 60_000, 'Step 4');
    play.decide((n + 1) * 60_000 + 40_000, verdict);
  }
  assert.equal(play.instance.acted['walkIn'], 2);
  assert.deepEqual(
    play.asked.map(({ at }) => at),
    [30_005, 90_001, 150_001, 210_001, 270_001],
  );
});

test('history moves state and fires nothing', () => {
  const play = stalls();
  for (let n = 1; n <= 4; n++) play.event(n, `Step ${n}`, {}, 11 * 60_000);
  play.until(29 * dayMs);
  assert.deepEqual([play.instance.current, play.instance.status], [4, 'active']);
  assert.equal(play.asked.length, 0);
  // What happens now counts again.
  play.event(play.now + 1, 'Step 5');
  play.until(play.now + 30_001);
  assert.equal(play.asked.length, 1);
});

test('a journey that history began expires too, counted from when it came in', () => {
  const play = stalls();
  play.event(5, 'Step 1', {}, 400 * dayMs);
  play.until(30 * dayMs + 5);
  assert.equal(play.instance.status, 'active');
  play.until(30 * dayMs + 6);
  assert.equal(play.instance.status, 'expired');
  play.event(play.now, 'Step 1');
  assert.equal(play.instances.length, 2);
});

const waiting: JourneyMap = {
  entry: [{ event: 'Begun' }],
  stages: [
    {
      name: 'a',
      steps: [
        { name: 'begun' },
        {
          name: 'asked',
          on: [{ event: 'Asked' }],
          waits: [
            { name: 'once', for: '10s', on: [{ event: 'Seen' }], thenStep: 'left' },
            { name: 'twice', for: '20s', thenStep: 'gone' },
          ],
        },
        { name: 'left' },
        { name: 'gone' },
        { name: 'other', on: [{ event: 'Other' }] },
      ],
    },
  ],
  goal: [{ event: 'Answered' }],
};

test('waits of a step that history led to run from the first event that is none', () => {
  const play = new Play({ maps: { waiting } });
  play.event(0, 'Begun', {}, dayMs);
  play.event(1, 'Asked', {}, dayMs);
  play.until(dayMs);
  assert.equal(play.instance.current, 2);
  play.event(dayMs, 'Begun');
  play.until(dayMs + 10_000);
  assert.equal(play.instance.current, 2);
  play.until(dayMs + 10_001);
  assert.equal(play.instance.current, 3);
});

test('a wait that history ended does not run, and one of a step that was left does not either', () => {
  const play = new Play({ maps: { waiting } });
  play.event(0, 'Begun', {}, dayMs);
  play.event(1, 'Asked', {}, dayMs);
  play.event(2, 'Seen', {}, dayMs);
  play.event(3, 'Begun');
  play.until(20_003);
  assert.equal(play.instance.current, 2);
  play.until(20_004);
  assert.equal(play.instance.current, 4);
  const other = new Play({ maps: { waiting } });
  other.event(0, 'Begun', {}, dayMs);
  other.event(1, 'Asked', {}, dayMs);
  other.event(2, 'Other');
  other.until(60_000);
  assert.equal(other.instance.current, 5);
});

test('waits of a step that it came to while paused run from the resume', () => {
  for (const onResume of ['state', 'replay'] as const) {
    const play = new Play({ maps: { waiting: { ...waiting, onResume } } });
    play.event(0, 'Begun');
    play.command(1, { command: 'pause', instance: play.instance.id });
    play.event(2, 'Asked');
    play.command(60_000, { command: 'resume', instance: play.instance.id });
    play.until(70_000);
    assert.equal(play.instance.current, 2);
    play.until(70_001);
    assert.equal(play.instance.current, 3);
  }
});

test('progress is not a line: going back, what was furthest, what was visited and when', () => {
  const play = stalls();
  for (const [at, step] of [
    [1, 1],
    [2, 4],
    [3, 2],
    [4, 5],
  ] as const)
    play.event(at, `Step ${step}`);
  const { completed, current, furthest, visited } = play.instance;
  assert.deepEqual([current, furthest], [5, 5]);
  assert.deepEqual(
    visited.map(({ at, step }) => [at - startMs, step]),
    [
      [1, 1],
      [2, 4],
      [3, 2],
      [4, 5],
    ],
  );
  assert.deepEqual(completed, [1, 4, 2, 5]);
});

test('what comes late has its place by its own time, and takes nobody back', () => {
  const play = stalls();
  const late = (at: number, step: number, age: number): void =>
    play.event(at, `Step ${step}`, {}, age);
  late(60_000, 1, 60_000);
  late(60_001, 2, 59_001);
  late(60_002, 4, 56_002);
  late(60_003, 3, 57_003);
  // Years old: imported meanwhile.
  late(60_004, 5, 100_000_000_000);
  const { completed, current, furthest, visited } = play.instance;
  assert.deepEqual([current, furthest], [4, 5]);
  assert.deepEqual(
    visited.map(({ step }) => step),
    [5, 1, 2, 3, 4],
  );
  assert.deepEqual(
    visited.slice(1).map(({ time }) => time! - startMs),
    [0, 1000, 3000, 4000],
  );
  assert.deepEqual(completed, [1, 2, 4, 3, 5]);
  // Silence goes on from what was committed last; it was not ended by what is older than step 4.
  play.until(60_003 + 30_001);
  assert.equal(play.asked.length, 1);
});

test('a step that was passed asks for nothing and arms nothing, and the wait of the one after it goes on', () => {
  const idle = [{ name: 'idle', for: '5s', thenStep: 'c', on: [{ event: 'Two' }] }] as const;
  const steps = [
    { name: 'a' },
    {
      name: 'b',
      on: [{ event: 'Two' }],
      actions: [{ do: 'notify' as const, data: {} }],
      waits: [{ name: 'w', for: '1s', thenStep: 'a2' }],
    },
    { name: 'a2', optional: true },
    { name: 'b2', on: [{ event: 'Three' }], waits: idle },
    { name: 'c' },
  ];
  const map: JourneyMap = { entry: [{ event: 'One' }], stages: [{ name: 's', steps }] };
  const play = new Play({ maps: { m: map } });
  play.event(0, 'One');
  play.event(1000, 'Three');
  play.event(2000, 'Two', {}, 1500);
  assert.deepEqual([play.instance.current, play.asked.length], [4, 0]);
  play.until(6001);
  assert.deepEqual(
    play.instance.visited.map(({ step }) => step),
    [1, 2, 4, 5],
  );
});

const order: JourneyMap = {
  key: 'order.id',
  entry: [{ event: 'Ordered' }],
  stages: [{ name: 'a', steps: [{ name: 'placed' }, { name: 'sent', on: [{ event: 'Sent' }] }] }],
  goal: [{ event: 'Received' }],
  exits: [
    { reason: 'cancelled', on: [{ event: 'Cancelled' }], keyed: true },
    { reason: 'left', on: [{ event: 'Left' }] },
  ],
  context: { item: 'order.item' },
};

test('a key tells several instances apart: each has its events, a keyed exit ends its own', () => {
  const play = new Play({ maps: { order } });
  const of = (id: string | number, more: object = {}): object => ({ order: { id, ...more } });
  play.event(1, 'Ordered', of('a', { item: 'shoes' }));
  play.event(2, 'Ordered', of('a'));
  play.event(3, 'Ordered', of(7));
  play.event(4, 'Ordered', of('c'));
  play.event(5, 'Ordered');
  assert.deepEqual(
    play.instances.map(({ key }) => key),
    ['a', '7', 'c'],
  );
  play.event(6, 'Sent', of('a'));
  assert.deepEqual(
    play.instances.map(({ current }) => current),
    [2, 1, 1],
  );
  play.event(7, 'Cancelled', of(7));
  play.event(8, 'Received', of('a', { item: 'boots' }));
  assert.deepEqual(
    play.instances.map(({ status }) => status),
    ['completed', 'exited', 'active'],
  );
  assert.deepEqual(play.instances[0]!.context, { item: 'boots' });
  play.event(9, 'Left');
  assert.deepEqual([play.instances[2]!.status, play.instances[2]!.reason], ['exited', 'left']);
});

test('a journey begins again after its end as its map says', () => {
  const again = (reentry: JourneyMap['reentry'], at: number): number => {
    const play = new Play({
      maps: { quote: { ...quote, ...(reentry !== undefined && { reentry }) } },
    });
    play.event(1, 'Step 1');
    play.event(2, 'Bought');
    play.event(at, 'Step 1');
    return play.instances.length;
  };
  assert.equal(again(undefined, 3), 2);
  assert.equal(again('never', 1_000_000), 1);
  assert.equal(again({ afterWait: '1m' }, 60_001), 1);
  assert.equal(again({ afterWait: '1m' }, 60_002), 2);
});

test('a customer has at most ten open instances, unless a map says otherwise', () => {
  for (const [instancesMax, count] of [
    [undefined, 10],
    [12, 12],
  ] as const) {
    const play = new Play({
      maps: { order: { ...order, ...(instancesMax !== undefined && { instancesMax }) } },
    });
    for (let n = 0; n < 20; n++) play.event(n, 'Ordered', { order: { id: n } });
    assert.equal(play.instances.length, count);
    play.event(30, 'Left');
    play.event(31, 'Ordered', { order: { id: 'next' } });
    assert.equal(play.instance.key, 'next');
  }
});

test('without activity an instance expires', () => {
  const play = new Play({ maps: { quote: { ...quote, expiresAfter: '1h' } } });
  play.event(0, 'Step 1');
  play.event(60_000, 'Step 2');
  play.until(3_660_000);
  assert.equal(play.instance.status, 'active');
  play.until(3_660_001);
  assert.equal(play.instance.status, 'expired');
});
