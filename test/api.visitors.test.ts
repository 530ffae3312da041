/** Visitors: who a browser is, what is said to it, and that nobody else hears it. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { type ChannelEvent, openChannel } from './support/channel.ts';
import { temporaryDirectory } from './support/server.ts';
import { ask, count, metric, startTwo, until } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read, write } = server.keys;
const publish = await makeKey({ scopes: ['publish'] });

interface Visitor {
  readonly visitor: string;
  readonly token: string;
  readonly expiresAt: number;
  readonly now: number;
  readonly address: string;
}

interface Message {
  readonly id: string;
  readonly kind: string;
  readonly data: Record<string, unknown>;
  readonly sentAt: number;
  readonly expiresAt: number;
  readonly answer?: string;
}

async function makeKey(wish: object, key = admin): Promise<{ id: string; key: string }> {
  const answer = await ask(server, '/v1/keys', { key, body: wish });
  assert.equal(answer.status, 201, answer.text);
  return answer.json as { id: string; key: string };
}

async function welcome(body: object = {}, key = publish.key): Promise<Visitor> {
  const text = JSON.stringify(body);
  const answer = await ask(server, `/v1/visitors?key=${key}`, { body: text, type: 'text/plain' });
  assert.ok([200, 201].includes(answer.status), answer.text);
  return answer.json as Visitor;
}

function messagesPath({ visitor }: { visitor: string }, id = ''): string {
  return `/v1/visitors/${encodeURIComponent(visitor)}/messages${id === '' ? '' : `/${id}`}`;
}

async function send(to: Visitor, message: object, key = admin): Promise<Message> {
  const answer = await ask(server, messagesPath(to), { key, body: message });
  assert.ok([200, 201].includes(answer.status), answer.text);
  return answer.json as Message;
}

async function listed(of: Visitor): Promise<readonly Message[]> {
  const answer = await ask(server, messagesPath(of), { key: admin });
  assert.equal(answer.status, 200, answer.text);
  return (answer.json as { messages: Message[] }).messages;
}

function answerMessage(token: string, id: string, answer = 'accepted') {
  return ask(server, `/v1/visitor/messages/${id}`, { key: token, body: { answer } });
}

const offer = { kind: 'offer', data: { title: '20 % off' } };
const summary = ({ event, data }: ChannelEvent): string => `${event} ${data.id}`;

test('a browser gets an identity of its own, and keeps it by its token', async () => {
  const first = await welcome();
  assert.match(first.visitor, /^cookie:[0-9A-Za-z]{22}$/);
  assert.equal(first.address, '127.0.0.1');
  assert.ok(first.expiresAt > first.now);
  const again = await welcome({ token: first.token });
  assert.equal(again.visitor, first.visitor);
  assert.notEqual((await welcome()).visitor, first.visitor);
  const empty = await ask(server, '/v1/visitors', { key: publish.key, method: 'POST' });
  assert.equal(empty.status, 201, 'no body is a new visitor');
});

test('only keys that may send give identities', async () => {
  const wanted = { method: 'POST' };
  assert.equal((await ask(server, '/v1/visitors', wanted)).status, 401);
  assert.equal((await ask(server, '/v1/visitors', { ...wanted, key: read })).status, 403);
  assert.equal((await ask(server, '/v1/visitors', { ...wanted, key: write })).status, 201);
});

test('a message reaches every page of its visitor, on every front, and nobody else', async () => {
  const [mine, other] = [await welcome(), await welcome()];
  const pages = await Promise.all(count(8).map(() => openChannel(server, mine.token)));
  const stranger = await openChannel(server, other.token);
  for (const page of [...pages, stranger]) assert.equal(page.status, 200);
  await send(mine, { ...offer, id: 'm1' });
  for (const page of pages) {
    const { data, event, id } = await page.next();
    assert.deepEqual([event, id, data.id, data['kind']], ['message', 'm1', 'm1', 'offer']);
    assert.deepEqual(data['data'], offer.data);
  }
  // Whatever was sent to the other one before this arrives before it.
  await send(other, { ...offer, id: 'm2' });
  assert.equal(summary(await stranger.next()), 'message m2');
  assert.equal((await answerMessage(mine.token, 'm1')).status, 204);
  for (const page of pages) assert.equal(summary(await page.next()), 'gone m1');
  for (const page of [...pages, stranger]) page.close();
  await until(async () => (await metric(server, 'visitor_channels')) === 0);
});

test('a message comes again until it is answered; the first answer stands', async () => {
  const mine = await welcome();
  await send(mine, { ...offer, id: 'm1' });
  for (const _ of count(3)) {
    const page = await openChannel(server, mine.token);
    assert.equal(summary(await page.next()), 'message m1');
    page.close();
  }
  assert.equal((await answerMessage(mine.token, 'm1', 'dismissed')).status, 204);
  assert.equal((await answerMessage(mine.token, 'm1', 'accepted')).status, 204);
  assert.equal((await listed(mine))[0]?.answer, 'dismissed');
  const page = await openChannel(server, mine.token);
  await send(mine, { ...offer, id: 'm2' });
  assert.equal(summary(await page.next()), 'message m2', 'm1 does not come again');
  page.close();
  assert.equal((await answerMessage(mine.token, 'none')).code, 'not_found');
  assert.equal((await answerMessage(mine.token, 'm2', 'perhaps')).code, 'invalid');
});

test('sent again under its id a message is the same one, answered or not', async () => {
  const mine = await welcome();
  const first = await send(mine, { ...offer, id: 'm1' });
  const second = await send(mine, { kind: 'offer', data: { title: 'other' }, id: 'm1' });
  assert.deepEqual(second, first);
  await answerMessage(mine.token, 'm1');
  assert.equal((await send(mine, { ...offer, id: 'm1' })).answer, 'accepted');
  const page = await openChannel(server, mine.token);
  await send(mine, { ...offer, id: 'm2' });
  assert.equal(summary(await page.next()), 'message m2');
  page.close();
  const made = await send(mine, offer);
  assert.match(made.id, /^[0-9A-Za-z]{22}$/);
});

test('a message that is withdrawn, or whose time is up, is taken away', async () => {
  const mine = await welcome();
  const page = await openChannel(server, mine.token);
  await send(mine, { ...offer, id: 'm1' });
  await send(mine, { ...offer, id: 'm2', ttlSeconds: 1 });
  assert.deepEqual([summary(await page.next()), summary(await page.next())].sort(), [
    'message m1',
    'message m2',
  ]);
  const gone = await ask(server, messagesPath(mine, 'm1'), { method: 'DELETE', key: admin });
  assert.equal(gone.status, 204);
  assert.equal(summary(await page.next()), 'gone m1');
  assert.equal(summary(await page.next()), 'gone m2');
  assert.equal((await answerMessage(mine.token, 'm2')).code, 'not_found');
  assert.equal((await listed(mine)).length, 1, 'the withdrawn one is remembered');
  const none = await ask(server, messagesPath(mine, 'm9'), { method: 'DELETE', key: admin });
  assert.equal(none.code, 'not_found');
  page.close();
});

test('what is wrong with a message is said', async () => {
  const mine = await welcome();
  const refused: readonly [object, string][] = [
    [{}, 'invalid'],
    [{ kind: 'Offer!', data: {} }, 'invalid'],
    [{ kind: 'offer', data: [] }, 'invalid'],
    [{ ...offer, ttlSeconds: 0 }, 'invalid'],
    [{ ...offer, ttlSeconds: 2_592_001 }, 'invalid'],
    [{ ...offer, id: 'a/b' }, 'invalid'],
    [{ ...offer, extra: 1 }, 'invalid'],
    [{ kind: 'offer', data: { title: 'x'.repeat(8192) } }, 'invalid'],
    [{ kind: 'offer', data: { title: 'x'.repeat(20_000) } }, 'too_large'],
  ];
  for (const [body, code] of refused) {
    const answer = await ask(server, messagesPath(mine), { key: admin, body });
    assert.equal(answer.code, code, JSON.stringify(body).slice(0, 80));
  }
  for (const visitor of ['c1', 'cookie:1', 'ip:127.0.0.1']) {
    const answer = await ask(server, messagesPath({ visitor }), { key: admin, body: offer });
    assert.equal(answer.code, 'invalid', 'only browsers have channels, members have none');
  }
});

test('a visitor has so many messages waiting, and so many channels', async () => {
  const mine = await welcome();
  for (const number of count(20)) await send(mine, { ...offer, id: `m${number}` });
  const body = { ...offer, id: 'm20' };
  const full = await ask(server, messagesPath(mine), { key: admin, body });
  assert.equal(full.code, 'conflict');
  await answerMessage(mine.token, 'm0');
  assert.equal((await ask(server, messagesPath(mine), { key: admin, body })).status, 201);
  const pages = await Promise.all(count(41).map(() => openChannel(server, mine.token)));
  const taken = pages.filter(({ status }) => status === 200).length;
  assert.ok(taken >= 20 && taken <= 40, `${taken} of 41 are open on two fronts`);
  assert.ok(pages.every(({ status }) => status === 200 || status === 429));
  for (const page of pages) page.close();
});

test('a token that is forged, of another visitor or of another workspace opens nothing', async () => {
  const [mine, other] = [await welcome(), await welcome()];
  const made = await ask(server, '/v1/workspaces', { key: admin, body: { name: 'visitors' } });
  const { key: theirs } = (made.json as { key: { key: string } }).key;
  const theirPublish = await makeKey({ scopes: ['publish'] }, theirs);
  const abroad = await welcome({}, theirPublish.key);
  const name = (of: Visitor): string => of.visitor.slice('cookie:'.length);
  const swapped = mine.token.replace(name(mine), name(other));
  const moved = mine.token.replace('vt_1.', 'vt_2.');
  const later = mine.token.replace(/\.([0-9a-z]+)\.([\w-]{43})$/, '.zzzzzzzz.$2');
  const forged = [
    swapped,
    moved,
    later,
    mine.token.slice(0, -1),
    `${mine.token}x`,
    'vt_',
    publish.key,
  ];
  for (const token of [...forged, admin, read]) {
    const page = await openChannel(server, token);
    assert.equal(page.status, 401, token);
    page.close();
    assert.equal((await answerMessage(token, 'm1')).status, 401, token);
  }
  for (const token of forged) {
    const text = JSON.stringify({ token });
    const answer = await ask(server, `/v1/visitors?key=${publish.key}`, {
      body: text,
      type: 'text/plain',
    });
    assert.equal(answer.code, 'unauthorized', token);
  }
  const elsewhere = await ask(server, `/v1/visitors?key=${theirPublish.key}`, {
    body: { token: mine.token },
  });
  assert.equal(elsewhere.code, 'unauthorized', 'a token is of one workspace');
  // The same name in another workspace is another visitor.
  await send(mine, { ...offer, id: 'm1' });
  assert.equal((await ask(server, messagesPath(mine), { key: theirs, body: offer })).status, 201);
  assert.equal((await listed(mine)).length, 1);
  const page = await openChannel(server, abroad.token);
  assert.equal(page.status, 200);
  await send(abroad, { ...offer, id: 'm3' }, theirs);
  assert.equal(summary(await page.next()), 'message m3');
  page.close();
  // A message of one visitor cannot be answered by another.
  assert.equal((await answerMessage(other.token, 'm1')).code, 'not_found');
});

test('a token is no key: it reads no tape, no profile, no stream, and sends nothing', async () => {
  const { token, visitor } = await welcome();
  const tape = `/v1/customers/${encodeURIComponent(visitor)}/tape`;
  const views = `/v1/customers/${encodeURIComponent(visitor)}/views/basic`;
  for (const path of [
    tape,
    views,
    '/v1/live/sse',
    '/v1/views',
    '/v1/keys',
    messagesPath({ visitor }),
  ]) {
    assert.equal((await ask(server, path, { key: token })).status, 401, path);
    assert.equal((await ask(server, `${path}?key=${token}`)).status, 401, path);
  }
  const event = { customer: visitor, type: 'T' };
  assert.equal((await ask(server, '/v1/events', { key: token, body: event })).status, 401);
  const minted = await ask(server, '/v1/tokens', {
    key: token,
    body: { scopes: ['read'], ttlSeconds: 9 },
  });
  assert.equal(minted.status, 401);
  const query = await ask(server, `/v1/visitor/channel?key=${token}`);
  assert.equal(query.status, 401, 'tokens stand in no URL');
  for (const key of [publish.key, write, read]) {
    assert.equal((await ask(server, messagesPath({ visitor }), { key })).status, 403);
  }
});

test('a token dies with its key; the next key makes the browser who it was', async () => {
  const key = await makeKey({ scopes: ['publish'] });
  const mine = await welcome({}, key.key);
  const page = await openChannel(server, mine.token);
  await ask(server, `/v1/keys/${key.id}`, { method: 'DELETE', key: admin });
  await page.ended();
  assert.equal((await openChannel(server, mine.token)).status, 401);
  const again = await welcome({ token: mine.token });
  assert.equal(again.visitor, mine.visitor);
  const reopened = await openChannel(server, again.token);
  assert.equal(reopened.status, 200);
  reopened.close();
});

test('erasing the visitor takes its messages with it', async () => {
  const mine = await welcome();
  const page = await openChannel(server, mine.token);
  await send(mine, { ...offer, id: 'm1' });
  assert.equal(summary(await page.next()), 'message m1');
  const path = `/v1/customers/${encodeURIComponent(mine.visitor)}`;
  assert.equal((await ask(server, path, { method: 'DELETE', key: admin })).status, 202);
  assert.equal(summary(await page.next()), 'gone m1');
  assert.deepEqual(await listed(mine), []);
  page.close();
});

test('pages of any origin may ask, and are told so beforehand', async () => {
  const headers = { origin: 'https://shop.example' };
  for (const path of ['/v1/visitors', '/v1/visitor/channel', '/v1/visitor/messages/m1']) {
    const preflight = await ask(server, path, { method: 'OPTIONS', headers });
    assert.equal(preflight.headers['access-control-allow-origin'], '*', path);
    assert.match(String(preflight.headers['access-control-allow-headers']), /Authorization/);
  }
  const path = messagesPath(await welcome());
  const closed = await ask(server, path, { method: 'OPTIONS', headers });
  assert.equal(closed.headers['access-control-allow-origin'], undefined);
});

test('what waits for a visitor outlives a kill, and so does an answer', async (t) => {
  const data = temporaryDirectory();
  t.after(() => rmSync(data, { recursive: true, force: true }));
  const before = await startTwo({ data });
  const made = await ask(before, '/v1/visitors', { key: write, method: 'POST' });
  const mine = made.json as Visitor;
  for (const id of ['m1', 'm2', 'm3']) {
    const sent = await ask(before, messagesPath(mine), { key: admin, body: { ...offer, id } });
    assert.equal(sent.status, 201);
  }
  const path = '/v1/visitor/messages/m2';
  await ask(before, path, { key: mine.token, body: { answer: 'accepted' } });
  await before.kill();
  const after = await startTwo({ data });
  const page = await openChannel(after, mine.token);
  const got = [summary(await page.next()), summary(await page.next())];
  assert.deepEqual(got.sort(), ['message m1', 'message m3']);
  page.close();
  const { json } = await ask(after, messagesPath(mine), { key: admin });
  assert.equal((json as { messages: Message[] }).messages[1]?.answer, 'accepted');
  assert.equal(await after.stop(), 0, 'an open channel does not hold the server up');
});
