/**
 * Quotas over real sockets: both doors, keys and workspaces, two fronts. Limits here are either far
 * out of reach or owed for many minutes by one batch, so that no test depends on how fast it runs.
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openFrames } from './support/frames.ts';
import { type TestServer, temporaryDirectory } from './support/server.ts';
import { type Answer, ask, count, fresh, metric, post, startTwo } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin } = server.keys;

interface MadeKey {
  readonly id: string;
  readonly key: string;
  readonly quota?: object;
}

async function made<Thing>(path: string, body: object, key = admin, on = server): Promise<Thing> {
  const answer = await ask(on, path, { key, body });
  assert.equal(answer.status, 201, answer.text);
  return answer.json as Thing;
}

const makeKey = (quota?: object, key = admin, on: TestServer = server): Promise<MadeKey> =>
  made('/v1/keys', { scopes: ['write'], ...(quota !== undefined && { quota }) }, key, on);

interface Made {
  readonly workspace: { readonly id: string; readonly quota?: object };
  readonly key: MadeKey;
}

const makeWorkspace = (quota?: object): Promise<Made> =>
  made('/v1/workspaces', { name: fresh('tenant'), ...(quota !== undefined && { quota }) });

function putQuota(path: string, quota: object, key = admin): Promise<Answer> {
  return ask(server, `${path}/quota`, { method: 'PUT', key, body: quota });
}

const events = (length: number): object[] =>
  count(length).map(() => ({ customer: fresh('c'), type: 'T' }));

async function accepted(key: string, length: number, on = server): Promise<void> {
  const answer = await post(on, events(length), { key });
  assert.equal(answer.text, `{"accepted":${length},"duplicates":0,"rejected":[]}`);
}

/** Seconds it says to wait. */
async function limited(key: string, on = server): Promise<number> {
  const answer = await post(on, events(1), { key });
  assert.equal(`${answer.status} ${answer.code}`, '429 rate_limited');
  assert.match(answer.message!, /a second; send the batch again in \d+ ms/);
  const seconds = answer.headers['retry-after']!;
  assert.match(seconds, /^[1-9]\d*$/);
  return Number(seconds);
}

test('a key is held to its events, in batches of any size, and no other key is', async () => {
  const { key, quota } = await makeKey({ eventsPerSecond: 2 });
  assert.deepEqual(quota, { eventsPerSecond: 2 });
  const refusals = await metric(server, 'batches_rate_limited_total');
  await accepted(key, 10_000);
  const seconds = await limited(key);
  assert.ok(seconds > 3000 && seconds <= 5000, `${seconds} s for 10,000 events`);
  await accepted(server.keys.write, 100);
  await accepted((await makeKey({ eventsPerSecond: 1_000_000_000 })).key, 100);
  assert.equal(await metric(server, 'batches_rate_limited_total'), refusals + 1);
});

test('a key is held to its bytes, counted after decompression, malformed ones too', async () => {
  const { key } = await makeKey({ bytesPerSecond: 1024, eventsPerSecond: null });
  const pad = 'x'.repeat(30_000);
  const body = gzipSync(JSON.stringify(count(10).map(() => ({ customer: 'c', type: 'T', pad }))));
  assert.ok(body.length < 1024);
  const options = { key, headers: { 'content-encoding': 'gzip' } };
  assert.equal((await post(server, body, options)).status, 422, 'pad is no member: refused');
  assert.ok((await limited(key)) > 200);
  assert.equal((await post(server, body, options)).status, 429);

  const other = await makeKey({ bytesPerSecond: 1024 });
  assert.equal((await post(server, `[${pad}`, { key: other.key })).status, 400);
  await limited(other.key);
});

test('batches that are inflated side by side are held to the quota as if one came after the other', async () => {
  const alone = await startTwo({ fronts: 1 });
  try {
    const { key } = await makeKey({ eventsPerSecond: 1 }, alone.keys.admin, alone);
    const data = { pad: 'x'.repeat(500) };
    const body = () => gzipSync(JSON.stringify(events(1000).map((event) => ({ ...event, data }))));
    const bodies = count(12).map(body);
    const options = { key, headers: { 'content-encoding': 'gzip' } };
    const answers = await Promise.all(bodies.map((each) => post(alone, each, options)));
    const statuses = answers.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [200, ...Array<number>(11).fill(429)]);
    assert.equal(await metric(alone, 'events_accepted_total'), 1000);
  } finally {
    await alone.stop();
  }
});

test('a body that cannot be inflated counts: as it was sent, or up to the limit it went over', async () => {
  const options = (key: string) => ({ key, headers: { 'content-encoding': 'gzip' } });
  const first = await makeKey({ bytesPerSecond: 1024 });
  const noGzip = Buffer.alloc(300_000, 120);
  assert.equal((await post(server, noGzip, options(first.key))).status, 400);
  assert.ok((await limited(first.key)) > 200);
  const second = await makeKey({ bytesPerSecond: 1024 });
  const tooLarge = gzipSync(Buffer.alloc(17 * 1024 * 1024));
  assert.equal((await post(server, tooLarge, options(second.key))).status, 413);
  assert.ok((await limited(second.key)) > 10_000);
});

test('refused and duplicate events count, an empty batch does not', async () => {
  const { key } = await makeKey({ eventsPerSecond: 10 });
  for (const _ of count(20)) await accepted(key, 0);
  const bad = count(1000).map(() => ({ customer: 'c' }));
  assert.equal((await post(server, bad, { key })).status, 422);
  assert.ok((await limited(key)) > 50);
});

test('a token is held to the quota of its key', async () => {
  const { key } = await makeKey({ eventsPerSecond: 1 });
  const wish = { scopes: ['write'], ttlSeconds: 60 };
  const { token } = await made<{ token: string }>('/v1/tokens', wish, key);
  await accepted(token, 1000);
  await limited(token);
  await limited(key);
});

test('a workspace is held together over all of its keys, on both doors; its neighbour is not', async () => {
  const { key: first, workspace } = await makeWorkspace({ eventsPerSecond: 1 });
  const second = await makeKey(undefined, first.key);
  const neighbour = await makeWorkspace();
  await accepted(first.key, 1000);
  await limited(second.key);
  const socket = await openFrames(server, '/v1/ingest', { key: second.key });
  await socket.next();
  socket.text(JSON.stringify({ seq: 1, events: events(1) }));
  assert.equal((await socket.next()).error?.code, 'rate_limited');
  await accepted(neighbour.key.key, 1000);
  assert.equal((await putQuota(`/v1/workspaces/${workspace.id}`, {})).status, 200);
  socket.text(JSON.stringify({ seq: 2, events: events(1) }));
  assert.equal((await socket.next()).ack, 2, 'an open connection learns of the change');
  await accepted(second.key, 1000);
  await accepted(second.key, 1);
  socket.close();
});

test('a socket is told in milliseconds, frame by frame, and stays open', async () => {
  const { id, key } = await makeKey({ eventsPerSecond: 10 });
  const socket = await openFrames(server, '/v1/ingest', { key });
  await socket.next();
  socket.burst([1, 2, 3].map((seq) => JSON.stringify({ seq, events: events(1000) })));
  assert.equal((await socket.next()).ack, 1);
  for (const seq of [2, 3]) {
    const { error, nack } = await socket.next();
    assert.equal(`${nack} ${error?.code}`, `${seq} rate_limited`);
    const waitMs = error!.retryAfterMs!;
    assert.ok(Number.isInteger(waitMs) && waitMs > 60_000 && waitMs <= 99_100, String(waitMs));
  }
  const answer = await putQuota(`/v1/keys/${id}`, { eventsPerSecond: 100_000 });
  assert.equal(answer.status, 200);
  socket.text(JSON.stringify({ seq: 4, events: events(1000) }));
  assert.equal((await socket.next()).ack, 4);
  socket.close();
});

test('whoever waits as long as told is taken', async () => {
  const { key } = await makeKey({ eventsPerSecond: 1000 });
  await accepted(key, 3000);
  const seconds = await limited(key);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  await accepted(key, 3000);
  const socket = await openFrames(server, '/v1/ingest', { key });
  await socket.next();
  socket.text(JSON.stringify({ seq: 1, events: events(1) }));
  const waitMs = (await socket.next()).error!.retryAfterMs!;
  // A timer may be early by the fraction of a millisecond that it does not know.
  await new Promise((resolve) => setTimeout(resolve, waitMs + 1));
  socket.text(JSON.stringify({ seq: 2, events: events(1) }));
  assert.equal((await socket.next()).ack, 2);
  socket.close();
});

test('all fronts count together', async () => {
  const many = await startTwo({ fronts: 4 });
  try {
    const { key } = await makeKey({ eventsPerSecond: 1 }, many.keys.admin, many);
    await accepted(key, 1000, many);
    // Each request has a connection of its own; that all 40 meet one of four fronts will not happen.
    for (const _ of count(40)) await limited(key, many);
  } finally {
    await many.stop();
  }
});

test('a quota is shown, replaced and taken away; who may not is refused', async () => {
  const made = await makeWorkspace({ bytesPerSecond: 2048 });
  const path = `/v1/workspaces/${made.workspace.id}`;
  assert.deepEqual(made.workspace.quota, { bytesPerSecond: 2048 });
  const list = await ask(server, '/v1/workspaces', { key: admin });
  const shown = (list.json as { workspaces: Made['workspace'][] }).workspaces;
  assert.deepEqual(shown.find(({ id }) => id === made.workspace.id)?.quota, made.workspace.quota);
  assert.equal((await putQuota(path, {}, made.key.key)).status, 403);

  const own = `/v1/keys/${made.key.id}`;
  const put = await putQuota(own, { eventsPerSecond: 5, bytesPerSecond: null }, made.key.key);
  assert.equal(put.status, 200);
  assert.equal((await putQuota(own, {})).code, 'not_found', 'a key of another workspace');
  const keys = await ask(server, '/v1/keys', { key: made.key.key });
  const [first] = (keys.json as { keys: MadeKey[] }).keys;
  assert.deepEqual(first?.quota, { eventsPerSecond: 5, bytesPerSecond: null });
  const gone = (await putQuota(own, {}, made.key.key)).json as MadeKey;
  assert.equal(gone.quota, undefined);
  assert.equal((await putQuota('/v1/keys/none', {})).code, 'not_found');
  assert.equal((await putQuota('/v1/workspaces/none', {})).code, 'not_found');
});

test('a quota that makes no sense is refused', async () => {
  const bad = [
    { eventsPerSecond: 0 },
    { eventsPerSecond: 1.5 },
    { eventsPerSecond: '1' },
    { eventsPerSecond: 1_000_000_001 },
    { bytesPerSecond: 1023 },
    { bytesPerSecond: 1_000_000_000_001 },
    { requestsPerSecond: 1 },
    [],
  ];
  const { id } = await makeKey();
  for (const quota of bad) {
    const answers = [
      await putQuota(`/v1/keys/${id}`, quota),
      await putQuota('/v1/workspaces/default', quota),
      await ask(server, '/v1/keys', { key: admin, body: { scopes: ['write'], quota } }),
      await ask(server, '/v1/workspaces', { key: admin, body: { name: fresh('bad'), quota } }),
    ];
    for (const { code, status, text } of answers) {
      assert.equal(`${status} ${code}`, '422 invalid', text);
    }
  }
});

test('quotas survive a restart, by the setting or their own', async (t) => {
  const env = { TAPELINE_QUOTA_EVENTS: '1', TAPELINE_QUOTA_MIB: '100' };
  const data = temporaryDirectory();
  t.after(() => rmSync(data, { recursive: true, force: true }));
  const first = await startTwo({ env, data });
  const key = await makeKey({ eventsPerSecond: 3 }, first.keys.admin, first);
  const path = '/v1/workspaces/default/quota';
  const lifted = { eventsPerSecond: null };
  await accepted(first.keys.write, 1000, first);
  await limited(first.keys.write, first);
  const put = await ask(first, path, { method: 'PUT', key: first.keys.admin, body: lifted });
  assert.equal(put.status, 200, put.text);
  await first.kill();
  const again = await startTwo({ env, data });
  try {
    await accepted(first.keys.write, 1000, again);
    await accepted(first.keys.write, 1, again);
    await accepted(key.key, 1000, again);
    await limited(key.key, again);
    const other = { key: again.keys.admin, body: { name: 'other' } };
    const { key: made } = (await ask(again, '/v1/workspaces', other)).json as Made;
    await accepted(made.key, 1000, again);
    await limited(made.key, again);
  } finally {
    await again.stop();
  }
});
