/**
 * Subscribers that stop reading, over real sockets: however much there is for them and however large the messages
 * are, the server never lets more wait for one than it says; and when they read again they get all of it.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { pack } from 'msgpackr';
import { pieceBytesMax } from '../src/streams/pieces.ts';
import { subscriberBytesMax } from '../src/streams/subscriber.ts';
import { type FrameSocket, openFrames, openLive } from './support/frames.ts';
import { startServer } from './support/server.ts';
import { count, fresh, metric, post, type Receipt, store, until } from './support/session.ts';
import { openStream } from './support/stream.ts';
import { putView, showView, type ViewAnswer } from './support/views.ts';

// One front, so that it tells of this moment.
const server = await startServer({ shards: 1, fronts: 1 });
after(() => server.stop());

/** The system holds some megabytes for a socket; these are more. */
const kinds = [
  { of: '200 bytes', events: 60_000, text: 'x'.repeat(130) },
  { of: '180 KB, all of it escapes', events: 80, text: '\u0001'.repeat(30_000) },
];

/** @returns the ids in order. */
async function storeMany(type: string, events: number, text: string): Promise<string[]> {
  const customer = fresh('many');
  const each = Math.min(events, Math.floor(1_000_000 / (6 * text.length)));
  const ids = count(events).map((n) => `${customer}-${n}`);
  for (let at = 0; at < events; at += each) {
    const some = ids.slice(at, at + each);
    // As MessagePack, where a control character is one byte and not six.
    const body = pack(some.map((id) => ({ id, customer, type, data: { text } })));
    const answer = await post(server, body, { type: 'application/msgpack' });
    assert.equal((answer.json as Receipt).accepted, some.length);
  }
  return ids;
}

/** Waits until nothing more is sent to anybody. @returns the most that has waited meanwhile. */
async function settled(): Promise<number> {
  let [most, before] = [0, -1];
  await until(async () => {
    most = Math.max(most, await metric(server, 'live_waiting_bytes'));
    const sent = await metric(server, 'live_events_total');
    const isSettled = sent === before && most > 0;
    before = sent;
    return isSettled;
  });
  return most;
}

for (const { events, of, text } of kinds) {
  test(`a WebSocket that stops at messages of ${of} holds little, and gets them all`, async () => {
    const type = fresh('socket');
    const socket = await openLive(server, `type=${type}`);
    socket.tcp.pause();
    const ids = await storeMany(type, events, text);
    const most = await settled();
    assert.ok(most <= subscriberBytesMax, `${most} bytes waited`);
    socket.tcp.resume();
    for (const id of ids) {
      const { event } = await socket.live();
      assert.equal(event.id, id);
      assert.deepEqual(event.data, { text });
    }
    socket.close();
  });

  test(`a stream that stops at messages of ${of} holds little, and gets them all`, async () => {
    const type = fresh('stream');
    const ids = await storeMany(type, events, text);
    const stream = await openStream(server, `type=${type}&from=earliest`);
    stream.response.pause();
    const most = await settled();
    assert.ok(most <= subscriberBytesMax, `${most} bytes waited`);
    stream.response.resume();
    for (const id of ids) {
      const { data } = await stream.next();
      assert.equal(data.id, id);
      assert.deepEqual(data.data, { text });
    }
    stream.close();
  });
}

test('a follower of a view that stops in the middle of a large answer holds the rest of it, and gets the latest', async () => {
  const name = fresh('large');
  const fields = [{ name: 'texts', event: 'V', attribute: 'text', limit: 25, type: 'value' }];
  assert.equal((await putView(server, name, { fields })).status, 201);
  const customer = fresh('viewed');
  const add = (n: number): Promise<void> => {
    return store(server, [{ customer, type: 'V', data: { text: `${n} ${'v'.repeat(30_000)}` } }]);
  };
  for (const n of count(25)) await add(n);
  const path = `/v1/customers/${customer}/views/${name}/live`;
  const socket: FrameSocket = await openFrames(server, path, { key: server.keys.read });
  await socket.raw();
  socket.tcp.pause();
  for (let n = 25; (await metric(server, 'live_view_unread_bytes')) === 0; n++) await add(n);
  assert.ok((await metric(server, 'live_waiting_bytes')) <= pieceBytesMax + 4);
  const { fields: latest } = await showView(server, customer, name, '?fresh=1');
  socket.tcp.resume();
  for (;;) {
    const answer = JSON.parse((await socket.raw()) as string) as ViewAnswer;
    if (JSON.stringify(answer.fields) === JSON.stringify(latest)) break;
  }
  assert.equal(await metric(server, 'live_view_unread_bytes'), 0);
  socket.close();
});
