/** The same customer and id is stored once, whenever, wherever and however it is sent again. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pack } from 'msgpackr';
import { openIngest } from './support/frames.ts';
import {
  count,
  fresh,
  metric,
  post,
  type Receipt,
  startTwo,
  tape,
  tapeIds,
} from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const duplicate = '{"accepted":0,"duplicates":1,"rejected":[]}';

test('within one batch, and in a later one', async () => {
  const customer = fresh('again');
  const event = { id: 'a', customer, type: 'T' };
  const first = await post(server, [event, event, { ...event, id: 'b' }, event]);
  assert.equal(first.text, '{"accepted":2,"duplicates":2,"rejected":[]}');
  assert.equal((await post(server, event)).text, duplicate);
  assert.equal((await tapeIds(server, customer)).length, 2);
});

test('the pair counts: another customer, or another id, is another event', async () => {
  const [one, two] = [fresh('pair'), fresh('pair')];
  const events = [one, two].flatMap((customer) =>
    ['1', '2'].map((id) => ({ id, customer, type: 'T' })),
  );
  assert.equal((await post(server, events)).text, '{"accepted":4,"duplicates":0,"rejected":[]}');
  // What customer and id are written as together must not count.
  const joined = [
    { id: 'bc', customer: 'join-a', type: 'T' },
    { id: 'c', customer: 'join-ab', type: 'T' },
  ];
  assert.equal((await post(server, joined)).text, '{"accepted":2,"duplicates":0,"rejected":[]}');
});

test('with another payload the first one stands, and the difference is counted', async () => {
  const customer = fresh('first');
  const event = { id: 'a', customer, type: 'T', time: 1, data: { n: 1 } };
  await post(server, event);
  const counted = await metric(server, 'events_duplicate_different_total');
  assert.equal((await post(server, event)).text, duplicate);
  assert.equal(await metric(server, 'events_duplicate_different_total'), counted);
  const others = [
    { ...event, data: { n: 2 } },
    { ...event, type: 'U' },
    { ...event, time: 2 },
  ];
  for (const other of others) assert.equal((await post(server, other)).text, duplicate);
  assert.equal(await metric(server, 'events_duplicate_different_total'), counted + 3);
  const { events } = await tape(server, customer);
  assert.equal(events.length, 1);
  assert.deepEqual(events[0]!.data, { n: 1 });
  assert.equal(events[0]!.type, 'T');
});

test('however it is written: spaces, escapes, gzip, MessagePack, every door', async () => {
  const customer = fresh('é-form');
  const event = { id: 'ö/1', customer, type: 'T' };
  const json = JSON.stringify(event);
  assert.equal((await post(server, json)).text, '{"accepted":1,"duplicates":0,"rejected":[]}');
  const escaped = json.replaceAll('ö', '\\u00f6').replaceAll('é', '\\u00E9').replaceAll('/', '\\/');
  assert.notEqual(escaped, json);
  const msgpack = 'application/msgpack';
  const reversed = { type: 'T', customer, id: 'ö/1' };
  const answers = [
    await post(server, escaped),
    await post(server, JSON.stringify(event, null, 4)),
    await post(server, gzipSync(json), { headers: { 'content-encoding': 'gzip' } }),
    await post(server, json, { type: 'application/x-ndjson' }),
    await post(server, json, { type: 'text/plain' }),
    await post(server, pack(event), { type: msgpack }),
    await post(server, pack([reversed]), { type: msgpack }),
  ];
  for (const { text } of answers) assert.equal(text, duplicate);
  const text = await openIngest(server, 'tapeline.json');
  text.text(`{"seq":1,"events":[${escaped}]}`);
  assert.deepEqual(await text.next(), { ack: 1, accepted: 0, duplicates: 1, rejected: [] });
  text.close();
  const binary = await openIngest(server, 'tapeline.msgpack');
  binary.binary([1, [event]]);
  assert.deepEqual(await binary.next(), { ack: 1, accepted: 0, duplicates: 1, rejected: [] });
  binary.close();
  assert.deepEqual(await tapeIds(server, customer), ['ö/1']);
});

test('sent at once through many connections and doors, each is stored once', async () => {
  const customers = count(20).map(() => fresh('race'));
  const events = customers.flatMap((customer) =>
    count(10).map((id) => ({ id: String(id), customer, type: 'T' })),
  );
  const senders = count(24).map((sender) => {
    // Each in an order of its own, so that they meet everywhere.
    const turned = [...events.slice(sender * 8), ...events.slice(0, sender * 8)];
    if (sender % 2 === 0) return post(server, turned);
    return post(server, pack(turned), { type: 'application/msgpack' });
  });
  const receipts = (await Promise.all(senders)).map(({ json }) => json as Receipt);
  const sum = (name: 'accepted' | 'duplicates'): number =>
    receipts.reduce((total, receipt) => total + receipt[name], 0);
  assert.equal(sum('accepted'), events.length);
  assert.equal(sum('duplicates'), events.length * 23);
  for (const customer of customers) {
    const ids = await tapeIds(server, customer);
    assert.deepEqual(ids.sort(), count(10).map(String));
  }
});

test('a receipt that says duplicate means that the event can be read', async () => {
  const customer = fresh('there');
  const checks = count(30).map(async (index) => {
    const event = { id: String(Math.floor(index / 6)), customer, type: 'T' };
    const { status } = await post(server, event);
    assert.equal(status, 200);
    assert.ok((await tapeIds(server, customer)).includes(event.id));
  });
  await Promise.all(checks);
  assert.equal((await tapeIds(server, customer)).length, 5);
});

test('a refused event is not remembered', async () => {
  const customer = fresh('mended');
  const bad = { id: 'a', customer };
  assert.equal((await post(server, bad)).status, 422);
  const mended = await post(server, { ...bad, type: 'T' });
  assert.equal(mended.text, '{"accepted":1,"duplicates":0,"rejected":[]}');
});
