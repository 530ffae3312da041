/** Profile views over HTTP: their templates, the nine types of field, and as of when. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Answer, ask, fresh, startTwo, store } from './support/session.ts';
import { type Field, putView, shopper, showView, type ViewAnswer } from './support/views.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read } = server.keys;
const hourMs = 60 * 60 * 1000;
const put = (name: string, body: object | string): Promise<Answer> => putView(server, name, body);
const show = (customer: string, name: string, query = ''): Promise<ViewAnswer> =>
  showView(server, customer, name, query);

/** Evaluates a view made for the purpose; rows are [event, attribute, limit, lookback, type]. */
type Row = [
  event: string,
  attribute: string | null,
  limit: number | null,
  lookback: string | null,
  type: string,
];

async function evaluate(
  customer: string,
  rows: readonly Row[],
  query = '',
): Promise<readonly Field[]> {
  const name = fresh('view');
  const fields = rows.map(([event, attribute, limit, lookback, type], index) => ({
    name: `f${index}`,
    event,
    ...(attribute !== null && { attribute }),
    ...(limit !== null && { limit }),
    ...(lookback !== null && { lookback }),
    type,
  }));
  assert.equal((await put(name, { fields })).status, 201);
  return (await show(customer, name, query)).fields;
}

test('all nine types, with and without a limit', async () => {
  const { customer, now } = await shopper(server);
  const cases: [row: Row, value: unknown, events: number, skipped?: number][] = [
    [['Purchased', 'price', null, null, 'value'], [-4, 'free', 2.5, 10], 4],
    [['Purchased', 'price', 2, null, 'value'], [-4, 'free'], 2],
    [['Purchased', 'price', 1, null, 'value'], -4, 1],
    [['Purchased', 'price', null, null, 'count'], 4, 4],
    [['Purchased', 'price', 3, null, 'count'], 3, 3],
    [['Purchased', null, null, null, 'count'], 6, 6],
    [['Purchased', 'product.name', null, null, 'distinct'], ['pot', 'tea', 'cup', 'milk'], 6],
    [['Purchased', 'product.name', 2, null, 'distinct'], ['pot', 'tea'], 2],
    [['Purchased', 'price', null, null, 'sum'], 8.5, 3, 1],
    [['Purchased', 'price', 2, null, 'sum'], -4, 1, 1],
    [['Login', null, null, null, 'sum'], 1, 1],
    [['Purchased', null, null, null, 'sum'], 6, 6],
    [['Purchased', 'price', null, null, 'min'], -4, 3, 1],
    [['Purchased', 'price', null, null, 'max'], 10, 3, 1],
    [['Purchased', 'price', null, null, 'average'], 8.5 / 3, 3, 1],
    [['Purchased', 'price', null, null, 'first'], 10, 4],
    [['Purchased', 'product.name', null, null, 'last'], 'pot', 1],
    [['Purchased', 'product.tags', 1, null, 'value'], ['hot'], 1],
    [['Purchased', 'product', 1, null, 'value'], { name: 'pot' }, 1],
    [['Purchased', '*', 1, null, 'value'], { price: -4, product: { name: 'pot' } }, 1],
    [['*', null, null, null, 'count'], 7, 7],
    [['*', 'price', 1, null, 'value'], -4, 1],
  ];
  // Asked as of the newest event, so that the lookbacks end at its time.
  const fields = await evaluate(
    customer,
    cases.map(([row]) => row),
    `?asOf=${now}`,
  );
  for (const [index, [row, value, events, skipped]] of cases.entries()) {
    const expected = {
      name: `f${index}`,
      value,
      events,
      ...(skipped !== undefined && { skipped }),
    };
    assert.deepEqual(fields[index], expected, row.join());
  }
});

test('no match is null, and 0 for count and sum', async () => {
  const types = ['value', 'distinct', 'min', 'max', 'average', 'first', 'last', 'count', 'sum'];
  const rows = types.map((type): Row => ['Purchased', 'price', null, null, type]);
  for (const field of await evaluate(fresh('nobody'), [
    ...rows,
    ['Purchased', 'price', 1, null, 'value'],
  ])) {
    const isNumber = field.name === 'f7' || field.name === 'f8';
    assert.deepEqual(field, { name: field.name, value: isNumber ? 0 : null, events: 0 });
  }
});

test('a lookback reaches back to its very end, and no further', async () => {
  const { customer, now } = await shopper(server);
  const count = (lookback: string): Row => ['Purchased', null, null, lookback, 'count'];
  const rows = ['2h', '119m', '121m', '7200s', '1d', '1w', '365d'].map(count);
  const fields = await evaluate(customer, rows, `?asOf=${now}`);
  assert.deepEqual(
    fields.map(({ value }) => value),
    [3, 2, 3, 3, 6, 6, 6],
  );
});

test('asOf answers as of that instant, as milliseconds or RFC 3339', async () => {
  const { customer, now } = await shopper(server);
  const name = fresh('asof');
  const fields = [
    { name: 'n', event: 'Purchased', type: 'count' },
    { name: 'recent', event: 'Purchased', lookback: '1h', type: 'count' },
  ];
  await put(name, { fields });
  const at = now - 2 * hourMs;
  const values = async (query: string): Promise<unknown[]> => {
    return (await show(customer, name, query)).fields.map(({ value }) => value);
  };
  assert.deepEqual(await values(`?asOf=${at}`), [4, 2]);
  assert.deepEqual(await values(`?asOf=${at - 1}`), [3, 1]);
  assert.deepEqual(await values(`?asOf=${new Date(at).toISOString()}`), [4, 2]);
  assert.deepEqual(await values('?asOf=0'), [0, 0]);
  const past = await show(customer, name, `?asOf=${at}`);
  assert.equal(past.asOf, at);
  const before = Date.now();
  const present = await show(customer, name, '?fresh=1');
  assert.ok(present.asOf >= before && present.asOf <= Date.now());
  assert.equal(present.customer, customer);
  assert.equal(present.view, name);
});

test('a view has what was just acknowledged, asked for anew or not', async () => {
  const customer = fresh('fresh');
  const name = fresh('view');
  await put(name, { fields: [{ name: 'n', event: 'T', type: 'count' }] });
  for (let n = 1; n <= 10; n++) {
    await store(server, [{ customer, type: 'T' }]);
    assert.equal((await show(customer, name, n % 2 === 0 ? '?fresh=1' : '')).fields[0]!.value, n);
  }
});

test('values come as they were sent, numbers to the last digit', async () => {
  const customer = fresh('exact');
  const body = `[{"customer":"${customer}","type":"T","data":{"n":9007199254740993,"x":1.10}}]`;
  await ask(server, '/v1/events', { key: server.keys.write, body, type: 'application/json' });
  const name = fresh('view');
  await put(name, {
    fields: [
      { name: 'n', event: 'T', attribute: 'n', limit: 1, type: 'value' },
      { name: 'all', event: 'T', attribute: '*', type: 'value' },
      { name: 'max', event: 'T', attribute: 'n', type: 'max' },
    ],
  });
  const path = `/v1/customers/${customer}/views/${name}`;
  const { text } = await ask(server, path, { key: read });
  assert.ok(text.includes('"name":"n","value":9007199254740993,'), text);
  assert.ok(text.includes('"name":"all","value":[{"n":9007199254740993,"x":1.10}],'), text);
  assert.ok(text.includes('"name":"max","value":9007199254740993,'), text);
});

test('a template is stored, replaced, listed and deleted', async () => {
  const name = 'Level 1 / desk ü';
  const path = `/v1/views/${encodeURIComponent(name)}`;
  const field = { name: 'City', event: 'Profile', attribute: 'City', limit: 2, type: 'value' };
  const made = await put(name, { fields: [field] });
  assert.equal(made.status, 201);
  const replaced = await put(name, { fields: [{ ...field, lookback: '365d' }] });
  assert.equal(replaced.status, 200);
  const stored = await ask(server, path, { key: read });
  const { fields, name: storedName } = stored.json as { name: string; fields: object[] };
  assert.equal(storedName, name);
  assert.deepEqual(fields, [{ ...field, lookback: '365d' }]);
  const listed = (await ask(server, '/v1/views', { key: read })).json as {
    views: { name: string }[];
  };
  assert.ok(listed.views.some((view) => view.name === name));
  const remove = () => ask(server, path, { method: 'DELETE', key: admin });
  assert.equal((await remove()).status, 204);
  for (const answer of [await remove(), await ask(server, path, { key: read })]) {
    assert.equal(`${answer.status} ${answer.code}`, '404 not_found');
  }
  const gone = await ask(server, `/v1/customers/c${path.slice(3)}`, { key: read });
  assert.equal(`${gone.status} ${gone.code}`, '404 not_found');
});

test('a template against the rules is refused with the place named', async () => {
  const good = { name: 'n', event: 'T', attribute: 'a', type: 'value' };
  const wrong: [body: object, message: RegExp][] = [
    [[], /object/],
    [{}, /fields/],
    [{ fields: [] }, /fields/],
    [{ fields: {} }, /fields/],
    [{ fields: [good], more: 1 }, /more/],
    [{ fields: [good, good] }, /fields\[1\]\.name/],
    [{ fields: [{ ...good, name: '' }] }, /fields\[0\]\.name/],
    [{ fields: [{ ...good, name: undefined }] }, /fields\[0\]\.name is required/],
    [{ fields: [{ ...good, event: undefined }] }, /fields\[0\]\.event is required/],
    [{ fields: [{ ...good, event: 'x'.repeat(129) }] }, /fields\[0\]\.event/],
    [{ fields: [{ ...good, attribute: undefined }] }, /fields\[0\]\.attribute is required/],
    [{ fields: [{ ...good, attribute: 7 }] }, /fields\[0\]\.attribute/],
    [{ fields: [{ ...good, type: undefined }] }, /fields\[0\]\.type is required/],
    [{ fields: [{ ...good, type: 'median' }] }, /value, count, distinct/],
    [{ fields: [{ ...good, limit: 0 }] }, /fields\[0\]\.limit/],
    [{ fields: [{ ...good, limit: 1.5 }] }, /fields\[0\]\.limit/],
    [{ fields: [{ ...good, limit: '3' }] }, /fields\[0\]\.limit/],
    [{ fields: [{ ...good, lookback: '90' }] }, /90d, 12h or 30m/],
    [{ fields: [{ ...good, lookback: '0d' }] }, /90d, 12h or 30m/],
    [{ fields: [{ ...good, lookback: 90 }] }, /90d, 12h or 30m/],
    [{ fields: [{ ...good, lookback: '90 days' }] }, /90d, 12h or 30m/],
    [{ fields: [{ ...good, lokback: '90d' }] }, /lokback/],
    [{ fields: [good, { ...good, name: 'm', where: 'data.x > 1' }] }, /fields\[1\]\.where: .*data/],
    [{ fields: [{ ...good, where: '' }] }, /fields\[0\]\.where/],
    [{ fields: [good], where: 'event.type = "A"' }, /^where: .*write == to compare/],
    [{ fields: [good], where: ['a'] }, /^where must be a string/],
  ];
  for (const [body, message] of wrong) {
    const answer = await put('wrong', body);
    assert.equal(`${answer.status} ${answer.code}`, '422 invalid', JSON.stringify(body));
    assert.match(answer.message ?? '', message);
  }
  assert.equal((await put('wrong', '{')).code, 'malformed');
  assert.equal((await put('x'.repeat(129), { fields: [good] })).code, 'invalid');
  assert.equal((await ask(server, '/v1/views/wrong', { key: read })).status, 404);
});

test('the query of a view is checked', async () => {
  const name = fresh('view');
  await put(name, { fields: [{ name: 'n', event: 'T', type: 'count' }] });
  for (const query of ['?asOf=soon', '?asOf=', '?fresh=maybe', '?limit=1', '?asOf=1&asOf=2']) {
    const path = `/v1/customers/c/views/${name}${query}`;
    const answer = await ask(server, path, { key: read });
    assert.equal(`${answer.status} ${answer.code}`, '422 invalid', query);
  }
  for (const query of ['?fresh=1', '?fresh=0', '?fresh=1&asOf=5']) await show('c', name, query);
});

test('no reader sees a snapshot go back, whichever front answers', async () => {
  const [customer, name] = [fresh('c'), fresh('view')];
  await put(name, { snapshot: '30m', fields: [{ name: 'n', event: 'T', type: 'count' }] });
  let [shown, older] = [0, 0];
  for (let n = 1; n <= 100; n++) {
    await store(server, [{ customer, type: 'T' }]);
    // Each on a connection of its own, so now by one front and now by the other.
    const { asOf, fields } = await show(customer, name, n % 25 === 1 ? '?fresh=1' : '');
    assert.ok(asOf >= shown, `${n}: ${asOf} after ${shown}`);
    shown = asOf;
    if ((fields[0]!.value as number) < n) older += 1;
  }
  assert.ok(older > 50, `only ${older} answers were snapshots`);
});
