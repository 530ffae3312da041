/** Webhook endpoints on the main thread: secrets that are made, kept and rotated, limits, and what survives. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, systemClock } from '../src/std/clock.ts';
import { AppError, type ErrorCode } from '../src/std/errors.ts';
import { seededRandom } from '../src/std/random.ts';
import type { DocumentStore } from '../src/store/documents.ts';
import { Directory } from '../src/workspaces/directory.ts';
import type { WorkspaceReply } from '../src/workspaces/types.ts';
import {
  secretsAt,
  type WebhookChange,
  type WebhookWish,
  webhooksPerWorkspaceMax,
} from '../src/workspaces/webhook.ts';
import { openWorkspaces, type Workspaces } from '../src/workspaces/workspaces.ts';
import { FakeStore } from './support/documents.ts';

const startMs = 1_763_740_000_000;
let nowMs = startMs;
const clock: Clock = { ...systemClock, now: () => nowMs };
const url = 'https://crm.example/hook';
const own = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;

function open(store: DocumentStore): Promise<Workspaces> {
  return openWorkspaces(store, { clock, random: seededRandom(3), initialKeys: {} });
}

type WebhookReply = Extract<WorkspaceReply, { kind: 'webhook' }>;

async function change(workspaces: Workspaces, wanted: WebhookChange): Promise<WebhookReply> {
  const reply = await workspaces.execute({ kind: 'changeWebhooks', workspace: 1, change: wanted });
  assert.equal(reply.kind, 'webhook');
  return reply as WebhookReply;
}

const put = (workspaces: Workspaces, wish: WebhookWish, name = 'crm') =>
  change(workspaces, { kind: 'put', name, wish });

function refused(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  return assert.rejects(promise, (error) => error instanceof AppError && error.code === code);
}

test('a secret is made and told once; what is not sent again stays', async () => {
  const store = new FakeStore();
  const workspaces = await open(store);
  const headers = { Authorization: 'Bearer x' };
  const made = await put(workspaces, { url, headers });
  assert.equal(made.created, true);
  assert.match(made.secret!, /^whsec_[A-Za-z0-9+/]{43}=$/);
  const again = await put(workspaces, { url: 'https://crm.example/two', disabled: true });
  assert.deepEqual([again.created, again.secret], [false, undefined]);
  assert.deepEqual(again.webhook.secrets, [{ secret: made.secret }]);
  assert.deepEqual([again.webhook.headers, again.webhook.disabled], [headers, 'asked']);
  const bare = await put(workspaces, { url, headers: {}, secret: own });
  assert.deepEqual(
    [bare.webhook.headers, bare.webhook.disabled, bare.secret],
    [{}, undefined, undefined],
  );
  const directory = new Directory((await open(store)).snapshot());
  assert.deepEqual(directory.webhook(1, 'crm'), bare.webhook);
  assert.deepEqual(directory.webhooks(1), [bare.webhook]);
});

test('secrets before a rotation sign for as long as was said, at most three at once', async () => {
  nowMs = startMs;
  const workspaces = await open(new FakeStore());
  const rotate = (keepSeconds: number, secret?: string) =>
    change(workspaces, {
      kind: 'rotate',
      name: 'crm',
      keepSeconds,
      ...(secret !== undefined && { secret }),
    });
  await put(workspaces, { url, secret: own });
  const second = await rotate(60);
  assert.deepEqual(secretsAt(second.webhook, startMs + 59_999), [second.secret, own]);
  assert.deepEqual(secretsAt(second.webhook, startMs + 60_000), [second.secret]);
  const third = await rotate(3600);
  assert.equal(secretsAt(third.webhook, startMs).length, 3);
  assert.equal(secretsAt(third.webhook, startMs + 60_000).length, 2, 'a rotation prolongs nothing');
  await refused(rotate(60), 'conflict');
  nowMs += 60_000;
  assert.equal(secretsAt((await rotate(60)).webhook, nowMs).length, 3);
  const alone = await rotate(0, own);
  assert.deepEqual([secretsAt(alone.webhook, nowMs), alone.secret], [[own], undefined]);
  await refused(rotate(604_801), 'invalid');
  await refused(rotate(1.5), 'invalid');
  await refused(rotate(1, 'whsec_short'), 'invalid');
});

test('an endpoint that says it is gone is disabled, unless it is another by now', async () => {
  const workspaces = await open(new FakeStore());
  const { webhook } = await put(workspaces, { url });
  const gone = (revision: number) => change(workspaces, { kind: 'gone', name: 'crm', revision });
  assert.equal((await gone(webhook.revision - 1)).webhook.disabled, undefined);
  assert.equal((await gone(webhook.revision)).webhook.disabled, 'gone');
  const enabled = await put(workspaces, { url });
  assert.equal(enabled.webhook.disabled, undefined);
  assert.equal((await gone(webhook.revision)).webhook.disabled, undefined);
});

test('names, limits, and what goes with a workspace', async () => {
  const store = new FakeStore();
  const workspaces = await open(store);
  for (const name of ['', 'a\nb', 'x'.repeat(129)])
    await refused(put(workspaces, { url }, name), 'invalid');
  await refused(put(workspaces, { url: 'http://' }), 'invalid');
  await refused(put(workspaces, { url, secret: 'secret' }), 'invalid');
  const missing: WebhookChange = { kind: 'delete', name: 'none' };
  await refused(
    workspaces.execute({ kind: 'changeWebhooks', workspace: 1, change: missing }),
    'not_found',
  );
  for (let n = 0; n < webhooksPerWorkspaceMax; n++) await put(workspaces, { url }, `w${n}`);
  await refused(put(workspaces, { url }), 'conflict');
  await put(workspaces, { url }, 'w0');
  const made = await workspaces.execute({ kind: 'createWorkspace', name: 'acme' });
  assert.ok(made.kind === 'workspace');
  const { id, number } = made.workspace;
  const other: WebhookChange = { kind: 'put', name: 'crm', wish: { url } };
  await workspaces.execute({ kind: 'changeWebhooks', workspace: number, change: other });
  await workspaces.execute({ kind: 'deleteWorkspace', id });
  const keys = [...store.entries()].map(([key]) => key);
  assert.equal(keys.filter((key) => key.startsWith('webhook/')).length, webhooksPerWorkspaceMax);
});
