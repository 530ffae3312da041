/** Requests and replies byte by byte: framing, bodies, large replies, clients that leave, shutdown. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { jsonReply } from '../src/http/reply.ts';
import type { Route } from '../src/http/route.ts';
import { receivingBytesMax } from '../src/http/traffic.ts';
import { call, echo, sumOf, tapePath } from './support/call.ts';
import { keys, serveFront, type TestServer } from './support/front.ts';
import { Wire } from './support/wire.ts';

test('HEAD answers with the head of GET, and the connection goes on', async (t) => {
  const server = await serveFront();
  t.after(() => server.close());
  const wire = new Wire(server.port);
  t.after(() => wire.close());
  const credential = `Host: x\r\nAuthorization: Bearer ${keys.read}\r\n\r\n`;
  for (const path of [tapePath, '/docs', '/v1/views/none']) {
    wire.send(`HEAD ${path} HTTP/1.1\r\n${credential}`);
    const head = await wire.reply(false);
    wire.send(`GET ${path} HTTP/1.1\r\n${credential}`);
    const get = await wire.reply();
    assert.equal(head.status, get.status);
    assert.equal(head.headers.get('content-length'), get.headers.get('content-length'));
    assert.equal(Number(head.headers.get('content-length')), Buffer.byteLength(get.body));
  }
});

test('bodies arrive whole, however they are cut', async (t) => {
  const server = await serveFront([echo]);
  t.after(() => server.close());
  const wire = new Wire(server.port);
  t.after(() => wire.close());
  const body = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 31) % 251));
  const expected = JSON.stringify({ bytes: body.length, sum: sumOf(body) });
  const head = `POST /v1/echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${keys.write}\r\n`;
  wire.send(`${head}Content-Length: ${body.length}\r\n\r\n`);
  for (let at = 0; at < body.length; at += 9_001) {
    wire.send(body.subarray(at, at + 9_001));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal((await wire.reply()).body, expected);
  wire.send(`${head}Transfer-Encoding: chunked\r\n\r\n`);
  for (let at = 0; at < body.length; at += 20_000) {
    const piece = body.subarray(at, at + 20_000);
    wire.send(`${piece.length.toString(16)}\r\n`);
    wire.send(piece);
    wire.send('\r\n');
  }
  wire.send('0\r\n\r\n');
  assert.equal((await wire.reply()).body, expected);
  wire.send(`${head}Content-Length: 0\r\n\r\n`);
  assert.equal((await wire.reply()).body, '{"bytes":0,"sum":0}');
  wire.send(`${head}Expect: 100-continue\r\nContent-Length: 1\r\n\r\n`);
  assert.equal((await wire.reply()).status, 100);
  wire.send('a');
  assert.equal((await wire.reply()).body, '{"bytes":1,"sum":97}');
  assert.equal(server.traffic.receiving.held, 0);
});

test('a refused body is swallowed, and the next request on the connection is served', async (t) => {
  const server = await serveFront([echo]);
  t.after(() => server.close());
  const wire = new Wire(server.port);
  t.after(() => wire.close());
  const big = Buffer.alloc(500_000, 120);
  const post = (key: string) =>
    `POST /v1/echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n`;
  wire.send(`${post('nope')}Content-Length: ${big.length}\r\n\r\n`);
  wire.send(big);
  assert.equal((await wire.reply()).status, 401);
  wire.send(`${post(keys.write)}Content-Length: ${big.length}\r\n\r\n`);
  wire.send(big);
  assert.equal((await wire.reply()).status, 413);
  wire.send(`${post(keys.write)}Transfer-Encoding: chunked\r\n\r\n${big.length.toString(16)}\r\n`);
  wire.send(big);
  wire.send('\r\n0\r\n\r\n');
  assert.equal((await wire.reply()).status, 413);
  wire.send(`${post(keys.write)}Content-Length: 1\r\n\r\na`);
  assert.equal((await wire.reply()).status, 200);
  assert.equal(server.traffic.receiving.held, 0);
});

const large: Route = {
  ...echo,
  path: '/v1/large',
  bodyBytesMax: 16 * 1024 * 1024,
  handle: ({ body }) => jsonReply(200, { bytes: body.length }),
};
/** Of a whole body of that size so much is sent before the sender stalls. */
const stalledBytes = large.bodyBytesMax! - 300_000;
const stalledBody = Buffer.alloc(stalledBytes, 120);
const restOfBody = Buffer.alloc(300_000, 120);

function beginLarge(server: TestServer): Wire {
  const wire = new Wire(server.port);
  const head = `POST /v1/large HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${keys.write}\r\n`;
  wire.send(`${head}Content-Length: ${large.bodyBytesMax}\r\n\r\n`);
  wire.send(stalledBody);
  return wire;
}

test('stalled uploads of one workspace leave room for the bodies of another', async (t) => {
  const server = await serveFront([large]);
  t.after(() => server.close());
  const { receiving } = server.traffic;
  const stalled: Wire[] = [];
  t.after(() => {
    for (const wire of stalled) wire.close();
  });
  const fitting = Math.floor(receivingBytesMax / 2 / stalledBytes);
  while (stalled.length < fitting) {
    stalled.push(beginLarge(server));
    const expected = stalled.length * stalledBytes;
    while (receiving.held < expected) await new Promise((done) => setImmediate(done));
  }
  for (let more = 0; more < 2; more++) {
    const refused = beginLarge(server);
    refused.send(restOfBody);
    const reply = await refused.reply();
    assert.equal(reply.status, 503);
    assert.equal(reply.headers.get('retry-after'), '1');
    refused.close();
  }
  assert.equal(receiving.held, fitting * stalledBytes, 'those who stall are not harmed');
  const other = await call(server, '/v1/large', {
    method: 'POST',
    key: 'other',
    body: new Uint8Array(1_800_000),
  });
  assert.equal(`${other.status} ${other.text}`, '200 {"bytes":1800000}');
  stalled[0]!.send(restOfBody);
  assert.equal((await stalled[0]!.reply()).status, 200);
  assert.equal(receiving.held, (fitting - 1) * stalledBytes);
});

test('heads that two parsers could read differently are refused and the connection ended', async (t) => {
  const server = await serveFront([echo]);
  t.after(() => server.close());
  const auth = `Authorization: Bearer ${keys.write}\r\n`;
  const heads = [
    `Host: x\r\nHost: y\r\n${auth}Content-Length: 1\r\n\r\na`,
    `Host: x\r\n${auth}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`,
    `Host: x\r\n${auth}Content-Length: 1\r\nContent-Length: 5\r\n\r\nabcde`,
    `Host: x\r\n${auth}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`,
    `Host: x\r\n${auth}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `Host: x\r\n${auth}${auth}Content-Length: 1\r\n\r\na`,
    `Host: x\r\n${auth}Content-Length: +1\r\n\r\na`,
  ];
  for (const path of ['/v1/echo', '/nothing']) {
    for (const head of heads) {
      const wire = new Wire(server.port);
      wire.send(`POST ${path} HTTP/1.1\r\n${head}`);
      // Some of these uWebSockets.js refuses itself, with a head and no more.
      const reply = await wire.reply().catch(() => undefined);
      if (reply !== undefined) assert.equal(reply.status, 400, head);
      await wire.ended();
      wire.close();
    }
  }
});

test('a large reply reaches a slow reader intact', async (t) => {
  const server = await serveFront();
  t.after(() => server.close());
  const text = JSON.stringify(Array.from({ length: 2_000_000 }, (_, index) => `${index}é`));
  server.front.tape = () => Promise.resolve(text);
  const fast = await call(server, tapePath, { key: 'read' });
  assert.ok(fast.text === text);
  const wire = new Wire(server.port);
  t.after(() => wire.close());
  wire.socket.pause();
  wire.send(`GET ${tapePath} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${keys.read}\r\n\r\n`);
  while (server.front.tapeQueries.length < 2) await new Promise((done) => setImmediate(done));
  for (let turn = 0; turn < 200; turn++) await new Promise((done) => setImmediate(done));
  assert.equal(server.traffic.pending, 1);
  wire.socket.resume();
  const slow = await wire.reply();
  assert.ok(slow.body === text);
  assert.equal(server.traffic.pending, 0);
  // The connection is in order: another request is answered.
  server.front.tape = () => Promise.resolve('{}');
  wire.send(`GET ${tapePath} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${keys.read}\r\n\r\n`);
  assert.equal((await wire.reply()).body, '{}');
});

test('a client that goes away harms nobody, whenever it goes', async (t) => {
  const server = await serveFront([echo]);
  t.after(() => server.close());
  const answers: ((text: string) => void)[] = [];
  server.front.tape = () => new Promise((resolve) => answers.push(resolve));
  const auth = `Host: x\r\nAuthorization: Bearer ${keys.admin}\r\n`;
  const waiting = new Wire(server.port);
  waiting.send(`GET ${tapePath} HTTP/1.1\r\n${auth}\r\n`);
  const sending = new Wire(server.port);
  sending.send(`POST /v1/echo HTTP/1.1\r\n${auth}Content-Length: 90000\r\n\r\n${'a'.repeat(9999)}`);
  const tick = () => new Promise((done) => setImmediate(done));
  while (server.traffic.pending < 2 || server.traffic.receiving.held === 0) await tick();
  for (const wire of [waiting, sending]) {
    wire.socket.resetAndDestroy();
    await once(wire.socket, 'close');
  }
  while (server.traffic.pending > 0) await tick();
  assert.equal(server.traffic.receiving.held, 0);
  answers[0]?.('{}');
  server.front.tape = () => Promise.resolve('x'.repeat(8_000_000));
  const leaving = new Wire(server.port);
  leaving.socket.pause();
  leaving.send(`GET ${tapePath} HTTP/1.1\r\n${auth}\r\n`);
  while (server.traffic.pending === 0) await tick();
  leaving.socket.resetAndDestroy();
  while (server.traffic.pending > 0) await tick();
  assert.equal((await call(server, '/healthz')).status, 200);
});

test('a handler that never answers is answered for', async (t) => {
  const server = await serveFront();
  t.after(() => server.close());
  let late: (text: string) => void = () => undefined;
  server.front.tape = () =>
    new Promise((resolve) => {
      late = resolve;
    });
  const pending = call(server, tapePath, { key: 'read' });
  while (server.front.tapeQueries.length === 0) await new Promise((done) => setImmediate(done));
  server.front.passDeadline();
  const answer = await pending;
  assert.deepEqual([answer.status, answer.code], [503, 'unavailable']);
  assert.equal(answer.headers.get('retry-after'), '1');
  late('{}');
  assert.equal(server.traffic.pending, 0);
});

test('while draining, replies end their connection', async (t) => {
  const server = await serveFront();
  t.after(() => server.close());
  server.front.isDraining = true;
  server.front.current = { status: 'draining', reason: 'going away' };
  for (const text of ['{}', JSON.stringify('x'.repeat(100_000))]) {
    server.front.tape = () => Promise.resolve(text);
    const wire = new Wire(server.port);
    wire.send(`GET ${tapePath} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${keys.read}\r\n\r\n`);
    const reply = await wire.reply();
    assert.deepEqual([reply.status, reply.headers.get('connection')], [200, 'close']);
    assert.ok(reply.body === text);
    wire.close();
  }
  const health = await call(server, '/healthz');
  assert.equal(health.status, 503);
  assert.equal(health.text, '{"status":"draining","reason":"going away"}');
});
