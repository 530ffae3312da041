/** Profile views over HTTP: their templates, the nine types of field, and as of when. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Answer, ask, count, fresh, startTwo, store } from './support/session.ts';
import { type Field, putView, shopper, showView, type ViewAnswer } from './support/views.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read, write } = server.keys;
const type = 'application/json';
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

/** Values that are numbers, look like some, or are none; several at one instant. `null` and none do not match. */
const mixed: [secondsAgo: number, data: string][] = [
  [2, '{"v":5,"w":"5"}'],
  [1, '{"v":"7","w":"7"}'],
  [1, '{"v":true,"w":true}'],
  [1, '{"v":2,"w":{"v":2}}'],
  [0, '{"v":[1],"w":[1]}'],
  [0, '{"v":{"a":1}}'],
  [0, '{"v":null,"w":null}'],
  [0, '{"v":2.0}'],
  [0, '{"u":1}'],
  [0, '{"v":""}'],
  [0, '{"v":false}'],
];

const allMixed = [false, '', 2, { a: 1 }, [1], 2, true, '7', 5];
const ofMixed: [row: Row, expected: object][] = [
  [['T', 'v', null, null, 'value'], { value: allMixed, events: 9 }],
  [['T', 'v', 3, null, 'value'], { value: [false, '', 2], events: 3 }],
  [['T', 'v', 9, null, 'value'], { value: allMixed, events: 9 }],
  [['T', 'v', 1, null, 'value'], { value: false, events: 1 }],
  [['T', 'v', null, null, 'count'], { value: 9, events: 9 }],
  [['T', 'v', 8, null, 'count'], { value: 8, events: 8 }],
  [['T', 'v', 10, null, 'count'], { value: 9, events: 9 }],
  [['T', 'w', null, null, 'count'], { value: 5, events: 5 }],
  [
    ['T', 'v', null, null, 'distinct'],
    { value: [false, '', 2, { a: 1 }, [1], true, '7', 5], events: 9 },
  ],
  [['T', 'v', 3, null, 'distinct'], { value: [false, '', 2], events: 3 }],
  [['T', 'v', 6, null, 'distinct'], { value: [false, '', 2, { a: 1 }, [1], true], events: 7 }],
  [['T', 'v', 1, null, 'distinct'], { value: [false], events: 1 }],
  [['T', 'v', null, null, 'sum'], { value: 9, events: 3, skipped: 6 }],
  [['T', 'v', 3, null, 'sum'], { value: 2, events: 1, skipped: 2 }],
  [['T', 'w', null, null, 'sum'], { value: 0, events: 0, skipped: 5 }],
  [['T', null, 4, null, 'sum'], { value: 4, events: 4 }],
  [['T', 'v', null, null, 'min'], { value: 2, events: 3, skipped: 6 }],
  [['T', 'v', 2, null, 'min'], { value: null, events: 0, skipped: 2 }],
  [['T', 'w', null, null, 'min'], { value: null, events: 0, skipped: 5 }],
  [['T', 'v', null, null, 'max'], { value: 5, events: 3, skipped: 6 }],
  [['T', 'v', 3, null, 'max'], { value: 2, events: 1, skipped: 2 }],
  [['T', 'w', null, null, 'max'], { value: null, events: 0, skipped: 5 }],
  [['T', 'v', null, null, 'average'], { value: 3, events: 3, skipped: 6 }],
  [['T', 'v', 6, null, 'average'], { value: 2, events: 2, skipped: 4 }],
  [['T', 'w', null, null, 'average'], { value: null, events: 0, skipped: 5 }],
  [['T', 'v', null, null, 'first'], { value: 5, events: 9 }],
  [['T', 'v', null, '1s', 'first'], { value: '7', events: 8 }],
  [['T', 'v', 4, null, 'first'], { value: { a: 1 }, events: 4 }],
  [['T', 'w', null, null, 'first'], { value: '5', events: 5 }],
  [['T', 'v', null, null, 'last'], { value: false, events: 1 }],
  [['T', 'w', null, null, 'last'], { value: [1], events: 1 }],
];

test('all nine types over values of every kind, and over equal times in commit order', async () => {
  const [customer, now] = [fresh('mixed'), Date.now()];
  const events = mixed.map(([secondsAgo, data]) => {
    const time = now - secondsAgo * 1000;
    return `{"customer":"${customer}","type":"T","time":${time},"data":${data}}`;
  });
  // In two commits, the second of which begins among events of one instant.
  for (const body of [events.slice(0, 6), events.slice(6)]) {
    const answer = await ask(server, '/v1/events', { key: write, body: `[${body}]`, type });
    assert.match(answer.text, new RegExp(`^{"accepted":${body.length},`));
  }
  const rows = ofMixed.map(([row]) => row);
  for (const [index, { name, ...field }] of (
    await evaluate(customer, rows, `?asOf=${now}`)
  ).entries()) {
    assert.equal(name, `f${index}`);
    assert.deepEqual(field, ofMixed[index]![1], rows[index]!.join());
  }
});

test('the template and the answer of the documentation', async () => {
  const name = fresh('basic');
  const template = `{"fields":[
    {"name":"City","event":"Profile","attribute":"City","limit":2,"lookback":"365d","type":"value"},
    {"name":"Items in Cart","event":"Add To Cart","attribute":"SKU","lookback":"7d","type":"count"},
    {"name":"Activity","event":"Login","lookback":"30d","type":"sum"}]}`;
  assert.equal((await put(name, template)).status, 201);
  const customer = fresh('c');
  const cities = ['Fresno', 'Oakland', 'San Francisco'];
  await store(
    server,
    cities.map((City) => ({ customer, type: 'Profile', data: { City } })),
  );
  const asOf = Date.now();
  const path = `/v1/customers/${customer}/views/${name}?asOf=${asOf}`;
  assert.equal(
    (await ask(server, path, { key: read })).text,
    `{"customer":"${customer}","view":"${name}","asOf":${asOf},"fields":[` +
      '{"name":"City","value":["San Francisco","Oakland"],"events":2},' +
      '{"name":"Items in Cart","value":0,"events":0},{"name":"Activity","value":0,"events":0}]}',
  );
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
  const within = (lookback: string): Row => ['Purchased', null, null, lookback, 'count'];
  const rows = ['2h', '119m', '121m', '7200s', '1d', '1w', '365d'].map(within);
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
  await store(server, [{ customer, type: 'Purchased', time: now + 12 * hourMs }]);
  assert.deepEqual(await values(''), [6, 1], 'what is dated ahead does not count yet');
  assert.deepEqual(await values(`?asOf=${now + 12 * hourMs - 1}`), [6, 0]);
  assert.deepEqual(await values(`?asOf=${now + 12 * hourMs}`), [7, 1]);
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
  await ask(server, '/v1/events', { key: write, body, type });
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

test('a template may go to the bounds of the rules', async () => {
  const good = { name: 'n', event: 'T', attribute: 'a', type: 'value' };
  const fields = (length: number): object[] =>
    count(length).map((n) => ({ ...good, name: `${n}` }));
  const of = (more: object): object => ({ fields: [{ ...good, ...more }] });
  const bounds: [inside: object, outside: object, message: RegExp][] = [
    [{ fields: fields(100) }, { fields: fields(101) }, /1 to 100/],
    [of({ name: 'x'.repeat(128) }), of({ name: 'x'.repeat(129) }), /1 to 128/],
    [of({ event: 'ü'.repeat(64) }), of({ event: 'ü'.repeat(65) }), /128 bytes/],
    [of({ event: '*' }), of({ event: '' }), /fields\[0\]\.event/],
    [of({ attribute: 'x'.repeat(512) }), of({ attribute: 'x'.repeat(513) }), /1 to 512/],
    [of({ attribute: `${'a.'.repeat(31)}a` }), of({ attribute: `${'a.'.repeat(32)}a` }), /32/],
    [of({ attribute: '*' }), of({ attribute: '' }), /fields\[0\]\.attribute/],
    [of({ limit: 1 }), of({ limit: -1 }), /1 to 10000/],
    [of({ limit: 10_000 }), of({ limit: 10_001 }), /1 to 10000/],
    [of({ lookback: '3650d' }), of({ lookback: '3651d' }), /3650d/],
    [of({ lookback: '87600h' }), of({ lookback: '87601h' }), /3650d/],
    [of({ lookback: '1s' }), of({ lookback: '1ms' }), /90d, 12h or 30m/],
    [of({ lookback: '30m' }), of({ lookback: '30M' }), /90d, 12h or 30m/],
    [of({ lookback: '12h' }), of({ lookback: '-12h' }), /90d, 12h or 30m/],
    [of({ lookback: '1d' }), of({ lookback: '1.5d' }), /90d, 12h or 30m/],
    [of({ type: 'last' }), of({ type: 'Last' }), /value, count, distinct/],
    [of({ type: 'first' }), of({ type: null }), /value, count, distinct/],
    [of({ where: 'true' }), of({ where: true }), /fields\[0\]\.where/],
    [{ ...of({}), snapshot: '1800s' }, { ...of({}), snapshot: '1801s' }, /at most 30m/],
  ];
  const name = 'x'.repeat(128);
  for (const [inside, outside, message] of bounds) {
    assert.ok((await put(name, inside)).status < 300, JSON.stringify(inside).slice(0, 200));
    const answer = await put(name, outside);
    assert.equal(`${answer.status} ${answer.code}`, '422 invalid', message.source);
    assert.match(answer.message ?? '', message);
  }
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
  const paths: [path: string, refusal: string][] = [
    [`/v1/customers/${'x'.repeat(257)}/views/${name}`, '422 invalid'],
    [`/v1/customers/%ff/views/${name}`, '400 malformed'],
    ['/v1/customers/c/views/%ff', '400 malformed'],
    ['/v1/customers/c/views/none', '404 not_found'],
  ];
  for (const [path, refusal] of paths) {
    const answer = await ask(server, path, { key: read });
    assert.equal(`${answer.status} ${answer.code}`, refusal, path);
  }
  for (const query of ['?fresh=1', '?fresh=0', '?fresh=1&asOf=5']) await show('c', name, query);
  await show('x'.repeat(256), name);
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
