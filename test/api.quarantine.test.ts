/** The quarantine over a real server: what is kept apart, who may read it, replay, sealing, erasure. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { pack } from 'msgpackr';
import { openLive } from './support/frames.ts';
import { startServer, type TestServer, temporaryDirectory } from './support/server.ts';
import {
  ask,
  count,
  fresh,
  metric,
  post,
  startTwo,
  store,
  tape,
  tapeIds,
  until,
} from './support/session.ts';
import { lingering, traces } from './support/traces.ts';

/** Small parts: what is stored is spread over parts and segments. */
const env = { TAPELINE_PART_EVENTS: '100', TAPELINE_ERASURE_MINUTES: '1440' };
const server = await startTwo({ env });
after(() => server.stop());
const { admin, read, write } = server.keys;

interface Kept {
  readonly id: string;
  readonly customer: string;
  readonly type: string;
  readonly time: number;
  readonly data?: unknown;
  readonly reason: string;
  readonly status: string;
  readonly replayed?: number;
  readonly cursor: string;
}

async function page(query = '', at = server): Promise<{ events: Kept[]; next: string | null }> {
  const answer = await ask(at, `/v1/quarantine?${query}`, { key: at.keys.admin });
  assert.equal(answer.status, 200, answer.text);
  return answer.json as { events: Kept[]; next: string | null };
}

async function all(query: string): Promise<Kept[]> {
  const events: Kept[] = [];
  for (let before = ''; ; ) {
    const { events: some, next } = await page(`${query}${before}`);
    events.push(...some);
    if (next === null) return events;
    before = `&before=${next}`;
  }
}

async function replay(body: object): Promise<{ replayed: number; failed: number; next: unknown }> {
  const answer = await ask(server, '/v1/quarantine/replay', { key: admin, body });
  assert.equal(answer.status, 200, answer.text);
  return answer.json as { replayed: number; failed: number; next: unknown };
}

async function putType(type: string, body: object): Promise<void> {
  const answer = await ask(server, `/v1/taxonomy/types/${type}`, {
    method: 'PUT',
    key: admin,
    body,
  });
  assert.ok(answer.status < 300, answer.text);
}

const unlisted = (unknown: string) =>
  ask(server, '/v1/taxonomy', { method: 'PUT', key: admin, body: { unknown } });
await unlisted('quarantine');
await putType('Click', {});

test('what is kept apart is durable, told in the receipt, and on no tape, view or stream', async () => {
  const customer = fresh('c');
  const live = await openLive(server, 'from=now');
  const secret = { data: { n: 12345678901234567890n } };
  const sent = [
    { id: 'a', customer, type: 'Odd', time: 1000, ...secret },
    { id: 'b', customer, type: 'Click', time: 2000 },
    { id: 'c', customer, type: 'Odd', time: 3000 },
  ];
  const answer = await ask(server, '/v1/events', {
    key: write,
    type: 'application/msgpack',
    body: pack(sent),
  });
  assert.deepEqual(answer.json, { accepted: 3, duplicates: 0, rejected: [], quarantined: 2 });
  assert.equal((await live.live()).event.id, 'b');
  await store(server, [{ id: 'd', customer, type: 'Click', time: 4000 }]);
  assert.equal((await live.live()).event.id, 'd', 'nothing of the quarantine comes between');
  live.close();
  assert.deepEqual(await tapeIds(server, customer), ['d', 'b']);
  const again = await ask(server, '/v1/events', {
    key: write,
    type: 'application/msgpack',
    body: pack(sent),
  });
  assert.deepEqual(again.json, { accepted: 0, duplicates: 3, rejected: [], quarantined: 2 });
  const raw = await ask(server, `/v1/quarantine?customer=${customer}`, { key: admin });
  assert.match(raw.text, /"data":\{"n":12345678901234567890\}/);
  const { events } = await page(`customer=${customer}`);
  assert.deepEqual(
    events.map(({ id, reason, status, time }) => [id, time, status, reason]),
    [
      ['c', 3000, 'waiting', 'the type is not listed in the taxonomy'],
      ['a', 1000, 'waiting', 'the type is not listed in the taxonomy'],
    ],
  );
  for (const [key, status] of [
    [read, 403],
    [write, 403],
    [undefined, 401],
  ] as const) {
    assert.equal((await ask(server, '/v1/quarantine', { key })).status, status);
  }
  assert.ok((await metric(server, 'events_quarantined_total')) >= 2);
});

test('pages go through every event once, newest first, with filters', async () => {
  const customers = count(5).map(() => fresh('paged'));
  const sent = count(60).map((n) => ({
    id: `p${n}`,
    customer: customers[n % 5],
    type: n % 3 === 0 ? 'Third' : 'Other',
    // Several have the same time.
    time: 10_000_000 + Math.floor(n / 7) * 1000,
  }));
  await post(server, sent);
  const query = `since=10000000&until=11000000&limit=7`;
  const seen = await all(query);
  assert.equal(new Set(seen.map(({ id }) => id)).size, 60);
  assert.equal(seen.length, 60);
  const times = seen.map(({ time }) => time);
  assert.deepEqual(
    times,
    [...times].sort((a, b) => b - a),
  );
  assert.equal((await all(`${query}&type=Third`)).length, 20);
  assert.equal((await all(`${query}&type=Third&type=Other&customer=${customers[0]}`)).length, 12);
  for (const bad of ['before=x', 'limit=0', 'status=gone', 'colour=red', 'limit=1001']) {
    assert.equal((await ask(server, `/v1/quarantine?${bad}`, { key: admin })).status, 422, bad);
  }
});

test('replay: what passes is on the tape once, as it was; what fails stays with the new reason', async () => {
  const customer = fresh('c');
  const schema = { required: ['sku'], properties: { sku: { type: 'string' } } };
  await putType('Bought', { schema });
  await post(server, [
    { id: 'x', customer, type: 'Bought', time: 5000, data: { sku: 7, price: 10.5 } },
    { id: 'y', customer, type: 'Bought', time: 6000, data: {} },
    { customer, type: 'Bought', data: { sku: 8 } },
  ]);
  assert.deepEqual(await replay({ types: ['Bought'] }), { replayed: 0, failed: 3, next: null });
  const before = await page(`customer=${customer}`);
  assert.equal(before.events.length, 3);
  await putType('Bought', {
    schema: { required: ['sku'], properties: { sku: { type: 'number' } } },
  });
  // One came by another way meanwhile.
  await store(server, [
    { id: 'x', customer, type: 'Bought', time: 5000, data: { sku: 7, price: 10.5 } },
  ]);
  assert.deepEqual(await replay({ types: ['Bought'] }), { replayed: 2, failed: 1, next: null });
  const { events } = await tape(server, customer);
  const made = before.events.find(({ id }) => id !== 'x' && id !== 'y')!;
  assert.deepEqual(
    events.map(({ id, time }) => [id, time]),
    [
      [made.id, made.time],
      ['x', 5000],
    ],
  );
  const left = (await page(`customer=${customer}`)).events;
  assert.deepEqual(
    left.map(({ id, reason }) => [id, reason]),
    [['y', 'data.sku is required (#/required)']],
  );
  const done = (await page(`customer=${customer}&status=replayed`)).events;
  assert.deepEqual(
    done.map(({ id, status }) => [id, status]),
    [
      [made.id, 'replayed'],
      ['x', 'replayed'],
    ],
  );
  assert.ok(done.every(({ replayed }) => Number.isInteger(replayed)));
  assert.deepEqual(await replay({ customers: [customer] }), { replayed: 0, failed: 1, next: null });
  await putType('Bought', { mode: 'reject', schema: { required: ['other'] } });
  assert.deepEqual(await replay({ ids: ['y'] }), { replayed: 0, failed: 1, next: null });
  const [last] = (await page(`customer=${customer}`)).events;
  assert.equal(last?.reason, 'data.other is required (#/required)');
  await putType('Bought', {});
  assert.deepEqual(
    await replay({}).then(({ failed }) => failed > 0),
    true,
    'others are still unlisted',
  );
  assert.deepEqual(await tapeIds(server, customer), [made.id, 'y', 'x']);
  assert.equal((await page(`customer=${customer}&status=all`)).events.length, 3);
  const resent = await post(server, [{ id: 'y', customer, type: 'Bought', time: 6000, data: {} }]);
  assert.match(resent.text, /"duplicates":1/);
});

test('a replay of many goes on page by page, and says what it cannot read', async () => {
  const customer = fresh('c');
  const sent = count(25).map((n) => ({
    id: `m${n}`,
    customer,
    type: 'Many',
    time: 7000 + (n >> 2),
  }));
  await post(server, sent);
  await putType('Many', {});
  let [calls, replayed] = [0, 0];
  for (let before: unknown; before !== null; calls++) {
    const result = await replay({
      types: ['Many'],
      limit: 6,
      ...(before !== undefined && { before }),
    });
    replayed += result.replayed;
    before = result.next;
  }
  assert.deepEqual([calls, replayed], [5, 25]);
  assert.deepEqual((await tapeIds(server, customer)).sort(), sent.map(({ id }) => id).sort());
  assert.deepEqual((await page(`customer=${customer}`)).events, []);
  const refusals: readonly [string | object, number][] = [
    [{ before: 'x' }, 422],
    [{ limit: 0 }, 422],
    [{ kinds: [] }, 422],
    ['{', 400],
  ];
  for (const [body, status] of refusals) {
    const options = { key: admin, type: 'application/json', body };
    assert.equal((await ask(server, '/v1/quarantine/replay', options)).status, status);
  }
  assert.equal((await ask(server, '/v1/quarantine/replay', { key: write, body: {} })).status, 403);
});

test('sealed and merged, the quarantine and the flags read the same, and erasure takes its part', async () => {
  const [ann, bob] = [`${fresh('ann')} ü/%?#"@example.com`, fresh('bob')];
  const secret = 'a secret of ann alone';
  await putType('Flagged', { mode: 'flag', schema: { required: ['n'] } });
  for (const round of count(12)) {
    await post(
      server,
      count(30).map((n) => {
        const customer = n % 10 === 0 ? ann : bob;
        const type = n % 3 === 0 ? 'Strange' : n % 3 === 1 ? 'Flagged' : 'Click';
        const data = customer === ann ? { secret } : {};
        return { id: `${round}:${n}`, customer, type, time: 20_000_000 + round * 1000 + n, data };
      }),
    );
  }
  await until(async () => (await metric(server, 'parts_sealed_total')) >= 2);
  const kept = await all('since=20000000&until=21000000&limit=50&type=Strange');
  assert.equal(kept.length, 120);
  assert.equal(kept.filter(({ customer }) => customer === ann).length, 12);
  const { events } = await tape(server, bob, 'limit=1000');
  const flagged = events.filter((event) => 'flagged' in event);
  assert.deepEqual([events.length, flagged.length], [216, 108]);
  const texts = [ann, JSON.stringify(ann).slice(1, -1), secret];
  assert.notDeepEqual(await traces(server.data, texts), []);
  await putType('Strange', {});
  assert.equal((await replay({ customers: [ann], limit: 3 })).replayed, 3);
  const path = `/v1/customers/${encodeURIComponent(ann)}?now=1`;
  const erased = await ask(server, path, { method: 'DELETE', key: admin });
  assert.equal(erased.status, 200, erased.text);
  assert.deepEqual((await page(`customer=${encodeURIComponent(ann)}&status=all`)).events, []);
  assert.deepEqual(await traces(server.data, texts), []);
  assert.deepEqual(lingering(server.process.pid!, server.data), []);
  const left = await all('since=20000000&until=21000000&limit=50&type=Strange&status=all');
  assert.deepEqual(
    left.map(({ customer }) => customer),
    Array(108).fill(bob),
  );
  await post(server, [{ id: '0:0', customer: ann, type: 'Strange 2', time: 20_000_000 }]);
  assert.equal((await page(`customer=${encodeURIComponent(ann)}`)).events.length, 1);
});

test('after a restart definitions, quarantine and marks are as they were', async () => {
  const data = temporaryDirectory();
  let own: TestServer = await startServer({ data });
  const body = { unknown: 'quarantine' };
  await ask(own, '/v1/taxonomy', { method: 'PUT', key: admin, body });
  await post(
    own,
    count(10).map((n) => ({ id: `r${n}`, customer: `c${n}`, type: 'R', time: n })),
  );
  await ask(own, '/v1/taxonomy/types/R', { method: 'PUT', key: admin, body: { description: 'r' } });
  await ask(own, '/v1/quarantine/replay', { key: admin, body: { ids: ['r1', 'r2'] } });
  await own.kill();
  own = await startServer({ data });
  const waiting = (await page('limit=100', own)).events.map(({ id }) => id);
  assert.deepEqual(waiting, ['r9', 'r8', 'r7', 'r6', 'r5', 'r4', 'r3', 'r0']);
  const replayed = (await page('status=replayed', own)).events.map(({ id }) => id);
  assert.deepEqual(replayed, ['r2', 'r1']);
  assert.match(
    (await ask(own, '/v1/taxonomy', { key: read })).text,
    /"unknown":"quarantine","types":\[\{"type":"R"/,
  );
  await own.stop();
  rmSync(data, { recursive: true, force: true });
});

test('workspaces do not meet each other’s quarantine', async () => {
  const made = await ask(server, '/v1/workspaces', { key: admin, body: { name: 'other' } });
  const { key } = (made.json as { key: { key: string } }).key;
  const answer = await ask(server, '/v1/quarantine?status=all', { key });
  assert.deepEqual(answer.json, { events: [], next: null });
  const taken = await post(server, [{ customer: 'c', type: 'Unlisted there' }], { key });
  assert.equal(taken.text, '{"accepted":1,"duplicates":0,"rejected":[]}');
});
