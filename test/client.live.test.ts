/** The live stream's reader: any cut of the bytes reads the same, and a lost stream is resumed. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { openReader, type Reader } from '../src/client/reader.ts';
import { readSse, type ServerSentEvent } from '../src/client/sse.ts';
import { systemClock } from '../src/std/clock.ts';

async function readAll(chunks: readonly Uint8Array[]): Promise<ServerSentEvent[]> {
  const stream = (async function* () {
    yield* chunks;
  })();
  const events: ServerSentEvent[] = [];
  for await (const event of readSse(stream)) events.push(event);
  return events;
}

test('a stream reads the same however its bytes are cut', async () => {
  const text =
    ': hello\r\n\r\nid: 7\nevent: event\ndata: {"a":1}\n\nid: 8\n\n' +
    'data:one\rdata: two\r\rid: é€😀\r\nevent: event\r\ndata\r\n\r\nid: 9\ndata: unfinished';
  const bytes = new TextEncoder().encode(text);
  const expected = [
    { id: '7', event: 'event', data: '{"a":1}' },
    { id: '8', event: 'message', data: undefined },
    { id: '8', event: 'message', data: 'one\ntwo' },
    { id: 'é€😀', event: 'event', data: '' },
  ];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 30 }), async (cuts) => {
      const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      const chunks = edges.slice(1).map((end, i) => bytes.subarray(edges[i]!, end));
      assert.deepEqual(await readAll(chunks), expected);
    }),
    { numRuns: 200 },
  );
});

async function serve(
  t: TestContext,
  handle: (request: IncomingMessage, response: ServerResponse, count: number) => void,
): Promise<Reader> {
  let count = 0;
  const server = createServer((request, response) => {
    count += 1;
    handle(request, response, count);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return openReader({ url: `http://127.0.0.1:${port}`, key: 'secret', clock: systemClock });
}

test('a lost stream is resumed after the last id, with the same filters', async (t) => {
  const asked: { url: string; last: unknown; key: unknown }[] = [];
  const reader = await serve(t, (request, response, count) => {
    asked.push({
      url: request.url!,
      last: request.headers['last-event-id'],
      key: request.headers.authorization,
    });
    response.setHeader('content-type', 'text/event-stream');
    response.write(`id: k${count}\nevent: event\ndata: {"id":"e${count}"}\n\n`);
    response.write('id: lost\nevent: event\n');
    // An answer without its end: the connection is cut in the middle of an event.
    if (count < 3) setImmediate(() => response.destroy());
  });
  const seen: string[] = [];
  for await (const { cursor, event } of reader.live({ customer: ['c1', 'c2'] })) {
    seen.push(`${cursor} ${event.id}`);
    if (seen.length === 3) break;
  }
  assert.deepEqual(seen, ['k1 e1', 'k2 e2', 'k3 e3']);
  assert.deepEqual(
    asked.map(({ last }) => last),
    [undefined, 'k1', 'k2'],
  );
  assert.equal(asked[0]!.url, '/v1/live/sse?customer=c1&customer=c2');
  assert.equal(asked[1]!.url, '/v1/live/sse?from=k1&customer=c1&customer=c2');
  assert.equal(asked[0]!.key, 'Bearer secret');
});

test('a stream that falls silent is replaced, one whose reader takes its time is not', async (t) => {
  const asked: unknown[] = [];
  const reader = await serve(t, (request, response, count) => {
    asked.push(request.headers['last-event-id']);
    response.setHeader('content-type', 'text/event-stream');
    // And then nothing more: neither an event, nor a comment, nor an end.
    response.write(`id: k${count}\nevent: event\ndata: {"id":"e${count}"}\n\n`);
  });
  const silenceMs = 200;
  const stream = reader.live({ from: 'earliest', silenceMs });
  assert.equal((await stream.next()).value?.event.id, 'e1');
  await new Promise((resolve) => setTimeout(resolve, 3 * silenceMs));
  assert.equal(asked.length, 1);
  assert.equal((await stream.next()).value?.event.id, 'e2');
  assert.deepEqual(asked, [undefined, 'k1']);
  await stream.return(undefined);
});

test('what a server before the server answers while ours is away is tried again', async (t) => {
  const reader = await serve(t, (_, response, count) => {
    if (count === 1) {
      response.writeHead(502).end('<html>Bad Gateway</html>');
      return;
    }
    response.setHeader('content-type', 'text/event-stream');
    response.write('id: k\nevent: event\ndata: {"id":"e"}\n\n');
  });
  const stream = reader.live({});
  assert.equal((await stream.next()).value?.event.id, 'e');
  await stream.return(undefined);
});

test('a cursor that has expired ends the stream with its code', async (t) => {
  const reader = await serve(t, (_, response) => {
    response.statusCode = 410;
    response.end('{"error":{"code":"cursor_expired","message":"earliest is x"}}');
  });
  await assert.rejects(reader.live({ from: 'old' }).next(), {
    code: 'cursor_expired',
    status: 410,
  });
});

test('aborting ends the stream, also while it waits to reconnect', async (t) => {
  const reader = await serve(t, (_, response) => response.destroy());
  const stop = new AbortController();
  const stream = reader.live({ signal: stop.signal, retrying: () => stop.abort() });
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
});

test('refusals carry the code of the server, and pages follow each other', async (t) => {
  const reader = await serve(t, (request, response) => {
    if (request.url!.includes('views')) {
      response.writeHead(429, { 'retry-after': '2' });
      response.end('{"error":{"code":"rate_limited","message":"slow down"}}');
      return;
    }
    const isFirst = !request.url!.includes('before');
    const events = isFirst ? [{ id: 'b' }, { id: 'a' }] : [{ id: '9' }];
    response.end(JSON.stringify({ customer: 'c/1', events, next: isFirst ? 'p2' : null }));
  });
  const ids: string[] = [];
  for await (const { id } of reader.events('c/1')) ids.push(id);
  assert.deepEqual(ids, ['b', 'a', '9']);
  await assert.rejects(reader.view('c/1', 'basic'), { code: 'rate_limited', retryAfterMs: 2_000 });
});
