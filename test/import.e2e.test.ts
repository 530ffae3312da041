/** Import, demo and client library against a real server, over real sockets. */
import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openIngest } from '../src/client/ingest.ts';
import { openReader } from '../src/client/reader.ts';
import { nodeSocket } from '../src/client/socket.ts';
import type { Event } from '../src/client/types.ts';
import { systemClock } from '../src/std/clock.ts';
import { runScript } from './support/script.ts';
import { startServer, temporaryDirectory, testKeys } from './support/server.ts';

const data =
  process.env['TAPELINE_TEST_DATA'] ??
  fileURLToPath(new URL('../../../shared/data/', import.meta.url));

interface Figures {
  readonly read: number;
  readonly stored: number;
  readonly known: number;
  readonly refusedByImport: number;
  readonly refusedByServer: number;
}

async function importFile(url: string, map: string, path: string): Promise<Figures> {
  const state = temporaryDirectory();
  const end = await runScript('import', {
    args: [path, '--map', map, '--url', url, '--json'],
    env: { TAPELINE_WRITE_KEY: testKeys.write, XDG_STATE_HOME: state },
  });
  rmSync(state, { recursive: true });
  assert.equal(end.code, 0, end.stderr);
  return JSON.parse(end.stdout.trim().split('\n').at(-1)!) as Figures;
}

function makeEvents(start: number, count: number): Event[] {
  return Array.from({ length: count }, (_, i) => {
    const n = start + i;
    const time = 1_700_000_000_000 + n;
    return { id: `e${n}`, customer: `c${n % 50}`, type: 'Click', time, data: { n } };
  });
}

test('each real file is stored once, whole, however often it is imported', async (t) => {
  const files = [
    ['otto', 'otto_web_sessions.jsonl.gz', 862, 0],
    ['cdnow', 'cdnow_purchases.txt.gz', 69_659, 0],
    ['incidents', 'incident_contacts.csv.gz', 119_969, 29],
  ] as const;
  if (!files.every(([, file]) => existsSync(join(data, file)))) {
    t.skip('the data files are not there');
    return;
  }
  const server = await startServer();
  t.after(() => server.stop());
  for (const [map, file, stored, refused] of files) {
    const first = await importFile(server.url, map, join(data, file));
    const again = await importFile(server.url, map, join(data, file));
    for (const { read, refusedByImport, refusedByServer } of [first, again]) {
      assert.deepEqual([read, refusedByImport, refusedByServer], [stored + refused, refused, 0]);
    }
    assert.deepEqual([first.stored, first.known], [stored, 0]);
    assert.deepEqual([again.stored, again.known], [0, stored]);
  }
  const reader = openReader({ url: server.url, key: testKeys.read, clock: systemClock });
  const times: number[] = [];
  for await (const { time } of reader.events('caller:1904', { limit: 1000 })) times.push(time);
  assert.equal(times.length, 1_421);
  assert.deepEqual(
    times,
    times.toSorted((a, b) => b - a),
  );
});

test('the demo fills the example view, and its events are seen live', async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const reader = openReader({ url: server.url, key: testKeys.read, clock: systemClock });
  const stop = new AbortController();
  t.after(() => stop.abort());
  const live = reader.live({ from: 'earliest', customer: ['c1001'], signal: stop.signal });
  const first = live.next();
  const end = await runScript('demo', {
    args: ['--seconds', '1', '--rate', '400', '--customers', '5', '--url', server.url],
    env: { TAPELINE_ADMIN_KEY: testKeys.admin },
  });
  assert.equal(end.code, 0, end.stderr);
  assert.match(end.stdout, /5 customers: 24 events of history stored, 0 were there already/);
  const [, sent, durable] = /(\d+) events sent, (\d+) durable, \d+ a second\n$/.exec(end.stdout)!;
  assert.equal(durable, sent);
  const { fields } = await reader.view('c1001', 'basic', { fresh: true });
  assert.equal(fields.length, 10);
  for (const { name, events = 0 } of fields) assert.ok(events > 0, `${name} has no events`);
  const seen = await first;
  assert.ok(!seen.done);
  assert.equal(seen.value.event.customer, 'c1001');
  const tape: string[] = [];
  for await (const { id } of reader.events('c1001')) tape.push(id);
  // From the beginning again: what came of a cookie before it was known whose it is stands there, too.
  const whole = reader.live({ from: 'earliest', customer: ['c1001'], signal: stop.signal });
  const followed: string[] = [];
  while (followed.length < tape.length) followed.push((await whole.next()).value!.event.id);
  assert.deepEqual(followed.toSorted(), tape.toSorted());
});

test('a server killed while it takes events is found again, and each event is stored once', async (t) => {
  const folder = temporaryDirectory();
  let server = await startServer({ data: folder });
  t.after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });
  const { url, port } = server;
  const base = { url, openSocket: nodeSocket, clock: systemClock };
  const client = openIngest({ ...base, key: testKeys.write });
  t.after(() => client.close());
  let accepted = 0;
  let known = 0;
  const batches = 200;
  for (let i = 0; i < batches; i += 1) {
    const { receipt } = await client.send(makeEvents(i * 100, 100));
    receipt.then(
      (told) => {
        accepted += told.accepted;
        known += told.duplicates;
      },
      () => undefined,
    );
    if (i === batches / 2) {
      await server.kill();
      server = await startServer({ data: folder, port });
    }
  }
  await client.drain();
  assert.equal(accepted + known, batches * 100);
  assert.ok(client.stats.reconnects > 0);
  const reader = openReader({ url, key: testKeys.read, clock: systemClock });
  const ids: string[] = [];
  for (let i = 0; i < 50; i += 1) {
    for await (const { id } of reader.events(`c${i}`, { limit: 1000 })) ids.push(id);
  }
  assert.equal(ids.length, batches * 100);
  assert.equal(new Set(ids).size, batches * 100);
});

test('a stream that the server ends is followed on without a gap', async (t) => {
  const folder = temporaryDirectory();
  let server = await startServer({ data: folder });
  t.after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });
  const { url, port } = server;
  const client = openIngest({
    url,
    key: testKeys.write,
    openSocket: nodeSocket,
    clock: systemClock,
  });
  t.after(() => client.close());
  const reader = openReader({ url, key: testKeys.read, clock: systemClock });
  const stop = new AbortController();
  t.after(() => stop.abort());
  const live = reader.live({ from: 'earliest', signal: stop.signal });
  const ids: string[] = [];
  const follow = async (count: number): Promise<void> => {
    while (ids.length < count) ids.push((await live.next()).value!.event.id);
  };
  await (await client.send(makeEvents(0, 300))).receipt;
  await follow(200);
  await server.kill();
  server = await startServer({ data: folder, port });
  await (await client.send(makeEvents(300, 300))).receipt;
  await follow(600);
  assert.equal(new Set(ids).size, 600);
});
