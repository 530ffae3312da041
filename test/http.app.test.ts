/** The routes over a real socket: credentials, parameters, definitions, errors, CORS. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainRoutes } from '../src/http/app.ts';
import type { Demand } from '../src/http/auth.ts';
import { AppError, type ErrorCode, errorCodes } from '../src/std/errors.ts';
import { sumMetrics } from '../src/std/metrics.ts';
import { call, echo, tapePath } from './support/call.ts';
import { keys, serveFront } from './support/front.ts';

test('every route wants a credential and the right scope, and nothing else does', async (t) => {
  const server = await serveFront([echo]);
  t.after(() => server.close());
  const may: Record<Exclude<Demand, 'any' | 'publish'>, readonly (keyof typeof keys)[]> = {
    write: ['write', 'publish', 'admin'],
    read: ['read', 'narrowed', 'admin'],
    decide: ['admin'],
    agent: ['agent', 'admin'],
    admin: ['admin'],
    server: ['server'],
  };
  const everyone = Object.keys(keys).filter((key) => key !== 'other') as (keyof typeof keys)[];
  for (const { method, path, scope, narrowed, secret } of [...plainRoutes, echo]) {
    if (scope === 'none' || scope === 'publish') continue;
    const url = path.replace('{customer}', 'c1').replace('{name}', 'basic').replace('{id}', 'x');
    const body = method === 'post' || method === 'put' ? '{}' : null;
    const base = { method: method.toUpperCase(), body };
    const anonymous = await call(server, url, base);
    assert.deepEqual([anonymous.status, anonymous.code], [401, 'unauthorized'], `${method} ${url}`);
    assert.equal(anonymous.headers.get('www-authenticate'), 'Bearer');
    const unknown = await call(server, url, { ...base, headers: { authorization: 'Bearer nope' } });
    assert.equal(unknown.status, 401);
    if (scope === 'visitor') {
      // No key is a visitor's token, however much it may do.
      for (const key of everyone) {
        assert.equal((await call(server, url, { ...base, key })).status, 401, `${url} ${key}`);
      }
      continue;
    }
    const allowed = scope === 'any' ? everyone : may[scope];
    for (const key of everyone) {
      const isSecret = secret === true && key === 'publish';
      const isNarrow = key === 'narrowed' && narrowed !== true;
      const isAllowed = allowed.includes(key) && !isSecret && !isNarrow;
      const answer = await call(server, url, { ...base, key });
      assert.equal(answer.code === 'forbidden', !isAllowed, `${method} ${url} ${key}`);
      assert.notEqual(answer.status, 401);
    }
  }
});

test('the scheme is read in any case, and a key in the query counts only where it is meant to', async (t) => {
  const server = await serveFront([echo]);
  t.after(() => server.close());
  const lower = { authorization: `bEaReR   ${keys.read}` };
  assert.equal((await call(server, tapePath, { headers: lower })).status, 200);
  const basic = { authorization: `Basic ${keys.read}` };
  assert.equal((await call(server, tapePath, { headers: basic })).status, 401);
  assert.equal((await call(server, `${tapePath}?key=${keys.read}`)).status, 401);
  const post = { method: 'POST', body: 'abc' };
  assert.equal((await call(server, `/v1/echo?key=${keys.write}`, post)).status, 200);
  assert.equal((await call(server, `/v1/echo?key=${keys.read}`, post)).status, 403);
  assert.equal((await call(server, `/v1/echo?key=&`, post)).status, 401);
  // A header wins, so that a page cannot be made to use another's key.
  const wrong = { ...post, headers: { authorization: 'Bearer nope' } };
  assert.equal((await call(server, `/v1/echo?key=${keys.write}`, wrong)).status, 401);
});

test('a narrowed key reads its views and learns nothing of others', async (t) => {
  const server = await serveFront();
  t.after(() => server.close());
  const key = 'narrowed';
  assert.equal((await call(server, '/v1/customers/c1/views/basic', { key })).status, 200);
  assert.equal((await call(server, '/v1/views/basic', { key })).status, 200);
  for (const name of ['secret', 'missing']) {
    assert.equal((await call(server, `/v1/views/${name}`, { key })).code, 'forbidden');
    assert.equal((await call(server, `/v1/customers/c1/views/${name}`, { key })).code, 'forbidden');
  }
  const list = JSON.parse((await call(server, '/v1/views', { key })).text) as { views: unknown[] };
  assert.equal(list.views.length, 1);
  assert.equal((await call(server, tapePath, { key })).code, 'forbidden');
});

test('the workspace comes from the credential alone', async (t) => {
  const server = await serveFront();
  t.after(() => server.close());
  await call(server, `${tapePath}?limit=7`, { key: 'other' });
  assert.equal(server.front.tapeQueries[0]?.workspace, 2);
  assert.equal((await call(server, '/v1/views/basic', { key: 'other' })).code, 'not_found');
  await call(server, '/v1/keys/k_read', { key: 'other', method: 'DELETE' });
  assert.deepEqual(server.front.commands, [{ kind: 'deleteKey', workspace: 2, id: 'k_read' }]);
});

test('path parameters are percent-decoded, and bad encodings refused', async (t) => {
  const server = await serveFront();
  t.after(() => server.close());
  const names = ['a/b', 'é 100%', 'a+b', '日本', 'x:y@z?#', '%41'];
  for (const name of names) {
    const answer = await call(server, `/v1/customers/${encodeURIComponent(name)}/tape`, {
      key: 'read',
    });
    assert.equal(answer.status, 200, name);
  }
  assert.deepEqual(
    server.front.tapeQueries.map((query) => query.customer),
    names,
  );
  for (const bad of ['%', '%zz', '%ff', '%c3%28', 'a%2']) {
    const answer = await call(server, `/v1/customers/${bad}/tape`, { key: 'read' });
    assert.deepEqual([answer.status, answer.code], [400, 'malformed'], bad);
  }
  const long = 'é'.repeat(129);
  assert.equal((await call(server, `/v1/customers/${long}/tape`, { key: 'read' })).status, 422);
  assert.equal((await call(server, '/v1/customers//tape', { key: 'read' })).status, 404);
});

test('the tape’s parameters arrive as they were meant', async (t) => {
  const server = await serveFront();
  t.after(() => server.close());
  const query =
    'limit=1000&before=abc&since=2025-11-21T15:46:40%2B00:00&until=1763740000001&type=A&type=B%20C&channel=web';
  assert.equal((await call(server, `${tapePath}?${query}`, { key: 'read' })).status, 200);
  assert.deepEqual(server.front.tapeQueries[0], {
    workspace: 1,
    customer: 'c1',
    limit: 1000,
    before: 'abc',
    since: 1763740000000,
    until: 1763740000001,
    types: ['A', 'B C'],
    channels: ['web'],
    form: 'json',
  });
  await call(server, tapePath, { key: 'read' });
  assert.equal(server.front.tapeQueries[1]?.limit, 50);
  // The plus of an offset that nobody escaped.
  await call(server, `${tapePath}?since=2025-11-21T16:46:40+01:00`, { key: 'read' });
  assert.equal(server.front.tapeQueries[2]?.since, 1763740000000);
});

test('parameters against a rule are invalid, and say which', async (t) => {
  const server = await serveFront();
  t.after(() => server.close());
  const bad = [
    'limit=0',
    'limit=1001',
    'limit=1.5',
    'limit=',
    'limit=-1',
    'limit=1&limit=2',
    'since=yesterday',
    'until=2025-02-30T00:00:00Z',
    'before=',
    'type=',
    `type=${'x'.repeat(129)}`,
    `channel=${'x'.repeat(65)}`,
    'typ=A',
    Array.from({ length: 101 }, () => 'type=A').join('&'),
  ];
  for (const query of bad) {
    const answer = await call(server, `${tapePath}?${query}`, { key: 'read' });
    assert.deepEqual([answer.status, answer.code], [422, 'invalid'], query);
  }
  assert.equal(server.front.tapeQueries.length, 0);
  assert.equal((await call(server, `${tapePath}?type=%zz`, { key: 'read' })).code, 'malformed');
});

test('views answer with fresh and asOf', async (t) => {
  const server = await serveFront();
  t.after(() => server.close());
  const path = '/v1/customers/c1/views/basic';
  await call(server, `${path}?fresh=1&asOf=1763740000000`, { key: 'read' });
  await call(server, `${path}?fresh=1`, { key: 'read' });
  await call(server, path, { key: 'read' });
  const readings = server.front.readings.map((each) => [each.freshness, each.views[0]?.name]);
  assert.deepEqual(readings, [
    [1763740000000, 'basic'],
    ['fresh', 'basic'],
    ['snapshot', 'basic'],
  ]);
  assert.equal((await call(server, `${path}?fresh=yes`, { key: 'read' })).code, 'invalid');
  assert.equal(
    (await call(server, '/v1/customers/c1/views/none', { key: 'read' })).code,
    'not_found',
  );
});

test('definitions are checked, changed by the main thread, and shown without secrets', async (t) => {
  const server = await serveFront();
  t.after(() => server.close());
  const json = { 'content-type': 'application/json; charset=utf-8' };
  const send = (method: string, path: string, body: unknown, key: keyof typeof keys = 'admin') =>
    call(server, path, { method, body: JSON.stringify(body), headers: json, key });
  const template = { fields: [{ name: 'Logins', event: 'Login', type: 'count' }] };
  const stored = await send('PUT', '/v1/views/new%20one', template);
  assert.equal(stored.status, 201);
  assert.deepEqual(server.front.commands.at(-1), {
    kind: 'putView',
    workspace: 1,
    name: 'new one',
    template,
  });
  assert.equal((await send('PUT', '/v1/views/basic', template)).status, 200);
  assert.equal((await send('PUT', '/v1/views/basic', { fields: [] })).code, 'invalid');
  assert.equal((await send('PUT', `/v1/views/${'x'.repeat(129)}`, template)).code, 'invalid');
  const made = await send('POST', '/v1/keys', { scopes: ['read'], views: ['basic'], name: 'desk' });
  assert.equal(made.status, 201);
  assert.equal((JSON.parse(made.text) as { key: string }).key, 'rk_new');
  assert.deepEqual(server.front.commands.at(-1), {
    kind: 'createKey',
    workspace: 1,
    name: 'desk',
    scopes: ['read'],
    views: ['basic'],
  });
  const list = await call(server, '/v1/keys', { key: 'admin' });
  assert.ok(list.text.includes('k_read') && !list.text.includes('hash'));
  assert.ok(!list.text.includes('k_other'));
  const workspace = await send('POST', '/v1/workspaces', { name: 'acme' }, 'server');
  assert.equal(workspace.status, 201);
  const shown = JSON.parse(workspace.text) as { workspace: object; key: { key: string } };
  assert.deepEqual(Object.keys(shown.workspace), ['id', 'name', 'createdAt']);
  assert.equal(shown.key.key, 'ak_new');
  for (const path of ['/v1/keys/k_read', '/v1/views/basic']) {
    const gone = await call(server, path, { method: 'DELETE', key: 'admin' });
    assert.deepEqual([gone.status, gone.text], [204, '']);
  }
});

test('bad definitions are refused with the place named', async (t) => {
  const server = await serveFront();
  t.after(() => server.close());
  const json = { 'content-type': 'application/json' };
  const keyBody = async (body: string, headers: Record<string, string> = json) => {
    const answer = await call(server, '/v1/keys', { method: 'POST', body, headers, key: 'admin' });
    return `${answer.status} ${answer.text}`;
  };
  assert.match(await keyBody('{'), /^400 .*malformed/);
  assert.match(await keyBody('[]'), /^422 .*the body must be an object/);
  assert.match(await keyBody('{}'), /^422 .*scopes is required/);
  assert.match(await keyBody('{"scopes":["root"]}'), /^422 .*scopes\[0\] must be one of write/);
  assert.match(await keyBody('{"scopes":["read"],"extra":1}'), /^422 .*unknown member 'extra'/);
  assert.match(await keyBody('{"scopes":[]}'), /^422 /);
  assert.match(await keyBody('{"scopes":["server"]}'), /^403 /);
  assert.match(await keyBody('{"scopes":["read","write"],"views":["a"]}'), /^422 /);
  assert.match(await keyBody('{"scopes":["read"]}', { 'content-type': 'text/plain' }), /^415 /);
  const long = JSON.stringify({ scopes: ['read'], name: 'x'.repeat(70_000) });
  assert.match(await keyBody(long), /^413 .*too_large/);
  assert.equal(server.front.commands.length, 0);
});

test('a token does what it was made for, ends in time, and makes no further one', async (t) => {
  const server = await serveFront([echo]);
  t.after(() => server.close());
  const json = { 'content-type': 'application/json' };
  const body = JSON.stringify({ scopes: ['read'], ttlSeconds: 300 });
  const mint = { method: 'POST', body, headers: json };
  const made = await call(server, '/v1/tokens', { ...mint, key: 'read' });
  assert.equal(made.status, 201);
  const { token } = JSON.parse(made.text) as { token: string };
  const headers = { authorization: `Bearer ${token}` };
  assert.equal((await call(server, tapePath, { headers })).status, 200);
  assert.equal((await call(server, '/v1/echo', { method: 'POST', body: '', headers })).status, 403);
  const again = await call(server, '/v1/tokens', { ...mint, headers: { ...json, ...headers } });
  assert.equal(again.code, 'forbidden');
  assert.equal((await call(server, '/v1/tokens', { ...mint, key: 'write' })).code, 'forbidden');
  server.front.nowMs += 300_000;
  assert.equal((await call(server, tapePath, { headers })).status, 401);
});

test('each code has its status, and each retryable one says when', async (t) => {
  const server = await serveFront();
  t.after(() => server.close());
  const statuses: Record<ErrorCode, number> = {
    unauthorized: 401,
    forbidden: 403,
    not_found: 404,
    cursor_expired: 410,
    malformed: 400,
    unsupported_media_type: 415,
    too_large: 413,
    invalid: 422,
    conflict: 409,
    rate_limited: 429,
    overloaded: 503,
    unavailable: 503,
    internal: 500,
  };
  for (const code of errorCodes) {
    server.front.tape = () => {
      throw new AppError(code, 'why', { retryAfterSeconds: 1.2 });
    };
    const answer = await call(server, tapePath, { key: 'read' });
    assert.deepEqual([answer.status, answer.code], [statuses[code], code]);
    const retry = ['rate_limited', 'overloaded', 'unavailable'].includes(code) ? '2' : null;
    assert.equal(answer.headers.get('retry-after'), retry);
    assert.equal(answer.headers.get('content-type'), 'application/json; charset=utf-8');
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    assert.equal(answer.headers.get('cache-control'), 'no-store');
  }
});

test('a bug is logged and answered without a detail', async (t) => {
  const server = await serveFront();
  t.after(() => server.close());
  for (const fail of [
    () => Promise.reject(new Error('secret detail')),
    () => {
      throw new TypeError('secret detail');
    },
  ]) {
    server.front.tape = fail;
    const answer = await call(server, tapePath, { key: 'read' });
    assert.deepEqual([answer.status, answer.code], [500, 'internal']);
    assert.ok(!answer.text.includes('secret'));
  }
  assert.equal(server.front.logged.filter((line) => line.includes('secret detail')).length, 2);
});

test('unknown paths and methods answer 404, the latter with Allow', async (t) => {
  const server = await serveFront([echo]);
  t.after(() => server.close());
  for (const path of ['/nothing', '/v1', '/v1/customers/c1', '/v1/identity/c1', '/v1/nothing']) {
    const answer = await call(server, path, { key: 'admin' });
    assert.deepEqual([answer.status, answer.code], [404, 'not_found'], path);
  }
  const answer = await call(server, '/v1/views/basic', { method: 'PATCH', key: 'admin' });
  assert.deepEqual([answer.status, answer.headers.get('allow')], [404, 'GET, HEAD, PUT, DELETE']);
  const socket = await call(server, '/v1/live', { key: 'read' });
  assert.match(socket.text, /not_found.*open a WebSocket here/);
  const stream = await call(server, '/v1/live/sse', { method: 'POST', key: 'read' });
  assert.deepEqual([stream.status, stream.headers.get('allow')], [404, 'GET']);
  const root = await call(server, '/');
  assert.deepEqual([root.status, root.headers.get('location')], [302, '/docs']);
});

test('any page may call ingest, and only listed origins the rest', async (t) => {
  const server = await serveFront([echo]);
  t.after(() => server.close());
  const origin = { origin: 'https://shop.example' };
  const preflight = { method: 'OPTIONS', headers: origin };
  const asked = await call(server, '/v1/echo', preflight);
  assert.equal(asked.status, 204);
  assert.equal(asked.headers.get('access-control-allow-origin'), '*');
  assert.match(asked.headers.get('access-control-allow-headers') ?? '', /Content-Encoding/);
  assert.match(asked.headers.get('access-control-allow-methods') ?? '', /POST/);
  // Refusals too, or a page could not read why.
  const refused = await call(server, '/v1/echo', { method: 'POST', body: '', headers: origin });
  assert.deepEqual(
    [refused.status, refused.headers.get('access-control-allow-origin')],
    [401, '*'],
  );
  assert.equal(refused.headers.get('access-control-allow-credentials'), null);

  const closed = await call(server, tapePath, { key: 'read', headers: origin });
  assert.equal(closed.headers.get('access-control-allow-origin'), null);
  server.front.corsOrigins = ['https://shop.example'];
  const open = await call(server, tapePath, { key: 'read', headers: origin });
  assert.equal(open.headers.get('access-control-allow-origin'), 'https://shop.example');
  assert.equal(open.headers.get('vary'), 'Origin');
  const allowed = await call(server, tapePath, preflight);
  assert.equal(allowed.headers.get('access-control-allow-origin'), 'https://shop.example');
  for (const other of ['https://shop.example.evil', 'http://shop.example', 'null']) {
    const answer = await call(server, tapePath, { key: 'read', headers: { origin: other } });
    assert.equal(answer.headers.get('access-control-allow-origin'), null);
    assert.equal(answer.headers.get('vary'), 'Origin');
  }
});

test('health and metrics need no key and tell the truth', async (t) => {
  const server = await serveFront();
  t.after(() => server.close());
  assert.equal((await call(server, '/healthz')).text, '{"status":"ready"}');
  await call(server, '/nothing');
  server.front.metrics.add('events_accepted_total', 12);
  const answer = await call(server, '/metrics');
  assert.match(answer.headers.get('content-type') ?? '', /^text\/plain/);
  assert.match(answer.text, /^tapeline_events_accepted_total 12$/m);
  assert.match(answer.text, /^# TYPE tapeline_inflight_bytes gauge$/m);
  assert.match(answer.text, /^tapeline_http_requests_total 3$/m);
  assert.match(answer.text, /^tapeline_http_errors_total 1$/m);
  assert.match(answer.text, /^tapeline_process_resident_memory_bytes \d+$/m);
  assert.equal(sumMetrics(server.front.metricsMemory).get('http_requests_total'), 3);
});
