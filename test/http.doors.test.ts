/** What all doors for foreign clients share: where a key may stand, compression, limits, origins, refusals. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { errorReply, jsonReply } from '../src/http/reply.ts';
import { type Door, keylessBytesMax, wireRoute } from '../src/http/wire.ts';
import { readJson } from '../src/ingest/wire/json.ts';
import type { WireItem } from '../src/ingest/wire/store.ts';
import { AppError } from '../src/std/errors.ts';
import { keys, serveFront, startedAt } from './support/front.ts';
import { temporaryDirectory } from './support/server.ts';
import { ManualClock, ShardKit } from './support/shardkit.ts';

const directory = temporaryDirectory();
const kit = new ShardKit({ directory, shards: 1, clock: new ManualClock(startedAt) });

interface Body {
  readonly writeKey?: string;
  readonly items: readonly WireItem[];
}

/** How often the items of a body were asked for. */
let makings = 0;

const door: Door = {
  method: 'post',
  path: '/v1/foreign',
  query: 'any',
  keys: { basic: true, query: ['writeKey'], body: true },
  cors: 'echo',
  bodyBytesMax: 3 * 1024 * 1024,
  read({ body }) {
    const { items, writeKey } = readJson(body) as Body;
    return {
      key: writeKey,
      items() {
        makings += 1;
        return items;
      },
    };
  },
  answer: ({ accepted, rejected }, { headers, query }) =>
    jsonReply(200, { accepted, rejected, seen: headers.get('x-own'), q: query.one('q') }),
};
/** One that wants its refusals in a shape of its own. */
const shaped: Door = {
  ...door,
  path: '/v1/shaped',
  query: [],
  keys: {},
  refusal(error, front) {
    const { body, ...reply } = errorReply(error, front.log);
    const { code } = (JSON.parse(String(body)) as { error: { code: string } }).error;
    return { ...reply, status: 400, body: JSON.stringify({ success: false, code }) };
  },
};
const ingest = () => kit.ingest;
const server = await serveFront([wireRoute(door, ingest), wireRoute(shaped, ingest)]);
after(async () => {
  server.close();
  await kit.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Call {
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Body | Uint8Array;
}

async function call({ body = { items: [] }, headers = {}, path = '/v1/foreign' }: Call) {
  const bytes = body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body));
  const response = await fetch(server.url + path, { method: 'POST', headers, body: bytes });
  const json = (await response.json()) as Record<string, unknown> & { error?: { code: string } };
  return { status: response.status, headers: response.headers, json, code: json.error?.code };
}

function basic(text: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(text).toString('base64')}` };
}

test('a key may stand wherever the door says, and the header wins over the query and the body', async () => {
  const { admin, publish, read, write } = keys;
  const cases: [Call, number][] = [
    [{ headers: { authorization: `Bearer ${write}` } }, 200],
    [{ headers: basic(`${write}:`) }, 200],
    [{ headers: basic(write) }, 200],
    [{ headers: basic(`${publish}:secret`) }, 200],
    [{ path: `/v1/foreign?key=${write}` }, 200],
    [{ path: `/v1/foreign?writeKey=${admin}&q=1` }, 200],
    [{ body: { items: [], writeKey: write } }, 200],
    [{ body: { items: [] } }, 401],
    [{ body: { items: [], writeKey: 'wk_nobody' } }, 401],
    [{ body: { items: [], writeKey: read } }, 403],
    [{ headers: basic(`${read}:`), body: { items: [], writeKey: write } }, 403],
    [{ headers: basic(':'), body: { items: [], writeKey: write } }, 401],
    [{ headers: { authorization: 'Basic' }, body: { items: [], writeKey: write } }, 401],
    [{ headers: basic(`${read}:`), path: `/v1/foreign?key=${write}` }, 403],
    [{ path: `/v1/foreign?key=${read}`, body: { items: [], writeKey: write } }, 403],
    [{ path: '/v1/shaped', headers: basic(`${write}:`) }, 400],
  ];
  for (const [given, status] of cases) {
    assert.equal((await call(given)).status, status, JSON.stringify(given));
  }
});

test('a body gives no items until it is known whose they are and that they may send', async () => {
  const before = makings;
  for (const key of [undefined, 'wk_nobody', keys.read]) {
    await call({ body: { items: [], ...(key !== undefined && { writeKey: key }) } });
  }
  assert.equal(makings, before);
  const limits = [{ owner: 'k', slot: 0, eventsPerSecond: 1, bytesPerSecond: undefined }];
  const { directory: known, quotas } = server.front;
  const unlimited = known.limits;
  known.limits = () => limits;
  quotas.charge(limits, 100, 0);
  const refused = await call({ body: { items: [], writeKey: keys.write } });
  known.limits = unlimited;
  assert.deepEqual([refused.status, makings], [429, before]);
  await call({ body: { items: [], writeKey: keys.write } });
  assert.equal(makings, before + 1);
});

test('every header reaches the door, and any query where it says so', async () => {
  const headers = { authorization: `Bearer ${keys.write}`, 'X-Own': 'yes' };
  const { json } = await call({ path: '/v1/foreign?q=a%20b&whatever=1', headers });
  assert.deepEqual([json['seen'], json['q']], ['yes', 'a b']);
  assert.equal((await call({ path: '/v1/shaped?q=1', headers })).json['code'], 'invalid');
});

test('bodies may be compressed; one whose key is inside is smaller', async () => {
  const headers = { authorization: `Bearer ${keys.write}` };
  const gzip = { 'content-encoding': 'gzip' };
  const body = (bytes: number, key: string): Buffer =>
    Buffer.from(JSON.stringify({ items: [], writeKey: key, pad: 'x'.repeat(bytes) }));
  const large = body(keylessBytesMax, keys.write);
  const sent = async (bytes: Uint8Array, more: Record<string, string>) =>
    (await call({ body: bytes, headers: more })).status;
  assert.equal(await sent(gzipSync(body(100, keys.write)), gzip), 200);
  assert.equal(await sent(gzipSync(large), { ...gzip, ...headers }), 200);
  assert.equal(await sent(gzipSync(large), gzip), 413);
  assert.equal(await sent(large, {}), 413);
  assert.equal(await sent(large, headers), 200);
  assert.equal(await sent(Buffer.from('no gzip'), { ...gzip, ...headers }), 400);
  assert.equal(await sent(large, { ...headers, 'content-encoding': 'br' }), 415);
  assert.equal(await sent(Buffer.alloc(3 * 1024 * 1024 + 1), headers), 413);
  assert.equal(await sent(Buffer.from('{'), headers), 400);
});

test('events are stored and refused by index; the answer waits for the commit', async () => {
  const items: WireItem[] = [
    { id: 'a', customer: 'c', type: 'T' },
    { id: 'b', customer: undefined, type: 'T' },
  ];
  let isAnswered = false;
  const answer = call({ headers: basic(`${keys.write}:`), body: { items } }).then((given) => {
    isAnswered = true;
    return given;
  });
  while (kit.ingest.pending === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isAnswered, false);
  await kit.commit();
  const { json } = await answer;
  assert.equal(json['accepted'], 1);
  assert.equal((json['rejected'] as { index: number }[])[0]!.index, 1);
  assert.equal(kit.scan({ customer: 'c' }).length, 1);
});

test('when something could not be written the sender is told to send all of it again', async () => {
  kit.faults[0]!.before = new AppError('unavailable', 'no room');
  const items = [
    { id: 'u', customer: 'c', type: 'T' },
    { id: 'v', customer: 'c', type: '' },
  ];
  const answer = call({ headers: basic(`${keys.write}:`), body: { items } });
  while (kit.ingest.pending === 0) await new Promise((resolve) => setImmediate(resolve));
  await kit.commit();
  const { code, headers, status } = await answer;
  assert.deepEqual([status, code, headers.get('retry-after')], [503, 'unavailable', '1']);
  kit.faults[0] = {};
  await kit.retry();
});

test('a front that cannot take events says so before it reads any', async () => {
  server.front.current = { status: 'draining', reason: 'bye' };
  const { code, status } = await call({ headers: basic(`${keys.write}:`) });
  server.front.current = { status: 'ready' };
  assert.deepEqual([status, code], [503, 'unavailable']);
});

test('a door may shape every refusal, also those made before it is asked', async () => {
  const path = '/v1/shaped';
  const bearer = { authorization: `Bearer ${keys.write}` };
  const cases: [Call, string][] = [
    [{ path }, 'unauthorized'],
    [{ path, headers: { authorization: `Bearer ${keys.read}` } }, 'forbidden'],
    [{ path, headers: bearer, body: Buffer.from('{') }, 'malformed'],
    [{ path, headers: bearer, body: Buffer.alloc(4 * 1024 * 1024) }, 'too_large'],
  ];
  for (const [given, code] of cases) {
    const answer = await call(given);
    assert.deepEqual([answer.status, answer.json], [400, { success: false, code }]);
  }
});

test('pages of any origin may send, with cookies and headers of their own', async () => {
  const origin = 'https://shop.example';
  const preflight = await fetch(`${server.url}/v1/foreign`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'anonymousid,sentat,sp-anonymous',
    },
  });
  assert.equal(preflight.status, 204);
  const allowed = (name: string) => preflight.headers.get(`access-control-allow-${name}`);
  assert.deepEqual(
    [allowed('origin'), allowed('credentials'), allowed('headers')],
    [origin, 'true', 'anonymousid,sentat,sp-anonymous'],
  );
  const { headers } = await call({ headers: { origin } });
  assert.equal(headers.get('access-control-allow-origin'), origin, 'it can read why');
  assert.equal(headers.get('vary'), 'Origin');
});
