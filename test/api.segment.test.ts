/** The routes of Segment and RudderStack over real sockets: paths, keys, replies, limits, browsers. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { segmentBodyBytesMax } from '../src/http/segment.ts';
import { batchMessagesMax } from '../src/ingest/wire/segment.ts';
import type { TestServer } from './support/server.ts';
import {
  type Answer,
  type Ask,
  ask,
  count,
  fresh,
  sentEvents,
  startTwo,
  tape,
  tapeIds,
} from './support/session.ts';

let server: TestServer;
before(async () => {
  server = await startTwo();
});
after(() => server.stop());

function basic(user: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(user).toString('base64')}` };
}

/** As the libraries send: the key as the user name of Basic. */
function send(path: string, body: Ask['body'], options: Ask = {}): Promise<Answer> {
  const headers = { ...basic(`${server.keys.write}:`), ...options.headers };
  return ask(server, path, { ...options, headers, body });
}

function track(userId: string, messageId: string, more: object = {}): object {
  return { type: 'track', event: 'Bought', userId, messageId, ...more };
}

const paths = [
  ...['track', 't', 'identify', 'i', 'page', 'p', 'screen', 's', 'group', 'g', 'alias', 'a'],
  ...['merge', 'batch', 'b', 'import'],
].flatMap((name) => [`/v1/${name}`, `/v1/${name}/`]);

test('every path stores, with and without a slash, and answers the same', async () => {
  for (const path of [...paths, '/beacon/v1/batch', '/beacon/v1/batch/']) {
    const userId = fresh('path');
    const message = {
      ...track(userId, 'm1'),
      previousId: 'p',
      mergeProperties: [
        { type: 'user', value: userId },
        { type: 'phone', value: '1' },
      ],
    };
    const isBatch = /\/(batch|b|import)\/?$/.test(path);
    const answer = await send(path, isBatch ? { batch: [message] } : message);
    assert.deepEqual([answer.status, answer.text], [200, '{"success":true}'], path);
    assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
    const customer = path.startsWith('/v1/merge') ? `user:${userId}` : userId;
    const ids = (await sentEvents(server, customer)).map(({ id }) => id);
    assert.deepEqual(ids, ['m1'], path);
  }
});

test('the key may stand wherever a library puts it', async () => {
  const { write } = server.keys;
  const writeKey = write;
  const ways: readonly [title: string, options: Ask, path: string, body: object][] = [
    ['Basic', { headers: basic(`${write}:`) }, '/v1/batch', {}],
    ['Basic without a colon', { headers: basic(write) }, '/v1/batch', {}],
    ['in the body', {}, '/v1/batch', { writeKey }],
    ['Bearer beside a key in the body', { key: write }, '/v1/batch', { writeKey: 'else' }],
    ['in the query', {}, `/beacon/v1/batch?writeKey=${write}`, {}],
  ];
  for (const [title, options, path, more] of ways) {
    const userId = fresh('key');
    const body = { ...more, batch: [track(userId, 'm1')] };
    const answer = await ask(server, path, { ...options, body });
    assert.equal(answer.text, '{"success":true}', title);
    const single = { ...track(userId, 'm2'), ...more };
    const alone = await ask(
      server,
      path.replace('beacon/v1/batch', 'v1/track').replace('batch', 'track'),
      { ...options, body: single },
    );
    assert.equal(alone.text, '{"success":true}', title);
    const { events } = await tape(server, userId);
    assert.deepEqual(
      events.map(({ id }) => id),
      ['m2', 'm1'],
    );
    assert.ok(!JSON.stringify(events).includes(write), 'the key is not stored');
  }
});

test('a header wins over a key in the body, and refusals have their code at the top', async () => {
  const body = { writeKey: server.keys.write, batch: [track(fresh('no'), 'm1')] };
  const refusals: readonly [Ask, status: number, code: string][] = [
    [{ headers: basic('unknown:') }, 401, 'unauthorized'],
    [{ key: 'unknown' }, 401, 'unauthorized'],
    [{ headers: basic(`${server.keys.read}:`) }, 403, 'forbidden'],
    [{ body: { ...body, writeKey: server.keys.read } }, 403, 'forbidden'],
    [{ body: { ...body, writeKey: undefined } }, 401, 'unauthorized'],
  ];
  for (const [options, status, code] of refusals) {
    const answer = await ask(server, '/v1/batch', { body, ...options });
    assert.equal(answer.status, status);
    const json = answer.json as { success: boolean; code: string; message: string };
    assert.deepEqual([json.success, json.code, typeof json.message], [false, code, 'string']);
  }
});

test('a batch with some bad messages is a success that names them', async () => {
  const userId = fresh('some');
  const batch = [track(userId, 'm1'), { type: 'page', messageId: 'm2' }, track(userId, 'm3')];
  const answer = await send('/v1/batch', { batch });
  assert.equal(answer.status, 200);
  const message = 'userId or anonymousId is required';
  const rejected = [{ index: 1, id: 'm2', code: 'invalid', message }];
  assert.deepEqual(answer.json, { success: true, rejected });
  assert.deepEqual(await tapeIds(server, userId), ['m3', 'm1']);
  const none = await send('/v1/batch', { batch: [batch[1]] });
  assert.equal(none.status, 400);
  const bad = {
    success: false,
    code: 'invalid',
    message,
    rejected: [{ ...rejected[0], index: 0 }],
  };
  assert.deepEqual(none.json, bad);
});

test('what cannot be read is 400, never 413 or 415', async () => {
  const tooLarge = Buffer.alloc(segmentBodyBytesMax + 1, ' ');
  const bodies: readonly [body: string | Uint8Array, code: string, headers?: Ask['headers']][] = [
    ['{"batch":[', 'malformed'],
    ['', 'malformed'],
    ['[]', 'malformed'],
    ['{"batch":1}', 'malformed'],
    [Buffer.from([0x7b, 0xff, 0x7d]), 'malformed'],
    [tooLarge, 'too_large'],
    [gzipSync(tooLarge), 'too_large', { 'content-encoding': 'gzip' }],
    ['not gzip', 'malformed', { 'content-encoding': 'gzip' }],
    ['{}', 'unsupported_media_type', { 'content-encoding': 'br' }],
  ];
  for (const [body, code, headers] of bodies) {
    const answer = await send('/v1/batch', body, { headers: headers ?? {} });
    assert.equal(answer.status, 400, answer.text);
    assert.equal((answer.json as { code: string }).code, code);
  }
});

test('a message over 32 KiB and those past a full batch are refused by index', async () => {
  const userId = fresh('large');
  const large = track(userId, 'large', { properties: { text: 'x'.repeat(33 * 1024) } });
  const near = track(userId, 'near', { properties: { text: 'x'.repeat(32 * 1024 - 200) } });
  const answer = await send('/v1/batch', { batch: [large, near] });
  assert.equal(answer.status, 200);
  const [first] = (answer.json as { rejected: { index: number; code: string }[] }).rejected;
  assert.deepEqual([first?.index, first?.code], [0, 'too_large']);
  assert.deepEqual(await tapeIds(server, userId), ['near']);
  assert.equal((await send('/v1/track', large)).status, 400);
  const many = count(batchMessagesMax + 1).map((n) => track(fresh('many'), `m${n}`));
  const { rejected } = (await send('/v1/batch', { batch: many })).json as {
    rejected: { index: number; code: string }[];
  };
  assert.deepEqual(
    rejected.map(({ code, index }) => [code, index]),
    [['too_large', batchMessagesMax]],
  );
});

test('a message may ask for the address of its sender', async () => {
  const userId = fresh('direct');
  await send('/v1/track', track(userId, 'm1', { context: { direct: true } }));
  await send('/v1/batch', { batch: [track(userId, 'm2')], context: { direct: true } });
  const { events } = await tape(server, userId);
  for (const { data } of events)
    assert.deepEqual(data?.['context'], { direct: true, ip: '127.0.0.1' });
});

test('gzip is understood whatever the content type says', async () => {
  const userId = fresh('gzip');
  const body = gzipSync(JSON.stringify({ batch: [track(userId, 'm1')] }));
  for (const type of ['application/x-www-form-urlencoded', 'application/octet-stream', 'x']) {
    const answer = await send('/v1/batch', body, { type, headers: { 'content-encoding': 'gzip' } });
    assert.equal(answer.text, '{"success":true}');
  }
  assert.deepEqual(await tapeIds(server, userId), ['m1'], 'sent again it is known');
});

test('what was sent of a visitor, and again of the user who has logged in meanwhile, is stored once', async () => {
  const [userId, anonymousId] = [fresh('user'), fresh('visitor')];
  const timestamp = new Date();
  const page = { messageId: 'm1', anonymousId, timestamp };
  assert.equal((await send('/v1/p', page)).status, 200);
  const headers = { 'x-retry-count': '1' };
  await send('/v1/p', { ...page, userId }, { headers });
  // This one the server has not heard of.
  await send('/v1/p', { ...page, messageId: 'm2', userId }, { headers });
  const [visitor, user] = [
    await sentEvents(server, `anonymous:${anonymousId}`),
    await sentEvents(server, userId),
  ];
  const names = [...visitor, ...user].map(({ customer, id }) => `${customer} ${id}`);
  assert.deepEqual([...new Set(names)].sort(), [`anonymous:${anonymousId} m1`, `${userId} m2`]);
});

test('a wrong clock is put right, a right one is left alone', async () => {
  const userId = fresh('clock');
  const hourMs = 3_600_000;
  const now = Date.now();
  const [at, sentAt] = [new Date(now - 90_000), new Date(now)];
  const behind = (time: Date): string => new Date(time.getTime() - hourMs).toISOString();
  await send('/v1/track', track(userId, 'right', { timestamp: at, sentAt }));
  await send(
    '/v1/track',
    track(userId, 'wrong', { timestamp: behind(at), sentAt: behind(sentAt) }),
  );
  const { events } = await tape(server, userId);
  const timeOf = (id: string): number => events.find((event) => event.id === id)!.time;
  assert.equal(timeOf('right'), at.getTime());
  const lateMs = timeOf('wrong') - at.getTime();
  assert.ok(lateMs >= 0 && lateMs < 60_000, `${lateMs} ms`);
  const wrong = events.find(({ id }) => id === 'wrong')!;
  assert.equal(wrong.data?.['timestamp'], behind(at), 'what was sent is kept');
});

test('a quota is told by 429, with the seconds to wait under both names', async () => {
  const created = await ask(server, '/v1/keys', {
    key: server.keys.admin,
    body: { scopes: ['publish'], quota: { eventsPerSecond: 1 } },
  });
  const { key } = created.json as { key: string };
  const batch = count(50).map((n) => track(fresh('quota'), `m${n}`));
  const headers = basic(`${key}:`);
  assert.equal((await send('/v1/batch', { batch }, { headers })).status, 200);
  const answer = await send('/v1/batch', { batch }, { headers });
  assert.equal(answer.status, 429);
  assert.match(String(answer.headers['retry-after']), /^\d+$/);
  assert.equal(answer.headers['x-ratelimit-reset'], answer.headers['retry-after']);
  assert.equal((answer.json as { code: string }).code, 'rate_limited');
});

test('a page of any origin may send, with the headers it asks for', async () => {
  const wanted = 'anonymousid,authorization,content-type,rsa-retry-attempt,sentat,x-retry-count';
  const origin = 'https://shop.example';
  for (const path of ['/v1/t', '/v1/batch', '/v1/page/', '/v1/m', '/v1/projects/x/settings']) {
    const { headers, status } = await ask(server, path, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': wanted,
      },
    });
    assert.equal(status, 204);
    assert.equal(headers['access-control-allow-origin'], origin);
    assert.equal(headers['access-control-allow-headers'], wanted);
  }
  const answer = await send('/v1/p', { anonymousId: fresh('page') }, { headers: { origin } });
  assert.equal(answer.headers['access-control-allow-origin'], origin);
  const refused = await ask(server, '/v1/p', { headers: { origin }, body: {} });
  assert.equal(refused.status, 401);
  assert.equal(refused.headers['access-control-allow-origin'], origin);
});

test('settings name this server as the place to send to', async () => {
  const { write } = server.keys;
  type Settings = { integrations: Record<string, Record<string, unknown>> };
  const settingsOf = async (headers: Record<string, string>) => {
    const answer = await ask(server, `/v1/projects/${write}/settings`, { headers });
    assert.equal(answer.status, 200);
    return (answer.json as Settings).integrations['Segment.io']!;
  };
  const host = 'tape.example:81';
  const here = await settingsOf({ host });
  assert.deepEqual(
    [here['apiKey'], here['apiHost'], here['protocol']],
    [write, `${host}/v1`, 'http'],
  );
  assert.equal((await settingsOf({ host, origin: 'https://shop.example' }))['protocol'], 'https');
  const behind = { host, origin: 'https://a.example', 'x-forwarded-proto': 'http' };
  assert.equal((await settingsOf(behind))['protocol'], 'http');
  for (const key of ['nobody', server.keys.read]) {
    assert.equal((await ask(server, `/v1/projects/${key}/settings`)).status, 404);
  }
});

test('RudderStack is told that there are no destinations', async () => {
  const query = `?p=npm&v=3&build=modern&writeKey=${server.keys.write}&lockPluginsVersion=true`;
  for (const path of ['/sourceConfig/', '/sourceConfig']) {
    const { json, status } = await ask(server, path + query);
    assert.equal(status, 200);
    const { source } = json as { source: Record<string, unknown> };
    assert.equal(source['enabled'], true);
    assert.deepEqual(source['destinations'], []);
    const basicAnswer = await ask(server, path, { headers: basic(`${server.keys.write}:`) });
    assert.deepEqual(basicAnswer.json, json);
  }
  assert.equal((await ask(server, '/sourceConfig/?writeKey=nobody')).status, 401);
  assert.equal((await ask(server, '/v1/m', { body: { series: [] } })).text, '{"success":true}');
});

test('a pixel is a dot whatever happens, and stores', async () => {
  const anonymousId = fresh('pixel');
  const key = `writeKey=${server.keys.write}`;
  const query = `${key}&anonymousId=${anonymousId}&event=Opened&properties.campaign=spring`;
  for (const [path, status] of [
    [`/pixel/v1/track?${query}`, 200],
    [`/pixel/v1/page/?${key}&anonymousId=${anonymousId}&name=Home`, 200],
    [`/pixel/v1/track?${key}&anonymousId=${anonymousId}`, 400],
    ['/pixel/v1/track?writeKey=nobody', 401],
  ] as const) {
    const answer = await ask(server, path);
    assert.deepEqual([answer.status, answer.headers['content-type']], [status, 'image/gif'], path);
    assert.ok(answer.text.startsWith('GIF89a'));
    assert.match(String(answer.headers['cache-control']), /no-store/);
  }
  const { events } = await tape(server, `anonymous:${anonymousId}`);
  assert.deepEqual(
    events.map(({ channel, data, type }) => [type, channel, data]),
    [
      ['page', 'web', { name: 'Home' }],
      ['Opened', 'web', { properties: { campaign: 'spring' } }],
    ],
  );
});
