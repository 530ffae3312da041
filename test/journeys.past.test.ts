/** What customers did before a map or rule was in force counts for its audiences, once, and the same in a rebuild. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { compileRules } from '../src/journeys/aids/compilable.ts';
import type { JourneyMap, Rule } from '../src/journeys/definition.ts';
import { newPerson } from '../src/journeys/engine/apply.ts';
import { WorkspaceForce } from '../src/journeys/engine/force.ts';
import { pastEventsMax, recall } from '../src/journeys/engine/past.ts';
import { KeyedStore } from '../src/store/keyed.ts';
import { EnginePlay } from './support/engineplay.ts';
import { ManualClock, ShardKit } from './support/shardkit.ts';

const directory = mkdtempSync(join(tmpdir(), 'tapeline-past-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const map: JourneyMap = {
  entry: [{ event: 'Step 1' }],
  stages: [{ name: 'a', steps: [{ name: 's1' }] }],
};
const audiences = { caller: { performed: 'Call', times: 3, within: '30d' } } as const;
const then: Rule['then'] = [{ do: 'event', type: 'Done' }];
const often: Rule = { audiences, when: { event: 'Page' }, if: 'audience.caller', then };
const entered: Rule = { audiences, when: { audience: 'caller' }, then };
const left: Rule = { audiences, when: { audience: 'caller', change: 'leave' }, then };
const hourMs = 3_600_000;

async function opened(
  rules: Record<string, Rule>,
): Promise<{ play: EnginePlay; act(customer: string, ...types: string[]): Promise<void> }> {
  const play = await EnginePlay.open(mkdtempSync(join(directory, 'a-')), 1, map, rules);
  play.start();
  await play.rest();
  const act = async (customer: string, ...types: string[]): Promise<void> => {
    for (const type of types) {
      await play.store([{ customer, type, data: {} }]);
      await play.pass(1000);
    }
  };
  return { play, act };
}

/** `customer rule` of everything that was to be done, in commit order. */
function acted(play: EnginePlay): string[] {
  const decisions = play.tape.filter(({ data, type }) => {
    return type === 'tapeline.decision' && data['verdict'] === 'act';
  });
  return decisions.map(({ customer, data }) => `${customer} ${data['rule']}`);
}

test('a condition knows what was done before its rule was there, and nobody is told of it', async () => {
  const rules: Record<string, Rule> = {};
  const { act, play } = await opened(rules);
  await act('ann', 'Call', 'Call', 'Call');
  await act('bob', 'Call', 'Call');
  await act('old', 'Call', 'Call', 'Call');
  await play.pass(hourMs);
  Object.assign(rules, { often, entered, left });
  await play.follow();
  await act('ann', 'Page');
  await act('bob', 'Page');
  await act('nobody', 'Page');
  assert.deepEqual(acted(play), ['ann often']);
  // It goes on from there: the third call enters, a fourth changes nothing.
  await act('bob', 'Call', 'Page', 'Call');
  await act('ann', 'Call');
  assert.deepEqual(acted(play), ['ann often', 'bob entered', 'bob often']);
  // What is too old leaves, of those that something was seen of since.
  await play.pass(30 * 24 * hourMs);
  const leaving = acted(play).slice(3).sort();
  assert.deepEqual(leaving, ['ann left', 'bob left']);
  await act('old', 'Call', 'Page');
  assert.equal(acted(play).length, 5);
  await play.close();
});

test('a rebuild comes to the same, whatever was done since', async () => {
  const rules: Record<string, Rule> = {};
  const { act, play } = await opened(rules);
  await act('ann', 'Call', 'Call');
  await act('bob', 'Call');
  Object.assign(rules, { entered, often });
  await play.follow();
  await act('ann', 'Page', 'Call', 'Call', 'Page');
  await act('bob', 'Page', 'Call');
  // What a condition refused was not said: a rebuild lets it lapse, if it is older than a minute.
  await play.pass(2 * 60_000);
  const before = ['ann', 'bob'].map((customer) => play.state(customer));
  assert.ok(before[0]!.audiences !== undefined && Object.keys(before[0]!.audiences).length === 2);
  const said = acted(play);
  assert.deepEqual(said, ['ann entered', 'ann often']);
  await play.cut(true);
  play.start();
  await play.pass(1000);
  assert.deepEqual(
    ['ann', 'bob'].map((customer) => play.state(customer)),
    before,
  );
  assert.deepEqual(acted(play), said);
  await play.close();
});

test('patterns and what was not done know the past too', async () => {
  const rules: Record<string, Rule> = {};
  const { act, play } = await opened(rules);
  await act('ann', 'Payment Failed', 'Other');
  await act('bob', 'Login');
  const failed = { sequence: ['Payment Failed', 'Call'], within: '1d' } as const;
  const away = { notPerformed: 'Login', within: '30d' } as const;
  rules['rescue'] = { audiences: { failed }, when: { audience: 'failed' }, then };
  rules['back'] = { audiences: { away }, when: { event: 'Page' }, if: 'audience.away', then };
  await play.follow();
  await act('ann', 'Call', 'Page');
  await act('bob', 'Call', 'Page');
  assert.deepEqual(acted(play), ['ann rescue', 'ann back']);
  await play.close();
});

test('of a long past the newest events count', async () => {
  const rules: Record<string, Rule> = {};
  const { act, play } = await opened(rules);
  const store = (type: string, count: number): Promise<void> => {
    return play.store(Array.from({ length: count }, () => ({ customer: 'ann', type, data: {} })));
  };
  await store('Rare', 1);
  await play.pass(1000);
  await store('Call', pastEventsMax);
  await play.pass(1000);
  const seen = { any: [{ performed: 'Rare' }, { not: { performed: 'Call' } }] } as const;
  const newest = { performed: 'Call', times: 1000 } as const;
  const when = { event: 'Page' } as const;
  rules['beyond'] = { audiences: { it: seen }, when, if: 'audience.it', then };
  rules['newest'] = { audiences: { it: newest }, when, if: 'audience.it', then };
  await play.follow();
  await act('ann', 'Page');
  assert.deepEqual(acted(play), ['ann newest']);
  await play.close();
});

test('whose an event is may be asked of the store while the past is read', async () => {
  const kit = new ShardKit({
    directory: mkdtempSync(join(directory, 'b-')),
    shards: 2,
    clock: new ManualClock(1_700_000_000_000),
  });
  const other = new KeyedStore(join(kit.memory.directory, 'other.mdb'));
  const key = Buffer.from('who');
  // Longer than the blocks of the tape are: read, it lies over whatever was read before.
  await other.commit([[key, Buffer.alloc(64 * 1024, 0xff)]]);
  for (let call = 0; call < 3; call++) await kit.store([{ customer: 'ann', type: 'Call' }]);
  const text = JSON.stringify(often);
  const force = new WorkspaceForce(
    [],
    new Map(),
    compileRules([{ name: 'often', version: 1, text }]),
  );
  const person = newPerson('ann');
  recall(kit.tape, {
    ...{ workspace: 1, person, force, at: kit.clock.now(), stepsMax: 1e6 },
    cause: { stamp: Number.POSITIVE_INFINITY, ordinal: 0 },
    isTheirs: () => other.get(key) !== undefined,
  });
  const [rule] = force.rules;
  assert.deepEqual(force.memberships(person, rule!, kit.clock.now()), { caller: true });
  await other.close();
  await kit.close();
});
