/** Stories of telecoms and banks on a real server: what customers do, and what is decided about them. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ask, fresh, type StoredEvent, startTwo, store, tape, until } from './support/session.ts';
import {
  callRules,
  deviceRules,
  supportMap,
  supportRules,
  uploadRules,
} from './support/stories.ts';

const server = await startTwo();
after(() => server.stop());
const { admin } = server.keys;

async function put(path: string, body: object): Promise<void> {
  const answer = await ask(server, path, { key: admin, method: 'PUT', body });
  assert.ok(answer.status === 200 || answer.status === 201, `${path} ${answer.text}`);
}

async function putRules(rules: Readonly<Record<string, object>>): Promise<void> {
  for (const [name, rule] of Object.entries(rules)) {
    await put(`/v1/rules/${encodeURIComponent(name)}`, rule);
  }
}

await put('/v1/journeys/support', supportMap);
const published = await ask(server, '/v1/journeys/support/publish', { key: admin, method: 'POST' });
assert.equal(published.status, 200, published.text);
await putRules({ ...deviceRules('1s'), ...uploadRules, ...supportRules, ...callRules });

/** What was decided about a customer, oldest first: `rule:verdict`. */
async function decisions(customer: string): Promise<string[]> {
  const { events } = await tape(server, customer, 'limit=1000');
  const said = events.filter(({ type }) => type === 'tapeline.decision').reverse();
  return said.map(({ data }) => `${data!['rule']}:${data!['verdict']}`);
}

/** What the server did, oldest first: the types of its events. */
async function done(customer: string): Promise<string[]> {
  const { events } = await tape(server, customer, 'limit=1000');
  const made = ({ type }: StoredEvent): boolean =>
    / (Offered|Sent|Shown|Rescue|Arranged|Rating)$/.test(type);
  return events
    .filter(made)
    .map(({ type }) => type)
    .reverse();
}

async function decided(customer: string, ...expected: string[]): Promise<void> {
  await until(async () => (await decisions(customer)).length >= expected.length);
  assert.deepEqual((await decisions(customer)).sort(), [...expected].sort());
}

test('a device that was never activated brings help instead of an accessory offer', async () => {
  const [lost, lucky] = [fresh('lost'), fresh('lucky')];
  const page = { type: 'Page View', data: { page: 'shop' } };
  await store(server, [
    { customer: lost, type: 'Device Shipped', data: { order: 'o1' } },
    { customer: lucky, type: 'Device Shipped', data: { order: 'o2' } },
    { customer: lucky, type: 'Device Activated' },
  ]);
  await store(server, [
    { customer: lost, ...page },
    { customer: lucky, ...page },
  ]);
  await decided(lucky, 'accessory offer:act');
  await decided(
    lost,
    'accessory offer:suppressed',
    'activation help:act',
    'activation reminder:act',
  );
  await until(async () => (await done(lost)).length === 2);
  assert.deepEqual((await done(lost)).sort(), ['Help Offered', 'Help Sent']);
  await until(async () => (await done(lucky)).length === 1);
  assert.deepEqual(await done(lucky), ['Accessory Offered']);
});

test('who has met a failed upload on iOS is told, and asked for nothing', async () => {
  const [ios, android] = [fresh('ios'), fresh('android')];
  const failed = (customer: string, os: string) => ({
    customer,
    type: 'Upload Failed',
    data: { os },
  });
  await store(server, [failed(ios, 'iOS'), failed(android, 'Android')]);
  await store(server, [failed(ios, 'iOS')]);
  const finished = [ios, android].map((customer) => ({ customer, type: 'Upload Finished' }));
  await store(server, finished);
  await decided(ios, 'upload apology:act', 'rate us:suppressed');
  await decided(android, 'rate us:act');
});

test('no marketing while in a support journey', async () => {
  const customer = fresh('supported');
  const happens = (type: string) => store(server, [{ customer, type }]);
  await happens('Login');
  await decided(customer, 'spring sale:act');
  await happens('Ticket Opened');
  await happens('Login');
  await decided(customer, 'spring sale:act', 'spring sale:suppressed');
  await happens('Ticket Closed');
  await happens('Login');
  await decided(customer, 'spring sale:act', 'spring sale:act', 'spring sale:suppressed');
});

test('a call after a failed payment, and the third call within three hours', async () => {
  const [first, other, often] = [fresh('payer'), fresh('caller'), fresh('often')];
  const call = (customer: string) => ({ customer, type: 'Call' });
  await store(server, [{ customer: first, type: 'Payment Failed' }, call(first)]);
  // The other way round; events of one instant would have no order.
  const now = Date.now();
  const paid = { customer: other, type: 'Payment Failed', time: now };
  await store(server, [{ ...call(other), time: now - 1 }, paid]);
  await store(server, [call(often), call(often)]);
  await decided(first, 'payment rescue:act');
  assert.deepEqual(await decisions(often), []);
  await store(server, [call(often)]);
  await decided(often, 'frequent caller:act');
  await until(async () => (await done(often)).length === 1);
  assert.deepEqual([await decisions(other), await done(first)], [[], ['Payment Rescue']]);
});
