/** Maps and rules as they are kept: drafts, versions, what fits together, and what goes round in circles. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, systemClock } from '../src/std/clock.ts';
import { AppError, type ErrorCode } from '../src/std/errors.ts';
import { seededRandom } from '../src/std/random.ts';
import {
  type DefinitionChange,
  type DefinitionRecord,
  definitionsBytesMax,
  deletedNamesMax,
  journeysPerWorkspaceMax,
  journeyVersionsMax,
  type Outline,
  type OutlineLink,
  type Reference,
  rulesPerWorkspaceMax,
  ruleVersionsMax,
} from '../src/workspaces/definition.ts';
import { findCircle } from '../src/workspaces/definitionfit.ts';
import { Directory } from '../src/workspaces/directory.ts';
import { openWorkspaces, type Workspaces } from '../src/workspaces/workspaces.ts';
import { FakeStore } from './support/documents.ts';

const clock: Clock = { ...systemClock, now: () => 1_763_740_000_000 };
const offers = { steps: ['one', 'two'], stages: ['S'], milestones: ['half'], audiences: ['vip'] };

function open(store = new FakeStore()): Promise<Workspaces> {
  return openWorkspaces(store, { clock, random: seededRandom(1), initialKeys: {} });
}

const change = (workspaces: Workspaces, wanted: DefinitionChange, workspace = 1) =>
  workspaces.execute({ kind: 'changeDefinitions', workspace, change: wanted });

async function kept(
  workspaces: Workspaces,
  wanted: DefinitionChange,
): Promise<DefinitionRecord & { readonly created: boolean }> {
  const reply = await change(workspaces, wanted);
  assert.ok(reply.kind === 'definition', reply.kind);
  return { ...reply.definition, created: reply.created };
}

const draft = (name: string, more: Partial<Outline> = {}, text = '{}'): DefinitionChange => ({
  kind: 'putDraft',
  name,
  text,
  outline: { asks: [], links: [], offers, ...more },
});
const rule = (name: string, more: Partial<Outline> = {}, enabled = true): DefinitionChange => ({
  kind: 'putRule',
  name,
  text: '{}',
  outline: { asks: [], links: [], ...more },
  enabled,
});

async function publish(workspaces: Workspaces, name: string, more: Partial<Outline> = {}) {
  await change(workspaces, draft(name, more));
  return kept(workspaces, { kind: 'publish', name });
}

async function refused(promise: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> {
  const error = await promise.then(
    () => assert.fail('was not refused'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof AppError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
}

test('a draft becomes version 1, 2 …; what is published stays, and all of it survives', async () => {
  const store = new FakeStore();
  const workspaces = await open(store);
  const first = await kept(workspaces, draft('quote', {}, '{"a":1}'));
  assert.deepEqual([first.created, first.current, first.versions.length], [true, 0, 0]);
  const published = await kept(workspaces, { kind: 'publish', name: 'quote' });
  assert.equal(published.current, 1);
  assert.equal(published.draft, undefined);
  assert.equal(published.versions[0]?.text, '{"a":1}');
  const again = await kept(workspaces, draft('quote', {}, '{"a":2}'));
  assert.deepEqual([again.created, again.current, again.draft?.text], [false, 1, '{"a":2}']);
  const second = await kept(workspaces, { kind: 'publish', name: 'quote' });
  assert.deepEqual(
    second.versions.map(({ text, version }) => [version, text]),
    [
      [2, '{"a":2}'],
      [1, '{"a":1}'],
    ],
  );
  await kept(workspaces, rule('r'));
  const directory = new Directory((await open(store)).snapshot());
  assert.deepEqual(
    directory.definitions(1).map(({ current, kind, name }) => [kind, name, current]),
    [
      ['journey', 'quote', 2],
      ['rule', 'r', 1],
    ],
  );
  assert.deepEqual(directory.definition(1, 'journey', 'quote')?.versions, second.versions);
  assert.equal(directory.definition(1, 'rule', 'quote'), undefined);
});

test('withdrawn, a map is not in force; published without a draft its newest version is again', async () => {
  const workspaces = await open();
  await refused(change(workspaces, { kind: 'publish', name: 'quote' }), 'not_found', /no such/);
  await publish(workspaces, 'quote');
  assert.equal((await kept(workspaces, { kind: 'withdraw', name: 'quote' })).current, 0);
  const back = await kept(workspaces, { kind: 'publish', name: 'quote' });
  assert.deepEqual([back.current, back.versions.length], [1, 1]);
});

test('a rule has a version with each time it is put; one that is not enabled is not in force', async () => {
  const workspaces = await open();
  assert.equal((await kept(workspaces, rule('r'))).current, 1);
  const off = await kept(workspaces, rule('r', {}, false));
  assert.deepEqual([off.current, off.versions[0]?.version], [0, 2]);
  assert.equal((await kept(workspaces, rule('r'))).current, 3);
  assert.equal((await change(workspaces, { kind: 'deleteRule', name: 'r' })).kind, 'done');
  await refused(change(workspaces, { kind: 'deleteRule', name: 'r' }), 'not_found', /no such rule/);
});

test('the oldest version of a rule goes when there are too many', async () => {
  const workspaces = await open();
  for (let n = 0; n < ruleVersionsMax; n += 1) await kept(workspaces, rule('r'));
  const { versions } = await kept(workspaces, rule('r'));
  assert.equal(versions.length, ruleVersionsMax);
  assert.deepEqual([versions[0]?.version, versions.at(-1)?.version], [ruleVersionsMax + 1, 2]);
});

test('no version of a map goes while there may be instances on it; one too many is refused', async () => {
  const workspaces = await open();
  for (let n = 1; n < journeyVersionsMax; n += 1) await publish(workspaces, 'quote');
  const { versions } = await publish(workspaces, 'quote');
  assert.deepEqual([versions.length, versions.at(-1)?.version], [journeyVersionsMax, 1]);
  await refused(publish(workspaces, 'quote'), 'conflict', /has 1000 versions, .* another name$/);
});

test('a map is deleted when it is not in force and nobody names it', async () => {
  const workspaces = await open();
  await publish(workspaces, 'quote');
  const asks: Reference[] = [{ place: 'journey', what: 'journey', name: 'quote' }];
  await kept(workspaces, rule('r', { asks }));
  const wanted: DefinitionChange = { kind: 'deleteJourney', name: 'quote' };
  await refused(change(workspaces, wanted), 'conflict', /in force; withdraw it first/);
  await kept(workspaces, { kind: 'withdraw', name: 'quote' });
  await refused(change(workspaces, wanted), 'conflict', /the rule 'r' names it/);
  await kept(workspaces, rule('r', { asks }, false));
  assert.equal((await change(workspaces, wanted)).kind, 'done');
  assert.equal(new Directory(workspaces.snapshot()).definition(1, 'journey', 'quote'), undefined);
});

test('a name that was deleted goes on counting, so that no version ever comes back', async () => {
  const store = new FakeStore();
  const workspaces = await open(store);
  await publish(workspaces, 'quote');
  await kept(workspaces, rule('r'));
  await kept(workspaces, { kind: 'withdraw', name: 'quote' });
  await change(workspaces, { kind: 'deleteJourney', name: 'quote' });
  await change(workspaces, { kind: 'deleteRule', name: 'r' });
  const again = await open(store);
  assert.deepEqual(new Directory(again.snapshot()).definitions(1), []);
  for (const kind of ['publish', 'withdraw', 'dropDraft', 'deleteJourney'] as const) {
    await refused(change(again, { kind, name: 'quote' }), 'not_found', /no such journey/);
  }
  const made = await kept(again, draft('quote'));
  assert.deepEqual([made.created, made.current, made.versions], [true, 0, []]);
  await change(again, { kind: 'dropDraft', name: 'quote' });
  assert.equal((await publish(again, 'quote')).current, 2);
  assert.equal((await kept(again, rule('r'))).current, 2);
});

test('so many deleted names are remembered; what was never published leaves nothing', async () => {
  const store = new FakeStore();
  const workspaces = await open(store);
  await change(workspaces, draft('never'));
  await change(workspaces, { kind: 'dropDraft', name: 'never' });
  for (let n = 0; n <= deletedNamesMax; n += 1) {
    await change(workspaces, rule(`r${n}`));
    await change(workspaces, { kind: 'deleteRule', name: `r${n}` });
  }
  const names = [...store.entries()].filter(([key]) => /^(rule|journey)\//.test(key));
  assert.equal(names.length, deletedNamesMax);
  assert.equal((await kept(workspaces, rule('r0'))).current, 1);
  assert.equal((await kept(workspaces, rule('r1'))).current, 2);
});

test('what a definition names has to be there when it comes into force', async () => {
  const workspaces = await open();
  await publish(workspaces, 'quote');
  const template = { fields: [{ name: 'n', event: 'E', type: 'count' as const }] };
  await workspaces.execute({ kind: 'putView', workspace: 1, name: 'v', template });
  const wrong: [asked: Reference, message: RegExp][] = [
    [{ place: 'journey', what: 'journey', name: 'x' }, /^journey: no journey 'x' is published/],
    [{ place: 'view', what: 'view', name: 'x' }, /^view: there is no view 'x'/],
    [{ place: 'a.b', what: 'webhook', name: 'x' }, /^a\.b: there is no webhook 'x'/],
    [{ place: 'p', what: 'step', of: 'quote', name: 'x' }, /no step "x"; there are "one", "two"/],
    [{ place: 'p', what: 'step', of: 'quote', name: 2 }, /no step comes after step 2: .* has 2/],
    [{ place: 'p', what: 'milestone', of: 'quote', name: 'x' }, /no milestone "x"/],
    [{ place: 'p', what: 'audience', of: 'quote', name: 'x' }, /no audience "x"/],
    [{ place: 'p', what: 'stage', of: 'quote', name: 'x' }, /no stage "x"; there are "S"/],
    [{ place: 'p', what: 'field', of: 'v', name: 'x' }, /the view 'v' has no field "x"; .*"n"/],
  ];
  for (const [asked, message] of wrong) {
    await refused(change(workspaces, rule('r', { asks: [asked] })), 'invalid', message);
    await kept(workspaces, rule('r', { asks: [asked] }, false));
  }
  const all = { fields: [{ name: 'n', event: '*', type: 'count' as const }] };
  await workspaces.execute({ kind: 'putView', workspace: 1, name: 'all', template: all });
  const shown = (name: string): Reference[] => [{ place: 'when.view', what: 'shown', name }];
  const none = /^when\.view: the view 'all' shows events of every type/;
  await refused(change(workspaces, rule('r', { asks: shown('all') })), 'invalid', none);
  await kept(workspaces, rule('r', { asks: shown('v') }));
  const right: Reference[] = [
    { place: 'p', what: 'step', of: 'quote', name: 1 },
    { place: 'p', what: 'step', of: 'quote', name: 'two' },
    { place: 'p', what: 'milestone', of: 'quote', name: 'half' },
    { place: 'p', what: 'audience', of: 'quote', name: 'vip' },
    { place: 'p', what: 'field', of: 'v', name: 'n' },
  ];
  await kept(workspaces, rule('r', { asks: right }));
  const less = { offers: { ...offers, steps: ['one'] } };
  await refused(
    publish(workspaces, 'quote', less),
    'conflict',
    /the rule 'r' would not fit any more/,
  );
});

test('a view that a rule in force asks for stays', async () => {
  const workspaces = await open();
  const template = { fields: [{ name: 'n', event: 'E', type: 'count' as const }] };
  await workspaces.execute({ kind: 'putView', workspace: 1, name: 'v', template });
  const asks: Reference[] = [{ place: 'view', what: 'view', name: 'v' }];
  await kept(workspaces, rule('r', { asks }));
  const gone = { kind: 'deleteView' as const, workspace: 1, name: 'v' };
  await refused(workspaces.execute(gone), 'conflict', /the rule 'r' names it \(view\)/);
  await kept(workspaces, rule('r', { asks }, false));
  assert.equal((await workspaces.execute(gone)).kind, 'done');
});

const link = (place: string, heeds: string[], says: string[], bounded = false): OutlineLink => ({
  place,
  heeds,
  says,
  bounded,
});

test('a circle over several definitions is refused by whoever would close it', async () => {
  const workspaces = await open();
  await kept(workspaces, rule('ping', { links: [link('then', ['event:A'], ['event:B'])] }));
  const pong = (bounded: boolean): DefinitionChange =>
    rule('pong', { links: [link('then', ['event:B'], ['event:A'], bounded)] });
  const message =
    /^then: goes round in circles by itself \(rule 'pong' then → rule 'ping' then → rule 'pong' then\)/;
  await refused(change(workspaces, pong(false)), 'invalid', message);
  await kept(workspaces, pong(true));
  const template = { fields: [{ name: 'n', event: 'C', type: 'count' as const }] };
  await workspaces.execute({ kind: 'putView', workspace: 1, name: 'v', template });
  const shown = rule('shown', { links: [link('then', ['view:v'], ['event:C'])] });
  await refused(change(workspaces, shown), 'invalid', /goes round in circles/);
});

test('a map that is a step of itself, by way of others, is refused', async () => {
  const workspaces = await open();
  const stepOf = (name: string): Partial<Outline> => ({
    asks: [{ place: 'stages[0].steps[0].journey', what: 'journey', name, isStep: true }],
  });
  await publish(workspaces, 'a');
  await publish(workspaces, 'b', stepOf('a'));
  await publish(workspaces, 'c', stepOf('b'));
  await refused(
    publish(workspaces, 'a', stepOf('c')),
    'invalid',
    /^stages\[0\]\.steps\[0\]\.journey: is a step of itself by way of a → c → b → a$/,
  );
  const starts = { asks: [{ place: 'x', what: 'journey', name: 'c' }] } as const;
  await publish(workspaces, 'a', starts);
});

test('a circle is found wherever there is one, and nowhere else', () => {
  const chain = Array.from({ length: 5000 }, (_, n) => link(`${n}`, [`w${n}`], [`w${n + 1}`]));
  assert.equal(findCircle(chain), undefined);
  const closed = [...chain, link('last', ['w5000'], ['w0'])];
  assert.equal(findCircle(closed)?.length, 5001);
  assert.deepEqual(findCircle([link('self', ['a'], ['a'])])?.length, 1);
  assert.equal(findCircle([link('self', ['a'], ['a'], true)]), undefined);
  const diamond = [link('a', ['x'], ['y', 'z']), link('b', ['y'], ['q']), link('c', ['z'], ['q'])];
  assert.equal(findCircle(diamond), undefined);
  assert.equal(findCircle([...diamond, link('d', ['q'], ['x'])])?.length, 3);
});

test('numbers and bytes of definitions are bounded', async () => {
  const workspaces = await open();
  for (let n = 0; n < journeysPerWorkspaceMax; n += 1) await kept(workspaces, draft(`j${n}`));
  await refused(change(workspaces, draft('more')), 'conflict', /at most 100 journeys/);
  await kept(workspaces, draft('j0'));
  for (let n = 0; n < rulesPerWorkspaceMax; n += 1)
    await kept(workspaces, rule(`r${n}`, {}, false));
  await refused(change(workspaces, rule('more')), 'conflict', /at most 500 rules/);
  const half = 'x'.repeat(definitionsBytesMax / 2);
  await kept(workspaces, draft('j1', {}, half));
  await refused(change(workspaces, draft('j2', {}, half)), 'conflict', /at most 8388608 bytes/);
  for (const name of ['', '.', '..', 'a\u0000', 'x'.repeat(129)]) {
    await refused(change(workspaces, draft(name)), 'invalid', /the name of a journey must have/);
  }
});

test('a deleted workspace takes its definitions along', async () => {
  const store = new FakeStore();
  const workspaces = await open(store);
  const made = await workspaces.execute({ kind: 'createWorkspace', name: 'other' });
  assert.ok(made.kind === 'workspace');
  const { id, number } = made.workspace;
  await change(workspaces, draft('quote'), number);
  await change(workspaces, rule('r'), number);
  assert.equal(new Directory(workspaces.snapshot()).definitions(number).length, 2);
  assert.equal(new Directory(workspaces.snapshot()).definitions(1).length, 0);
  await workspaces.execute({ kind: 'deleteWorkspace', id });
  const keys = [...store.entries()].map(([key]) => key.split('/')[0]);
  assert.ok(!keys.includes('journey') && !keys.includes('rule'));
});
