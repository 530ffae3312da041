/** Customers that turn out to be one, and to be two: their journeys follow, on a real server. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { ToldInstance } from '../src/journeys/engine/told.ts';
import { type Answer, ask, type Page, startTwo } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read, write } = server.keys;

const steps = [1, 2, 3].map((n) => ({ name: `s${n}`, on: [{ event: `Step ${n}` }] }));
const map = { key: 'id', entry: [{ event: 'Step 1' }], stages: [{ name: 'a', steps }] };

async function must(method: string, path: string, body?: object, key = admin): Promise<unknown> {
  const answer: Answer = await ask(server, path, {
    method,
    key,
    ...(body !== undefined && { body }),
  });
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
  return answer.json;
}

const send = (event: object): Promise<unknown> => must('POST', '/v1/events', event, write);

async function shown(customer: string): Promise<readonly string[]> {
  const path = `/v1/customers/${encodeURIComponent(customer)}/journeys`;
  const { instances } = (await must('GET', path, undefined, read)) as {
    readonly instances: readonly ToldInstance[];
  };
  return instances.map(({ key, reason = '', status, step }) =>
    `${key} ${status} ${step?.name ?? '-'} ${reason}`.trim(),
  );
}

// A device that was known as somebody's before anything was in force.
await send({ customer: 'early', previous: 'cookie:early', type: 'Login' });
await must('PUT', '/v1/journeys/m', map);
await must('POST', '/v1/journeys/m/publish');

test('what was linked before anything was in force is one customer', async () => {
  await send({ customer: 'cookie:early', type: 'Step 1', data: { id: 'a' } });
  await send({ customer: 'early', type: 'Step 2', data: { id: 'a' } });
  assert.deepEqual(await shown('early'), ['a active s2']);
  assert.deepEqual(await shown('cookie:early'), ['a active s2']);
});

test('a login brings what the browser began, and both go on as one', async () => {
  for (let n = 0; n < 4; n++) {
    const [cookie, customer] = [`cookie:l${n}`, `l${n}`];
    await send({ customer: cookie, type: 'Step 1', data: { id: 'a' } });
    await send({ customer: cookie, type: 'Step 2', data: { id: 'a' } });
    await send({ customer, type: 'Step 1', data: { id: 'b' } });
    await send({ customer, previous: cookie, type: 'Login' });
    assert.deepEqual(await shown(customer), ['a active s2', 'b active s1']);
    await send({ customer: cookie, type: 'Step 2', data: { id: 'b' } });
    await send({ customer, type: 'Step 3', data: { id: 'a' } });
    assert.deepEqual(await shown(cookie), ['a completed s3', 'b active s2']);
  }
});

test('of two open instances with one key the further one stays', async () => {
  await send({ customer: 'cookie:m', type: 'Step 1', data: { id: 'a' } });
  await send({ customer: 'm', type: 'Step 1', data: { id: 'a' } });
  await send({ customer: 'm', type: 'Step 2', data: { id: 'a' } });
  await send({ customer: 'm', previous: 'cookie:m', type: 'Login' });
  assert.deepEqual(await shown('m'), ['a cancelled s1 merged', 'a active s2']);
});

test('a device that changes hands comes with nothing', async () => {
  await send({ customer: 'first', previous: 'cookie:shared', type: 'Login' });
  await send({ customer: 'cookie:shared', type: 'Step 1', data: { id: 'a' } });
  await send({ customer: 'second', previous: 'cookie:shared', type: 'Login' });
  await send({ customer: 'cookie:shared', type: 'Step 1', data: { id: 'b' } });
  assert.deepEqual(await shown('first'), ['a active s1']);
  assert.deepEqual(await shown('second'), ['b active s1']);
});

test('a merge joins, taking it back gives each what began with it', async () => {
  await send({ customer: 'ann', type: 'Step 1', data: { id: 'a' } });
  await send({ customer: 'bob', type: 'Step 1', data: { id: 'b' } });
  await must('POST', '/v1/identities/merge', { into: 'ann', from: ['bob'] });
  assert.deepEqual(await shown('bob'), ['a active s1', 'b active s1']);
  await send({ customer: 'bob', type: 'Step 2', data: { id: 'a' } });
  await must('POST', '/v1/identities/unmerge', { customer: 'bob' });
  assert.deepEqual(await shown('ann'), ['a active s2']);
  assert.deepEqual(await shown('bob'), ['b active s1']);
});

test('taking a merge back gives back the instance that it had cancelled', async () => {
  await send({ customer: 'cat', type: 'Step 1', data: { id: 'a' } });
  await send({ customer: 'cat', type: 'Step 2', data: { id: 'a' } });
  await send({ customer: 'dan', type: 'Step 1', data: { id: 'a' } });
  await must('POST', '/v1/identities/merge', { into: 'cat', from: ['dan'] });
  assert.deepEqual(await shown('cat'), ['a active s2', 'a cancelled s1 merged']);
  await send({ customer: 'cat', type: 'Step 3', data: { id: 'a' } });
  await must('POST', '/v1/identities/unmerge', { customer: 'dan' });
  assert.deepEqual(await shown('cat'), ['a completed s3']);
  assert.deepEqual(await shown('dan'), ['a active s1']);
  await send({ customer: 'dan', type: 'Step 2', data: { id: 'a' } });
  assert.deepEqual(await shown('dan'), ['a active s2']);
});

test('an erased customer has no journeys, and begins anew under its name', async () => {
  await send({ customer: 'gone', previous: 'cookie:gone', type: 'Login' });
  await send({ customer: 'cookie:gone', type: 'Step 1', data: { id: 'a' } });
  assert.deepEqual(await shown('gone'), ['a active s1']);
  await must('DELETE', '/v1/customers/gone');
  assert.deepEqual([await shown('gone'), await shown('cookie:gone')], [[], []]);
  await send({ customer: 'gone', type: 'Step 1', data: { id: 'z' } });
  assert.deepEqual(await shown('gone'), ['z active s1']);
  const { json } = await ask(server, '/v1/customers/gone/tape', { key: read });
  assert.equal((json as Page).events.length, 1);
});
