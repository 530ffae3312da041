/** Sources over a real server: maps, foreign JSON in, what cannot be mapped, replay, and the dry run. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ask, fresh, startTwo, tape, tapeIds } from './support/session.ts';
import { traces } from './support/traces.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read, write } = server.keys;

const put = (name: string, body: object, key = admin) =>
  ask(server, `/v1/sources/${encodeURIComponent(name)}`, { method: 'PUT', key, body });
const send = (name: string, body: string | Uint8Array | object, options: object = {}) =>
  ask(server, `/v1/sources/${encodeURIComponent(name)}/events`, {
    key: write,
    type: 'application/json',
    body,
    ...options,
  });

interface Kept {
  readonly id: string;
  readonly type: string;
  readonly reason: string;
  readonly source: string;
  readonly data: { readonly item: unknown };
}

async function kept(customer: string): Promise<readonly Kept[]> {
  const path = `/v1/quarantine?customer=${encodeURIComponent(customer)}`;
  return ((await ask(server, path, { key: admin })).json as { events: Kept[] }).events;
}

const shop = {
  description: 'orders',
  each: 'items',
  unknown: ['', 'n/a'],
  event: {
    id: '{^order}-{line}',
    customer: { any: ['{^user.id}', { text: '{^user.cookie}', prefix: 'cookie:' }], lower: true },
    type: { text: '{kind}', values: { P: 'Purchased', R: 'Returned' }, other: 'refuse' },
    time: { text: '{^at}', time: 'epoch-s' },
    channel: { text: '{^via}', values: { W: 'web' }, default: 'store' },
    data: {
      fields: {
        sku: { text: '{sku}', match: '^([A-Z]+)-' },
        price: '{price}',
        big: '{^big}',
        first: { text: '{tags.0}', as: 'string' },
        all: '{*}',
        shop: { constant: { n: [1, null] } },
        paid: { text: '{paid}', as: 'boolean', default: false },
      },
    },
  },
};

test('foreign JSON becomes events, with every digit, and what is sent again is a duplicate', async () => {
  assert.equal((await put('shop', shop)).status, 201);
  const user = fresh('User');
  const body = `{"order":"o1","at":1763740000,"via":"W","big":12345678901234567890,"user":{"id":"${user}"},
    "items":[{"line":1,"kind":"P","sku":"AB-1","price":10.50,"tags":[7,8],"paid":"yes"},
             {"line":2,"kind":"R","sku":"CD-2","price":null}]}`;
  const answer = await send('shop', body);
  assert.equal(answer.text, '{"accepted":2,"duplicates":0,"rejected":[]}');
  assert.match(
    (await send('shop', gzipSync(body), { headers: { 'content-encoding': 'gzip' } })).text,
    /"duplicates":2/,
  );
  const { events } = await tape(server, user.toLowerCase());
  const [second, first] = events;
  assert.deepEqual(
    { ...first, received: 0, cursor: '' },
    {
      id: 'o1-1',
      customer: user.toLowerCase(),
      type: 'Purchased',
      time: 1_763_740_000_000,
      channel: 'web',
      source: 'shop',
      data: {
        sku: 'AB',
        price: 10.5,
        big: Number('12345678901234567890'),
        first: '7',
        all: { line: 1, kind: 'P', sku: 'AB-1', price: 10.5, tags: [7, 8], paid: 'yes' },
        shop: { n: [1, null] },
        paid: true,
      },
      received: 0,
      cursor: '',
    },
  );
  assert.deepEqual([second?.id, second?.channel, second?.data?.['paid']], ['o1-2', 'web', false]);
  const path = `/v1/customers/${user.toLowerCase()}/tape`;
  assert.match((await ask(server, path, { key: read })).text, /"big":12345678901234567890/);
});

test('lists and NDJSON hold several items; the key may stand in the query', async () => {
  await put('flat', { event: { customer: '{c}', type: 'T {n}', id: '{n}' } });
  const c = fresh('c');
  assert.match(
    (
      await send('flat', [
        { c, n: 1 },
        { c, n: 2 },
      ])
    ).text,
    /"accepted":2/,
  );
  const lines = `{"c":"${c}","n":3}\n\n {"c":"${c}","n":2}\r\n`;
  const answer = await ask(server, `/v1/sources/flat/events?key=${write}`, {
    type: 'application/x-ndjson',
    body: lines,
  });
  assert.equal(answer.text, '{"accepted":1,"duplicates":1,"rejected":[]}');
  assert.deepEqual((await tapeIds(server, c)).sort(), ['1', '2', '3']);
  assert.equal((await send('flat', '[')).code, 'malformed');
  assert.equal((await send('flat', '{}', { type: 'text/html' })).code, 'unsupported_media_type');
  assert.equal((await send('none', {})).code, 'not_found');
  assert.equal((await send('flat', {}, { key: read })).status, 403);
});

test('what cannot be mapped is kept once with the reason, and mapped again when the map is mended', async () => {
  await put('crm', { event: { customer: '{who}', type: '{what}' } });
  const who = fresh('person');
  const items = [
    { who, what: 'Called' },
    { who, name: 'Mailed' },
    'odd',
    { who, name: 'Met', n: 12345678901234567890n },
  ];
  const body = JSON.stringify(items, (_, value) =>
    typeof value === 'bigint' ? 'BIG' : value,
  ).replace('"BIG"', '12345678901234567890');
  const answer = await send('crm', body);
  assert.deepEqual(answer.json, { accepted: 4, duplicates: 0, rejected: [], quarantined: 3 });
  const again = await send('crm', body);
  assert.match(again.text, /"accepted":1,"duplicates":3,"rejected":\[\],"quarantined":3/);
  const waiting = await kept('source:crm');
  assert.equal(waiting.length, 3);
  assert.ok(waiting.every(({ source, type }) => type === 'tapeline.unmapped' && source === 'crm'));
  assert.deepEqual(
    new Set(waiting.map(({ reason }) => reason)),
    new Set(['type is unknown', 'customer is unknown']),
  );
  await put('crm', {
    event: { customer: '{who}', type: { any: ['{what}', '{name}'] }, data: '{*}' },
  });
  const replayed = await ask(server, '/v1/quarantine/replay', {
    key: admin,
    body: { customers: ['source:crm'] },
  });
  assert.deepEqual(replayed.json, { replayed: 2, failed: 1, next: null });
  const { events } = await tape(server, who);
  assert.deepEqual(events.map(({ type }) => type).sort(), ['Called', 'Called', 'Mailed', 'Met']);
  assert.match(
    (await ask(server, `/v1/customers/${who}/tape`, { key: read })).text,
    /"n":12345678901234567890/,
  );
  const mailed = events.find(({ type }) => type === 'Mailed');
  const ids = waiting.map(({ id }) => id);
  assert.ok(ids.includes(mailed?.id ?? ''), 'the event has the id of what was kept');
  assert.deepEqual(
    (await kept('source:crm')).map(({ data }) => data.item),
    ['odd'],
  );
  const erased = await ask(server, '/v1/customers/source%3Acrm?now=1', {
    method: 'DELETE',
    key: admin,
  });
  assert.equal(erased.status, 200);
  assert.deepEqual(await kept('source:crm'), []);
  assert.deepEqual(await traces(server.data, ['"item":"odd"']), []);
});

test('an item maps whole or not at all, and what no event can hold is refused by index', async () => {
  const user = fresh('whole');
  const item = (kinds: string[]) => ({
    order: user,
    at: 1,
    user: { id: user },
    items: kinds.map((kind, line) => ({ kind, line })),
  });
  const answer = await send('shop', [
    item(['P', 'X']),
    item(['R']),
    { items: 5 },
    { big: 'x'.repeat(40_000) },
  ]);
  const { rejected, ...counts } = answer.json as {
    rejected: { index: number; code: string; message: string }[];
  };
  assert.deepEqual(counts, { accepted: 3, duplicates: 0, quarantined: 2 });
  assert.deepEqual(
    rejected.map(({ code, index }) => [index, code]),
    [[3, 'too_large']],
  );
  assert.match(rejected[0]!.message, /items is not a list; it cannot be kept/);
  assert.deepEqual(await tapeIds(server, user), [`${user}-0`]);
  const reasons = (await kept('source:shop')).map(({ reason }) => reason);
  assert.ok(reasons.includes('items.1: type "X" is not in the map'), reasons.join());
  const large = await send('flat', [{ c: user, n: 'x'.repeat(200) }]);
  assert.match(large.text, /"index":0,.*"message":"type must be a string of 1 to 128 bytes"/);
  assert.equal(large.status, 422);
});

test('the taxonomy holds for what sources send', async () => {
  await ask(server, '/v1/taxonomy', { method: 'PUT', key: admin, body: { unknown: 'quarantine' } });
  const c = fresh('c');
  assert.match((await send('flat', { c, n: 1 })).text, /"accepted":1,.*"quarantined":1/);
  const run = await ask(server, '/v1/sources/flat/dry-run', {
    key: write,
    body: [{ c, n: 9 }, { n: 1 }],
  });
  assert.deepEqual(run.json, {
    items: [
      {
        index: 0,
        events: [
          {
            event: { source: 'flat', id: '9', customer: c, type: 'T 9' },
            outcome: 'quarantined',
            reason: 'the type is not listed in the taxonomy',
          },
        ],
      },
      { index: 1, outcome: 'quarantined', reason: 'customer is unknown' },
    ],
  });
  await ask(server, '/v1/taxonomy', { method: 'DELETE', key: admin });
  assert.deepEqual(await tapeIds(server, c), []);
});

test('maps are checked, listed and taken away', async () => {
  const event = { customer: '{c}', type: 't' };
  const cases: readonly [object, RegExp][] = [
    [{}, /event/],
    [{ event: { type: 't' } }, /customer/],
    [{ event: { ...event, time: { text: '{t}', time: 'hh:mm' } } }, /has no year/],
    [{ event: { ...event, id: '{a' } }, /brace without its pair/],
    [
      { event: { ...event, id: { text: '{a}', match: '(?=x)' } } },
      /event\.id: is not a regular expression/,
    ],
    [{ event: { ...event, id: { text: '{a}', code: 'x' } } }, /may not have "code"/],
    [
      { event: { ...event, id: { lower: true } } },
      /event.id must have one of text, any and constant/,
    ],
    [{ event, code: 'x' }, /may not have "code"/],
    [{ event: { ...event, data: { constant: 'x'.repeat(40_000) } } }, /at most 32768 bytes/],
    [{ event: { ...event, id: nested(20) } }, /at most 16 levels/],
  ];
  for (const [map, message] of cases) {
    const answer = await put('bad', map);
    assert.equal(answer.status, 422, answer.text);
    assert.match(answer.message ?? '', message);
  }
  assert.equal((await put('x', { event }, write)).status, 403);
  assert.equal((await put('x', { event })).status, 201);
  const listed = await ask(server, '/v1/sources', { key: read });
  const names = (listed.json as { sources: { name: string }[] }).sources.map(({ name }) => name);
  assert.deepEqual(names, ['crm', 'flat', 'shop', 'x']);
  const shown = await ask(server, '/v1/sources/x', { key: read });
  assert.match(shown.text, /"name":"x","event":\{"customer":"\{c\}","type":"t"\}/);
  const gone = await ask(server, '/v1/sources/x', { method: 'DELETE', key: admin });
  assert.equal(gone.status, 204);
  assert.equal((await ask(server, '/v1/sources/x', { key: read })).status, 404);
  assert.equal((await ask(server, '/v1/sources/x', { method: 'DELETE', key: admin })).status, 404);
});

function nested(levels: number): object {
  let field: object = { text: 'x' };
  for (let n = 0; n < levels; n++) field = { any: [field] };
  return field;
}

test('a flood of items is refused', async () => {
  const many = Array.from({ length: 10_001 }, () => 1);
  assert.equal((await send('flat', many)).code, 'too_large');
});
