/**
 * What the server assumes of the WebSocket library's buffers, over real sockets: what is counted as waiting, when
 * what is published gets there, and that a message in fragments is one message. A version of the library that
 * does otherwise is noticed here, before a subscriber loses a message or holds more than it may.
 */

import { App, us_listen_socket_close, us_socket_local_port, type WebSocket } from 'uWebSockets.js';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { after, test } from 'node:test';
import { WebSocket as Client } from 'ws';
import { FragmentSink } from '../src/http/fragments.ts';
import { unsentMessagesMax } from '../src/streams/message.ts';
import { pieceBytesMax, sendPieces } from '../src/streams/pieces.ts';
import { count } from './support/session.ts';

type ServerSocket = WebSocket<{ drained?: () => void }>;

const topic = 'all';
let opened: (socket: ServerSocket) => void = () => undefined;
const app = App().ws<{ drained?: () => void }>('/*', {
  maxBackpressure: 1024 * 1024,
  upgrade: (res, req, context) => {
    const key = req.getHeader('sec-websocket-key');
    res.upgrade({}, key, '', '', context);
  },
  open: (socket) => {
    socket.subscribe(topic);
    opened(socket);
  },
  drain: (socket) => socket.getUserData().drained?.(),
});
const port = await new Promise<number>((resolve, reject) => {
  app.listen('127.0.0.1', 0, (listening) => {
    if (listening === false) return reject(new Error('it does not listen'));
    after(() => us_listen_socket_close(listening));
    resolve(us_socket_local_port(listening));
  });
});

interface Pair {
  readonly client: Client;
  readonly tcp: Socket;
  readonly server: ServerSocket;
  /** What the client got. */
  readonly messages: string[];
}

async function connect(): Promise<Pair> {
  const accepted = new Promise<ServerSocket>((resolve) => {
    opened = resolve;
  });
  const client = new Client(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
  const messages: string[] = [];
  client.on('message', (data: Buffer, isBinary: boolean) => {
    assert.equal(isBinary, false);
    messages.push(data.toString());
  });
  await once(client, 'open');
  const tcp = (client as unknown as { _socket: Socket })._socket;
  return { client, tcp, server: await accepted, messages };
}

const filler = 'f'.repeat(pieceBytesMax);

/** Its reader stops, and is sent messages until one waits. @returns how many. */
function stall({ server, tcp }: Pair): number {
  tcp.pause();
  let sent = 0;
  while (server.getBufferedAmount() === 0) {
    server.send(filler, false);
    sent += 1;
  }
  return sent;
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

async function reads({ messages, tcp }: Pair, wanted: number): Promise<void> {
  tcp.resume();
  while (messages.length < wanted) await turn();
}

const headBytes = 4;

test('what is sent where something waits is counted with the head of its frame', async () => {
  const pair = await connect();
  const sent = stall(pair);
  const before = pair.server.getBufferedAmount();
  assert.ok(before <= pieceBytesMax + headBytes, 'the system took the beginning');
  assert.equal(pair.server.send('x'.repeat(1000), false), 0);
  assert.equal(pair.server.getBufferedAmount(), before + 1000 + headBytes);
  await reads(pair, sent + 1);
  assert.equal(pair.server.getBufferedAmount(), 0);
  pair.client.terminate();
});

test('a socket whose reader reads again says that it has drained', async () => {
  const pair = await connect();
  stall(pair);
  const drained = new Promise<void>((resolve) => {
    pair.server.getUserData().drained = resolve;
  });
  pair.tcp.resume();
  await drained;
  pair.client.terminate();
});

test('of what is published 32 messages wait uncounted, until the next one or the turn of the loop', async () => {
  const pair = await connect();
  stall(pair);
  const before = pair.server.getBufferedAmount();
  const grown = (): number => pair.server.getBufferedAmount() - before;
  const message = 'p'.repeat(200);
  for (const _ of count(unsentMessagesMax)) app.publish(topic, message, false);
  assert.equal(grown(), 0);
  app.publish(topic, message, false);
  assert.equal(grown(), unsentMessagesMax * (message.length + headBytes));
  await turn();
  await turn();
  assert.equal(grown(), (unsentMessagesMax + 1) * (message.length + headBytes));
  pair.client.terminate();
});

test('a published message of 16 KiB is counted at once, and so is what was published before', async () => {
  const pair = await connect();
  stall(pair);
  const before = pair.server.getBufferedAmount();
  app.publish(topic, 'small', false);
  const large = 'l'.repeat(16 * 1024);
  app.publish(topic, large, false);
  const bytes = 'small'.length + 2 + large.length + headBytes;
  assert.equal(pair.server.getBufferedAmount() - before, bytes);
  pair.client.terminate();
});

test('what is sent after something was published comes after it', async () => {
  const pair = await connect();
  app.publish(topic, 'first', false);
  pair.server.send('second', false);
  await reads(pair, 2);
  assert.deepEqual(pair.messages, ['first', 'second']);
  pair.client.terminate();
});

test('what is published before a socket leaves the topic still comes, and before what is sent then', async () => {
  const pair = await connect();
  app.publish(topic, 'first', false);
  pair.server.unsubscribe(topic);
  app.publish(topic, 'not for it', false);
  pair.server.send('second', false);
  await reads(pair, 2);
  assert.deepEqual(pair.messages, ['first', 'second']);
  pair.client.terminate();
});

test('a message in fragments is one, whatever its characters; a reader that stops holds one piece', async () => {
  const pair = await connect();
  const text = `${'é€𝄞'.repeat(20_000)}.`;
  const bytes = Buffer.from(text);
  const sink = new FragmentSink(pair.server);
  pair.tcp.pause();
  let messages = 0;
  let left: number | undefined;
  while (left === undefined) {
    left = sendPieces(sink, bytes, 0);
    messages += 1;
    assert.ok(sink.bufferedBytes() <= pieceBytesMax + headBytes);
  }
  pair.server.getUserData().drained = () => {
    assert.ok(sink.bufferedBytes() <= pieceBytesMax + headBytes);
    // A ping may come between; a client answers it and goes on.
    pair.server.ping();
    if (left !== undefined) left = sendPieces(sink, bytes, left);
  };
  await reads(pair, messages);
  assert.ok(pair.messages.every((each) => each === text));
  pair.client.terminate();
});
