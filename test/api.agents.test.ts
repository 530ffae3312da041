/** Agents and desks as records, where agents are, and their live feeds, on a real server. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { ShownAgent } from '../src/journeys/route/asks.ts';
import { follow, keyOf, present, putAgent } from './support/agents.ts';
import { type FrameSocket, openFrames, refusedUpgrade } from './support/frames.ts';
import { startServer, temporaryDirectory } from './support/server.ts';
import { ask, startTwo } from './support/session.ts';
import { openStreamAt } from './support/stream.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read } = server.keys;
const market = { latitude: 37.7749, longitude: -122.4194 };

function put(path: string, body: unknown) {
  return ask(server, path, { method: 'PUT', key: admin, body: body as object });
}

test('an agent is stored, shown, listed, replaced and deleted', async () => {
  const definition = { name: 'Ann', skills: { licence: 7 }, capacity: 2, channels: ['walkIn'] };
  const made = await put('/v1/agents/ann', definition);
  assert.equal(made.status, 201);
  const shown = { id: 'ann', ...definition, presence: { status: 'offline' }, load: 0 };
  assert.deepEqual(made.json, shown);
  assert.deepEqual((await ask(server, '/v1/agents/ann', { key: admin })).json, shown);
  const changed = await put('/v1/agents/ann', { name: 'Ann B.' });
  assert.equal(changed.status, 200);
  const plain = { id: 'ann', name: 'Ann B.', skills: {}, capacity: 1 };
  assert.deepEqual(changed.json, { ...plain, presence: { status: 'offline' }, load: 0 });
  assert.equal((await ask(server, '/v1/agents/ann', { method: 'DELETE', key: admin })).status, 204);
  for (const method of ['GET', 'DELETE']) {
    assert.equal((await ask(server, '/v1/agents/ann', { method, key: admin })).code, 'not_found');
  }
  const lost = await present(server, 'ann');
  assert.equal(lost.code, 'not_found');
});

test('agents are listed by id, page by page', async () => {
  for (const id of ['p3', 'p1', 'p2', 'p 4/ü']) {
    await putAgent(server, encodeURIComponent(id), { name: id });
  }
  const ids: string[] = [];
  let after = 'p';
  for (let page = 0; page < 2; page++) {
    const answer = await ask(server, `/v1/agents?limit=2&after=${encodeURIComponent(after)}`, {
      key: read,
    });
    const { agents, next } = answer.json as { agents: ShownAgent[]; next: string | null };
    ids.push(...agents.map(({ id }) => id));
    assert.equal(next, page === 0 ? 'p1' : null);
    after = next ?? '';
  }
  assert.deepEqual(ids, ['p 4/ü', 'p1', 'p2', 'p3']);
  for (const query of ['limit=0', 'limit=1001', 'limit=x', 'page=2']) {
    assert.equal((await ask(server, `/v1/agents?${query}`, { key: read })).code, 'invalid', query);
  }
});

test('what is no agent, desk or presence is refused with its place', async () => {
  const bad: [body: unknown, message: RegExp][] = [
    [{}, /^name /],
    [[], /^the body /],
    [{ name: '' }, /^name /],
    [{ name: 'n'.repeat(257) }, /^name /],
    [
      { name: 'A', skills: { licence: 11 } },
      /^skills\.licence must be a whole number from 1 to 10/,
    ],
    [{ name: 'A', skills: { licence: 0 } }, /^skills\.licence /],
    [{ name: 'A', skills: { licence: 1.5 } }, /^skills\.licence /],
    [{ name: 'A', skills: { '': 1 } }, /^a skill /],
    [{ name: 'A', skills: { ['s'.repeat(129)]: 1 } }, /^a skill /],
    [
      {
        name: 'A',
        skills: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`s${i}`, 1])),
      },
      /^skills must be at most 100/,
    ],
    [{ name: 'A', capacity: 0 }, /^capacity /],
    [{ name: 'A', capacity: 101 }, /^capacity /],
    [{ name: 'A', place: { latitude: 91, longitude: 0 } }, /^place /],
    [{ name: 'A', place: { latitude: '1', longitude: 0 } }, /^place /],
    [{ name: 'A', place: { latitude: 1 } }, /^place /],
    [{ name: 'A', channels: [] }, /^channels /],
    [{ name: 'A', channels: ['phone'] }, /^channels /],
    [{ name: 'A', desk: 'nowhere' }, /^desk: there is no desk 'nowhere'/],
    [{ name: 'A', level: 1 }, /unknown member 'level'/],
  ];
  for (const [body, message] of bad) {
    const answer = await put('/v1/agents/bad', body);
    assert.deepEqual([answer.status, answer.code], [422, 'invalid'], JSON.stringify(body));
    assert.match(answer.message!, message);
  }
  const long = encodeURIComponent('ü'.repeat(65));
  assert.equal((await put(`/v1/agents/${long}`, { name: 'A' })).code, 'invalid');
  assert.equal((await put('/v1/agents/a%0Ab', { name: 'A' })).code, 'invalid');
  const desks: unknown[] = [{}, { title: 'D', capacity: 10_001 }, { title: 'D', agents: 1 }];
  for (const body of desks) assert.equal((await put('/v1/desks/bad', body)).code, 'invalid');
  await putAgent(server, 'bad', { name: 'A' });
  const presences = [
    {},
    { status: 'asleep' },
    { status: 'away', ttlSeconds: 0 },
    { status: 'away', ttlSeconds: 86_401 },
    { status: 'away', place: {} },
  ];
  for (const body of presences) {
    assert.equal((await present(server, 'bad', body)).code, 'invalid', JSON.stringify(body));
  }
});

test('a desk is stored, counts who works there, and stays while somebody does', async () => {
  const desk = { title: 'Market Street', place: market, capacity: 3, skills: { spanish: 5 } };
  assert.equal((await put('/v1/desks/market', desk)).status, 201);
  await putAgent(server, 'eve', { name: 'Eve', desk: 'market' });
  const shown = { name: 'market', ...desk, agents: 1, load: 0 };
  assert.deepEqual((await ask(server, '/v1/desks/market', { key: read })).json, shown);
  assert.deepEqual((await ask(server, '/v1/desks', { key: read })).json, { desks: [shown] });
  assert.equal((await put('/v1/desks/market', { title: 'M' })).status, 200);
  const remove = () => ask(server, '/v1/desks/market', { method: 'DELETE', key: admin });
  assert.equal((await remove()).code, 'conflict');
  await putAgent(server, 'eve', { name: 'Eve' });
  assert.equal((await remove()).status, 204);
  assert.equal((await remove()).code, 'not_found');
  assert.equal((await ask(server, '/v1/desks/market', { key: read })).code, 'not_found');
});

test('an agent is where it said while it is connected, and for its time after', async () => {
  await putAgent(server, 'joe', { name: 'Joe' });
  const key = await keyOf(server, 'joe');
  const said = await ask(server, '/v1/agents/joe/presence', {
    key,
    body: { status: 'available', place: market, ttlSeconds: 3600 },
  });
  const { presence } = said.json as ShownAgent;
  assert.equal(presence.status, 'available');
  assert.deepEqual(presence.place, market);
  assert.ok(presence.until !== undefined);
  const feed = await follow(server, 'joe', key);
  const first = await feed.next();
  assert.equal(first.type, 'pending');
  assert.deepEqual(first.offers, []);
  assert.deepEqual(first.agent?.presence, { status: 'available', place: market });
  // Another front's word reaches this one's feed.
  await present(server, 'joe', { status: 'busy', ttlSeconds: 3600 });
  assert.deepEqual(await feed.next(), { type: 'presence', presence: { status: 'busy' } });
  feed.socket.close();
  await feed.socket.closed;
  for (;;) {
    const { presence: now } = (await ask(server, '/v1/agents/joe', { key })).json as ShownAgent;
    if (now.until === undefined) continue;
    assert.equal(now.status, 'busy');
    break;
  }
});

test('presence ends when its time is up', async () => {
  await putAgent(server, 'short', { name: 'Short' });
  await present(server, 'short', { status: 'available', ttlSeconds: 1 });
  for (;;) {
    const { presence } = (await ask(server, '/v1/agents/short', { key: admin })).json as ShownAgent;
    if (presence.status === 'available') continue;
    assert.deepEqual(presence, { status: 'offline' });
    break;
  }
});

test('a feed says by Server-Sent Events what is pending, and that the agent was deleted', async () => {
  await putAgent(server, 'sse', { name: 'S' });
  const key = await keyOf(server, 'sse');
  const headers = { authorization: `Bearer ${key}` };
  const stream = await openStreamAt(server, '/v1/agents/sse/live/sse', headers);
  const first = await stream.next();
  assert.equal(first.event, 'pending');
  await ask(server, '/v1/agents/sse', { method: 'DELETE', key: admin });
  assert.equal((await stream.next()).event, 'deleted');
  assert.deepEqual(await stream.rest(), []);
  const again = await openStreamAt(server, '/v1/agents/sse/live/sse', headers);
  assert.equal((await again.next()).event, 'error');
  assert.deepEqual(await again.rest(), []);
  const socket = await openFrames(server, '/v1/agents/sse/live', { key });
  assert.match((await socket.raw()) as string, /"code":"not_found"/);
  assert.equal((await socket.closed).code, 4011);
});

test('an agent has so many live connections and no more', async () => {
  const one = await startServer({ fronts: 1, shards: 1 });
  const sockets: FrameSocket[] = [];
  try {
    await putAgent(one, 'many', { name: 'M' });
    const path = '/v1/agents/many/live';
    for (let i = 0; i < 10; i++) sockets.push(await openFrames(one, path, { key: one.keys.admin }));
    const refused = await refusedUpgrade(one, path, { key: one.keys.admin });
    assert.deepEqual([refused.status, refused.code], [429, 'rate_limited']);
    sockets.pop()!.close();
    for (;;) {
      const again = await openFrames(one, path, { key: one.keys.admin }).catch(() => undefined);
      if (again === undefined) continue;
      sockets.push(again);
      break;
    }
  } finally {
    for (const socket of sockets) socket.close();
    await one.stop();
  }
});

test('agents, desks and presence outlive the server, stopped or killed', async () => {
  const data = temporaryDirectory();
  for (const how of ['stop', 'kill'] as const) {
    const one = await startServer({ data, fronts: 1, shards: 1 });
    await ask(one, '/v1/desks/d', { method: 'PUT', key: one.keys.admin, body: { title: how } });
    await putAgent(one, how, { name: how, desk: 'd' });
    await present(one, how, { status: 'away', ttlSeconds: 3600 });
    await one[how]();
    const two = await startServer({ data, fronts: 1, shards: 1 });
    const { agents } = (await ask(two, '/v1/agents', { key: two.keys.admin })).json as {
      agents: ShownAgent[];
    };
    const found = agents.find(({ id }) => id === how)!;
    assert.deepEqual([found.presence.status, found.desk], ['away', 'd']);
    const desk = (await ask(two, '/v1/desks/d', { key: two.keys.admin })).json as { title: string };
    assert.equal(desk.title, how);
    await two.stop();
  }
});
