/**
 * What the clock decides, on the real rooms with a clock of the test's own: timers that are overdue at a start, quiet
 * hours and calendar caps to the millisecond, who is asked first and from when on who is further away.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { JourneyMap, Rule } from '../src/journeys/definition.ts';
import { newOffer } from '../src/journeys/route/applied.ts';
import { Board } from '../src/journeys/route/board.ts';
import { planOf } from '../src/journeys/route/search.ts';
import { DecisionKit, settle } from './support/decisionkit.ts';
import { EnginePlay, type OnTape } from './support/engineplay.ts';

const directory = mkdtempSync(join(tmpdir(), 'tapeline-clock-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const hourMs = 3_600_000;

/** The longer wait is written first; both are over when the engine comes back. */
const waits: JourneyMap = {
  entry: [{ event: 'Begun' }],
  stages: [
    {
      name: 'all',
      steps: [
        {
          name: 'begun',
          waits: [
            { name: 'long', for: '2h', thenStep: 'given up' },
            { name: 'short', for: '1h', thenStep: 'reminded' },
          ],
        },
        { name: 'reminded' },
        { name: 'given up' },
      ],
    },
  ],
};

const missing: Readonly<Record<string, Rule>> = {
  missed: {
    when: { after: { event: 'Cart' }, without: { event: 'Order' }, within: '90m' },
    then: [{ do: 'event', type: 'Missed' }],
  },
};

const dueOf = (data: OnTape['data']): number => data['due'] as number;

test('timers that are overdue at a start are fired in the order in which they were due, as late ones', async () => {
  const play = await EnginePlay.open(directory, 1, waits, missing);
  play.start();
  await play.rest();
  await play.store([
    { customer: 'ann', type: 'Cart', data: {} },
    { customer: 'ann', type: 'Begun', data: {} },
  ]);
  await play.pass(2000);
  await play.cut(false);
  play.clock.advance(3 * hourMs);
  const start = play.clock.now();
  play.start();
  await play.pass(1000);
  const timers = play.tape.filter(({ type }) => type === 'tapeline.timer');
  for (const { data, received } of timers) {
    assert.ok(received >= start && dueOf(data) < start);
    assert.equal(data['late'], true);
  }
  const first = dueOf(timers[0]!.data);
  assert.deepEqual(
    timers.map(({ data }) => dueOf(data) - first),
    [0, hourMs / 2, hourMs],
  );
  const visited = play.state('ann')!.instances[0]!.visited.map(({ step }) => step);
  assert.deepEqual(visited, [1, 2], 'the shorter wait led away before the longer one was over');
  await play.close();
});

const at = (text: string): number => Date.parse(text);

/** What is decided about a rule when it is asked at these instants, one after the other. */
async function decidedAt(kit: DecisionKit, rule: string, ...instants: string[]): Promise<string[]> {
  const before = kit.decided().length;
  for (const instant of instants) {
    kit.clock.nowMs = at(instant);
    kit.ask([rule]);
    await settle();
    kit.readBack();
  }
  return kit
    .decided()
    .slice(before)
    .map((each) => each.slice(rule.length + 1));
}

test('quiet hours begin and end with their minute, and a rule that was silenced counts for no cap', async () => {
  const kit = new DecisionKit();
  kit.rule('night', {
    quietHours: { from: '21:00', to: '08:00', zone: 'Europe/Berlin' },
    caps: [{ scope: 'rule', times: 1, per: 'week' }],
  });
  const evening = ['2026-11-30T20:00:00Z', '2026-12-01T06:59:59.999Z'];
  assert.deepEqual(await decidedAt(kit, 'night', ...evening), ['quietHours', 'quietHours']);
  assert.deepEqual(await decidedAt(kit, 'night', '2026-12-01T07:00:00Z'), ['act']);
  const capped = ['2026-12-01T19:59:59.999Z', '2026-12-01T20:00:00Z'];
  assert.deepEqual(await decidedAt(kit, 'night', ...capped), ['capped', 'quietHours']);
});

test('a calendar day is the customer’s own, and less than 24 hours may lie between two of them', async () => {
  const kit = new DecisionKit();
  kit.person().zone = 'America/New_York';
  kit.rule('daily', { caps: [{ scope: 'rule', times: 1, per: 'day' }] });
  kit.rule('rolling', {
    caps: [{ scope: 'rule', times: 1, per: { rolling: '1d' } }],
    channel: 'sms',
  });
  const instants = [
    '2026-11-30T20:00:00Z',
    '2026-12-01T04:59:59.999Z',
    '2026-12-01T05:00:00Z',
    '2026-12-01T20:00:00Z',
    '2026-12-02T05:00:00Z',
  ];
  const daily = ['act', 'capped', 'act', 'capped', 'act'];
  assert.deepEqual(await decidedAt(kit, 'daily', ...instants), daily);
  const rolling = ['act', 'capped', 'capped', 'capped', 'act'];
  assert.deepEqual(await decidedAt(kit, 'rolling', ...instants), rolling);
});

const forever = Number.POSITIVE_INFINITY;
const start = at('2026-11-30T12:00:00Z');

function seat(board: Board, id: string, capacity: number, more: object = {}): void {
  const put = board.putAgent(id, { name: id, skills: {}, capacity, ...more });
  board.setPresence(put, { status: 'available', place: undefined, until: forever });
}

function offer(board: Board, id: string, at: number, action: object = {}): void {
  const plan = planOf({ id, do: 'agent', ...action });
  board.follow(id, { id, customer: id, plan, at, state: newOffer(), isNeeded: true });
}

/** Who is asked next about an offer; whoever was asked has declined. */
function nextAsked(board: Board, id: string, now: number, passed: string[]): string | undefined {
  const { plan, at } = board.offer(id)!;
  const state = { number: 2 * passed.length, state: 'open' as const, passed: [...passed] };
  board.follow(id, { id, customer: id, plan, at, state, isNeeded: true });
  const agent = board.moves(now)[0]?.said.agent;
  if (agent !== undefined) passed.push(agent);
  return agent;
}

test('the lowest load ratio is asked first, of equal ones who was asked the longest ago: D, C, A, B', () => {
  const board = new Board();
  for (const [id, capacity] of [
    ['A', 5],
    ['B', 4],
    ['C', 5],
    ['D', 5],
  ] as const) {
    seat(board, id, capacity, { skills: { [id]: 1 } });
  }
  const asked = (id: string, minutesAgo: number, count: number): void => {
    for (let n = 0; n < count; n++) {
      const held = `${id}${n}`;
      offer(board, held, start, { skills: [{ skill: id, level: 1 }] });
      assert.equal(board.moves(start - minutesAgo * 60_000)[0]!.said.agent, id);
    }
  };
  asked('C', 7, 3);
  asked('A', 5, 3);
  asked('B', 3, 3);
  asked('D', 2, 1);
  board.follow('D0', undefined);
  offer(board, 'next', start);
  const passed: string[] = [];
  while (nextAsked(board, 'next', start, passed) !== undefined);
  assert.deepEqual(passed, ['D', 'C', 'A', 'B']);
});

test('a ring widens at its time and no earlier, a level sinks with it', () => {
  const board = new Board();
  const place = { latitude: 37.77, longitude: -122.42 };
  const north = (degrees: number) => ({ ...place, latitude: place.latitude + degrees });
  seat(board, 'near', 1, { place: north(0.01), skills: { loans: 7 } });
  seat(board, 'far', 1, { place: north(0.2), skills: { loans: 7 } });
  seat(board, 'novice', 1, { place: north(0.01), skills: { loans: 5 } });
  const rings = [
    { after: '0s', miles: 5 },
    { after: '1m', miles: 25 },
    { after: '3m', anywhere: true, levelsLower: 2 },
  ];
  offer(board, 'o', start, { place, rings, skills: [{ skill: 'loans', level: 7 }] });
  const passed: string[] = [];
  const asked = [0, 59_999, 60_000, 179_999, 180_000].map((after) => {
    return nextAsked(board, 'o', start + after, passed);
  });
  assert.deepEqual(asked, ['near', undefined, 'far', undefined, 'novice']);
});
