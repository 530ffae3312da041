/** A rule that waits for silence comes into force on a real server when customers stand beyond its step already. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ask, fresh, sentEvents, startTwo, store, until } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin } = server.keys;

const map = {
  entry: [{ event: 'Begun' }],
  stages: [{ name: 'a', steps: [{ name: 'begun' }, { name: 'far', on: [{ event: 'Far' }] }] }],
  goal: [{ event: 'Bought' }],
};
const rule = {
  journey: 'quote',
  when: { beyondStep: 1, silentFor: '1s' },
  then: [{ do: 'event', type: 'Offered' }],
};

async function call(method: string, path: string, body?: object): Promise<void> {
  const answer = await ask(server, path, { method, key: admin, ...(body && { body }) });
  assert.ok(answer.status < 300, answer.text);
}

async function offersOf(customer: string): Promise<number> {
  const events = await sentEvents(server, customer);
  return events.filter(({ type }) => type === 'Offered').length;
}

async function send(customer: string, type: string): Promise<void> {
  await store(server, [{ customer, type }]);
}

test('who stands there is asked about, once, and who does not is not', async () => {
  await call('PUT', '/v1/journeys/quote', map);
  await call('POST', '/v1/journeys/quote/publish');
  const far = [fresh('far'), fresh('far')];
  const near = fresh('near');
  for (const customer of [...far, near]) await send(customer, 'Begun');
  for (const customer of far) await send(customer, 'Far');
  await call('PUT', '/v1/rules/help', rule);
  for (const customer of far) await until(async () => (await offersOf(customer)) === 1);
  // A rule that asks for another silence has nothing to add to this one.
  await call('PUT', '/v1/rules/help', { ...rule, when: { beyondStep: 1, silentFor: '2s' } });
  const late = fresh('late');
  await send(late, 'Begun');
  await send(late, 'Far');
  await until(async () => (await offersOf(late)) === 1);
  assert.deepEqual(await Promise.all([...far, near].map(offersOf)), [1, 1, 0]);
});
