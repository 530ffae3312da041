/** The ingest client at the edges of the protocol, against a door that misbehaves on demand. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type IngestClient, type IngestOptions, openIngest } from '../src/client/ingest.ts';
import { nodeSocket } from '../src/client/socket.ts';
import type { Event, WireEncoding } from '../src/client/types.ts';
import { encodeBatch } from '../src/client/wire.ts';
import { systemClock } from '../src/std/clock.ts';
import { type Door, type DoorOptions, type Frame, openDoor } from './support/door.ts';

async function open(
  t: TestContext,
  doorOptions: DoorOptions = {},
  options: Partial<IngestOptions> = {},
): Promise<{ door: Door; client: IngestClient }> {
  const door = await openDoor(doorOptions);
  const base = { url: door.url, key: 'k', openSocket: nodeSocket, clock: systemClock };
  const client = openIngest({ ...base, ...options });
  t.after(async () => {
    await client.close();
    await door.close();
  });
  return { door, client };
}

function makeEvents(count: number, start = 0): Event[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `e${start + i}`,
    customer: `c${(start + i) % 7}`,
    type: 'Click',
    time: 1_700_000_000_000 + i,
    data: { n: i, half: i / 2, none: undefined },
  }));
}

for (const encoding of ['msgpack', 'json'] as const satisfies readonly WireEncoding[]) {
  test(`events arrive as they were sent, in ${encoding}, and undefined is left out`, async (t) => {
    const { door, client } = await open(t, {}, { encoding });
    const sent = makeEvents(3);
    const { receipt } = await client.send(sent);
    assert.deepEqual(await receipt, { accepted: 3, duplicates: 0, rejected: [] });
    assert.deepEqual(door.frames[0]!.events, JSON.parse(JSON.stringify(sent)));
    assert.equal(door.frames[0]!.seq, 1);
  });

  test(`a batch that was encoded before arrives the same way, in ${encoding}`, async (t) => {
    const { door, client } = await open(t, {}, { encoding });
    const batch = encodeBatch(encoding, makeEvents(2));
    await client.sendBatch(batch);
    await client.sendBatch(batch);
    await client.drain();
    assert.deepEqual(
      door.frames.map(({ seq, events }) => [seq, events.length]),
      [
        [1, 2],
        [2, 2],
      ],
    );
    assert.deepEqual(door.frames[0]!.events, door.frames[1]!.events);
  });
}

test('an event without an id gets one, and keeps it when it is sent again', async (t) => {
  let isFirst = true;
  const { door, client } = await open(t, {
    onFrame(frame) {
      if (isFirst) frame.cut();
      else frame.ack();
      isFirst = false;
    },
  });
  const { receipt } = await client.send([{ customer: 'c', type: 't' }]);
  await receipt;
  const [before, after] = door.frames;
  assert.equal(typeof before!.events[0]!.id, 'string');
  assert.deepEqual(after!.events, before!.events);
});

test('no more frames are open than the window allows, and sends wait for room', async (t) => {
  const held: Frame[] = [];
  const { door, client } = await open(t, {
    window: 3,
    onFrame(frame) {
      held.push(frame);
      if (held.length === 3) for (const one of held.splice(0)) one.ack();
    },
  });
  for (let i = 0; i < 30; i += 1) await client.send(makeEvents(1, i));
  await client.drain();
  assert.equal(door.frames.length, 30);
  assert.equal(Math.max(...door.frames.map((frame) => frame.open)), 3);
});

test('no more bytes are open than the window allows', async (t) => {
  const held: Frame[] = [];
  let openBytes = 0;
  let most = 0;
  const { client } = await open(t, {
    windowBytes: 2_000,
    onFrame(frame) {
      held.push(frame);
      openBytes += frame.bytes;
      most = Math.max(most, openBytes);
      setImmediate(() => {
        openBytes -= held.shift()!.bytes;
        frame.ack();
      });
    },
  });
  for (let i = 0; i < 40; i += 1) await client.send(makeEvents(5, i));
  await client.drain();
  assert.ok(most <= 2_000, `${most} bytes were open`);
});

for (const code of ['overloaded', 'rate_limited', 'unavailable']) {
  test(`what was refused as ${code} is sent again with the same ids`, async (t) => {
    let refusals = 2;
    const { door, client } = await open(t, {
      onFrame(frame) {
        if (refusals === 0) return frame.ack();
        refusals -= 1;
        frame.answer({ nack: frame.seq, error: { code, message: 'later', retryAfterMs: 5 } });
      },
    });
    const { receipt } = await client.send(makeEvents(4));
    assert.equal((await receipt).accepted, 4);
    assert.deepEqual(
      door.frames.map(({ seq }) => seq),
      [1, 2, 3],
    );
    assert.deepEqual(door.frames[2]!.events, door.frames[0]!.events);
    assert.equal(client.stats.resentFrames, 2);
  });
}

test('a frame refused for good fails alone', async (t) => {
  const { client } = await open(t, {
    onFrame(frame) {
      if (frame.seq !== 2) return frame.ack();
      frame.answer({ nack: 2, error: { code: 'malformed', message: 'no' } });
    },
  });
  const sent = [];
  for (let i = 0; i < 3; i += 1) sent.push((await client.send(makeEvents(1, i))).receipt);
  const ends = await Promise.allSettled(sent);
  assert.deepEqual(
    ends.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  await assert.rejects(sent[1]!, { code: 'malformed', message: 'no' });
  await client.drain();
});

test('after a lost connection everything without a receipt is sent again, in order', async (t) => {
  const { door, client } = await open(t, {
    onFrame(frame) {
      // Of the first connection only the first frame is answered, and the third frame ends it.
      if (frame.connection > 1 || frame.seq === 1) frame.ack();
      else if (frame.seq === 3) frame.cut();
    },
  });
  const receipts = [];
  for (let i = 0; i < 5; i += 1) receipts.push((await client.send(makeEvents(1, i))).receipt);
  await Promise.all(receipts);
  const again = door.frames.filter(({ connection }) => connection === 2);
  assert.deepEqual(
    again.map(({ events }) => events[0]!.id),
    ['e1', 'e2', 'e3', 'e4'],
  );
  assert.deepEqual(
    again.map(({ seq }) => seq),
    [1, 2, 3, 4],
  );
  assert.equal(client.stats.reconnects, 1);
});

test('a server that goes away with 1001 is found again', async (t) => {
  const { client } = await open(t, {
    onFrame: (frame) => (frame.connection === 1 ? frame.close(1001) : frame.ack()),
  });
  assert.equal((await (await client.send(makeEvents(2))).receipt).accepted, 2);
});

for (const [closeCode, code] of [
  [4008, 'window_exceeded'],
  [4009, 'too_large'],
  [1007, 'protocol'],
] as const) {
  test(`close code ${closeCode} ends the client with ${code}`, async (t) => {
    const { client } = await open(t, { onFrame: (frame) => frame.close(closeCode) });
    const { receipt } = await client.send(makeEvents(1));
    await assert.rejects(receipt, { code, status: closeCode });
    await assert.rejects(client.drain(), { code });
    await assert.rejects(client.send(makeEvents(1)), { code });
  });
}

for (const [status, code] of [
  [401, 'unauthorized'],
  [403, 'forbidden'],
  [404, 'protocol'],
] as const) {
  test(`an upgrade refused with ${status} is ${code} and not tried again`, async (t) => {
    const { client } = await open(t, { status });
    await assert.rejects(client.ready(), { code, status });
  });
}

test('nobody there is unreachable once the patience is over', async (t) => {
  const gone = await openDoor();
  await gone.close();
  const { client } = await open(t, {}, { url: gone.url, giveUpMs: 1 });
  await assert.rejects(client.send(makeEvents(1)), { code: 'unreachable' });
});

test('an answer to a frame that was never sent ends the client', async (t) => {
  const { client } = await open(t, {
    onFrame: (frame) => frame.answer({ nack: 0, error: { code: 'malformed', message: 'what?' } }),
  });
  const { receipt } = await client.send(makeEvents(1));
  await assert.rejects(receipt, { code: 'protocol' });
});

test('what is larger than a frame goes in several, and the receipts are joined', async (t) => {
  const { door, client } = await open(t, {
    frameBytesMax: 1_000,
    onFrame(frame) {
      // The last event of each frame is refused.
      const index = frame.events.length - 1;
      const refusal = { index, id: frame.events[index]!.id, code: 'invalid', message: 'no' };
      const accepted = frame.events.length - 1;
      frame.answer({ ack: frame.seq, accepted, duplicates: 0, rejected: [refusal] });
    },
  });
  await client.ready();
  const events = makeEvents(40);
  events[11] = { ...events[11]!, data: { text: 'x'.repeat(2_000) } };
  const { accepted, rejected } = await (await client.send(events)).receipt;
  assert.ok(door.frames.length > 2);
  assert.ok(door.frames.every(({ bytes }) => bytes <= 1_000));
  assert.equal(accepted + rejected.length, 40);
  for (const { index, id } of rejected) assert.equal(id, events[index]!.id);
  assert.equal(rejected.find(({ index }) => index === 11)?.code, 'too_large');
});

test('closing fails what has no receipt, and only that', async (t) => {
  const { client } = await open(t, { onFrame: (frame) => frame.seq === 1 && frame.ack() });
  const first = await client.send(makeEvents(1));
  await first.receipt;
  const second = await client.send(makeEvents(1, 1));
  await client.close();
  await assert.rejects(second.receipt, { code: 'closed' });
  await assert.rejects(client.send(makeEvents(1)), { code: 'closed' });
});
