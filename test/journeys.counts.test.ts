/** Counters of maps and rules: what happens is counted once, where it belongs, and survives in rows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counts } from '../src/journeys/aids/counts.ts';
import { kpisOf } from '../src/journeys/aids/kpis.ts';
import { countersMax, emptyMapTally, type MapTally, unsaidOf } from '../src/journeys/aids/tally.ts';
import type { CompiledRule } from '../src/journeys/compile/compiled.ts';
import type { JourneyMap } from '../src/journeys/definition.ts';
import type { Happening, InstanceHappening } from '../src/journeys/engine/happening.ts';
import type { Definitions, Rows } from '../src/journeys/engine/work.ts';
import type { Delivery, InstanceState, Request } from '../src/journeys/state.ts';

class FakeRows implements Rows {
  readonly values = new Map<string, string>();
  get(key: string): unknown {
    const text = this.values.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  }
  *range(prefix: string): Iterable<readonly [string, unknown]> {
    for (const key of [...this.values.keys()].sort()) {
      if (key.startsWith(prefix)) yield [key, this.get(key)];
    }
  }
  put(key: string, value: unknown): void {
    if (value === undefined) this.values.delete(key);
    else this.values.set(key, JSON.stringify(value));
  }
  flush(): Promise<void> {
    return Promise.resolve();
  }
}

const inForce: Definitions = {
  map: () => undefined,
  rule: (_workspace, name) => (name === 'r' ? ({ version: 3 } as CompiledRule) : undefined),
  maps: () => [],
  rules: () => [],
  memberships: () => ({}),
};

function instance(more: Partial<InstanceState> = {}): InstanceState {
  return { journey: 'loan', version: 2, current: 0, ...more } as InstanceState;
}

function moved(
  what: InstanceHappening['what'],
  more: Partial<InstanceHappening> & { of?: Partial<InstanceState> } = {},
): Happening {
  const { of, ...rest } = more;
  return { kind: 'instance', at: 1, what, instance: instance(of), ...rest };
}

function mapTally(counts: Counts): MapTally {
  const { versions } = counts.answerer.counts({
    workspace: 1,
    definition: 'journey',
    name: 'loan',
  });
  assert.equal(versions[0]!.version, 2);
  return versions[0]!.tally as MapTally;
}

test('instances are counted by step and end, and those under way where they are', () => {
  const counts = new Counts(new FakeRows(), inForce);
  const happenings = [
    moved('started'),
    moved('step', { step: 1, from: 0 }),
    moved('started'),
    moved('step', { step: 1, from: 0 }),
    moved('stepCompleted', { step: 1 }),
    moved('step', { step: 3, from: 1 }),
    moved('milestone', { name: 'applied' }),
    moved('paused', { of: { current: 1, pausedAt: 5 } }),
    moved('exited', { of: { current: 1, reason: 'called' } }),
  ];
  for (const happening of happenings) counts.note(1, happening);
  const tally = mapTally(counts);
  assert.deepEqual(tally.steps, {
    1: { entered: 2, completed: 1, here: 0, left: 1 },
    3: { entered: 1, completed: 0, here: 1, left: 0 },
  });
  assert.deepEqual(tally.exits, { called: 1 });
  assert.deepEqual(tally.milestones, { applied: 1 });
  const { completed, exited, open, paused, started } = tally;
  assert.deepEqual(
    { completed, exited, open, paused, started },
    {
      completed: 0,
      exited: 1,
      open: 1,
      paused: 1,
      started: 2,
    },
  );
  counts.note(1, moved('erased', { of: { current: 3 } }));
  assert.equal(mapTally(counts).open, 0);
  assert.equal(mapTally(counts).steps['3']!.here, 0);
});

const request: Request = { id: 'q1', rule: 'r', version: 2, at: 1, until: 2 };
const action = { id: 'a1', do: 'webhook' };

test('a rule is counted by version: asked, decided, done; answers for all versions together', () => {
  const rows = new FakeRows();
  const counts = new Counts(rows, inForce);
  const said = { request: 'q1', rule: 'r', version: 2 };
  const delivery: Delivery = { action, request: 'q1', rule: 'r', version: 2, at: 1 };
  counts.note(1, { kind: 'request', at: 1, request });
  counts.note(1, { kind: 'decision', at: 1, said: { ...said, verdict: 'act', actions: [action] } });
  counts.note(1, { kind: 'decision', at: 1, said: { ...said, verdict: 'capped' } });
  const outcome = { action: 'a1', outcome: 'delivered' } as const;
  counts.note(1, { kind: 'delivery', at: 1, said: outcome, delivery });
  counts.note(1, {
    kind: 'response',
    at: 9,
    said: { request: 'q1', rule: 'r', answer: 'accepted' },
  });
  counts.flush();
  // Another one finds it again, as after a restart.
  const { responses, versions } = new Counts(rows, inForce).answerer.counts({
    workspace: 1,
    definition: 'rule',
    name: 'r',
  });
  assert.deepEqual(versions, [
    {
      version: 2,
      tally: {
        requested: 1,
        verdicts: { act: 1, capped: 1 },
        actions: { webhook: { decided: 1, delivered: 1, failed: 0, expired: 0, withdrawn: 0 } },
      },
    },
  ]);
  assert.deepEqual(responses, { accepted: 1 });
  assert.equal(unsaidOf({ ...versions[0]!.tally, requested: 5 }), 3);
});

test('what a touchpoint asked counts for the rules that were weighed', () => {
  const counts = new Counts(new FakeRows(), inForce);
  const candidates = [
    { id: 'r', rule: 'r', verdict: 'act', actions: [action] },
    { id: 'local:x', rule: 'local:x', verdict: 'act' },
  ] as const;
  counts.note(1, {
    kind: 'decision',
    at: 1,
    said: { request: 'd1', version: 0, verdict: 'act', candidates },
  });
  const { versions } = counts.answerer.counts({ workspace: 1, definition: 'rule', name: 'r' });
  assert.equal(versions.length, 1);
  assert.equal(versions[0]!.version, 3);
  assert.deepEqual(versions[0]!.tally.verdicts, { act: 1 });
  const local = counts.answerer.counts({ workspace: 1, definition: 'rule', name: 'local:x' });
  assert.deepEqual(local.versions, []);
});

test('a delivery that tells no version is of the one in force; of a rule that is gone it counts nowhere', () => {
  const counts = new Counts(new FakeRows(), inForce);
  const said = { action: 'a1', outcome: 'delivered' } as const;
  for (const rule of ['r', 'gone']) {
    for (const version of [undefined, 0]) {
      const known = { action, request: 'd1', rule, at: 1 };
      const delivery: Delivery = version === undefined ? known : { ...known, version };
      counts.note(1, { kind: 'delivery', at: 1, said, delivery });
    }
    counts.note(1, { kind: 'response', at: 2, said: { request: 'd1', rule, answer: 'shown' } });
  }
  const read = (name: string) => counts.answerer.counts({ workspace: 1, definition: 'rule', name });
  const { responses, versions } = read('r');
  assert.deepEqual(
    versions.map(({ tally, version }) => [version, tally.actions['webhook']!.delivered]),
    [[3, 2]],
  );
  assert.deepEqual(responses, { shown: 1 });
  assert.deepEqual(read('gone'), { versions: [], responses: {} });
});

test('workspaces and names that hold one another are apart, and a workspace takes its own along', () => {
  const counts = new Counts(new FakeRows(), inForce);
  counts.note(1, moved('started'));
  counts.note(2, moved('started'));
  counts.note(1, moved('started', { of: { journey: 'loan/2' } }));
  assert.equal(mapTally(counts).started, 1);
  counts.flush();
  counts.purge(new Set([1]));
  const read = (workspace: number, name: string) =>
    counts.answerer.counts({ workspace, definition: 'journey', name }).versions.length;
  assert.deepEqual([read(1, 'loan'), read(2, 'loan'), read(1, 'loan/2')], [1, 0, 1]);
});

test('reasons that never repeat share a counter in the end', () => {
  const counts = new Counts(new FakeRows(), inForce);
  for (let n = 0; n < countersMax + 7; n++) {
    counts.note(1, moved('exited', { of: { reason: `reason ${n}` } }));
  }
  const { exits } = mapTally(counts);
  assert.equal(Object.keys(exits).length, countersMax + 1);
  assert.equal(exits['…'], 7);
});

test('measures are worked out of the counters, and nothing of nothing is null', () => {
  const map: JourneyMap = {
    entry: [{ event: 'A' }],
    stages: [{ name: 's', steps: [{ name: 'one' }, { name: 'two', on: [{ event: 'B' }] }] }],
    milestones: [{ name: 'priced', step: 'two' }],
    kpis: [
      { name: 'done', type: 'completionRate', target: 0.5 },
      { name: 'priced', type: 'milestoneRate', milestone: 'priced' },
      { name: 'lost', type: 'dropOff', step: 'one', target: 0.1 },
      { name: 'time', type: 'timeToComplete', target: 60_000 },
    ],
  };
  const none = kpisOf(map, emptyMapTally()).map(({ isMet, value }) => [value, isMet]);
  assert.deepEqual(none, [
    [null, null],
    [null, undefined],
    [null, null],
    [null, null],
  ]);
  const tally = { ...emptyMapTally(), started: 8, completed: 4, completedMs: 200_000 };
  tally.milestones = { priced: 6 };
  tally.steps = { 1: { entered: 8, completed: 8, here: 2, left: 3 } };
  const some = kpisOf(map, tally).map(({ isMet, value }) => [value, isMet]);
  assert.deepEqual(some, [
    [0.5, true],
    [0.75, undefined],
    [0.5, false],
    [50_000, true],
  ]);
});
