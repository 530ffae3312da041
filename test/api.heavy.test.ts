/** A tape of a quarter of a million events: reads that outgrow a front's budget answer all the same. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openIngest } from './support/frames.ts';
import { ask, count, metric, startTwo, tape, tapeIds } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const customer = 'regular';
const total = 250_000;
const { admin, read } = server.keys;

before(async () => {
  const socket = await openIngest(server, 'tapeline.msgpack');
  const frames = total / 10_000;
  for (const frame of count(frames)) {
    const events = count(10_000).map((n) => {
      const time = frame * 10_000 + n;
      return { id: String(time), customer, type: time === 7 ? 'Rare' : 'T', time };
    });
    socket.binary([frame + 1, events]);
  }
  for (const _ of count(frames)) assert.equal((await socket.next()).accepted, 10_000);
  socket.close();
});

test('the newest page needs no more than its events', async () => {
  const pooled = await metric(server, 'scans_pooled_total');
  const ids = await tapeIds(server, customer, 'limit=1000');
  assert.deepEqual(
    ids,
    count(1000).map((index) => String(total - 1 - index)),
  );
  assert.equal(await metric(server, 'scans_pooled_total'), pooled);
});

test('a filter that hardly anything passes finds it at the far end', async () => {
  const pooled = await metric(server, 'scans_pooled_total');
  assert.deepEqual(await tapeIds(server, customer, 'type=Rare'), ['7']);
  assert.deepEqual(await tapeIds(server, customer, 'channel=web'), []);
  assert.deepEqual(await tapeIds(server, customer, 'until=9&limit=3'), ['9', '8', '7']);
  assert.ok((await metric(server, 'scans_pooled_total')) > pooled, 'not on the front');
  const page = await tape(server, customer, 'type=Rare&type=T&limit=1');
  assert.equal(page.events[0]!.id, String(total - 1));
});

test('a view over the whole tape counts all of it, while small requests are served', async () => {
  const body = {
    fields: [
      { name: 'all', event: '*', type: 'count' },
      { name: 'rare', event: 'Rare', type: 'sum' },
    ],
  };
  await ask(server, '/v1/views/all', { method: 'PUT', key: admin, body });
  const views = count(4).map(() =>
    ask(server, `/v1/customers/${customer}/views/all?fresh=1`, { key: read }),
  );
  for (const _ of count(20)) assert.equal((await ask(server, '/healthz')).status, 200);
  for (const { json, status, text } of await Promise.all(views)) {
    assert.equal(status, 200, text);
    assert.deepEqual((json as { fields: object[] }).fields, [
      { name: 'all', value: total, events: total },
      { name: 'rare', value: 1, events: 1 },
    ]);
  }
});

test('a bad cursor is refused by the pool as by the front', async () => {
  const path = `/v1/customers/${customer}/tape?type=None&before=nonsense`;
  const answer = await ask(server, path, { key: read });
  assert.equal(`${answer.status} ${answer.code}`, '422 invalid');
});
