/** Errors, cross-origin rules and clients that misbehave, at the socket of a real server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { after, test } from 'node:test';
import { statusOf } from '../src/http/reply.ts';
import { type ErrorCode, errorCodes } from '../src/std/errors.ts';
import { ask, count, post, startTwo, tapeIds } from './support/session.ts';
import { Wire } from './support/wire.ts';

const server = await startTwo({ env: { TAPELINE_CORS_ORIGINS: 'https://desk.example' } });
after(() => server.stop());
const { admin, read, write } = server.keys;

test('every refusal is JSON with a code and a message', async () => {
  const event = { customer: 'c', type: 'T' };
  const long = 'x'.repeat(300);
  const cases: [path: string, options: Parameters<typeof ask>[2], expected: string][] = [
    ['/v1/customers/c/tape', {}, '401 unauthorized'],
    ['/v1/customers/c/tape', { key: write }, '403 forbidden'],
    ['/nothing', {}, '404 not_found'],
    ['/v1/nothing', { key: admin }, '404 not_found'],
    ['/v1/customers/c', { key: read }, '404 not_found'],
    ['/v1/customers//tape', { key: read }, '404 not_found'],
    [`/v1/customers/${long}/tape`, { key: read }, '422 invalid'],
    ['/v1/customers/%ff/tape', { key: read }, '400 malformed'],
    ['/v1/customers/%/tape', { key: read }, '400 malformed'],
    ['/v1/views/none', { key: read }, '404 not_found'],
    ['/v1/events', { key: write, body: '{', type: 'application/json' }, '400 malformed'],
    ['/v1/events', { key: write, body: 'x', type: 'image/png' }, '415 unsupported_media_type'],
    ['/v1/events?foo=1', { key: write, body: event }, '422 invalid'],
    ['/v1/keys', { key: admin, body: '{}', type: 'text/plain' }, '415 unsupported_media_type'],
    ['/v1/workspaces', { key: admin, body: { name: 'default' } }, '409 conflict'],
    ['/v1/ingest', { key: write }, '404 not_found'],
    ['/v1/live', { key: read }, '404 not_found'],
  ];
  for (const [path, options, expected] of cases) {
    const answer = await ask(server, path, options);
    assert.equal(`${answer.status} ${answer.code}`, expected, path);
    assert.deepEqual(Object.keys(answer.json as object), ['error']);
    const { error } = answer.json as { error: object };
    assert.deepEqual(Object.keys(error), ['code', 'message']);
    assert.ok(answer.message!.length > 0);
    assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  }
});

test('a known path does not answer to other methods', async () => {
  const cases: [method: string, path: string, allow: string][] = [
    ['GET', '/v1/events', 'POST'],
    ['DELETE', '/v1/events', 'POST'],
    ['POST', '/v1/customers/c/tape', 'GET, HEAD'],
    ['PATCH', '/v1/views/basic', 'GET, HEAD, PUT, DELETE'],
    ['POST', '/healthz', 'GET, HEAD'],
  ];
  for (const [method, path, allow] of cases) {
    const answer = await ask(server, path, { method, key: admin });
    assert.equal(`${answer.status} ${answer.code}`, '404 not_found', `${method} ${path}`);
    assert.equal(answer.headers['allow'], allow);
  }
});

test('the document of the API and its page are served, and / leads there', async () => {
  const document = (await ask(server, '/openapi.json')).json as { openapi: string; paths: object };
  assert.match(document.openapi, /^3\.1\./);
  const served = ['/v1/events', '/v1/ingest', '/v1/live', '/v1/live/sse', '/v1/views/{name}'];
  for (const path of served) assert.ok(path in document.paths, path);
  const page = await ask(server, '/docs');
  assert.equal(page.status, 200);
  assert.match(String(page.headers['content-type']), /^text\/html/);
  const root = await ask(server, '/');
  assert.equal(`${root.status} ${root.headers['location']}`, '302 /docs');
});

type Described = Record<string, { content?: Record<string, { schema?: { $ref?: string } }> }>;
interface Documented {
  readonly security: readonly Record<string, readonly string[]>[];
  readonly requestBody?: object;
  readonly responses: Described;
}

/** A status and a body, or the beginning of a stream; as a WebSocket if it is one that is described. */
async function misspelt(
  path: string,
  method: string,
  { requestBody, responses, security }: Documented,
  visitor: string,
): Promise<{ status: number; type: string; text: string }> {
  const key = security.some((each) => 'visitor' in each) ? visitor : admin;
  const wish = new AbortController();
  const upgrade = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  const sent = request({
    ...{ port: server.port, host: '127.0.0.1', agent: false, path, method, signal: wish.signal },
    headers: {
      ...(security.length > 0 && { authorization: `Bearer ${key}` }),
      ...('101' in responses && upgrade),
      ...(requestBody !== undefined && { 'content-type': 'application/json' }),
    },
  });
  sent.end(requestBody === undefined ? undefined : '{}');
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const { headers, statusCode } = response;
  const type = String(headers['content-type']).split(';')[0]!;
  let text = '';
  if (type !== 'text/event-stream') for await (const chunk of response) text += String(chunk);
  wish.abort();
  return { status: statusCode!, type, text };
}

test('every route answers a misspelt query as the document says, the known ones 422', async () => {
  const document = (await ask(server, '/openapi.json')).json as {
    paths: Record<string, Record<string, Documented>>;
  };
  const visitor = (await ask(server, '/v1/visitors', { key: write, body: {} })).json as {
    token: string;
  };
  let refused = 0;
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const name = `${method} ${path}`;
      const url = `${path.replace(/\{\w+\}/g, 'none')}?nonsense=1`;
      const got = await misspelt(url, method.toUpperCase(), operation, visitor.token);
      const { status, text, type } = got;
      const described = operation.responses[String(status)];
      assert.ok(described !== undefined, `${name} answers ${status}, undocumented`);
      const media = described.content?.[type];
      assert.ok(media !== undefined || text === '', `${name} answers ${status} with ${type}`);
      const shape = JSON.stringify(media?.schema ?? {});
      if (status < 400 || !shape.includes('schemas/Error"')) continue;
      const { code } = (JSON.parse(text) as { error: { code: ErrorCode } }).error;
      assert.ok(errorCodes.includes(code), `${name}: ${code}`);
      assert.equal(statusOf(code), status, name);
      if (status === 422) refused += 1;
    }
  }
  assert.ok(refused > 100, `${refused} routes refuse it`);
});

test('any page may send events', async () => {
  const origin = 'https://shop.example';
  const answer = await post(server, { customer: 'c', type: 'T' }, { headers: { origin } });
  assert.equal(answer.headers['access-control-allow-origin'], '*');
  assert.equal(answer.headers['access-control-allow-credentials'], undefined);
  const refused = await post(server, {}, { headers: { origin }, key: 'unknown' });
  assert.equal(refused.headers['access-control-allow-origin'], '*', 'it can read why');
  const preflight = await ask(server, '/v1/events', {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,content-encoding',
    },
  });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers['access-control-allow-origin'], '*');
  assert.match(String(preflight.headers['access-control-allow-methods']), /\bPOST\b/);
  const headers = String(preflight.headers['access-control-allow-headers']).toLowerCase();
  for (const name of ['authorization', 'content-type', 'content-encoding']) {
    assert.ok(headers.includes(name), name);
  }
});

test('other routes are open to the listed origins only', async () => {
  const paths = ['/v1/customers/c/tape', '/v1/views', '/v1/keys', '/v1/nothing'];
  for (const path of paths) {
    for (const origin of ['https://shop.example', 'https://desk.example.evil.example', 'null']) {
      const answer = await ask(server, path, { key: admin, headers: { origin } });
      assert.equal(answer.headers['access-control-allow-origin'], undefined, `${origin} ${path}`);
    }
  }
  const listed = 'https://desk.example';
  const answer = await ask(server, '/v1/views', { key: read, headers: { origin: listed } });
  assert.equal(answer.headers['access-control-allow-origin'], listed);
  assert.match(String(answer.headers['vary']), /Origin/i);
});

/** Sends raw bytes and reads what comes until the server ends the connection or has answered. */
async function rawStatus(request: string): Promise<number | 'ended'> {
  const wire = new Wire(server.port);
  try {
    wire.send(request);
    return (await wire.reply().catch(() => undefined))?.status ?? 'ended';
  } finally {
    wire.close();
  }
}

const auth = `Authorization: Bearer ${write}\r\nContent-Type: application/json\r\n`;
const body = '{"customer":"smuggled","type":"T"}';
const length = `Content-Length: ${body.length}\r\n`;

test('heads that two parsers could read differently are refused, and nothing is stored', async () => {
  const heads = [
    `Host: x\r\n${auth}${length}${length}\r\n${body}`,
    `Host: x\r\n${auth}${length}Content-Length: 1\r\n\r\n${body}`,
    `Host: x\r\nHost: y\r\n${auth}${length}\r\n${body}`,
    `Host: x\r\n${auth}${auth}${length}\r\n${body}`,
    `Host: x\r\n${auth}${length}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    `Host: x\r\n${auth}Content-Length: -1\r\n\r\n${body}`,
    `Host: x\r\n${auth}Content-Length: 0x22\r\n\r\n${body}`,
    `Host: x\r\n${auth}Transfer-Encoding: chunked\r\n\r\nzz\r\n${body}\r\n0\r\n\r\n`,
  ];
  for (const head of heads) {
    const status = await rawStatus(`POST /v1/events HTTP/1.1\r\n${head}`);
    assert.ok(status === 400 || status === 'ended', `${status} for ${head}`);
  }
  assert.deepEqual(await tapeIds(server, 'smuggled'), []);
});

test('requests that are none end the connection', async () => {
  const requests = [
    'hello\r\n\r\n',
    'GET /healthz\r\n\r\n',
    '\u0016\u0003\u0001\u0000',
    'GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n',
    'GET /healthz HTTP/1.1\r\n\r\n',
  ];
  for (const request of requests) {
    const wire = new Wire(server.port);
    wire.socket.end(request);
    const reply = await wire.reply().catch(() => undefined);
    assert.ok(reply === undefined || reply.status >= 400, request);
    await wire.ended();
    wire.close();
  }
});

test('large headers are read, huge ones refused', async () => {
  const request = (bytes: number): string =>
    `GET /healthz HTTP/1.1\r\nHost: x\r\nCookie: ${'x'.repeat(bytes)}\r\n\r\n`;
  assert.equal(await rawStatus(request(12_000)), 200);
  const status = await rawStatus(request(200_000));
  assert.ok(status === 431 || status === 'ended', String(status));
  assert.equal((await ask(server, '/healthz')).status, 200);
});

test('a request that trickles in is served, and a refusal reaches a client that closes', async () => {
  const wire = new Wire(server.port);
  const request = `POST /v1/events HTTP/1.1\r\nHost: x\r\n${auth}${length}\r\n`;
  for (const byte of [request, ...body]) {
    await new Promise<void>((resolve) => wire.socket.write(byte, () => resolve()));
  }
  assert.equal((await wire.reply()).status, 200);
  wire.close();
  // Connection: close, and more than the kernel takes: the answer must not be lost with the rest.
  const big = Buffer.alloc(17 * 1024 * 1024, 0x20);
  const headers = { connection: 'close' };
  assert.equal((await post(server, big, { headers })).status, 413);
  assert.equal((await post(server, big, { headers, key: 'unknown' })).status, 401);
  assert.equal((await post(server, big, { headers, key: read })).status, 403);
});

test('connections are kept for further requests', async () => {
  const wire = new Wire(server.port);
  for (const index of count(20)) {
    wire.send(`POST /v1/events HTTP/1.1\r\nHost: x\r\n${auth}${length}\r\n${body}`);
    assert.equal((await wire.reply()).status, 200, String(index));
    wire.send(`GET /v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.equal((await wire.reply()).status, 404);
  }
  wire.close();
});

test('pipelined requests may lose their connection, and harm nobody else', async () => {
  const sent = (id: number): string => {
    const event = `{"id":"${id}","customer":"pipelined","type":"T"}`;
    return `POST /v1/events HTTP/1.1\r\nHost: x\r\n${auth}Content-Length: ${event.length}\r\n\r\n${event}`;
  };
  const wire = new Wire(server.port);
  wire.socket.end(count(5).map(sent).join(''));
  await wire.ended();
  wire.close();
  assert.equal((await ask(server, '/healthz')).status, 200);
  const ids = await tapeIds(server, 'pipelined');
  assert.equal(new Set(ids).size, ids.length);
});

test('connections that say nothing, or stop half way, harm nobody', async () => {
  const idle = count(50).map((index) => {
    const wire = new Wire(server.port);
    if (index % 2 === 0)
      wire.send('POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n');
    return wire;
  });
  for (const _ of count(20)) assert.equal((await ask(server, '/healthz')).status, 200);
  for (const wire of idle) wire.close();
});
