/** Running the server: its settings, its exit codes, its health and metrics, and how it stops. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openFrames, openIngest, openLive } from './support/frames.ts';
import { type TestServer, temporaryDirectory } from './support/server.ts';
import {
  ask,
  count,
  metric,
  post,
  startTwo,
  store,
  tape,
  tapeIds,
  until,
} from './support/session.ts';
import { openStream } from './support/stream.ts';
import { Wire } from './support/wire.ts';

const main = fileURLToPath(new URL('../src/main.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs the server until it ends by itself, or until it says that it is ready. */
async function run(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, ...env } });
  const texts = { output: '', errors: '' };
  child.stdout.on('data', (chunk) => {
    texts.output += chunk;
    if (texts.output.includes('ready on')) child.kill('SIGTERM');
  });
  child.stderr.on('data', (chunk) => {
    texts.errors += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, ...texts };
}

function directory(t: TestContext): string {
  const path = temporaryDirectory();
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('a wrong call ends with 64 and says what is wrong', async () => {
  const calls: [args: string[], env: Record<string, string>, message: RegExp][] = [
    [['--port', 'abc'], {}, /--port must be a whole number from 0 to 65535/],
    [['--port', '70000'], {}, /--port/],
    [['--shards', '0'], {}, /--shards/],
    [['--shards', '1.5'], {}, /--shards/],
    [['--fronts', '1000'], {}, /--fronts/],
    [[], { TAPELINE_PORT: 'abc' }, /--port/],
    [[], { TAPELINE_SHARDS: '' }, /--shards/],
    [['--nothing'], {}, /--nothing/],
    [['--port'], {}, /--port/],
    [['word'], {}, /argument/],
  ];
  const ends = await Promise.all(calls.map(([args, env]) => run(args, env)));
  for (const [index, [args, , message]] of calls.entries()) {
    const { code, errors } = ends[index]!;
    assert.match(errors, message);
    assert.equal(code, 64, `${args.join(' ')}: ${errors}`);
  }
});

test('help names every flag with its variable and default', async () => {
  const { code, output } = await run(['--help']);
  assert.equal(code, 0);
  const names = ['PORT', 'HOST', 'DATA', 'SHARDS', 'FRONTS', 'ADMIN_KEY', 'WRITE_KEY', 'READ_KEY'];
  for (const name of names) {
    assert.ok(output.includes(`TAPELINE_${name}`), name);
    assert.ok(output.includes(`--${name.toLowerCase().replace('_', '-')} `), name);
  }
  assert.match(output, /127\.0\.0\.1/);
  assert.match(output, /8787/);
});

test('a new data directory gets keys of its own, printed once', async (t) => {
  const data = directory(t);
  const env = { TAPELINE_PORT: '1', TAPELINE_DATA: '/nowhere' };
  // A flag wins over its variable.
  const first = await run(['--port', '0', '--data', data, '--fronts', '1', '--shards', '1'], env);
  assert.equal(first.code, 0, first.errors);
  assert.match(first.output, /ready on http:\/\/127\.0\.0\.1:\d+/);
  const keys = [...first.output.matchAll(/export TAPELINE_(\w+)_KEY=(\S+)/g)];
  assert.deepEqual(keys.map(([, name]) => name).sort(), ['ADMIN', 'READ', 'WRITE']);
  const second = await run(['--port', '0', '--data', data]);
  assert.equal(second.code, 0, second.errors);
  assert.doesNotMatch(second.output, /_KEY=/);
  const server = await startTwo({ data, shards: 1 });
  const [admin, read, write] = ['ADMIN', 'READ', 'WRITE'].map(
    (wanted) => keys.find(([, name]) => name === wanted)![2],
  );
  const event = { customer: 'c', type: 'T' };
  assert.equal((await post(server, event, { key: write })).status, 200);
  assert.equal((await ask(server, '/v1/views', { key: read })).status, 200);
  assert.equal((await ask(server, '/v1/workspaces', { key: admin })).status, 200);
  // The directory was not new, so the keys of the environment mean nothing.
  assert.equal((await post(server, event)).status, 401);
  assert.equal(await server.stop(), 0);
});

test('a port, a data directory or a number of shards that is taken ends with 73', async (t) => {
  const server = await startTwo();
  t.after(() => server.stop());
  const port = String(server.port);
  const calls: [args: string[], message: RegExp][] = [
    [['--port', port, '--data', directory(t)], /cannot listen/],
    [['--port', '0', '--data', server.data], /in use/],
  ];
  for (const [args, message] of calls) {
    const { code, errors } = await run(args);
    assert.equal(code, 73, errors);
    assert.match(errors, message);
  }
  assert.equal((await ask(server, '/healthz')).status, 200, 'the first one is unharmed');
  await store(server, [{ customer: 'c', type: 'T' }]);
  const data = directory(t);
  assert.equal((await run(['--port', '0', '--data', data, '--shards', '2'])).code, 0);
  const other = await run(['--port', '0', '--data', data, '--shards', '3']);
  assert.equal(other.code, 73);
  assert.match(other.errors, /2 shards/);
});

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
});

/** Asks for health from the first moment on until it is good; every answer before says why not. */
async function watchStart(server: Promise<TestServer>, port: number): Promise<number> {
  const asked = { port } as TestServer;
  let unready = 0;
  for (;;) {
    const answer = await ask(asked, '/healthz').catch(() => undefined);
    if (answer?.status === 200) break;
    if (answer === undefined) continue;
    assert.equal(answer.status, 503);
    assert.equal((answer.json as { status: string }).status, 'starting');
    assert.ok((answer.json as { reason: string }).reason.length > 0);
    unready += 1;
    const event = { body: { customer: 'early', type: 'T' }, key: 'wk_test_write_key_000000000000' };
    const { code, status } = await ask(asked, '/v1/events', event);
    assert.ok(status === 200 || code === 'unavailable');
  }
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
