/** Views of real life: a profile with its ten rows, and conditions. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { basicView } from '../scripts/demo/view.ts';
import { type Answer, ask, fresh, startTwo, store } from './support/session.ts';
import { putView, showView, type ViewAnswer } from './support/views.ts';

const server = await startTwo();
after(() => server.stop());
const { read } = server.keys;
const hourMs = 60 * 60 * 1000;
const put = (name: string, body: object | string): Promise<Answer> => putView(server, name, body);
const show = (customer: string, name: string, query = ''): Promise<ViewAnswer> =>
  showView(server, customer, name, query);

test('conditions choose the events of a field, or of all fields of a view', async () => {
  const customer = fresh('chooser');
  const buy = (price: number, channel: string | undefined, more: object = {}): object => {
    return { customer, type: 'Purchased', ...(channel && { channel }), data: { price, ...more } };
  };
  await store(server, [
    buy(5, 'web'),
    buy(20, 'web', { coupon: 'X' }),
    buy(30, 'store'),
    buy(40, undefined),
    { customer, type: 'Login', channel: 'web' },
  ]);
  const name = fresh('where');
  const count = { event: 'Purchased', type: 'count' };
  const body = {
    fields: [
      { ...count, name: 'large', where: 'event.data.price >= 20' },
      { ...count, name: 'coupon', where: 'has(event.data.coupon)' },
      { ...count, name: 'coupon is Y', where: 'event.data.coupon == "Y"' },
      { ...count, name: 'nowhere', where: 'event.channel == ""' },
      { name: 'web', event: '*', type: 'count', where: 'event.channel == "web"' },
    ],
  };
  const values = async (): Promise<unknown[]> => {
    return (await show(customer, name)).fields.map(({ value }) => value);
  };
  assert.equal((await put(name, body)).status, 201);
  assert.deepEqual(await values(), [3, 1, 0, 1, 3]);
  assert.equal((await put(name, { ...body, where: 'event.channel != "store"' })).status, 200);
  assert.deepEqual(await values(), [2, 1, 0, 1, 3]);
  const stored = await ask(server, `/v1/views/${name}`, { key: read });
  assert.equal((stored.json as { where: string }).where, 'event.channel != "store"');
});

test('an event on which a condition costs too much is left out, and that is said', async () => {
  const customer = fresh('costly');
  const list = Array.from({ length: 3000 }, (_, index) => index % 10);
  await store(server, [
    { customer, type: 'T', data: { list } },
    { customer, type: 'T', data: { list: [1, 2] } },
  ]);
  const name = fresh('costly');
  const where = 'event.data.list.all(a, event.data.list.all(b, a + b >= 0))';
  await put(name, { fields: [{ name: 'n', event: 'T', type: 'count', where }] });
  const [field] = (await show(customer, name)).fields;
  assert.deepEqual(field, { name: 'n', value: 1, events: 1, undecided: 1 });
});

test('the profile of Jane Doe comes out of her events', async () => {
  const customer = '123XX';
  const now = Date.now();
  const dayMs = 24 * hourMs;
  const at = (daysAgo: number, type: string, data?: object, channel = 'web'): object => {
    return { customer, type, time: now - daysAgo * dayMs, channel, ...(data && { data }) };
  };
  const call = (Reason: string): object => ({ Agent: 'Ann', Reason, Seconds: 240 });
  await store(server, [
    at(300, 'Profile', { Name: 'Jane Do', City: 'Oakland', Phone: '510-555-0001' }),
    at(100, 'Profile', { Name: 'Jane Doe', Phone: '510-555-0002' }),
    at(20, 'Profile', { City: 'San Francisco', Phone: '415-555-0003' }),
    at(400, 'Profile', { City: 'Fresno' }),
    ...[0.1, 1, 2, 6.9].map((days, n) => at(days, 'Add To Cart', { SKU: `sku-${n % 2}` })),
    at(8, 'Add To Cart', { SKU: 'too old' }),
    at(2, 'Add To Cart', { Note: 'no SKU' }),
    ...['TV', 'Phone', 'Lamp', 'Desk'].map((Product, n) => at(10 * n, 'Purchased', { Product })),
    at(0.2, 'Click', { 'Page-Title': 'Headphones' }),
    at(0.5, 'Click', { 'Page-Title': 'Tents' }),
    ...[1, 5, 12].map((days) => at(days, 'Call Wrap', call(`call ${days}`), 'voice')),
    at(31, 'Call Wrap', call('too old'), 'voice'),
    at(3, 'Email Received', { Text: 'Where is my order?' }, 'email'),
    at(4, 'Chat Wrap', { Transcript: 'Hi there' }, 'chat'),
    ...[1, 2, 8, 15, 29].map((days) => at(days, 'Login')),
    at(31, 'Login'),
  ]);
  const name = fresh('paper');
  await put(name, { fields: basicView });
  const { fields } = await show(customer, name);
  assert.deepEqual(
    fields.map(({ name: field, value }) => [field, value]),
    [
      ['Name', 'Jane Doe'],
      ['City', ['San Francisco', 'Oakland']],
      ['Phone', ['415-555-0003', '510-555-0002', '510-555-0001']],
      ['Items in Cart', 4],
      ['Products', ['TV', 'Phone', 'Lamp']],
      ['Interested', 'Headphones'],
      ['Calls', [call('call 1'), call('call 5'), call('call 12')]],
      ['Emails', ['Where is my order?']],
      ['Chats', ['Hi there']],
      ['Activity', 5],
    ],
  );
});
