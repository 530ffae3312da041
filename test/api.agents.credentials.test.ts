/**
 * What a credential of an agent opens: that agent's presence, offers and feed. It is taken to every door the
 * server describes, with names that exist, to other agents and to other workspaces.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { keyOf, putAgent } from './support/agents.ts';
import { doors, fill } from './support/doors.ts';
import { openFrames, refusedUpgrade } from './support/frames.ts';
import { ask, fresh, startTwo, store } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read, write } = server.keys;

await ask(server, '/v1/views/basic', {
  method: 'PUT',
  key: admin,
  body: { fields: [{ name: 'n', event: '*', type: 'count' }] },
});
await putAgent(server, 'a1', { name: 'Ann' });
await putAgent(server, 'a2', { name: 'Bob' });
await store(server, [{ customer: 'c1', type: 'T', data: { secret: 'of-the-customer' } }]);
const key = await keyOf(server, 'a1');
const own = '/v1/agents/a1';

/** What may be opened: by an agent's key for itself, and tokens for itself. */
const opened = new Set([
  'GET /v1/agents/{id}',
  'POST /v1/agents/{id}/presence',
  'GET /v1/agents/{id}/offers',
  'POST /v1/agents/{id}/offers/{offer}/accept',
  'POST /v1/agents/{id}/offers/{offer}/decline',
  'POST /v1/agents/{id}/offers/{offer}/complete',
  'GET /v1/agents/{id}/live',
  'GET /v1/agents/{id}/live/sse',
]);

test('an agent’s key opens its own doors and no other of the server', async () => {
  const names = { customer: 'c1', name: 'basic', identity: 'c1', type: 'T' };
  let shut = 0;
  for (const { body, isSocket, method, path } of await doors(server)) {
    const door = `${method} ${path}`;
    const url = fill(path, { ...names, id: 'a1' });
    if (opened.has(door)) continue;
    if (isSocket) {
      const { code, status } = await refusedUpgrade(server, url, { key });
      assert.equal(`${status} ${code}`, '403 forbidden', door);
      continue;
    }
    const answer = await ask(server, url, {
      method,
      key,
      type: body?.type,
      body: body?.example as object | undefined,
    });
    assert.ok(!answer.text.includes('of-the-customer'), door);
    // A visitor's door takes no key; a token is asked for more than an agent may hand on.
    assert.ok([401, 403].includes(answer.status), `${door}: ${answer.status} ${answer.text}`);
    shut += 1;
  }
  assert.ok(shut > 60, `${shut} doors were tried`);
});

test('it opens its own, and none of another agent, there or not', async () => {
  assert.equal((await ask(server, own, { key })).status, 200);
  assert.equal((await ask(server, `${own}/offers`, { key })).status, 200);
  (await openFrames(server, `${own}/live`, { key })).close();
  for (const id of ['a2', 'missing', 'A1', 'a1 ', 'a1%00']) {
    const other = `/v1/agents/${encodeURIComponent(id)}`;
    const tries: [method: string, path: string, body?: object][] = [
      ['GET', other],
      ['GET', `${other}/offers`],
      ['GET', `${other}/live/sse`],
      ['POST', `${other}/presence`, { status: 'available' }],
      ['POST', `${other}/offers/x/accept`],
      ['POST', `${other}/offers/x/decline`],
      ['POST', `${other}/offers/x/complete`, { outcome: 'x' }],
    ];
    for (const [method, path, body] of tries) {
      const answer = await ask(server, path, { method, key, body });
      assert.equal(`${answer.status} ${answer.code}`, '403 forbidden', `${method} ${path}`);
    }
    const { code } = await refusedUpgrade(server, `${other}/live`, { key });
    assert.equal(code, 'forbidden');
  }
});

test('an offer that is not there or not its own is answered alike', async () => {
  for (const way of ['accept', 'decline', 'complete']) {
    const answer = await ask(server, `${own}/offers/r%2Fnone/${way}`, { method: 'POST', key });
    assert.equal(`${answer.status} ${answer.code}`, '409 conflict', way);
  }
  const long = await ask(server, `${own}/offers/${'x'.repeat(257)}/accept`, {
    method: 'POST',
    key,
  });
  assert.equal(long.code, 'invalid');
});

test('an agent of the same name in another workspace is another agent', async () => {
  const made = await ask(server, '/v1/workspaces', { key: admin, body: { name: fresh('w') } });
  const theirs = (made.json as { key: { key: string } }).key.key;
  const body = { agent: 'a1' };
  const stranger = await ask(server, '/v1/keys', { key: theirs, body });
  const { key: foreign } = stranger.json as { key: string };
  assert.equal((await ask(server, own, { key: foreign })).code, 'not_found');
  const away = { status: 'away', ttlSeconds: 60 };
  const presence = await ask(server, `${own}/presence`, { key: foreign, body: away });
  assert.equal(presence.code, 'not_found');
  const list = await ask(server, '/v1/agents', { key: theirs });
  assert.deepEqual(list.json, { agents: [], next: null });
});

test('tokens: an agent hands on itself alone, an administrator any agent, others none', async () => {
  const token = (wish: object, by: string) =>
    ask(server, '/v1/tokens', { key: by, body: { ttlSeconds: 60, ...wish } });
  const mine = await token({ agent: 'a1' }, key);
  assert.equal(mine.status, 201);
  const { token: text } = mine.json as { token: string };
  assert.equal((await ask(server, `${own}/offers`, { key: text })).status, 200);
  assert.equal((await ask(server, '/v1/agents/a2/offers', { key: text })).code, 'forbidden');
  (await openFrames(server, `${own}/live?key=${text}`)).close();
  assert.equal((await token({ agent: 'a2' }, key)).code, 'forbidden');
  assert.equal((await token({ scopes: ['read'] }, key)).code, 'forbidden');
  assert.equal((await token({ agent: 'a1' }, text)).code, 'forbidden', 'a token makes no token');
  assert.equal((await token({ agent: 'a2' }, admin)).status, 201);
  for (const other of [read, write]) {
    assert.equal((await token({ agent: 'a1' }, other)).code, 'forbidden');
  }
  const senseless = [{ agent: '' }, { agent: 'a1', scopes: ['read'] }, { scopes: ['agent'] }, {}];
  for (const wish of [...senseless, { agent: 'a1', views: ['basic'] }]) {
    assert.equal((await token(wish, admin)).code, 'invalid', JSON.stringify(wish));
  }
});

test('a key that is taken back ends the agent’s feed', async () => {
  const made = await ask(server, '/v1/keys', { key: admin, body: { agent: 'a1' } });
  const { id, key: gone } = made.json as { id: string; key: string };
  const socket = await openFrames(server, `${own}/live`, { key: gone });
  await socket.raw();
  await ask(server, `/v1/keys/${id}`, { method: 'DELETE', key: admin });
  assert.equal((await socket.closed).code, 1008);
  assert.equal((await ask(server, own, { key: gone })).code, 'unauthorized');
});
