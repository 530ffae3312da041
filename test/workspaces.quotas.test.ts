/** Quotas on the main thread: what commands do to them, what survives, and where they are counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Buckets } from '../src/std/buckets.ts';
import { type Clock, systemClock } from '../src/std/clock.ts';
import { AppError, type ErrorCode } from '../src/std/errors.ts';
import { seededRandom } from '../src/std/random.ts';
import type { DocumentStore } from '../src/store/documents.ts';
import { Directory } from '../src/workspaces/directory.ts';
import { keyQuotasMax } from '../src/workspaces/plan.ts';
import type { Quota } from '../src/workspaces/quota.ts';
import { newTenant, type Tenant } from '../src/workspaces/records.ts';
import { QuotaSlots } from '../src/workspaces/slots.ts';
import type { WorkspaceCommand, WorkspaceReply } from '../src/workspaces/types.ts';
import { openWorkspaces, type Workspaces } from '../src/workspaces/workspaces.ts';
import { FakeStore } from './support/documents.ts';

const now = 1_763_740_000_000;
const clock: Clock = { ...systemClock, now: () => now };

function open(store: DocumentStore, seed = 1): Promise<Workspaces> {
  return openWorkspaces(store, { clock, random: seededRandom(seed), initialKeys: {} });
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

function refused(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  return assert.rejects(promise, (error) => error instanceof AppError && error.code === code);
}

const createKey = (workspace: number, more = {}): WorkspaceCommand => ({
  kind: 'createKey',
  workspace,
  name: 'desk',
  scopes: ['read'],
  ...more,
});

test('limits follow the quotas; a new or changed one starts with nothing counted', async () => {
  const store = new FakeStore();
  const options = { clock, random: seededRandom(1), initialKeys: {} };
  const workspaces = await openWorkspaces(store, {
    ...options,
    quotaDefault: { eventsPerSecond: 100 },
  });
  const buckets = new Buckets(workspaces.quotaMemory);
  const limits = (of = workspaces) => of.snapshot().limits;
  assert.deepEqual(limits(), [
    { owner: 'default', slot: 0, eventsPerSecond: 100, bytesPerSecond: undefined },
  ]);
  const { record } = await run(
    workspaces,
    createKey(1, { quota: { bytesPerSecond: 2048 } }),
    'key',
  );
  const { slot } = limits().find(({ owner }) => owner === record.id)!;
  const directory = new Directory(workspaces.snapshot());
  assert.deepEqual(
    directory.limits(record.id).map(({ owner }) => owner),
    [record.id, 'default'],
  );
  assert.deepEqual(directory.limits('key_none'), []);
  const bytes = 2 * slot + 1;
  buckets.charge(bytes, 2048, 10_000, 0);
  await run(
    workspaces,
    { kind: 'createWorkspace', name: 'other', quota: { eventsPerSecond: null } },
    'workspace',
  );
  assert.ok(limits().some((limit) => limit.owner === record.id && limit.slot === slot));
  assert.ok(buckets.waitMs(bytes, 2048, 0) > 0, 'another change leaves it as it was');
  const put = { kind: 'putKeyQuota', workspace: 1, id: record.id } as const;
  await run(workspaces, { ...put, quota: { bytesPerSecond: 4096 } }, 'keyChanged');
  limits();
  assert.equal(buckets.waitMs(bytes, 4096, 0), 0);
  const again = await openWorkspaces(store, options);
  assert.deepEqual(
    limits(again).map(({ bytesPerSecond, owner }) => [owner, bytesPerSecond]),
    [[record.id, 4096]],
  );
  await run(workspaces, { ...put, quota: {} }, 'keyChanged');
  assert.deepEqual(
    limits().map(({ owner }) => owner),
    ['default'],
  );
});

test('slots are given out again, and never two owners share one', (t) => {
  const seed = 1 + Math.floor(Math.random() * 2 ** 31);
  t.diagnostic(`seed ${seed}`);
  const random = seededRandom(seed);
  const slots = new QuotaSlots(20, {});
  const quotas = Array.from({ length: 20 }, (): Quota | undefined => undefined);
  for (let step = 0; step < 500; step++) {
    const rate = random.below(4);
    quotas[random.below(20)] = rate === 0 ? undefined : { eventsPerSecond: rate };
    const tenants = quotas.map((quota, number): Tenant => {
      const workspace = { number, id: `w${number}`, name: '', createdAt: now };
      return newTenant(quota ? { ...workspace, quota } : workspace);
    });
    const limits = slots.follow(tenants);
    const wanted = quotas.flatMap((quota, n) => (quota ? [[`w${n}`, quota.eventsPerSecond]] : []));
    assert.deepEqual(
      limits.map(({ eventsPerSecond, owner }) => [owner, eventsPerSecond]),
      wanted,
    );
    assert.equal(new Set(limits.map(({ slot }) => slot)).size, limits.length);
    assert.ok(limits.every(({ slot }) => slot >= 0 && slot < 20));
  }
});

test('a bounded number of keys can have a quota', async () => {
  const store = new FakeStore();
  await open(store);
  const quota = { eventsPerSecond: 1 };
  for (let n = 0; n < keyQuotasMax; n++) {
    const key = { id: `key_${n}`, workspace: 1, hash: `h${n}`, name: '', scopes: ['read'], quota };
    store.documents.set(`key/1/key_${n}`, JSON.stringify({ ...key, createdAt: now }));
  }
  const workspaces = await open(store, 2);
  const made = await run(workspaces, { kind: 'createWorkspace', name: 'a', quota }, 'workspace');
  const number = made.workspace.number;
  await refused(workspaces.execute(createKey(number, { quota })), 'conflict');
  const put = { kind: 'putKeyQuota', quota } as const;
  const admin = { ...put, workspace: number, id: made.record.id };
  await refused(workspaces.execute(admin), 'conflict');
  await run(workspaces, { ...put, workspace: 1, id: 'key_7' }, 'keyChanged');
  await run(workspaces, { ...put, workspace: 1, id: 'key_7', quota: {} }, 'keyChanged');
  await run(workspaces, admin, 'keyChanged');
  assert.equal(workspaces.snapshot().limits.length, keyQuotasMax + 1);
});
