/** Workspaces, keys and views on the main thread: what commands do, and what survives. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, systemClock } from '../src/std/clock.ts';
import { AppError, type ErrorCode } from '../src/std/errors.ts';
import { seededRandom } from '../src/std/random.ts';
import type { DocumentStore } from '../src/store/documents.ts';
import { Directory } from '../src/workspaces/directory.ts';
import { keysPerWorkspaceMax, workspacesMax } from '../src/workspaces/plan.ts';
import { newMeta, workspaceKey } from '../src/workspaces/records.ts';
import type {
  DirectorySnapshot,
  WorkspaceCommand,
  WorkspaceReply,
} from '../src/workspaces/types.ts';
import { parseViewTemplate } from '../src/workspaces/view.ts';
import { viewsPerWorkspaceMax } from '../src/workspaces/viewplan.ts';
import {
  commandsWaitingMax,
  type NamedKeys,
  openWorkspaces,
  type Workspaces,
} from '../src/workspaces/workspaces.ts';
import { FakeStore } from './support/documents.ts';

const now = 1_763_740_000_000;
const clock: Clock = { ...systemClock, now: () => now };
const template = parseViewTemplate({ fields: [{ name: 'Logins', event: 'Login', type: 'count' }] });

function open(store: DocumentStore, initialKeys: NamedKeys = {}, seed = 1): Promise<Workspaces> {
  return openWorkspaces(store, { clock, random: seededRandom(seed), initialKeys });
}

type ReplyOf<Kind extends WorkspaceReply['kind']> = Extract<WorkspaceReply, { kind: Kind }>;

async function run<Kind extends WorkspaceReply['kind']>(
  workspaces: Workspaces,
  command: WorkspaceCommand,
  kind: Kind,
): Promise<ReplyOf<Kind>> {
  const reply = await workspaces.execute(command);
  assert.equal(reply.kind, kind);
  return reply as ReplyOf<Kind>;
}

async function refused(promise: Promise<unknown>, code: ErrorCode): Promise<AppError> {
  const error = await promise.then(
    () => assert.fail('was not refused'),
    (reason) => reason,
  );
  assert.ok(error instanceof AppError, String(error));
  assert.equal(error.code, code, error.message);
  return error;
}

const createKey = (workspace: number, more = {}): WorkspaceCommand => ({
  kind: 'createKey',
  workspace,
  name: 'desk',
  scopes: ['read'],
  ...more,
});
const putView = (workspace: number, name: string): WorkspaceCommand => ({
  kind: 'putView',
  workspace,
  name,
  template,
});

/** Keys are kept in no order; by id they can be compared. */
function sorted(snapshot: DirectorySnapshot): DirectorySnapshot {
  return { ...snapshot, keys: snapshot.keys.toSorted((a, b) => (a.id < b.id ? -1 : 1)) };
}

test('a new store gets the workspace default and three random keys, once', async () => {
  const store = new FakeStore();
  const workspaces = await open(store);
  assert.equal(store.commits, 1);
  const { admin, write, read } = workspaces.freshKeys;
  const directory = new Directory(workspaces.snapshot());
  assert.deepEqual(directory.workspaces(), [
    { number: 1, id: 'default', name: 'default', createdAt: now },
  ]);
  const scopesOf = (key: string | undefined): string[] | undefined =>
    key === undefined ? undefined : [...(directory.authenticate(key, now)?.scopes ?? [])];
  assert.deepEqual(scopesOf(admin), ['admin', 'server']);
  assert.deepEqual(scopesOf(write), ['write']);
  assert.deepEqual(scopesOf(read), ['read']);
  assert.match(admin!, /^ak_[0-9A-Za-z]{33}$/);
  assert.match(write!, /^wk_[0-9A-Za-z]{33}$/);
  assert.match(read!, /^rk_[0-9A-Za-z]{33}$/);
  for (const text of store.documents.values()) {
    for (const key of [admin, write, read]) assert.ok(!text.includes(key!), 'no key in the clear');
  }
  const again = await open(store, { admin: 'other' }, 2);
  assert.deepEqual(again.freshKeys, {});
  assert.deepEqual(sorted(again.snapshot()), sorted(workspaces.snapshot()));
  assert.equal(new Directory(again.snapshot()).authenticate('other', now), undefined);
});

test('chosen keys are taken, and only the others are made', async () => {
  const workspaces = await open(new FakeStore(), { admin: 'my-admin-key', read: 'my-read-key' });
  assert.deepEqual(Object.keys(workspaces.freshKeys), ['write']);
  const directory = new Directory(workspaces.snapshot());
  assert.ok(directory.authenticate('my-admin-key', now)?.scopes.has('server'));
  assert.ok(directory.authenticate('my-read-key', now)?.scopes.has('read'));
  for (const bad of ['', 'with space', 'é', 'tk_x', 'x'.repeat(257)]) {
    await refused(open(new FakeStore(), { write: bad }), 'invalid');
  }
  await refused(open(new FakeStore(), { write: 'same', read: 'same' }), 'invalid');
});

test('a key is created, works, and is deleted', async () => {
  const workspaces = await open(new FakeStore());
  const before = workspaces.snapshot().version;
  const made = await run(workspaces, createKey(1, { views: ['basic', 'basic'] }), 'key');
  assert.match(made.key, /^rk_/);
  assert.deepEqual(made.record.views, ['basic']);
  assert.ok(workspaces.snapshot().version > before);
  const directory = new Directory(workspaces.snapshot());
  assert.equal(directory.authenticate(made.key, now)?.keyId, made.record.id);
  await run(workspaces, { kind: 'deleteKey', workspace: 1, id: made.record.id }, 'done');
  directory.replace(workspaces.snapshot());
  assert.equal(directory.authenticate(made.key, now), undefined);
  const gone = workspaces.execute({ kind: 'deleteKey', workspace: 1, id: made.record.id });
  await refused(gone, 'not_found');
});

test('the prefix of a key is that of its strongest scope', async () => {
  const workspaces = await open(new FakeStore());
  const prefixOf = async (...scopes: string[]): Promise<string> =>
    (await run(workspaces, createKey(1, { scopes }), 'key')).key.slice(0, 3);
  assert.equal(await prefixOf('publish'), 'pk_');
  assert.equal(await prefixOf('publish', 'write'), 'wk_');
  assert.equal(await prefixOf('write', 'read'), 'rk_');
  assert.equal(await prefixOf('read', 'admin'), 'ak_');
  assert.equal(await prefixOf('server'), 'ak_');
  const agent = await run(workspaces, createKey(1, { scopes: ['agent'], agent: 'a1' }), 'key');
  assert.match(agent.key, /^gk_/);
});

test('keys that make no sense are refused', async () => {
  const workspaces = await open(new FakeStore());
  const made = await run(workspaces, { kind: 'createWorkspace', name: 'acme' }, 'workspace');
  const bad = [
    { scopes: [] },
    { scopes: ['root'] },
    { name: 'n'.repeat(129) },
    { views: [] },
    { views: [''] },
    { views: Array.from({ length: 101 }, (_, i) => `v${i}`) },
    { scopes: ['write'], views: ['basic'] },
    { scopes: ['read', 'admin'], views: ['basic'] },
    { scopes: ['agent'] },
    { scopes: ['read'], agent: 'a1' },
    { scopes: ['agent', 'read'], agent: 'a1' },
    { scopes: ['agent'], agent: '' },
    { scopes: ['agent'], agent: 'a'.repeat(129) },
    { scopes: ['agent'], agent: 'a1', role: 'desk' },
  ];
  for (const each of bad) await refused(workspaces.execute(createKey(1, each)), 'invalid');
  await refused(workspaces.execute(createKey(99)), 'not_found');
  const server = createKey(made.workspace.number, { scopes: ['server'] });
  await refused(workspaces.execute(server), 'forbidden');
});

test('the last admin key and the last server key stay', async () => {
  const workspaces = await open(new FakeStore());
  const first = workspaces.snapshot().keys.find((key) => key.scopes.includes('admin'))!;
  const deletion: WorkspaceCommand = { kind: 'deleteKey', workspace: 1, id: first.id };
  await refused(workspaces.execute(deletion), 'conflict');
  await run(workspaces, createKey(1, { scopes: ['admin'] }), 'key');
  await refused(workspaces.execute(deletion), 'conflict');
  await run(workspaces, createKey(1, { scopes: ['server'] }), 'key');
  await run(workspaces, deletion, 'done');
});

test('a workspace is created with its admin key, and leaves nothing when deleted', async () => {
  const store = new FakeStore();
  const workspaces = await open(store);
  const documents = [...store.documents.keys()].sort();
  const made = await run(workspaces, { kind: 'createWorkspace', name: 'acme' }, 'workspace');
  assert.equal(made.workspace.number, 2);
  await refused(workspaces.execute({ kind: 'createWorkspace', name: 'acme' }), 'conflict');
  await refused(workspaces.execute({ kind: 'createWorkspace', name: '' }), 'invalid');
  await run(workspaces, putView(2, 'basic'), 'view');
  await run(workspaces, createKey(2), 'key');
  const directory = new Directory(workspaces.snapshot());
  const admin = directory.authenticate(made.key, now);
  assert.equal(admin?.workspace, 2);
  const { token } = directory.mintToken(admin, ['read'], 60, now);
  assert.ok(directory.authenticate(token, now));
  await run(workspaces, { kind: 'deleteWorkspace', id: made.workspace.id }, 'done');
  directory.replace(workspaces.snapshot());
  assert.equal(directory.authenticate(made.key, now), undefined);
  assert.equal(directory.authenticate(token, now), undefined);
  assert.equal(directory.view(2, 'basic'), undefined);
  assert.deepEqual([...store.documents.keys()].sort(), documents);
  await refused(workspaces.execute(putView(2, 'basic')), 'not_found');
  await refused(workspaces.execute({ kind: 'deleteWorkspace', id: 'nobody' }), 'not_found');
  await refused(workspaces.execute({ kind: 'deleteWorkspace', id: 'default' }), 'conflict');
});

test('the number of a workspace is never used again, not even after a restart', async () => {
  const store = new FakeStore();
  const workspaces = await open(store);
  const { workspace } = await run(workspaces, { kind: 'createWorkspace', name: 'a' }, 'workspace');
  await run(workspaces, { kind: 'deleteWorkspace', id: workspace.id }, 'done');
  const again = await open(store, {}, 2);
  const next = await run(again, { kind: 'createWorkspace', name: 'a' }, 'workspace');
  assert.equal(next.workspace.number, workspace.number + 1);
});

test('a view made anew never has the version of an older one of its name', async () => {
  const store = new FakeStore();
  const workspaces = await open(store);
  const first = await run(workspaces, putView(1, 'basic'), 'view');
  assert.equal(first.created, true);
  const second = await run(workspaces, putView(1, 'basic'), 'view');
  assert.equal(second.created, false);
  await run(workspaces, { kind: 'deleteView', workspace: 1, name: 'basic' }, 'done');
  await refused(
    workspaces.execute({ kind: 'deleteView', workspace: 1, name: 'basic' }),
    'not_found',
  );
  const third = await run(await open(store, {}, 2), putView(1, 'basic'), 'view');
  const versions = [first, second, third].map((reply) => reply.view.version);
  assert.deepEqual(
    versions,
    [...new Set(versions)].sort((a, b) => a - b),
  );
  assert.deepEqual(third.view.template, template);
  await refused(workspaces.execute(putView(1, 'a\0b')), 'invalid');
});

test('everything is there again after a restart', async () => {
  const store = new FakeStore();
  const workspaces = await open(store);
  await run(workspaces, { kind: 'createWorkspace', name: 'acme' }, 'workspace');
  await run(workspaces, createKey(2, { views: ['x'] }), 'key');
  await run(workspaces, putView(1, 'a/b?'), 'view');
  const again = await open(store, {}, 2);
  assert.deepEqual(sorted(again.snapshot()), sorted(workspaces.snapshot()));
});

test('nothing is answered before it is durable, and commands keep their order', async () => {
  const store = new FakeStore();
  const workspaces = await open(store);
  let release = (): void => {};
  store.gate = new Promise((resolve) => {
    release = resolve;
  });
  const before = workspaces.snapshot();
  const order: string[] = [];
  const both = ['a', 'b'].map((name) =>
    workspaces.execute(putView(1, name)).then(() => order.push(name)),
  );
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(order, []);
  assert.equal(workspaces.snapshot(), before);
  release();
  await Promise.all(both);
  assert.deepEqual(order, ['a', 'b']);
  assert.equal(workspaces.snapshot().version, before.version + 2);
});

test('a failed commit changes nothing, and the next command works', async () => {
  const store = new FakeStore();
  const workspaces = await open(store);
  const before = structuredClone(workspaces.snapshot());
  const documents = new Map(store.documents);
  store.failure = new AppError('unavailable', 'there is no room to write');
  const commands: WorkspaceCommand[] = [
    createKey(1),
    putView(1, 'a'),
    { kind: 'createWorkspace', name: 'acme' },
  ];
  for (const command of commands) {
    assert.equal(await refused(workspaces.execute(command), 'unavailable'), store.failure);
  }
  assert.deepEqual(workspaces.snapshot(), before);
  assert.deepEqual(store.documents, documents);
  // A failed device is not for this room to survive.
  store.failure = new Error('input/output error');
  await assert.rejects(workspaces.execute(createKey(1)), store.failure);
  assert.deepEqual(workspaces.snapshot(), before);
  store.failure = undefined;
  const made = await run(workspaces, { kind: 'createWorkspace', name: 'acme' }, 'workspace');
  assert.equal(made.workspace.number, 2);
});

test('too many commands at once are refused, and the others carried out', async () => {
  const workspaces = await open(new FakeStore());
  const puts = Array.from({ length: commandsWaitingMax }, () =>
    workspaces.execute(putView(1, 'same')),
  );
  const error = await refused(workspaces.execute(putView(1, 'same')), 'overloaded');
  assert.ok(error.retryAfterSeconds! > 0);
  await Promise.all(puts);
  await run(workspaces, putView(1, 'same'), 'view');
});

test('a workspace holds a bounded number of keys and views', async () => {
  const workspaces = await open(new FakeStore());
  for (let made = 3; made < keysPerWorkspaceMax; made += 1) await workspaces.execute(createKey(1));
  await refused(workspaces.execute(createKey(1)), 'conflict');
  for (let made = 0; made < viewsPerWorkspaceMax; made += 1) {
    await workspaces.execute(putView(1, `v${made}`));
  }
  await refused(workspaces.execute(putView(1, 'one more')), 'conflict');
  const replaced = await run(workspaces, putView(1, 'v0'), 'view');
  assert.equal(replaced.created, false);
});

test('there is a bounded number of workspaces', async () => {
  const store = new FakeStore();
  const meta = { ...newMeta(new Uint8Array(32)), workspaceNext: workspacesMax + 1 };
  const documents: [string, unknown][] = [['meta', meta]];
  for (let number = 1; number <= workspacesMax; number += 1) {
    const workspace = { number, id: `w${number}`, name: `w${number}`, createdAt: now };
    documents.push([workspaceKey(number), workspace]);
  }
  await store.commit(documents);
  const workspaces = await open(store);
  await refused(workspaces.execute({ kind: 'createWorkspace', name: 'one more' }), 'conflict');
  await run(workspaces, { kind: 'deleteWorkspace', id: 'w5' }, 'done');
  await run(workspaces, { kind: 'createWorkspace', name: 'one more' }, 'workspace');
});

test('documents that cannot be right stop the start', async () => {
  const broken: [string, unknown][][] = [
    [['workspace/1', { number: 1, id: 'default', name: 'default', createdAt: now }]],
    [['meta', { ...newMeta(new Uint8Array(32)), format: 9 }]],
    [
      ['meta', newMeta(new Uint8Array(32))],
      ['key/7/x', { id: 'x', workspace: 7 }],
    ],
    [['strange', {}]],
  ];
  for (const documents of broken) {
    const store = new FakeStore();
    await store.commit(documents);
    await assert.rejects(open(store), { name: 'AssertionError' });
  }
});
