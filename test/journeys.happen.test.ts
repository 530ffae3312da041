/** Waits, milestones, journeys in journeys, pauses, rules and commands, on the engine's transition alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JourneyMap, Rule } from '../src/journeys/definition.ts';
import { Play, startMs } from './support/journeykit.ts';
import { quote, reach, stalls } from './support/journeymaps.ts';

const waiting: JourneyMap = {
  entry: [{ event: 'Begin' }],
  stages: [
    {
      name: 'a',
      steps: [
        {
          name: 'asked',
          waits: [
            { name: 'patience', for: '10s', on: [{ event: 'Answer' }], thenStep: 'reminded' },
          ],
        },
        {
          name: 'reminded',
          actions: [{ do: 'notify', data: {} }],
          waits: [
            { name: 'morning', until: { at: '09:00', zone: 'Europe/Berlin' }, thenStep: 'called' },
          ],
        },
        { name: 'called', actions: [{ do: 'notify', data: {} }] },
      ],
    },
  ],
  goal: [{ event: 'Done' }],
};

test('a wait leads to its step when its time is up, unless what it waits for comes', () => {
  const play = new Play({ maps: { waiting } });
  play.event(0, 'Begin');
  play.until(10_000);
  assert.equal(play.instance.current, 1);
  play.until(10_001);
  assert.equal(play.instance.current, 2);
  assert.equal(play.asked.length, 1);
  const met = new Play({ maps: { waiting } });
  met.event(0, 'Begin');
  met.event(9_999, 'Answer');
  met.until(1_000_000);
  assert.equal(met.instance.current, 1);
});

test('a wait for a local time ends at the next such time', () => {
  const play = new Play({ maps: { waiting } });
  play.event(0, 'Begin');
  play.until(24 * 3_600_000);
  const { at } = play.instance.visited.at(-1)!;
  assert.equal(play.instance.current, 3);
  const shown = new Intl.DateTimeFormat('en-GB', {
    timeZone: 'Europe/Berlin',
    timeStyle: 'medium',
  });
  assert.equal(shown.format(at), '09:00:00');
  assert.ok(at - startMs - 10_001 <= 24 * 3_600_000);
});

test('milestones stay reached, and a goal completes from any step', () => {
  const map: JourneyMap = {
    ...quote,
    milestones: [
      { name: 'priced', step: 's3' },
      { name: 'seen', on: [{ event: 'Seen' }] },
    ],
  };
  const play = new Play({ maps: { quote: map } });
  play.event(1, 'Step 1');
  play.event(2, 'Seen');
  play.event(3, 'Step 3');
  play.event(4, 'Step 2');
  play.event(5, 'Seen');
  assert.deepEqual(
    play.instance.milestones.map(({ at, name }) => [name, at - startMs]),
    [
      ['seen', 2],
      ['priced', 3],
    ],
  );
  play.event(6, 'Bought');
  assert.equal(play.instance.status, 'completed');
});

test('a map without a goal is completed with its steps, optional ones aside', () => {
  const { goal: _, ...rest } = quote;
  const steps = [
    { name: 'a', on: [{ event: 'A' }] },
    { name: 'b', on: [{ event: 'B' }], optional: true },
    { name: 'c', on: [{ event: 'C' }], completed: [{ event: 'C Done' }] },
  ];
  const play = new Play({
    maps: { m: { ...rest, entry: [{ event: 'A' }], stages: [{ name: 's', steps }] } },
  });
  play.event(1, 'A');
  play.event(2, 'C');
  assert.equal(play.instance.status, 'active');
  play.event(3, 'C Done');
  assert.equal(play.instance.status, 'completed');
});

test('a step can be a journey of its own', () => {
  const macro: JourneyMap = {
    entry: [{ event: 'Begin' }],
    stages: [{ name: 's', steps: [{ name: 'first' }, { name: 'pay', journey: 'payment' }] }],
  };
  const payment: JourneyMap = {
    entry: [{ event: 'Pay' }],
    stages: [{ name: 's', steps: [{ name: 'card' }] }],
    goal: [{ event: 'Paid' }],
  };
  const play = new Play({ maps: { macro, payment } });
  play.event(1, 'Begin');
  play.event(2, 'Pay');
  assert.deepEqual([play.instances[0]!.current, play.instances[0]!.status], [2, 'active']);
  play.event(3, 'Paid');
  assert.deepEqual(
    play.instances.map(({ status }) => status),
    ['completed', 'completed'],
  );
});

test('steps that lead to each other without an end fail the instance, and nothing else', () => {
  // Two journeys that are steps of each other would go round for ever.
  const one: JourneyMap = {
    entry: [{ event: 'Go' }],
    stages: [
      {
        name: 's',
        steps: [
          { name: 'x', on: [{ event: 'X' }] },
          { name: 'other', journey: 'two' },
        ],
      },
    ],
    goal: [{ event: 'Never' }],
  };
  const play = new Play({
    maps: {
      one,
      two: {
        ...one,
        stages: [
          {
            name: 's',
            steps: [
              { name: 'other', journey: 'one' },
              { name: 'y', on: [{ event: 'Y' }] },
            ],
          },
        ],
      },
    },
  });
  play.event(1, 'Go');
  assert.equal(play.instances.length, 2);
  assert.ok(play.instances.every(({ visited }) => visited.length <= 2));
});

test('what comes while an instance is paused is applied on resume, without firing unless the map says so', () => {
  for (const onResume of ['state', 'replay'] as const) {
    const play = stalls({
      map: {
        onResume,
        stages: [
          {
            ...quote.stages[0]!,
            steps: quote.stages[0]!.steps.map((step) => ({
              ...step,
              actions: [{ do: 'notify', data: {} }] as const,
            })),
          },
          quote.stages[1]!,
        ],
      },
    });
    play.event(1, 'Step 1');
    const before = play.asked.length;
    play.command(2, { command: 'pause', instance: play.instance.id });
    play.event(3, 'Step 2');
    play.event(4, 'Step 3');
    assert.deepEqual([play.instance.current, play.instance.held?.length], [1, 2]);
    play.command(5, { command: 'resume', instance: play.instance.id });
    assert.deepEqual([play.instance.current, play.instance.held], [3, undefined]);
    assert.equal(play.asked.length - before, onResume === 'replay' ? 2 : 0);
  }
});

test('rules hear of events, of what does not follow, of instances and of audiences', () => {
  const then = [{ do: 'notify', data: {} }] as const;
  const rules: Record<string, Rule> = {
    event: { when: { event: 'Call', where: 'event.data.minutes > 5' }, then },
    absence: {
      when: { after: { event: 'Cart' }, without: { event: 'Order' }, within: '1h' },
      then,
    },
    done: { journey: 'quote', when: { instance: 'completed' }, then },
    step: { journey: 'quote', when: { instance: 'step', name: 's4' }, then },
    often: {
      audiences: { caller: { performed: 'Call', times: 3, within: '3h' } },
      when: { audience: 'caller' },
      then,
    },
    seldom: {
      audiences: { caller: { performed: 'Call', times: 3, within: '3h' } },
      when: { audience: 'caller', change: 'leave' },
      then,
    },
  };
  const play = new Play({ maps: { quote }, rules });
  const hour = 3_600_000;
  play.event(0, 'Call', { minutes: 6 });
  play.event(1, 'Cart');
  play.event(1.5 * hour, 'Call', { minutes: 5 });
  play.event(2 * hour, 'Cart');
  play.event(3 * hour, 'Order');
  play.event(3 * hour, 'Call', { minutes: 1 });
  play.until(9 * hour);
  play.event(9 * hour, 'Step 1');
  play.event(9 * hour + 1, 'Step 4');
  play.event(9 * hour + 2, 'Bought');
  assert.deepEqual(
    play.asked.map(({ at, rule }) => [rule, at]),
    [
      ['event', 0],
      ['absence', hour + 2],
      ['often', 3 * hour],
      ['seldom', 3 * hour + 1],
      ['step', 9 * hour + 1],
      ['done', 9 * hour + 2],
    ],
  );
});

test('commands start, move, complete and end instances', () => {
  const play = new Play({ maps: { quote } });
  play.command(1, { command: 'start', journey: 'quote', key: '', context: { from: 'desk' } });
  play.command(2, { command: 'start', journey: 'quote', key: '' });
  assert.equal(play.instances.length, 1);
  play.command(3, {
    command: 'step',
    instance: play.instance.id,
    step: 's3',
    context: { branch: 'x' },
  });
  assert.deepEqual(
    [play.instance.current, play.instance.context],
    [3, { from: 'desk', branch: 'x' }],
  );
  play.command(4, { command: 'exit', instance: play.instance.id, reason: 'agent' });
  assert.deepEqual([play.instance.status, play.instance.reason], ['exited', 'agent']);
  play.command(5, { command: 'complete', instance: play.instance.id });
  assert.equal(play.instance.status, 'exited');
  play.command(6, { command: 'start', journey: 'quote', key: '' });
  play.command(7, { command: 'stop', journey: 'quote', reason: 'over' });
  assert.deepEqual([play.instance.run, play.instance.status], [2, 'exited']);
});

test('the tape alone makes the state: read again it is the same', () => {
  const make = (): Play => {
    const play = stalls({ map: { expiresAfter: '2m' } });
    reach(play, 4);
    play.until(50_000);
    play.event(60_000, 'Step 5');
    play.command(61_000, { command: 'pause', instance: play.instance.id });
    play.event(62_000, 'Step 2');
    play.command(63_000, { command: 'resume', instance: play.instance.id });
    play.until(600_000);
    return play;
  };
  assert.deepEqual(make().person, make().person);
  assert.equal(make().instance.status, 'expired');
});
