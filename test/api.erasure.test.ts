/** Erasing customers: unreadable at once, gone from every file, and nobody else harmed. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { openLive } from './support/frames.ts';
import { startServer, temporaryDirectory } from './support/server.ts';
import {
  ask,
  count,
  fresh,
  post,
  startTwo,
  store,
  tape,
  tapeIds,
  until,
} from './support/session.ts';
import { openStream } from './support/stream.ts';
import { lingering, traces } from './support/traces.ts';

/** Small parts: what is stored is spread over parts and segments. */
const env = { TAPELINE_PART_EVENTS: '100', TAPELINE_ERASURE_MINUTES: '1440' };
const server = await startTwo({ env });
after(() => server.stop());
const { admin, read, write } = server.keys;

interface Erasure {
  readonly id: string;
  readonly status: string;
  readonly requestedAt: number;
  readonly doneAt?: number;
}

function erase(customer: string, query = '', key = admin) {
  const path = `/v1/customers/${encodeURIComponent(customer)}${query}`;
  return ask(server, path, { method: 'DELETE', key });
}

async function erasures(key = admin): Promise<readonly Erasure[]> {
  const answer = await ask(server, '/v1/erasures', { key });
  assert.equal(answer.status, 200);
  return (answer.json as { erasures: Erasure[] }).erasures;
}

const secretOf = (customer: string): string => `secret of ${customer.slice(0, 12)}`;

function eventsOf(customer: string, from: number, length: number): object[] {
  return count(length).map((n) => ({
    id: `${customer}:${from + n}`,
    customer,
    type: 'Click',
    time: 1_763_740_000_000 + (from + n) * 1000,
    data: { note: secretOf(customer), n: from + n },
  }));
}

/** Spreads a customer's events over many parts and segments, with others' between them. */
async function storeSpread(customer: string, others: readonly string[]): Promise<void> {
  for (const round of count(12)) {
    await store(server, [
      ...eventsOf(customer, round * 5, 5),
      ...others.flatMap((other) => eventsOf(other, round * 30, 30)),
    ]);
  }
}

async function replay(customer: string | undefined, last: string): Promise<string[]> {
  const filter = customer === undefined ? '' : `&customer=${encodeURIComponent(customer)}`;
  const socket = await openLive(server, `from=earliest${filter}`);
  const ids: string[] = [];
  while (ids.at(-1) !== last) ids.push((await socket.live()).event.id);
  socket.close();
  return ids;
}

test('an erased customer cannot be read by anyone when the answer comes', async () => {
  const [ann, bob] = [fresh('ann'), fresh('bob')];
  const view = { fields: [{ name: 'n', event: '*', type: 'count' }] };
  await ask(server, '/v1/views/n', { method: 'PUT', key: admin, body: view });
  await storeSpread(ann, [bob]);
  const viewPath = `/v1/customers/${ann}/views/n`;
  for (const _ of count(8)) {
    assert.match((await ask(server, viewPath, { key: read })).text, /"value":60/);
  }
  const page = await tape(server, ann, 'limit=20');
  const answer = await erase(ann);
  assert.equal(answer.status, 202, answer.text);
  assert.equal((answer.json as Erasure).status, 'pending');
  const paths = [
    ...['', '?fresh=1', '?asOf=1763740030000', '?evidence=events'].map((query) => viewPath + query),
    `/v1/customers/${ann}/views?names=n`,
  ];
  for (const _ of count(8)) {
    for (const query of ['', `before=${page.next}`, 'type=Click&since=0']) {
      assert.deepEqual(await tapeIds(server, ann, query), [], query);
    }
    for (const path of paths) {
      assert.match((await ask(server, path, { key: read })).text, /"value":0,"events":0/, path);
    }
  }
  const { events } = await tape(server, bob, 'limit=1000');
  assert.equal(events.length, 360);
  const last = `${bob}:359`;
  const stream = await openStream(server, '', { 'last-event-id': page.events.at(-1)!.cursor });
  const streamed = [''];
  while (streamed.at(-1) !== last) streamed.push((await stream.next()).data.id);
  stream.close();
  const ids = await replay(undefined, last);
  assert.equal(ids.filter((id) => id.startsWith(bob)).length, 360);
  for (const read of [ids, streamed]) {
    assert.equal(read.filter((id) => id.startsWith(ann)).length, 0);
  }
  // Whoever follows her by name gets what she does from now on, and nothing before.
  const hers = await openLive(server, `from=earliest&customer=${ann}`);
  await store(server, [{ id: 'anew', customer: ann, type: 'Click' }]);
  assert.equal((await hers.live()).event.id, 'anew');
  hers.close();
});

test('progress is told: pending, until what came before is out of the files', async () => {
  const ann = fresh('ann');
  await store(server, eventsOf(ann, 0, 5));
  const before = Date.now();
  const { doneAt, ...asked } = (await erase(ann)).json as Erasure;
  assert.equal(doneAt, undefined);
  assert.ok(asked.requestedAt >= before && asked.requestedAt <= Date.now());
  const told = async (): Promise<Erasure | undefined> =>
    (await erasures()).find(({ id }) => id === asked.id);
  assert.deepEqual(await told(), { ...asked, status: 'pending' });
  assert.ok(!JSON.stringify(await erasures()).includes(ann), 'no list names the erased');
  assert.notDeepEqual(await traces(server.data, [secretOf(ann)]), []);
  assert.equal((await erase(ann, '?now=1')).status, 200);
  const done = await told();
  assert.ok(done === undefined || done.status === 'done', JSON.stringify(done));
  assert.deepEqual(await traces(server.data, [secretOf(ann)]), []);
});

test('what is sent after an erasure begins a new tape, the same ids too', async () => {
  const ann = fresh('ann');
  await store(server, eventsOf(ann, 0, 50));
  assert.equal((await erase(ann)).status, 202);
  await store(server, eventsOf(ann, 10, 3));
  const again = await post(server, eventsOf(ann, 10, 3));
  assert.match(again.text, /"accepted":0,"duplicates":3/);
  const expected = [12, 11, 10].map((n) => `${ann}:${n}`);
  assert.deepEqual(await tapeIds(server, ann), expected);
  assert.equal((await erase(ann, '?now=1')).status, 200, 'what came since goes with it');
  assert.deepEqual(await tapeIds(server, ann), []);
  await store(server, eventsOf(ann, 10, 3));
  assert.deepEqual(await tapeIds(server, ann), expected);
});

test('with now=1 no file and no thread holds a byte of them when the answer comes', async () => {
  const [ann, bob] = [`${fresh('ann')} ü/%?#"@example.com`, fresh('bob')];
  await storeSpread(ann, [bob]);
  const texts = [ann, JSON.stringify(ann).slice(1, -1), secretOf(ann)];
  assert.notDeepEqual(await traces(server.data, texts), []);
  const answer = await erase(ann, '?now=1');
  assert.equal(answer.status, 200, answer.text);
  const { doneAt, id, requestedAt, status } = answer.json as Erasure;
  assert.equal(status, 'done');
  assert.ok(doneAt! >= requestedAt);
  assert.deepEqual(await traces(server.data, texts), []);
  // The environment closes its file in a turn of its own after the thread has let go of it.
  await until(async () => lingering(server.process.pid!, server.data).length === 0);
  assert.deepEqual(await tapeIds(server, ann), []);
  assert.equal((await tape(server, bob, 'limit=1000')).events.length, 360);
  assert.equal((await replay(bob, `${bob}:359`)).length, 360);
  assert.ok((await erasures()).some((each) => each.id === id && each.status === 'done'));
  const again = await post(server, eventsOf(bob, 0, 360));
  assert.match(again.text, /"accepted":0,"duplicates":360/);
});

test('erasing someone unknown is no error', async () => {
  assert.equal((await erase(fresh('nobody'), '?now=1')).status, 200);
  assert.equal((await erase(fresh('nobody'))).status, 202);
});

test('what cannot be a customer or a flag is refused', async () => {
  const codes = [
    await ask(server, '/v1/customers/', { method: 'DELETE', key: admin }),
    await ask(server, '/v1/customers/%ff', { method: 'DELETE', key: admin }),
    await erase('x'.repeat(257)),
    await erase('x', '?now=perhaps'),
    await erase('x', '?later=1'),
  ].map(({ code }) => code);
  assert.deepEqual(codes, ['not_found', 'malformed', 'invalid', 'invalid', 'invalid']);
});

test('only admin may erase, and only within the workspace', async () => {
  const ann = fresh('ann');
  await store(server, eventsOf(ann, 0, 5));
  for (const key of [read, write]) {
    assert.equal((await erase(ann, '', key)).code, 'forbidden');
    assert.equal((await ask(server, '/v1/erasures', { key })).code, 'forbidden');
  }
  const made = await ask(server, '/v1/workspaces', { key: admin, body: { name: fresh('other') } });
  const other = (made.json as { key: { key: string } }).key.key;
  const theirs = (await erase(ann, '?now=1', other)).json as Erasure;
  assert.equal(theirs.status, 'done');
  assert.equal((await tapeIds(server, ann)).length, 5);
  assert.deepEqual(await erasures(other), [theirs]);
  assert.ok((await erasures()).every(({ id }) => id !== theirs.id));
});

test('an erasure goes on after a kill, and stays in force', async (t) => {
  const data = temporaryDirectory();
  t.after(() => rmSync(data, { recursive: true, force: true }));
  const options = { data, shards: 2, fronts: 2, env };
  let place = await startServer(options);
  t.after(() => place.kill());
  const [ann, bob] = ['ann of the killed', 'bob of the killed'];
  for (const round of count(20)) {
    await store(place, [...eventsOf(ann, round * 5, 5), ...eventsOf(bob, round * 30, 30)]);
  }
  const path = `/v1/customers/${encodeURIComponent(ann)}`;
  assert.equal((await ask(place, path, { method: 'DELETE', key: admin })).status, 202);
  await place.kill();
  for (const delayMs of [0, 5, 20, 60]) {
    place = await startServer(options);
    assert.deepEqual(await tapeIds(place, ann), []);
    assert.equal((await tape(place, bob, 'limit=1000')).events.length, 600);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await place.kill();
  }
  place = await startServer(options);
  await until(async () => {
    const { text } = await ask(place, '/v1/erasures', { key: admin });
    return text.includes('"status":"done"');
  });
  assert.deepEqual(await traces(data, [ann, secretOf(ann)]), []);
  assert.deepEqual(await tapeIds(place, ann), []);
  assert.equal((await tape(place, bob, 'limit=1000')).events.length, 600);
  await store(place, eventsOf(ann, 0, 1));
  assert.equal((await tapeIds(place, ann)).length, 1);
});

test('a deleted workspace is removed from the files as well', async (t) => {
  const place = await startTwo({ env: { ...env, TAPELINE_ERASURE_MINUTES: '0' } });
  t.after(() => place.stop());
  const made = await ask(place, '/v1/workspaces', { key: admin, body: { name: 'tenant' } });
  const { key, workspace } = made.json as { key: { key: string }; workspace: { id: string } };
  for (const round of count(5)) {
    await store(place, eventsOf('stays', round * 40, 40));
    const body = eventsOf('goes', round * 40, 40);
    // What the tenant quarantined goes with it.
    if (round === 2) {
      const quarantine = { method: 'PUT', key: key.key, body: { unknown: 'quarantine' } };
      assert.equal((await ask(place, '/v1/taxonomy', quarantine)).status, 200);
    }
    assert.equal((await post(place, body, { key: key.key })).status, 200);
  }
  assert.notDeepEqual(await traces(place.data, [secretOf('goes')]), []);
  const path = `/v1/workspaces/${workspace.id}`;
  assert.equal((await ask(place, path, { method: 'DELETE', key: admin })).status, 204);
  assert.equal((await ask(place, '/v1/customers/goes/tape', { key: key.key })).status, 401);
  await until(async () => (await traces(place.data, [secretOf('goes')])).length === 0);
  assert.equal((await tape(place, 'stays', 'limit=1000')).events.length, 200);
});

test('a way to write a phone number that was not kept is erased when it is named', async () => {
  const made = await ask(server, '/v1/keys', { key: admin, body: { scopes: ['publish'] } });
  const { key } = made.json as { key: string };
  const [number, text] = ['+14155552671', '+1-415-555-2671'];
  // A key in a page adds no spelling: what it sends stays under its very text.
  await ask(server, '/v1/events', { key, body: { id: 'a', customer: text, type: 'Call' } });
  assert.deepEqual(await tapeIds(server, text), ['a']);
  assert.equal((await erase(text)).status, 202);
  assert.deepEqual(await tapeIds(server, text), []);
  // Known to the graph it is erased together with the number.
  await store(server, [{ id: 'n', customer: number, previous: 'cookie:phone', type: 'Call' }]);
  await ask(server, '/v1/events', { key, body: { id: 'b', customer: text, type: 'Call' } });
  assert.ok((await tapeIds(server, text)).includes('b'));
  assert.equal((await erase(text)).status, 202);
  assert.deepEqual([await tapeIds(server, text), await tapeIds(server, number)], [[], []]);
});
