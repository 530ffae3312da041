/** The windows of an ingest socket, its close codes, and what happens past the server's own budget. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openFrames, openIngest, type Said } from './support/frames.ts';
import { ask, count, fresh, metric, post, startTwo, tapeIds, until } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const mebibyte = 1024 * 1024;

/** A frame of one event, padded with spaces to a number of bytes. */
function padded(seq: number, bytes: number, customer = 'padded'): string {
  const frame = `{"seq":${seq},"events":[{"customer":"${customer}","type":"T","id":"${seq}"}]}`;
  return frame + ' '.repeat(bytes - frame.length);
}

/** A frame whose answer is large: 10,000 refusals. */
function loud(seq: number, bytes: number): string {
  return `{"seq":${seq},"events":[${'0,'.repeat(9999)}0]}`.padEnd(bytes);
}

test('64 frames may be unacknowledged, one more closes with 4008', async () => {
  const customer = fresh('window');
  const good = await openIngest(server);
  // One write of a few kilobytes: the server reads all of it before any flush can end.
  good.burst(count(64).map((index) => padded(index + 1, 100, customer)));
  for (const index of count(64)) assert.equal((await good.next()).ack, index + 1);
  good.close();
  const closed = await metric(server, 'ingest_window_closed_total');
  const bad = await openIngest(server);
  bad.burst(count(65).map((index) => padded(index + 1, 100, fresh('over'))));
  for (let answers = 0; ; answers++) {
    assert.ok(answers < 65, 'all were answered');
    if ((await bad.next().catch(() => undefined)) === undefined) break;
  }
  const { code, reason } = await bad.closed;
  assert.equal(code, 4008);
  assert.match(reason, /window/);
  assert.equal(await metric(server, 'ingest_window_closed_total'), closed + 1);
  assert.equal((await tapeIds(server, customer, 'limit=100')).length, 64);
});

test('a client that sends and never reads runs into the window of frames', async () => {
  const socket = await openIngest(server);
  socket.tcp.pause();
  let isClosed = false;
  socket.tcp.once('close', () => {
    isClosed = true;
  });
  for (let seq = 1; seq <= 400 && !isClosed; seq++) {
    await new Promise<void>((resolve) => socket.ws.send(loud(seq, 0), () => resolve()));
  }
  socket.tcp.resume();
  assert.equal((await socket.closed).code, 4008);
});

test('32 MiB may be unacknowledged, more closes with 4008', async () => {
  const socket = await openIngest(server);
  socket.tcp.pause();
  // Fewer than 64 frames: it is the bytes that count here.
  const sends = count(60).map(
    (index) =>
      new Promise<void>((resolve) => socket.ws.send(loud(index + 1, mebibyte), () => resolve())),
  );
  await Promise.all(sends);
  socket.tcp.resume();
  assert.equal((await socket.closed).code, 4008);
});

test('a frame of 16 MiB is read, one byte more closes with 4009', async () => {
  const socket = await openIngest(server);
  socket.text(padded(1, 16 * mebibyte));
  assert.equal((await socket.next()).ack, 1);
  socket.text(padded(2, 16 * mebibyte + 1));
  const { code, reason } = await socket.closed;
  assert.equal(code, 4009);
  assert.match(reason, /16777216 bytes/);
  const binary = await openIngest(server, 'tapeline.msgpack');
  binary.binary(Buffer.alloc(16 * mebibyte + 1));
  assert.equal((await binary.closed).code, 4009);
});

test('a far larger frame, and text that is not UTF-8, end the connection', async () => {
  const customer = fresh('ended');
  const large = await openIngest(server);
  large.text(padded(1, 20 * mebibyte, customer));
  const broken = await openIngest(server);
  const text = Buffer.from(padded(1, 100, customer)).map((byte) => (byte === 0x54 ? 0xff : byte));
  broken.ws.send(text, { binary: false });
  for (const socket of [large, broken]) {
    assert.equal((await socket.closed).code, 1006);
    assert.deepEqual(socket.messages, []);
  }
  assert.deepEqual(await tapeIds(server, customer), []);
  assert.equal((await post(server, { customer, type: 'T' })).status, 200);
});

test('a closed socket leaves nothing behind', async () => {
  await until(async () => (await metric(server, 'ingest_sockets')) === 0);
  await until(async () => (await metric(server, 'inflight_bytes')) === 0);
});

test('past the byte budget frames are nacked as overloaded, and every one is answered', async (t) => {
  // Eight fronts share one MiB, so that each has 128 KiB.
  const small = await startTwo({ fronts: 8, env: { TAPELINE_INFLIGHT_MIB: '1' } });
  t.after(() => small.stop());
  const customer = fresh('load');
  const socket = await openFrames(small, '/v1/ingest', { key: small.keys.write });
  assert.equal((await socket.next()).window, 64);
  let seq = 0;
  const overloaded: Said[] = [];
  const acked: number[] = [];
  while (overloaded.length === 0) {
    const first = seq + 1;
    socket.burst(count(60).map(() => padded(++seq, 8000, customer)));
    for (const index of count(60)) {
      const said = await socket.next();
      assert.equal(said.ack ?? said.nack, first + index, 'answers keep their order');
      if (said.ack === undefined) overloaded.push(said);
      else acked.push(said.ack);
    }
  }
  for (const { error } of overloaded) {
    assert.equal(error?.code, 'overloaded');
    assert.ok(Number.isInteger(error.retryAfterMs) && error.retryAfterMs! > 0);
  }
  const ids = await tapeIds(small, customer, 'limit=1000');
  assert.deepEqual(
    ids
      .map(Number)
      .sort((a, b) => a - b)
      .slice(-1000),
    acked.slice(-1000),
  );
  socket.text(padded(++seq, 100, customer));
  assert.equal((await socket.next()).ack, seq, 'it goes on afterwards');
  socket.close();

  const body = `[{"customer":"h","type":"T"}]`.padEnd(120_000);
  let refusal = await post(small, body);
  while (refusal.status === 200) {
    const answers = await Promise.all(count(60).map(() => post(small, body)));
    refusal = answers.find(({ status }) => status !== 200) ?? refusal;
  }
  assert.equal(`${refusal.status} ${refusal.code}`, '503 overloaded');
  assert.match(String(refusal.headers['retry-after']), /^[1-9]\d*$/);
});

test('a server that cannot write refuses as unavailable, and still reads', async (t) => {
  // More free space than any disk of ours has.
  const full = await startTwo({ env: { TAPELINE_FREE_MIB: '1048576' } });
  t.after(() => full.stop());
  const health = await ask(full, '/healthz');
  assert.equal(health.status, 503);
  const { reason, status } = health.json as { status: string; reason: string };
  assert.equal(status, 'unavailable');
  assert.match(reason, /disk/);
  const refused = await post(full, { customer: 'c', type: 'T' });
  assert.equal(`${refused.status} ${refused.code}`, '503 unavailable');
  assert.match(String(refused.headers['retry-after']), /^[1-9]\d*$/);
  const read = await ask(full, '/v1/customers/c/tape', { key: full.keys.read });
  assert.equal(read.status, 200);
});
