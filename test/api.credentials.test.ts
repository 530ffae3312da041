/** Who may do what: keys, scopes, tokens, narrowed keys, and workspaces that never see each other. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openFrames, openLive, refusedUpgrade } from './support/frames.ts';
import { ask, count, fresh, type Page, post, startTwo, tape, tapePath } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read, write } = server.keys;
const view = { fields: [{ name: 'n', event: '*', type: 'count' }] };
for (const name of ['basic', 'full']) await put(name, admin);

function put(name: string, key: string) {
  return ask(server, `/v1/views/${name}`, { method: 'PUT', key, body: view });
}

interface MadeKey {
  readonly id: string;
  readonly key: string;
  readonly scopes: readonly string[];
  readonly views?: readonly string[];
  readonly name: string;
}

async function makeKey(wish: object, key = admin): Promise<MadeKey> {
  const answer = await ask(server, '/v1/keys', { key, body: wish });
  assert.equal(answer.status, 201, answer.text);
  return answer.json as MadeKey;
}

async function makeToken(wish: object, key: string): Promise<string> {
  const answer = await ask(server, '/v1/tokens', { key, body: wish });
  assert.equal(answer.status, 201, answer.text);
  return (answer.json as { token: string }).token;
}

async function makeWorkspace(name: string): Promise<{ id: string; key: string }> {
  const answer = await ask(server, '/v1/workspaces', { key: admin, body: { name } });
  assert.equal(answer.status, 201, answer.text);
  const made = answer.json as { workspace: { id: string; name: string }; key: MadeKey };
  assert.equal(made.workspace.name, name);
  assert.deepEqual(made.key.scopes, ['admin']);
  return { id: made.workspace.id, key: made.key.key };
}

const doors: { scope: string; method: string; path: string; body?: object }[] = [
  { scope: 'write', method: 'POST', path: '/v1/events', body: { customer: 'c', type: 'T' } },
  { scope: 'read', method: 'GET', path: '/v1/customers/c/tape' },
  { scope: 'read', method: 'GET', path: '/v1/customers/c/views/basic' },
  { scope: 'read', method: 'GET', path: '/v1/views' },
  { scope: 'read', method: 'GET', path: '/v1/views/basic' },
  { scope: 'agent', method: 'GET', path: '/v1/agents/none/offers' },
  { scope: 'admin', method: 'PUT', path: '/v1/views/basic', body: view },
  { scope: 'admin', method: 'DELETE', path: '/v1/views/none' },
  { scope: 'admin', method: 'DELETE', path: '/v1/customers/none' },
  { scope: 'admin', method: 'GET', path: '/v1/erasures' },
  { scope: 'admin', method: 'POST', path: '/v1/keys', body: { scopes: ['read'] } },
  { scope: 'admin', method: 'GET', path: '/v1/keys' },
  { scope: 'admin', method: 'DELETE', path: '/v1/keys/none' },
  { scope: 'admin', method: 'PUT', path: '/v1/keys/none/quota', body: {} },
  { scope: 'server', method: 'POST', path: '/v1/workspaces', body: { name: '' } },
  { scope: 'server', method: 'GET', path: '/v1/workspaces' },
  { scope: 'server', method: 'DELETE', path: '/v1/workspaces/none' },
  { scope: 'server', method: 'PUT', path: '/v1/workspaces/none/retention', body: {} },
  { scope: 'server', method: 'PUT', path: '/v1/workspaces/none/quota', body: {} },
];

const grants: Record<string, readonly string[]> = {
  write: ['write'],
  publish: ['write'],
  read: ['read'],
  agent: ['agent'],
  admin: ['write', 'read', 'agent', 'admin'],
  server: ['server'],
};

test('each scope opens its doors and no others', async () => {
  for (const [scope, opened] of Object.entries(grants)) {
    const agent = scope === 'agent' ? { agent: 'none' } : {};
    const { key } = await makeKey({ scopes: [scope], name: scope, ...agent });
    for (const { body, method, path, scope: wanted } of doors) {
      const answer = await ask(server, path, { method, key, body });
      const seen = `${scope} at ${method} ${path}: ${answer.status} ${answer.code}`;
      if (opened.includes(wanted)) assert.ok(![401, 403].includes(answer.status), seen);
      else assert.equal(`${answer.status} ${answer.code}`, '403 forbidden', seen);
    }
  }
});

const streams = ['/v1/ingest', '/v1/live', '/v1/live/sse'];
const opens: Record<string, readonly string[]> = {
  write: ['/v1/ingest'],
  publish: ['/v1/ingest'],
  read: ['/v1/live', '/v1/live/sse'],
  agent: [],
  admin: streams,
  server: [],
};

/** `200 ` when a socket or stream opens; otherwise the refusal. */
async function opened(path: string, key: string): Promise<string> {
  if (path.endsWith('/sse')) {
    const response = await fetch(`${server.url}${path}?key=${encodeURIComponent(key)}`);
    await response.body?.cancel();
    return String(response.status);
  }
  const socket = await openFrames(server, path, { key }).catch(() => undefined);
  socket?.close();
  return socket === undefined
    ? String((await refusedUpgrade(server, path, { key })).status)
    : '200';
}

test('each scope opens its sockets and streams and no others', async () => {
  for (const [scope, paths] of Object.entries(opens)) {
    const agent = scope === 'agent' ? { agent: 'none' } : {};
    const { key } = await makeKey({ scopes: [scope], ...agent });
    const token = await makeToken({ scopes: [scope], ttlSeconds: 300, ...agent }, key);
    for (const path of streams) {
      const expected = paths.includes(path) ? '200' : '403';
      for (const each of [key, token])
        assert.equal(await opened(path, each), expected, `${scope} ${path}`);
    }
  }
});

test('without a key, or with an unknown one, every door is shut', async () => {
  for (const { body, method, path } of doors) {
    for (const key of [undefined, 'unknown', '', 'tk_forged.forged', 'x'.repeat(5000)]) {
      const answer = await ask(server, path, { method, key, body });
      assert.equal(`${answer.status} ${answer.code}`, '401 unauthorized', `${method} ${path}`);
      assert.equal(answer.headers['www-authenticate'], 'Bearer');
    }
  }
});

test('the header is Authorization: Bearer, in any case, and nothing else', async () => {
  const path = '/v1/customers/c/tape';
  for (const value of [`Bearer ${read}`, `bearer ${read}`, `BEARER  ${read}`]) {
    assert.equal((await ask(server, path, { headers: { authorization: value } })).status, 200);
  }
  for (const value of [read, `Basic ${read}`, `Bearer ${read} x`, 'Bearer', `Token ${read}`]) {
    const answer = await ask(server, path, { headers: { authorization: value } });
    assert.equal(answer.status, 401, value);
  }
});

test('?key= works where headers cannot be set, and nowhere else', async () => {
  const body = { customer: 'beacon', type: 'T' };
  const beacon = await ask(server, `/v1/events?key=${write}`, { body });
  assert.equal(beacon.status, 200);
  const text = JSON.stringify(body);
  const plain = await ask(server, `/v1/events?key=${write}`, { body: text, type: 'text/plain' });
  assert.equal(plain.status, 200);
  assert.equal((await ask(server, `/v1/events?key=${read}`, { body })).status, 403);
  assert.equal((await ask(server, '/v1/events?key=unknown', { body })).status, 401);
  const header = await ask(server, `/v1/events?key=${write}`, { body, key: 'unknown' });
  assert.equal(header.status, 401, 'the header wins');
  for (const { method, path, body: sent } of doors.slice(1)) {
    const answer = await ask(server, `${path}?key=${admin}`, { method, body: sent });
    assert.equal(answer.status, 401, `${method} ${path}`);
  }
  const sockets = [`/v1/ingest?key=${write}`, `/v1/live?key=${read}`];
  for (const path of sockets) (await openFrames(server, path)).close();
  const sse = await fetch(`${server.url}/v1/live/sse?key=${read}`);
  assert.equal(sse.status, 200);
  await sse.body?.cancel();
});

test('a socket with a bad credential is refused at the upgrade', async () => {
  const cases: [path: string, key: string | undefined, refusal: string][] = [
    ['/v1/ingest', undefined, '401 unauthorized'],
    ['/v1/ingest', 'unknown', '401 unauthorized'],
    ['/v1/ingest', read, '403 forbidden'],
    ['/v1/ingest?key=unknown', undefined, '401 unauthorized'],
    [`/v1/ingest?key=${read}`, undefined, '403 forbidden'],
    ['/v1/live', undefined, '401 unauthorized'],
    ['/v1/live', 'unknown', '401 unauthorized'],
    ['/v1/live', write, '403 forbidden'],
    [`/v1/live?key=${write}`, undefined, '403 forbidden'],
  ];
  for (const [path, key, expected] of cases) {
    const { code, status } = await refusedUpgrade(server, path, { key });
    assert.equal(`${status} ${code}`, expected, path);
  }
  for (const [key, status] of [
    [write, 403],
    ['unknown', 401],
  ] as const) {
    assert.equal((await ask(server, '/v1/live/sse', { key })).status, status);
  }
  assert.equal((await ask(server, '/v1/live/sse')).status, 401);
});

test('a key is shown once, listed without its secret, and gone when deleted', async () => {
  const made = await makeKey({ scopes: ['read'], views: ['basic'], name: 'level 1 desk' });
  assert.deepEqual(made.scopes, ['read']);
  assert.deepEqual(made.views, ['basic']);
  const listed = await ask(server, '/v1/keys', { key: admin });
  const { keys } = listed.json as { keys: MadeKey[] };
  const entry = keys.find(({ id }) => id === made.id);
  assert.equal(entry?.name, 'level 1 desk');
  for (const secret of [made.key, write, read, admin]) assert.ok(!listed.text.includes(secret));
  const path = '/v1/customers/c/views/basic';
  assert.equal((await ask(server, path, { key: made.key })).status, 200);
  // Path parameters are percent-decoded.
  const encoded = made.id.replace(/./g, (char) => `%${char.charCodeAt(0).toString(16)}`);
  const deleted = await ask(server, `/v1/keys/${encoded}`, { method: 'DELETE', key: admin });
  assert.equal(deleted.status, 204);
  // In force on every front: connections are spread over both.
  for (const _ of count(8)) {
    assert.equal((await ask(server, path, { key: made.key })).status, 401);
  }
  const again = await ask(server, `/v1/keys/${made.id}`, { method: 'DELETE', key: admin });
  assert.equal(`${again.status} ${again.code}`, '404 not_found');
});

test('a key narrowed to views reads them and nothing else', async () => {
  const { key } = await makeKey({ scopes: ['read'], views: ['basic'] });
  const cases: [path: string, status: number][] = [
    ['/v1/customers/c/views/basic', 200],
    ['/v1/customers/c/views/full', 403],
    ['/v1/customers/c/views/none', 403],
    ['/v1/views/basic', 200],
    ['/v1/views/full', 403],
    ['/v1/customers/c/tape', 403],
    ['/v1/live/sse', 403],
  ];
  for (const [path, status] of cases) {
    assert.equal((await ask(server, path, { key })).status, status, path);
  }
  const { views } = (await ask(server, '/v1/views', { key })).json as { views: { name: string }[] };
  assert.deepEqual(
    views.map(({ name }) => name),
    ['basic'],
  );
  assert.equal((await refusedUpgrade(server, '/v1/live', { key })).status, 403);
  const token = await makeToken({ scopes: ['read'], ttlSeconds: 60 }, key);
  assert.equal((await ask(server, '/v1/customers/c/tape', { key: token })).status, 403);
  assert.equal((await ask(server, '/v1/customers/c/views/basic', { key: token })).status, 200);
});

test('bad keys, tokens and workspaces are refused with the place named', async () => {
  const cases: [path: string, body: object | string, answer: string, message: RegExp][] = [
    ['/v1/keys', {}, '422 invalid', /scopes is required/],
    ['/v1/keys', { scopes: [] }, '422 invalid', /scopes/],
    ['/v1/keys', { scopes: ['root'] }, '422 invalid', /one of/],
    ['/v1/keys', { scopes: ['write'], views: ['basic'] }, '422 invalid', /views/],
    ['/v1/keys', { scopes: ['read'], views: [] }, '422 invalid', /views/],
    ['/v1/keys', { scopes: ['read'], foo: 1 }, '422 invalid', /foo/],
    ['/v1/keys', { scopes: ['read', 'read'] }, '422 invalid', /scopes/],
    ['/v1/keys', { scopes: ['read'], name: 'x'.repeat(129) }, '422 invalid', /name/],
    ['/v1/keys', '{', '400 malformed', /JSON/],
    ['/v1/tokens', { scopes: ['read'] }, '422 invalid', /ttlSeconds is required/],
    ['/v1/tokens', { scopes: ['read'], ttlSeconds: 0 }, '422 invalid', /ttlSeconds/],
    ['/v1/tokens', { scopes: ['read'], ttlSeconds: 1.5 }, '422 invalid', /ttlSeconds/],
    ['/v1/tokens', { scopes: ['read'], ttlSeconds: 86_401 }, '422 invalid', /from 1 to 86400/],
    ['/v1/tokens', { ttlSeconds: 60 }, '422 invalid', /scopes is required/],
    ['/v1/tokens', '[', '400 malformed', /JSON/],
    ['/v1/workspaces', {}, '422 invalid', /name is required/],
    ['/v1/workspaces', { name: '' }, '422 invalid', /name/],
    ['/v1/workspaces', { name: 'x'.repeat(129) }, '422 invalid', /name/],
    ['/v1/workspaces', { name: 'n', id: 'w' }, '422 invalid', /id/],
    ['/v1/workspaces', { name: 'default' }, '409 conflict', /name/],
    ['/v1/workspaces', 'acme', '400 malformed', /JSON/],
  ];
  for (const [path, body, expected, message] of cases) {
    const answer = await ask(server, path, { key: admin, body, type: 'application/json' });
    assert.equal(`${answer.status} ${answer.code}`, expected, answer.text);
    assert.match(answer.message ?? '', message);
  }
});

test('names and times at their limits are taken', async () => {
  const name = 'x'.repeat(128);
  assert.equal((await makeKey({ scopes: ['read'], name })).name, name);
  const { id } = await makeWorkspace(name);
  await ask(server, `/v1/workspaces/${id}`, { method: 'DELETE', key: admin });
  for (const ttlSeconds of [1, 300, 86_400]) {
    const before = Date.now();
    const body = { scopes: ['read'], ttlSeconds };
    const { json } = await ask(server, '/v1/tokens', { key: read, body });
    const { expiresAt } = json as { expiresAt: number };
    const made = expiresAt - ttlSeconds * 1000;
    assert.ok(made >= before && made <= Date.now(), `${ttlSeconds} s end at ${expiresAt}`);
  }
});

test('a token can do what it was made for, at most what its key can, and dies with it', async () => {
  const parent = await makeKey({ scopes: ['read'] });
  const token = await makeToken({ scopes: ['read'], ttlSeconds: 300 }, parent.key);
  assert.equal((await ask(server, '/v1/customers/c/tape', { key: token })).status, 200);
  assert.equal((await post(server, {}, { key: token })).status, 403);
  (await openFrames(server, `/v1/live?key=${encodeURIComponent(token)}`)).close();
  const pageToken = await makeToken({ scopes: ['publish'], ttlSeconds: 60 }, write);
  const body = { customer: 'page', type: 'T' };
  assert.equal((await ask(server, `/v1/events?key=${pageToken}`, { body })).status, 200);
  (await openFrames(server, `/v1/ingest?key=${pageToken}`)).close();
  assert.equal((await ask(server, '/v1/views', { key: pageToken })).status, 403);
  for (const scopes of [['write'], ['admin'], ['read', 'publish']]) {
    const wish = { scopes, ttlSeconds: 300 };
    const answer = await ask(server, '/v1/tokens', { key: parent.key, body: wish });
    assert.equal(`${answer.status} ${answer.code}`, '403 forbidden');
  }
  const wish = { scopes: ['read'], ttlSeconds: 300 };
  assert.equal((await ask(server, '/v1/tokens', { key: token, body: wish })).status, 403);
  const changed = `${token.slice(0, 10)}${token[10] === 'A' ? 'B' : 'A'}${token.slice(11)}`;
  assert.equal((await ask(server, '/v1/customers/c/tape', { key: changed })).status, 401);
  await ask(server, `/v1/keys/${parent.id}`, { method: 'DELETE', key: admin });
  assert.equal((await ask(server, '/v1/customers/c/tape', { key: token })).status, 401);
});

test('a token ends with its time', async () => {
  const token = await makeToken({ scopes: ['read'], ttlSeconds: 1 }, read);
  let status = 200;
  while (status === 200) status = (await ask(server, '/v1/views', { key: token })).status;
  assert.equal(status, 401);
});

test('workspaces are made, listed and deleted by the scope server alone', async () => {
  const { id, key } = await makeWorkspace('made');
  const names = async (): Promise<string[]> => {
    const { json } = await ask(server, '/v1/workspaces', { key: admin });
    return (json as { workspaces: { name: string }[] }).workspaces.map(({ name }) => name);
  };
  assert.deepEqual(await names(), ['default', 'made']);
  assert.equal((await ask(server, '/v1/workspaces', { key })).status, 403);
  const elevated = await ask(server, '/v1/keys', { key, body: { scopes: ['server'] } });
  assert.equal(elevated.status, 403);
  const remove = () => ask(server, `/v1/workspaces/${id}`, { method: 'DELETE', key: admin });
  assert.equal((await remove()).status, 204);
  assert.equal((await remove()).status, 404);
  assert.deepEqual(await names(), ['default']);
  assert.equal((await ask(server, '/v1/views', { key })).status, 401);
});

test('workspaces do not see each other: tape, views, live, cursors, keys, duplicates', async () => {
  const other = (await makeWorkspace('other')).key;
  const customer = fresh('shared');
  const event = { id: 'same', customer, type: 'T' };
  const live = await openLive(server);
  const foreign = await openFrames(server, '/v1/live', { key: other });
  const one = await post(server, { ...event, data: { of: 'default' } });
  const two = await post(server, { ...event, data: { of: 'other' } }, { key: other });
  for (const { text } of [one, two]) {
    assert.equal(text, '{"accepted":1,"duplicates":0,"rejected":[]}');
  }
  assert.deepEqual((await live.live()).event.data, { of: 'default' });
  assert.deepEqual((await foreign.live()).event.data, { of: 'other' });
  const own = await tape(server, customer);
  const theirs = (await ask(server, tapePath(customer), { key: other })).json as Page;
  assert.deepEqual(own.events[0]!.data, { of: 'default' });
  assert.equal(theirs.events.length, 1);
  assert.deepEqual(theirs.events[0]!.data, { of: 'other' });
  // A cursor of one workspace is only a place in the other's: nothing of its events comes with it.
  const replay = await openFrames(server, '/v1/live?from=earliest', { key: other });
  assert.deepEqual((await replay.live()).event.data, { of: 'other' });
  const before = `before=${own.events[0]!.cursor}`;
  const crossed = (await ask(server, tapePath(customer, before), { key: other })).json as Page;
  assert.ok(crossed.events.every(({ data }) => data?.['of'] === 'other'));
  assert.equal((await ask(server, '/v1/views/basic', { key: other })).status, 404);
  assert.equal((await put('basic', other)).status, 201);
  const counted = await ask(server, `/v1/customers/${customer}/views/basic`, { key: other });
  assert.match(counted.text, /"value":1,/);
  const { keys } = (await ask(server, '/v1/keys', { key: other })).json as { keys: MadeKey[] };
  assert.equal(keys.length, 1);
  const { keys: ours } = (await ask(server, '/v1/keys', { key: admin })).json as {
    keys: MadeKey[];
  };
  const path = `/v1/keys/${ours[0]!.id}`;
  assert.equal((await ask(server, path, { method: 'DELETE', key: other })).status, 404);
  for (const socket of [live, foreign, replay]) socket.close();
});

test('an open socket ends when its key is taken back', async () => {
  const made = await makeKey({ scopes: ['read', 'write'] });
  const sockets = await Promise.all([
    openFrames(server, '/v1/live', { key: made.key }),
    openFrames(server, '/v1/ingest', { key: made.key }),
  ]);
  await ask(server, `/v1/keys/${made.id}`, { method: 'DELETE', key: admin });
  await Promise.all(sockets.map(({ closed }) => closed));
});
