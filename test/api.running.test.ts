/** A server at work: its health and metrics, how it starts and how it stops. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openFrames, openIngest, openLive } from './support/frames.ts';
import { startServer, type TestServer, temporaryDirectory, testKeys } from './support/server.ts';
import {
  ask,
  count,
  metric,
  post,
  startTwo,
  store,
  tape,
  tapeIds,
  tapePath,
  until,
} from './support/session.ts';
import { openStream } from './support/stream.ts';
import { Wire } from './support/wire.ts';

function directory(t: TestContext): string {
  const path = temporaryDirectory();
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('a server that serves is healthy, and its metrics are Prometheus text and count', async (t) => {
  const server = await startTwo();
  t.after(() => server.stop());
  for (const key of [undefined, 'unknown']) {
    const health = await ask(server, '/healthz', { key });
    assert.equal(`${health.status} ${health.text}`, '200 {"status":"ready"}');
  }
  const { headers, status, text } = await ask(server, '/metrics');
  assert.equal(status, 200);
  assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/);
  for (const line of text.split('\n').filter((each) => each !== '')) {
    assert.match(line, /^(# (HELP|TYPE) tapeline_\w+ .+|tapeline_\w+(\{.*\})? -?[\d.e+-]+)$/);
  }
  const good = { id: 'a', customer: 'c', type: 'T' };
  await post(server, [good, good, { customer: 'c' }]);
  await post(server, '{');
  assert.equal(await metric(server, 'events_accepted_total'), 1);
  assert.equal(await metric(server, 'events_duplicate_total'), 1);
  assert.equal(await metric(server, 'events_rejected_total'), 1);
  assert.equal(await metric(server, 'batches_malformed_total'), 1);
  assert.equal(await metric(server, 'inflight_bytes'), 0);
  await tapeIds(server, 'c');
  const { text: after } = await ask(server, '/metrics');
  for (const name of ['receipt_seconds', 'read_seconds']) {
    assert.match(after, new RegExp(`^# TYPE tapeline_${name} histogram$`, 'm'));
    const buckets = [
      ...after.matchAll(new RegExp(`^tapeline_${name}_bucket\\{le="(.+)"\\} (\\d+)$`, 'gm')),
    ];
    const counts = buckets.map(([, , counted]) => Number(counted));
    assert.equal(buckets.at(-1)![1], '+Inf');
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => a - b),
    );
    assert.equal(await metric(server, `${name}_count`), counts.at(-1));
    assert.equal(counts.at(-1), 1, name);
    assert.ok((await metric(server, `${name}_sum`)) > 0);
  }
});

/** Asks for health from the first moment on until it is good; every answer before says why not. */
async function watchStart(server: Promise<TestServer>, port: number): Promise<number> {
  const started = { port, keys: testKeys } as TestServer;
  let unready = 0;
  for (;;) {
    const answer = await ask(started, '/healthz').catch(() => undefined);
    if (answer?.status === 200) break;
    if (answer === undefined) continue;
    assert.equal(answer.status, 503);
    assert.equal((answer.json as { status: string }).status, 'starting');
    assert.ok((answer.json as { reason: string }).reason.length > 0);
    unready += 1;
    const { code, status } = await post(started, { customer: 'early', type: 'T' });
    assert.ok(status === 200 || code === 'unavailable');
  }
  // Ready: every front takes events and answers questions from now on.
  const served = count(16).map(async (n) => {
    const answer =
      n % 2 === 0
        ? post(started, { customer: 'early', type: 'T' })
        : ask(started, tapePath('early'), { key: testKeys.read });
    assert.equal((await answer).status, 200);
  });
  await Promise.all(served);
  await server;
  return unready;
}

test('health is 503 with a reason while starting', async (t) => {
  const data = directory(t);
  const first = await startTwo({ data });
  const { port } = first;
  assert.equal(await first.stop(), 0);
  let unready = 0;
  while (unready === 0) {
    const starting = startTwo({ data, port });
    unready = await watchStart(starting, port);
    assert.equal(await (await starting).stop(), 0);
  }
});

test('while draining, health is 503 and open requests are answered; then the exit code is 0', async (t) => {
  const server = await startTwo();
  t.after(() => server.kill());
  // A request that is only half there holds the server, as a slow client would.
  const half = new Wire(server.port);
  const body = '{"customer":"half","type":"T"}';
  const head = `POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.keys.write}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  const watchers = count(16).map(() => new Wire(server.port));
  for (const watcher of watchers) {
    watcher.send('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal((await watcher.reply()).status, 200);
  }
  const requests = await metric(server, 'http_requests_total');
  half.send(head + body.slice(0, 10));
  let asked = 0;
  // Each question counts as well; the one more is the half request.
  await until(async () => (await metric(server, 'http_requests_total')) - ++asked > requests);
  const stopped = server.stop();
  let status = 200;
  // Which front has the half request is not known; those of the other front may be cut.
  for (const watcher of watchers) {
    while (status === 200) {
      watcher.send('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
      const reply = await watcher.reply().catch(() => undefined);
      if (reply === undefined) break;
      status = reply.status;
      if (status === 200) continue;
      assert.match(reply.body, /"status":"draining"/);
      assert.equal(reply.headers.get('connection'), 'close');
      await watcher.ended();
    }
  }
  assert.equal(status, 503);
  // Nobody is accepted any more, while the half request still holds the server.
  let refusal = '';
  while (refusal !== 'ECONNREFUSED') {
    const answer = ask(server, '/healthz');
    refusal = await answer.then(
      () => '',
      (error: { code: string }) => error.code,
    );
  }
  half.send(body.slice(10));
  const reply = await half.reply();
  assert.equal(reply.status, 503);
  assert.match(reply.body, /"code":"unavailable"/);
  assert.match(reply.headers.get('retry-after')!, /^[1-9]\d*$/);
  await half.ended();
  assert.equal(await stopped, 0);
  await assert.rejects(ask(server, '/healthz'), 'nobody listens any more');
  for (const wire of [half, ...watchers]) wire.close();
});

/** Posts batches to the customer `load` until none is taken; `acked` gets the ids of those that were. */
async function postUntilRefused(server: TestServer, name: string, acked: string[]): Promise<void> {
  for (let batch = 0; ; batch++) {
    const ids = count(5).map((n) => `${name}-${batch}-${n}`);
    const events = ids.map((id) => ({ id, customer: 'load', type: 'T' }));
    const answer = await post(server, events).catch(() => undefined);
    if (answer?.status !== 200) {
      assert.ok(answer === undefined || answer.code === 'unavailable', answer?.text);
      return;
    }
    acked.push(...ids);
  }
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} under load: what was acknowledged is there after the restart`, async (t) => {
    const data = directory(t);
    const server = await startTwo({ data });
    const customer = 'load';
    const sockets = await Promise.all(count(4).map(() => openIngest(server)));
    const live = await openLive(server);
    const stream = await openStream(server);
    const idle = await openFrames(server, '/v1/ingest', { key: server.keys.write });
    const acked: string[] = [];
    const posted = count(4).map((poster) => postUntilRefused(server, `p${poster}`, acked));
    const answered = sockets.map(async (socket, index) => {
      const events = (seq: number): object[] =>
        count(20).map((n) => ({ id: `${index}-${seq}-${n}`, customer, type: 'T' }));
      let seq = 0;
      const send = (): void => socket.text({ seq: ++seq, events: events(seq) });
      for (const _ of count(32)) send();
      for (let expected = 1; ; expected++) {
        const said = await socket.next().catch(() => undefined);
        if (said === undefined) return;
        assert.equal(said.ack ?? said.nack, expected, 'in order, without a gap');
        if (said.nack !== undefined) {
          assert.equal(said.error?.code, 'unavailable');
          continue;
        }
        acked.push(...count(20).map((n) => `${index}-${expected}-${n}`));
        if (expected === 100 && index === 0) server.process.kill(signal);
        send();
      }
    });
    await Promise.all(answered);
    await Promise.all(posted);
    for (const socket of [...sockets, live, idle]) assert.equal((await socket.closed).code, 1001);
    await stream.rest();
    assert.equal(await server.stop(), 0);
    const again = await startTwo({ data });
    t.after(() => again.stop());
    const stored: string[] = [];
    for (let query = 'limit=1000'; ; ) {
      const page = await tape(again, customer, query);
      stored.push(...page.events.map(({ id }) => id));
      if (page.next === null) break;
      query = `limit=1000&before=${page.next}`;
    }
    const found = new Set(stored);
    assert.equal(found.size, stored.length, 'nothing is there twice');
    assert.ok(acked.length >= 2000);
    for (const id of acked) assert.ok(found.has(id), id);
    assert.equal(found.size, acked.length, 'what was received was acknowledged');
    const resent = acked.slice(0, 100).map((id) => ({ id, customer, type: 'T' }));
    const answer = await post(again, resent);
    assert.equal(answer.text, '{"accepted":0,"duplicates":100,"rejected":[]}');
  });
}

test('after a restart everything is as it was: tape, keys, views, cursors', async (t) => {
  const data = directory(t);
  const first = await startTwo({ data });
  const { admin, read } = first.keys;
  await store(
    first,
    count(50).map((index) => ({ id: String(index), customer: 'c', type: 'T', time: index })),
  );
  const body = { fields: [{ name: 'n', event: 'T', type: 'count' }] };
  await ask(first, '/v1/views/basic', { method: 'PUT', key: admin, body });
  const made = await ask(first, '/v1/keys', { key: admin, body: { scopes: ['read'] } });
  const { key } = made.json as { key: string };
  const token = await ask(first, '/v1/tokens', {
    key: read,
    body: { scopes: ['read'], ttlSeconds: 300 },
  });
  const page = await tape(first, 'c', 'limit=10');
  assert.equal(await first.stop(), 0);
  const second = await startTwo({ data });
  t.after(() => second.stop());
  const rest = await tapeIds(second, 'c', `before=${page.next}`);
  assert.deepEqual(
    rest,
    count(40).map((index) => String(39 - index)),
  );
  assert.deepEqual((await tape(second, 'c', 'limit=10')).events, page.events);
  for (const each of [key, (token.json as { token: string }).token]) {
    const view = await ask(second, '/v1/customers/c/views/basic', { key: each });
    assert.match(view.text, /"value":50,/);
  }
  const live = await openLive(second, `from=${page.live}`);
  await store(second, [{ id: 'new', customer: 'c', type: 'T' }]);
  assert.equal((await live.live()).event.id, 'new', 'a cursor lives on, and new stamps come after');
  live.close();
  const again = await post(second, { id: '7', customer: 'c', type: 'T' });
  assert.equal(again.text, '{"accepted":0,"duplicates":1,"rejected":[]}');
});

test('what is damaged is told by health and metrics, and the rest is served', async (t) => {
  const data = directory(t);
  const options = { data, fronts: 1, shards: 1 };
  const before = await startServer(options);
  await store(before, [{ id: 'a', customer: 'c', type: 'T' }]);
  await before.stop();
  const part = join(data, 'shard-0', 'part-00000001.mdb');
  const whole = readFileSync(part);
  truncateSync(part, 2 * 4096);
  const damaged = await startServer(options);
  assert.deepEqual((await ask(damaged, '/healthz')).json, {
    status: 'ready',
    damaged: { parts: 1 },
  });
  assert.equal(await metric(damaged, 'parts_damaged_total'), 1);
  await store(damaged, [{ id: 'b', customer: 'c', type: 'T' }]);
  assert.deepEqual(await tapeIds(damaged, 'c'), ['b']);
  await damaged.stop();
  writeFileSync(part, whole);
  const restored = await startServer(options);
  t.after(() => restored.stop());
  assert.deepEqual((await ask(restored, '/healthz')).json, { status: 'ready' });
  assert.deepEqual(await tapeIds(restored, 'c'), ['b', 'a']);
});
