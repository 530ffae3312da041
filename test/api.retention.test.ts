/** Retention over the wire: what is set is kept, what was dropped is told to whoever asks from there. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { openLive, refusedUpgrade } from './support/frames.ts';
import { startServer, type TestServer, temporaryDirectory } from './support/server.ts';
import { clockBehind } from './support/serverclock.ts';
import {
  ask,
  count,
  metric,
  startTwo,
  store,
  tape,
  tapeIds,
  tapePath,
  until,
} from './support/session.ts';

const env = { TAPELINE_PART_EVENTS: '100' };
const customers = ['ann', 'bob', 'cy', 'dee', 'eve', 'flo'];

function eventsOf(round: number): object[] {
  return customers.flatMap((customer) =>
    count(40).map((n) => ({ id: `${round}-${n}`, customer, type: 'Click', data: { round } })),
  );
}

interface Expired {
  readonly error: { readonly code: string; readonly earliest: string };
}

/** A stream from there brings events that are kept; when they are dropped meanwhile, it says so and is opened again. */
async function followsFrom(server: TestServer, cursor: () => Promise<string>): Promise<void> {
  for (;;) {
    const socket = await openLive(server, `from=${await cursor()}&customer=ann`).catch(
      () => undefined,
    );
    if (socket === undefined) continue;
    try {
      assert.match((await socket.live()).event.id, /^[1-9]/);
      socket.close();
      return;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      assert.equal((await socket.closed).code, 4010);
    }
  }
}

test('a cursor of dropped events is answered with the earliest one, before and after a restart', async (t) => {
  const data = temporaryDirectory();
  t.after(() => rmSync(data, { recursive: true, force: true }));
  const options = { data, shards: 2, fronts: 2, env };
  let server = await startServer(options);
  t.after(() => server.stop());
  const { admin, read } = server.keys;
  const before = await tape(server, 'ann');
  await store(server, eventsOf(0));
  const page = await tape(server, 'ann', 'limit=10');
  const set = { method: 'PUT', key: admin, body: { bytes: 1000 } };
  const answer = await ask(server, '/v1/workspaces/default/retention', set);
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual((answer.json as { retention: object }).retention, { bytes: 1000 });
  let rounds = 1;
  await until(async () => {
    await store(server, eventsOf(rounds++));
    const all = await Promise.all(
      customers.map((customer) => tape(server, customer, 'limit=1000')),
    );
    return all.every(({ events }) => !events.some(({ id }) => id.startsWith('0-')));
  });
  assert.ok((await metric(server, 'segments_dropped_total')) > 0);
  const isTold = async (): Promise<void> => {
    for (const cursor of [before.live, page.events[0]!.cursor, page.live]) {
      const refusal = await refusedUpgrade(server, `/v1/live?from=${cursor}&key=${read}`);
      assert.equal(`${refusal.status} ${refusal.code}`, '410 cursor_expired');
      assert.match(refusal.earliest ?? '', /^[0-9a-z]+\.[0-9a-z]+$/);
      const headers = { 'last-event-id': cursor };
      for (const [query, sent] of [
        ['', headers],
        [`&from=${cursor}`, {}],
      ] as const) {
        const sse = await ask(server, `/v1/live/sse?key=${read}${query}`, { headers: sent });
        assert.equal(`${sse.status} ${sse.code}`, '410 cursor_expired');
        assert.match((sse.json as Expired).error.earliest, /^[0-9a-z]+\.[0-9a-z]+$/);
      }
      await followsFrom(server, async () => {
        const again = await ask(server, `/v1/live/sse?key=${read}`, { headers });
        return (again.json as Expired).error.earliest;
      });
    }
    const old = await ask(server, tapePath('ann', `before=${page.next}`), { key: read });
    assert.equal(`${old.status} ${old.code}`, '410 cursor_expired');
    await followsFrom(server, () => Promise.resolve('earliest'));
    const newest = await tape(server, 'ann', 'limit=1');
    const last = await openLive(server, `from=${newest.events[0]!.cursor}`);
    last.close();
  };
  await isTold();
  await server.kill();
  server = await startServer(options);
  await isTold();
  const { text } = await ask(server, '/v1/workspaces', { key: admin });
  assert.match(text, /"retention":\{"bytes":1000\}/);
});

test('days count from when events were received, not from when they occurred', async (t) => {
  const data = temporaryDirectory();
  t.after(() => rmSync(data, { recursive: true, force: true }));
  const dayMs = 86_400_000;
  const long = '2009-02-13T23:31:30Z';
  const options = { data, shards: 2, fronts: 2 };
  const imported = (id: string): object[] => [
    { id: `${id} long ago`, customer: 'ann', type: 'T', time: long },
    { id, customer: 'ann', type: 'T' },
  ];
  const early = await startServer({ ...options, env: clockBehind(3 * dayMs) });
  await store(early, imported('early'));
  assert.equal(await early.stop(), 0);
  const server = await startServer(options);
  t.after(() => server.stop());
  await store(server, imported('now'));
  const path = '/v1/workspaces/default/retention';
  const keep = async (days: number | null): Promise<string[]> => {
    const set = { method: 'PUT', key: server.keys.admin, body: { days } };
    assert.equal((await ask(server, path, set)).status, 200);
    return tapeIds(server, 'ann');
  };
  const all = ['now', 'early', 'now long ago', 'early long ago'];
  for (const days of [null, 36_500, 4]) assert.deepEqual(await keep(days), all, String(days));
  const young = ['now', 'now long ago'];
  for (const days of [2, 1]) assert.deepEqual(await keep(days), young, String(days));
});

test('retention is set by whoever holds the scope server, within its limits', async (t) => {
  const server = await startTwo();
  t.after(() => server.stop());
  const { admin, read, write } = server.keys;
  const path = '/v1/workspaces/default/retention';
  const put = (body: unknown, key = admin, at = path) =>
    ask(server, at, { method: 'PUT', key, body: JSON.stringify(body), type: 'application/json' });
  for (const key of [read, write]) assert.equal((await put({ days: 1 }, key)).code, 'forbidden');
  for (const bad of [
    { days: 0 },
    { days: 1.5 },
    { days: '1' },
    { days: 36_501 },
    { bytes: 0 },
    { years: 1 },
    [],
    7,
  ]) {
    assert.equal((await put(bad)).code, 'invalid', JSON.stringify(bad));
  }
  assert.equal((await put({ days: 1 }, admin, '/v1/workspaces/none/retention')).code, 'not_found');
  for (const good of [{ days: 30 }, { days: null, bytes: 1 }, { days: 36_500, bytes: null }]) {
    const answer = await put(good);
    assert.deepEqual((answer.json as { retention: object }).retention, good);
  }
  assert.equal((await put({})).text.includes('retention'), false);
});
