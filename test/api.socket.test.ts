/** Ingest over a WebSocket: hello, one answer a frame in their order, and what is no frame. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { pack } from 'msgpackr';
import { ingestSocketsMax } from '../src/http/ingestsocket.ts';
import { type FrameSocket, openFrames, openIngest, refusedUpgrade } from './support/frames.ts';
import { ask, count, fresh, metric, startTwo, tapeIds } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());

const hello = { hello: 1, window: 64, windowBytes: 33_554_432, frameBytesMax: 16_777_216 };
const event = { customer: 'c', type: 'T' };
const stored = (ack: number, accepted: number) => {
  return { ack, accepted, duplicates: 0, rejected: [] };
};

async function nacked(socket: FrameSocket, seq: number, message: RegExp): Promise<void> {
  const { error, nack } = await socket.next();
  assert.equal(nack, seq);
  assert.equal(error?.code, 'malformed');
  assert.match(error.message, message);
}

test('hello says the limits, in the subprotocol that was agreed on', async () => {
  const offers: [offered: string | undefined, agreed: string, isBinary: boolean][] = [
    ['tapeline.json', 'tapeline.json', false],
    ['tapeline.msgpack', 'tapeline.msgpack', true],
    ['tapeline.msgpack,tapeline.json', 'tapeline.msgpack', true],
    ['other,tapeline.json', 'tapeline.json', false],
    [undefined, '', false],
  ];
  for (const [protocol, agreed, isBinary] of offers) {
    const socket = await openFrames(server, '/v1/ingest', { key: server.keys.write, protocol });
    assert.equal(socket.ws.protocol, agreed);
    const raw = await socket.raw();
    assert.equal(typeof raw === 'string', !isBinary);
    socket.messages.push(raw);
    assert.deepEqual(await socket.next(), hello);
    socket.close();
  }
});

test('the idle sockets of one workspace leave room for those of another', async (t) => {
  const alone = await startTwo({ fronts: 1 });
  t.after(() => alone.stop());
  const { admin, write } = alone.keys;
  const sockets: FrameSocket[] = [];
  t.after(() => {
    for (const socket of sockets) socket.close();
  });
  while (sockets.length < ingestSocketsMax / 2) {
    const opened = count(50).map(() => openFrames(alone, '/v1/ingest', { key: write }));
    sockets.push(...(await Promise.all(opened)));
  }
  const refusal = await refusedUpgrade(alone, '/v1/ingest', { key: write });
  assert.equal(`${refusal.status} ${refusal.code}`, '503 overloaded');
  assert.equal(refusal.headers['retry-after'], '1');
  const made = await ask(alone, '/v1/workspaces', { key: admin, body: { name: 'other' } });
  const { key: other } = made.json as { key: { key: string } };
  for (const _ of count(10)) {
    sockets.push(await openFrames(alone, '/v1/ingest', { key: other.key }));
  }
  await refusedUpgrade(alone, '/v1/ingest', { key: write });
  for (const socket of sockets.splice(0, 20)) socket.close();
  const left = sockets.length;
  while ((await metric(alone, 'ingest_sockets')) > left) await new Promise(setImmediate);
  sockets.push(await openFrames(alone, '/v1/ingest', { key: write }));
});

test('another subprotocol, and a query that means nothing, are refused', async () => {
  const options = { key: server.keys.write, protocol: 'tapeline.xml' };
  const refusal = await refusedUpgrade(server, '/v1/ingest', options);
  assert.equal(`${refusal.status} ${refusal.code}`, '422 invalid');
  const query = await refusedUpgrade(server, '/v1/ingest?foo=1', { key: server.keys.write });
  assert.equal(`${query.status} ${query.code}`, '422 invalid');
});

for (const protocol of ['tapeline.json', 'tapeline.msgpack']) {
  const isJson = protocol === 'tapeline.json';
  const encode = (seq: number, events: readonly unknown[]): string | Buffer =>
    isJson ? JSON.stringify({ seq, events }) : pack([seq, events]);

  test(`receipts come in the order of the frames and mean stored (${protocol})`, async () => {
    const socket = await openIngest(server, protocol);
    const customer = fresh('order');
    const frames = count(64).map((index) => {
      const size = index % 7 === 0 ? 500 : index % 5;
      const events = count(size).map((n) => ({ ...event, customer: `${customer}-${n % 9}` }));
      return { seq: index + 1, events };
    });
    socket.burst(frames.map(({ events, seq }) => encode(seq, events)));
    for (const { events, seq } of frames) {
      assert.deepEqual(await socket.next(), stored(seq, events.length));
    }
    const last = { ...event, customer, id: 'last' };
    socket.burst([encode(65, [last])]);
    assert.deepEqual(await socket.next(), stored(65, 1));
    assert.deepEqual(await tapeIds(server, customer), ['last']);
    socket.close();
  });

  test(`a frame has the receipt of a batch, bad events included (${protocol})`, async () => {
    const socket = await openIngest(server, protocol);
    const customer = fresh('mixed');
    const good = { id: 'a', customer, type: 'T' };
    const bad = { id: 'b', customer };
    socket.burst([encode(1, [good, bad, good, 7]), encode(2, [bad]), encode(3, [])]);
    const isAnObject = { code: 'invalid', message: 'an event must be an object' };
    const hasNoType = { id: 'b', code: 'invalid', message: 'type is required' };
    assert.deepEqual(await socket.next(), {
      ack: 1,
      accepted: 1,
      duplicates: 1,
      rejected: [
        { index: 1, ...hasNoType },
        { index: 3, ...isAnObject },
      ],
    });
    assert.deepEqual(await socket.next(), {
      ack: 2,
      accepted: 0,
      duplicates: 0,
      rejected: [{ index: 0, ...hasNoType }],
    });
    assert.deepEqual(await socket.next(), stored(3, 0));
    socket.close();
  });

  test(`seq is a positive integer that grows (${protocol})`, async () => {
    const socket = await openIngest(server, protocol);
    socket.burst([encode(5, [event])]);
    assert.deepEqual(await socket.next(), stored(5, 1));
    for (const seq of [5, 4, 1]) {
      socket.burst([encode(seq, [event])]);
      await nacked(socket, seq, /greater than the one before/);
    }
    for (const seq of [0, -1, 1.5, '7', null]) {
      socket.burst([encode(seq as number, [event])]);
      await nacked(socket, 0, /seq must be a positive integer/);
    }
    const largest = Number.MAX_SAFE_INTEGER;
    socket.burst([encode(7, [event]), encode(largest, [event]), encode(largest + 1, [])]);
    assert.deepEqual(await socket.next(), stored(7, 1));
    assert.deepEqual(await socket.next(), stored(largest, 1));
    await nacked(socket, 0, /seq must be/);
    socket.close();
  });

  test(`a frame with too many events is refused whole (${protocol})`, async () => {
    const socket = await openIngest(server, protocol);
    const customer = fresh('many');
    const events = count(10_001).map(() => ({ customer, type: 'T' }));
    socket.burst([encode(1, events)]);
    await nacked(socket, 1, /at most 10000 events/);
    assert.deepEqual(await tapeIds(server, customer), []);
    socket.burst([encode(2, events.slice(1))]);
    assert.deepEqual(await socket.next(), stored(2, 10_000));
    socket.close();
  });
}

test('a JSON frame that cannot be read is nacked, by its seq where it has one', async () => {
  const socket = await openIngest(server);
  const cases: [frame: string, seq: number][] = [
    ['', 0],
    ['hello', 0],
    ['[1,[]]', 0],
    ['["seq",1]', 0],
    ['7', 0],
    ['{}', 0],
    ['{"events":[]}', 0],
    ['{"seq":1,"events":[]', 1],
    ['{"seq":1}', 1],
    ['{"seq":1,"events":{}}', 1],
    ['{"seq":1,"events":null}', 1],
    ['{"seq":1,"events":[],"more":1}', 1],
    ['{"seq":1,"seq":2,"events":[]}', 1],
    ['{"seq":1,"events":[],"events":[]}', 1],
    ['{"seq":1,"events":[{"customer":"bad","type":"T"},]}', 1],
    ['{"seq":1,"events":[{"customer":"bad","type":"T"}]}}', 1],
    ['{"seq":1,"events":[{"customer":"bad","type":"T"}', 1],
    // Behind what is wrong, where encoders put it that sort the keys.
    ['{"events":{},"seq":1}', 1],
    ['{"events":[],"more":1,"seq":1}', 1],
    [`{"events":[${'{},'.repeat(10_000)}{}],"seq":1}`, 1],
    ['{"events":[{"customer":"bad","type":"T"},],"seq":1}', 0],
  ];
  for (const [frame, seq] of cases) {
    socket.text(frame);
    const { error, nack } = await socket.next();
    assert.equal(nack, seq, frame);
    assert.equal(error?.code, 'malformed', frame);
    assert.ok(error.message.length > 0);
  }
  socket.binary(Buffer.from('{"seq":1,"events":[]}'));
  await nacked(socket, 0, /text frames/);
  assert.deepEqual(await tapeIds(server, 'bad'), []);
  socket.text(' { "events" : [ ] , "seq" : 1 } ');
  assert.deepEqual(await socket.next(), stored(1, 0));
  socket.close();
});

test('a MessagePack frame that cannot be read is nacked, by its seq where it has one', async () => {
  const socket = await openIngest(server, 'tapeline.msgpack');
  const bad = pack({ customer: 'bad', type: 'T' });
  const cases: [frame: Buffer, seq: number][] = [
    [Buffer.alloc(0), 0],
    [Buffer.of(0xc1), 0],
    [pack({ seq: 1, events: [] }), 0],
    [pack([1]), 0],
    [pack([1, [], 2]), 0],
    [pack([[], 1]), 0],
    [pack([1, {}]), 1],
    [pack([1, null]), 1],
    [Buffer.concat([pack([1, []]), Buffer.of(0)]), 1],
    [Buffer.concat([Buffer.of(0x92, 1, 0x92), bad, bad.subarray(0, 5)]), 1],
    [Buffer.of(0x92, 1, 0xdd, 0xff, 0xff, 0xff, 0xff), 1],
  ];
  for (const [frame, seq] of cases) {
    socket.binary(frame);
    const { error, nack } = await socket.next();
    assert.equal(nack, seq, frame.toString('hex'));
    assert.equal(error?.code, 'malformed');
  }
  socket.text('[1,[]]');
  await nacked(socket, 0, /binary frames/);
  assert.deepEqual(await tapeIds(server, 'bad'), []);
  socket.binary([1, [{ ...event, id: 'x' }]]);
  assert.equal((await socket.next()).ack, 1);
  socket.close();
});

test('a frame may come in fragments, between pings', async () => {
  const socket = await openIngest(server);
  const customer = fresh('fragments');
  const frame = JSON.stringify({ seq: 1, events: [{ id: 'a', customer, type: 'T' }] });
  for (const [index, char] of [...frame].entries()) {
    socket.ws.send(char, { fin: index === frame.length - 1 });
    if (index % 10 === 0) socket.ws.ping();
  }
  assert.deepEqual(await socket.next(), stored(1, 1));
  assert.deepEqual(await tapeIds(server, customer), ['a']);
  socket.close();
});

test('answers to good and bad frames keep the order of the frames', async () => {
  const socket = await openIngest(server);
  const frames = count(30).map((index) =>
    index % 3 === 1 ? `{"seq":${index + 1}}` : JSON.stringify({ seq: index + 1, events: [event] }),
  );
  socket.burst(frames);
  for (const index of count(30)) {
    const { ack, nack } = await socket.next();
    assert.equal(index % 3 === 1 ? nack : ack, index + 1);
  }
  socket.close();
});

test('what was sent before the connection was lost is stored or not, and resending mends it', async () => {
  const customer = fresh('lost');
  const events = count(3000).map((index) => ({
    id: `e${index}`,
    customer,
    type: 'T',
    time: index,
  }));
  const frames = count(30).map((index) =>
    JSON.stringify({ seq: index + 1, events: events.slice(index * 100, index * 100 + 100) }),
  );
  const first = await openIngest(server);
  first.burst(frames);
  assert.equal((await first.next()).ack, 1);
  first.close();
  const second = await openIngest(server);
  second.burst(frames);
  for (const index of count(30)) {
    const { accepted, ack, duplicates } = await second.next();
    assert.equal(ack, index + 1);
    assert.equal(accepted! + duplicates!, 100);
  }
  const newest = await tapeIds(server, customer, 'limit=1000');
  const middle = await tapeIds(server, customer, 'limit=1000&until=1999');
  const oldest = await tapeIds(server, customer, 'limit=1000&until=999');
  const ids = events.map(({ id }) => id).reverse();
  assert.deepEqual([...newest, ...middle, ...oldest], ids);
  second.close();
});
