/** Live views over WebSocket and Server-Sent Events: at once, and again whenever the answer is another. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, test } from 'node:test';
import { type FrameSocket, openFrames, refusedUpgrade } from './support/frames.ts';
import { ask, fresh, metric, startTwo, store, until } from './support/session.ts';
import { putView, showView, type ViewAnswer } from './support/views.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read } = server.keys;

const countT = { name: 'n', event: 'T', type: 'count' };
const lastV = { name: 'last', event: 'T', attribute: 'v', type: 'last' };

function livePath(customer: string, view: string, query = ''): string {
  return `/v1/customers/${encodeURIComponent(customer)}/views/${view}/live${query}`;
}

async function follow(customer: string, view: string, key = read): Promise<FrameSocket> {
  return openFrames(server, livePath(customer, view), { key });
}

async function answerOf(socket: FrameSocket): Promise<ViewAnswer> {
  return JSON.parse((await socket.raw()) as string) as ViewAnswer;
}

/** Takes answers until one has these values. Another one that has to come never does: the test hangs and fails. */
async function untilValues(socket: FrameSocket, values: readonly unknown[]): Promise<ViewAnswer> {
  for (;;) {
    const answer = await answerOf(socket);
    const found = answer.fields.map(({ value }) => value);
    if (JSON.stringify(found) === JSON.stringify(values)) return answer;
  }
}

async function makeView(body: object): Promise<string> {
  const name = fresh('live');
  const answer = await putView(server, name, body);
  assert.equal(answer.status, 201, answer.text);
  return name;
}

test('a view is sent at once and again when an event changes it, as it is read', async () => {
  const name = await makeView({ fields: [countT, lastV] });
  const customer = fresh('ada');
  await store(server, [{ customer, type: 'T', data: { v: 1 } }]);
  const socket = await follow(customer, name);
  const first = await answerOf(socket);
  assert.deepEqual(first.fields, (await showView(server, customer, name)).fields);
  assert.equal(`${first.customer} ${first.view}`, `${customer} ${name}`);
  for (let n = 2; n <= 5; n++) {
    await store(server, [{ customer, type: 'T', data: { v: n } }]);
    const answer = await answerOf(socket);
    assert.deepEqual(
      answer.fields.map(({ value }) => value),
      [n, n],
    );
    assert.ok(answer.asOf >= first.asOf);
  }
  socket.close();
});

test('what changes nothing is not sent, and neither is anything of others', async () => {
  const name = await makeView({ fields: [countT] });
  const customer = fresh('ada');
  const socket = await follow(customer, name);
  await untilValues(socket, [0]);
  await store(server, [
    { customer, type: 'Other' },
    { customer: fresh('bob'), type: 'T' },
  ]);
  await store(server, [{ customer, type: 'T' }]);
  assert.deepEqual((await answerOf(socket)).fields[0]?.value, 1);
  assert.equal(socket.messages.length, 0);
  socket.close();
});

test('followers of one view share what is sent; each gets all of it', async () => {
  const name = await makeView({ fields: [countT] });
  const customer = fresh('ada');
  const sockets = await Promise.all(Array.from({ length: 8 }, () => follow(customer, name)));
  for (const socket of sockets) await untilValues(socket, [0]);
  await store(server, [{ customer, type: 'T' }]);
  for (const socket of sockets) await untilValues(socket, [1]);
  const late = await follow(customer, name);
  assert.equal((await answerOf(late)).fields[0]?.value, 1);
  for (const socket of [...sockets, late]) socket.close();
  await until(async () => (await metric(server, 'live_views')) === 0);
});

test('many events at once come as few answers, the last of which is right', async () => {
  const name = await makeView({ fields: [countT] });
  const customer = fresh('busy');
  const socket = await follow(customer, name);
  await untilValues(socket, [0]);
  const batches = Array.from({ length: 40 }, () =>
    Array.from({ length: 50 }, () => ({ customer, type: 'T' })),
  );
  const sent = await metric(server, 'live_view_answers_total');
  await Promise.all(batches.map((batch) => store(server, batch)));
  await untilValues(socket, [2000]);
  const answers = (await metric(server, 'live_view_answers_total')) - sent;
  assert.ok(answers <= 200, `${answers} answers for 2000 events`);
  socket.close();
});

test('a follower that takes nothing gets the latest when it does', async () => {
  const name = await makeView({
    fields: [{ name: 'all', event: 'T', attribute: 'text', limit: 25, type: 'value' }],
  });
  const customer = fresh('slow');
  const [slow, quick] = [await follow(customer, name), await follow(customer, name)];
  await answerOf(slow);
  slow.tcp.pause();
  const text = 'x'.repeat(25_000);
  let last = '';
  for (let n = 0; n < 60; n++) {
    last = `${n} ${text}`;
    await store(server, [{ customer, type: 'T', data: { text: last } }]);
    // The quick one has it, so the view was read again; the slow one's socket has filled up long before.
    while (((await answerOf(quick)).fields[0]!.value as string[] | null)?.[0] !== last);
  }
  slow.tcp.resume();
  let taken = 0;
  for (;;) {
    taken += 1;
    if (((await answerOf(slow)).fields[0]!.value as string[])[0] === last) break;
  }
  assert.ok(taken < 60, `${taken} answers`);
  slow.close();
  quick.close();
});

test('an answer that is too large ends those who follow it, and says so', async () => {
  const name = await makeView({
    fields: [{ name: 'all', event: 'T', attribute: 'text', type: 'value' }],
  });
  const customer = fresh('large');
  const socket = await follow(customer, name);
  await untilValues(socket, [null]);
  const text = 'x'.repeat(30_000);
  await store(
    server,
    Array.from({ length: 36 }, () => ({ customer, type: 'T', data: { text } })),
  );
  const reason = 'the answer is too large to be followed';
  assert.deepEqual(await socket.closed, { code: 4011, reason });
  const [field] = (await showView(server, customer, name)).fields;
  assert.equal(field!.events, 36, 'it can be read');
});

test('a match that grows too old, and an event dated ahead, change the view by themselves', async () => {
  const name = await makeView({ fields: [{ ...countT, lookback: '4s' }] });
  const customer = fresh('ages');
  const socket = await follow(customer, name);
  await untilValues(socket, [0]);
  const now = Date.now();
  await store(server, [{ customer, type: 'T', time: now + 1000 }]);
  const came = await untilValues(socket, [1]);
  assert.ok(came.asOf >= now + 1000, 'not before its time');
  const went = await untilValues(socket, [0]);
  assert.ok(went.asOf > now + 5000, 'not before it is too old');
  socket.close();
});

test('an erasure and another template change the view; a deleted one ends it', async () => {
  const name = await makeView({ snapshot: '30m', fields: [countT] });
  const customer = fresh('gone');
  await store(server, [{ customer, type: 'T' }]);
  const socket = await follow(customer, name);
  await untilValues(socket, [1]);
  await store(server, [{ customer, type: 'T' }]);
  await untilValues(socket, [2]);
  await ask(server, `/v1/customers/${customer}`, { method: 'DELETE', key: admin });
  await untilValues(socket, [0]);
  await putView(server, name, { fields: [{ name: 'u', event: 'U', type: 'count' }] });
  await store(server, [{ customer, type: 'U' }]);
  await untilValues(socket, [1]);
  await ask(server, `/v1/views/${name}`, { method: 'DELETE', key: admin });
  assert.deepEqual(await socket.closed, { code: 4011, reason: 'the view was deleted' });
});

test('a role sees live what it sees otherwise; another role or a key taken back ends it', async () => {
  const name = await makeView({ fields: [lastV] });
  const customer = fresh('masked');
  await store(server, [{ customer, type: 'T', data: { v: '12345678' } }]);
  const putRole = (body: object) =>
    ask(server, '/v1/roles/live', { method: 'PUT', key: admin, body });
  await putRole({ views: [name], masks: [{ attribute: 'v', as: 'last4' }] });
  const body = { scopes: ['read'], role: 'live' };
  const made = (await ask(server, '/v1/keys', { key: admin, body })).json as {
    id: string;
    key: string;
  };
  const socket = await follow(customer, name, made.key);
  await untilValues(socket, ['****5678']);
  await store(server, [{ customer, type: 'T', data: { v: '12349999' } }]);
  await untilValues(socket, ['****9999']);
  await putRole({ views: [name], masks: [{ attribute: 'v', as: 'hide' }] });
  assert.equal((await socket.closed).code, 1008);
  const again = await follow(customer, name, made.key);
  await untilValues(again, [null]);
  await ask(server, `/v1/keys/${made.id}`, { method: 'DELETE', key: admin });
  assert.equal((await again.closed).code, 1008);
});

test('who may not read the view cannot follow it, nor what is not there', async () => {
  const name = await makeView({ fields: [countT] });
  const body = { scopes: ['read'], views: ['other'] };
  const narrow = (await ask(server, '/v1/keys', { key: admin, body })).json as { key: string };
  const cases: [path: string, key: string | undefined, refusal: string][] = [
    [livePath('c', name), undefined, '401 unauthorized'],
    [livePath('c', name), 'unknown', '401 unauthorized'],
    [livePath('c', name), server.keys.write, '403 forbidden'],
    [livePath('c', name), narrow.key, '403 forbidden'],
    [livePath('c', 'none'), read, '404 not_found'],
    [livePath('c', name, '?from=now'), read, '422 invalid'],
    [livePath('c', name, '?evidence=2'), read, '422 invalid'],
    [livePath('x'.repeat(257), name), read, '422 invalid'],
    [livePath('c', '%zz'), read, '400 malformed'],
  ];
  for (const [path, key, refusal] of cases) {
    const { code, status } = await refusedUpgrade(server, path, { key });
    assert.equal(`${status} ${code}`, refusal, path);
    const [bare, query] = path.split('?');
    const plain = await ask(server, `${bare}/sse${query === undefined ? '' : `?${query}`}`, {
      key,
    });
    assert.equal(`${plain.status} ${plain.code}`, refusal, `${path} sse`);
  }
});

test('Server-Sent Events bring the same, with a key in the query, until the view is deleted', async () => {
  const name = await makeView({ fields: [countT] });
  const customer = fresh('sse');
  const path = `/v1/customers/${customer}/views/${name}/live/sse?evidence=1&key=${read}`;
  const sent = request({ port: server.port, host: '127.0.0.1', agent: false, path });
  sent.end();
  const blocks = await new Promise<AsyncGenerator<string>>((resolve) => {
    sent.on('response', (response) => {
      assert.equal(response.headers['content-type'], 'text/event-stream; charset=utf-8');
      resolve(blocksOf(response));
    });
  });
  const next = async (): Promise<string> => (await blocks.next()).value as string;
  assert.equal(await next(), 'retry: 1000');
  assert.match(await next(), /^event: view\ndata: \{"customer":"sse.*"value":0,.*"evidence":\[\]/);
  await store(server, [{ customer, type: 'T' }]);
  assert.match(await next(), /^event: view\ndata: .*"value":1,.*"evidence":\[\{"cursor":/);
  await ask(server, `/v1/views/${name}`, { method: 'DELETE', key: admin });
  assert.match(await next(), /^event: error\ndata: \{"error":\{"code":"not_found"/);
  assert.equal((await blocks.next()).done, true, 'and ends');
});

/** Blocks of a stream, comments left out. */
async function* blocksOf(response: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of response) {
    const blocks = (rest + String(chunk)).split('\n\n');
    rest = blocks.pop()!;
    for (const block of blocks) if (!block.startsWith(':')) yield block;
  }
}
