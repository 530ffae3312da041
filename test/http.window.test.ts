/**
 * The window of an ingest socket to the frame and to the byte, and who waits for what is not written
 * yet: real sockets to a front whose commits the test makes when it wants. What a socket has been
 * told by the pong to its ping is all that it was told before.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { IngestSockets } from '../src/http/ingestsocket.ts';
import { AppError } from '../src/std/errors.ts';
import { type FrameSocket, openFrames } from './support/frames.ts';
import { keys, serveFront, startedAt } from './support/front.ts';
import { type TestServer, temporaryDirectory } from './support/server.ts';
import { count } from './support/session.ts';
import { Gate, ManualClock, ShardKit } from './support/shardkit.ts';

interface Place {
  readonly kit: ShardKit;
  open(): Promise<FrameSocket>;
}

async function serve(t: TestContext): Promise<Place> {
  const directory = temporaryDirectory();
  const kit = new ShardKit({ directory, shards: 1, clock: new ManualClock(startedAt) });
  const served = await serveFront([], (app, front) => {
    new IngestSockets(front, () => kit.ingest).register(app);
  });
  const sockets: FrameSocket[] = [];
  t.after(async () => {
    for (const socket of sockets) socket.close();
    served.close();
    await kit.close();
    rmSync(directory, { recursive: true });
  });
  const open = async (): Promise<FrameSocket> => {
    const server = { port: served.port } as TestServer;
    const socket = await openFrames(server, '/v1/ingest', { key: keys.write });
    sockets.push(socket);
    assert.equal((await socket.next()).hello, 1);
    return socket;
  };
  return { kit, open };
}

/** A frame of one event of its own, padded with spaces to a number of bytes. */
function frame(seq: number, bytes = 0, customer = 'c'): string {
  const event = { id: String(seq), customer, type: 'T' };
  return JSON.stringify({ seq, events: [event] }).padEnd(bytes);
}

/** Every frame that was sent is read; what was told until then. Rejects when the socket closes. */
async function told(socket: FrameSocket): Promise<readonly (string | Buffer)[]> {
  socket.ws.ping();
  const closed = socket.closed.then(({ code }) => assert.fail(`closed with ${code}`));
  await Promise.race([once(socket.ws, 'pong'), closed]);
  return socket.messages;
}

async function overflows(socket: FrameSocket): Promise<void> {
  await assert.rejects(told(socket), /closed with 4008/);
}

async function acked(socket: FrameSocket, seqs: readonly number[], accepted = 1): Promise<void> {
  const duplicates = 1 - accepted;
  for (const ack of seqs) {
    assert.deepEqual(await socket.next(), { ack, accepted, duplicates, rejected: [] });
  }
}

const firstSeqs = count(64).map((index) => index + 1);

test('64 frames wait for their receipts, again and again; the 65th closes with 4008', async (t) => {
  const { kit, open } = await serve(t);
  const socket = await open();
  for (const base of [0, 64]) {
    const seqs = firstSeqs.map((seq) => base + seq);
    socket.burst(seqs.map((seq) => frame(seq)));
    assert.deepEqual(await told(socket), []);
    await kit.commit();
    await acked(socket, seqs);
  }
  socket.burst(firstSeqs.map((seq) => frame(128 + seq)));
  assert.deepEqual(await told(socket), []);
  socket.text(frame(193));
  await overflows(socket);
  // What was read before is stored, without a receipt; what was too much is not.
  await kit.commit();
  assert.equal(kit.tail().length, 192);
});

test('33554432 bytes wait for their receipts; one more closes with 4008', async (t) => {
  const { kit, open } = await serve(t);
  const socket = await open();
  const half = 16_777_216;
  const both = (base: number): void => {
    for (const seq of [1, 2]) socket.text(frame(base + seq, half, `c${base}`));
  };
  both(0);
  assert.deepEqual(await told(socket), []);
  await kit.commit();
  await acked(socket, [1, 2]);
  both(2);
  assert.deepEqual(await told(socket), []);
  socket.text(' ');
  await overflows(socket);
});

test('a duplicate waits for the flush of what it repeats, also on another socket', async (t) => {
  const { kit, open } = await serve(t);
  const [first, second] = [await open(), await open()];
  const fault = kit.faults[0]!;
  const gate = new Gate();
  fault.before = gate;
  first.text(frame(1));
  assert.deepEqual(await told(first), []);
  const done = kit.commit();
  second.burst([frame(1), '{"seq":2,"events":[]}']);
  assert.deepEqual(await told(second), [], 'nor is the empty frame behind it answered');
  kit.deliver();
  assert.deepEqual([await told(first), await told(second)], [[], []]);
  gate.open();
  await done;
  await acked(first, [1]);
  await acked(second, [1], 0);
  assert.equal((await second.next()).ack, 2);
  assert.equal(kit.tail().length, 1);
});

test('a commit that fails is a nack for each of its frames, and what it repeats is new again', async (t) => {
  const { kit, open } = await serve(t);
  const socket = await open();
  const fault = kit.faults[0]!;
  fault.before = new AppError('unavailable', 'no room');
  socket.burst([frame(1), frame(2)]);
  assert.deepEqual(await told(socket), []);
  await kit.commit();
  for (const seq of [1, 2]) {
    const { error, nack } = await socket.next();
    assert.deepEqual([nack, error?.code, error?.retryAfterMs], [seq, 'unavailable', 200]);
  }
  assert.deepEqual(kit.tail(), []);
  delete fault.before;
  await kit.retry();
  socket.text(JSON.stringify({ seq: 3, events: [{ id: '1', customer: 'c', type: 'T' }] }));
  assert.deepEqual(await told(socket), []);
  await kit.commit();
  await acked(socket, [3]);
});
