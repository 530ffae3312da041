/** The taxonomy over a real server: definitions, versions, and what it does to events at every door. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { pack } from 'msgpackr';
import { openIngest, openLive } from './support/frames.ts';
import { ask, fresh, post, startTwo, tape } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read, write } = server.keys;

const put = (path: string, body: object, key = admin) =>
  ask(server, path, { method: 'PUT', key, body });
const typePath = (type: string): string => `/v1/taxonomy/types/${encodeURIComponent(type)}`;
const remove = () => ask(server, '/v1/taxonomy', { method: 'DELETE', key: admin });

interface TypeAnswer {
  readonly version: string;
  readonly change: string;
  readonly breaks: readonly string[];
  readonly versions: readonly { readonly version: string }[];
}

test('without a taxonomy everything is taken, and there is nothing to delete', async () => {
  const shown = await ask(server, '/v1/taxonomy', { key: read });
  assert.deepEqual(shown.json, { unknown: 'accept', types: [] });
  assert.equal((await remove()).status, 404);
  const answer = await post(server, [{ customer: fresh('c'), type: 'Anything' }]);
  assert.equal(answer.text, '{"accepted":1,"duplicates":0,"rejected":[]}');
});

test('definitions need admin, are shown to readers, and can be taken away', async () => {
  assert.equal((await put('/v1/taxonomy', { unknown: 'flag' }, write)).status, 403);
  assert.equal((await put(typePath('A/B ü'), {}, read)).status, 403);
  assert.equal((await put('/v1/taxonomy', { unknown: 'flag' })).status, 200);
  const made = await put(typePath('A/B ü'), { mode: 'reject', description: 'for people' });
  assert.equal(made.status, 201, made.text);
  assert.equal((await put(typePath('A/B ü'), { mode: 'flag' })).status, 200);
  const shown = await ask(server, '/v1/taxonomy', { key: read });
  assert.match(shown.text, /"unknown":"flag","types":\[\{"type":"A\/B ü","mode":"flag"/);
  assert.equal((await ask(server, typePath('A/B ü'), { key: read })).status, 200);
  assert.equal((await ask(server, typePath('Other'), { key: read })).status, 404);
  assert.equal(
    (await ask(server, typePath('A/B ü'), { method: 'DELETE', key: admin })).status,
    204,
  );
  assert.equal((await ask(server, typePath('A/B ü'), { key: read })).status, 404);
  assert.equal((await remove()).status, 204);
  assert.match((await ask(server, '/v1/taxonomy', { key: read })).text, /"unknown":"accept"/);
});

test('what cannot be a definition is refused with its place', async () => {
  const cases: readonly [object, RegExp][] = [
    [{ mode: 'drop' }, /mode must be one of accept, flag, quarantine, reject/],
    [{ modus: 'flag' }, /'modus' is not known here/],
    [{ schema: { type: 'strin' } }, /#\/type must be equal to one of the allowed values/],
    [
      { schema: { properties: { a: { requird: [] } } } },
      /#\/properties\/a\/requird is not a keyword/,
    ],
    [{ schema: { constructor: {} } }, /#\/constructor is not a keyword/],
    [{ schema: { $ref: 'http://localhost/x' } }, /#\/\$ref must begin with #/],
    [{ schema: { $ref: '#/$defs/none' } }, /#\/\$ref leads to no subschema/],
    [{ schema: { allOf: [{ $ref: '#' }] } }, /leads back to itself/],
    [{ schema: { pattern: '(a)\\1' } }, /#\/pattern is not a regular expression that RE2 can run/],
    [{ schema: { pattern: '((a{1,30}){1,30})' } }, /#\/pattern is too large/],
    [{ schema: { properties: { a: { format: 'hostname' } } } }, /#\/properties\/a\/format must be/],
    [{ schema: { enum: Array.from({ length: 9000 }, (_, n) => n) } }, /at most 32768 bytes/],
    [{ schema: { anyOf: Array.from({ length: 400 }, () => ({})) } }, /300 subschemas/],
    [{ schema: deepSchema(45) }, /at most 40 levels deep/],
    [{ schema: [] }, /must be an object/],
  ];
  for (const [body, message] of cases) {
    const answer = await put(typePath('Bad'), body);
    assert.equal(answer.status, 422, answer.text);
    assert.match(answer.message ?? '', message);
  }
  assert.equal((await put(typePath('tapeline.x'), {})).status, 422);
  assert.equal((await put('/v1/taxonomy', {})).status, 422);
  assert.equal((await ask(server, typePath('Bad'), { key: read })).status, 404);
});

function deepSchema(levels: number): object {
  let schema: object = {};
  for (let n = 0; n < levels; n++) schema = { not: schema };
  return schema;
}

test('a changed schema makes a version that tells what it may refuse', async () => {
  const path = typePath('Versioned');
  const versionOf = async (schema: object, query = ''): Promise<TypeAnswer> => {
    const answer = await put(path + query, { schema });
    assert.ok(answer.status < 300, answer.text);
    return answer.json as TypeAnswer;
  };
  const first = {
    type: 'object',
    properties: { a: { type: 'integer' } },
    additionalProperties: false,
  };
  assert.equal((await versionOf(first)).version, '1-0-0');
  assert.equal((await versionOf(first)).versions.length, 1, 'the same schema is the same version');
  const wider = { ...first, properties: { a: { type: 'number' }, b: {} } };
  const added = await versionOf(wider, '?compatible=1');
  assert.deepEqual([added.version, added.change, added.breaks], ['1-0-1', 'addition', []]);
  const stricter = { ...wider, required: ['b'] };
  const refused = await put(`${path}?compatible=1`, { schema: stricter });
  assert.equal(refused.status, 409);
  assert.match(refused.message ?? '', /#\/required: b is required now/);
  const revised = await versionOf(stricter);
  assert.deepEqual([revised.version, revised.breaks], ['1-1-0', ['#/required: b is required now']]);
  const other = await versionOf({ type: 'array' });
  assert.deepEqual([other.version, other.change], ['2-0-0', 'model']);
  assert.deepEqual(
    other.versions.map(({ version }) => version),
    ['2-0-0', '1-1-0', '1-0-1', '1-0-0'],
  );
  await remove();
});

const purchase = {
  type: 'object',
  required: ['sku'],
  properties: {
    sku: { type: 'string', pattern: '^[A-Z]{2}' },
    total: { type: 'number', minimum: 0 },
  },
};

test('rejected: by index, with the place and the rule, in either encoding, neighbours unharmed', async () => {
  await put('/v1/taxonomy', { unknown: 'reject' });
  await put(typePath('Purchased'), { mode: 'reject', schema: purchase });
  const customer = fresh('c');
  const events = [
    { id: 'a', customer, type: 'Purchased', data: { sku: 'AB1', total: 5 } },
    { id: 'b', customer, type: 'Purchased', data: { sku: 'AB1', total: -5 } },
    { id: 'c', customer, type: 'Unheard of' },
    { id: 'd', customer, type: 'Purchased' },
    { id: 'e', customer, type: 'Purchased', data: { sku: 'AB2' } },
    { id: 'f', customer, type: 'Purch\u0061sed', data: { sku: 'ab2' } },
  ];
  const wanted = {
    accepted: 2,
    duplicates: 0,
    rejected: [
      {
        index: 1,
        id: 'b',
        code: 'invalid',
        message: 'data.total must be >= 0 (#/properties/total/minimum)',
      },
      { index: 2, id: 'c', code: 'invalid', message: 'the type is not listed in the taxonomy' },
      { index: 3, id: 'd', code: 'invalid', message: 'data.sku is required (#/required)' },
      {
        index: 5,
        id: 'f',
        code: 'invalid',
        message: 'data.sku must match pattern "^[A-Z]{2}" (#/properties/sku/pattern)',
      },
    ],
  };
  assert.deepEqual((await post(server, events)).json, wanted);
  const other = events.map((event) => ({ ...event, customer: `${customer}m` }));
  const packed = await ask(server, '/v1/events', {
    key: write,
    type: 'application/msgpack',
    body: pack(other),
  });
  assert.deepEqual(packed.json, wanted);
  const socket = await openIngest(server, 'tapeline.json');
  socket.text({ seq: 1, events: other });
  assert.deepEqual(await socket.next(), { ack: 1, ...wanted, accepted: 0, duplicates: 2 });
  socket.close();
  assert.deepEqual((await tape(server, customer)).events.map(({ id }) => id).sort(), ['a', 'e']);
  await remove();
});

test('flagged: stored as sent, and the reason comes back on the tape and in the live stream', async () => {
  await put('/v1/taxonomy', { unknown: 'flag' });
  await put(typePath('Purchased'), { mode: 'flag', schema: purchase });
  const customer = fresh('c');
  const live = await openLive(server, `from=now&customer=${customer}`);
  const answer = await post(server, [
    { id: 'a', customer, type: 'Purchased', time: 1, data: { sku: 'AB' } },
    { id: 'b', customer, type: 'Purchased', time: 2, data: { sku: 17.5 } },
    { customer, type: 'W\u00e4s "neues"', time: 3 },
  ]);
  assert.deepEqual(answer.json, { accepted: 3, duplicates: 0, rejected: [], flagged: 2 });
  const seen = [await live.live(), await live.live(), await live.live()];
  live.close();
  const { events } = await tape(server, customer);
  const flags = events.map((event) => (event as unknown as { flagged?: string }).flagged);
  assert.deepEqual(flags, [
    'the type is not listed in the taxonomy',
    'data.sku must be string (#/properties/sku/type)',
    undefined,
  ]);
  assert.deepEqual(
    seen.map(({ event }) => (event as unknown as { flagged?: string }).flagged).sort(),
    [...flags].sort(),
  );
  await remove();
});

test('a schema that multiplies its branches fails the event and holds nobody up', async () => {
  const defs: Record<string, object> = { d40: { type: 'string' } };
  for (let n = 0; n < 40; n++) {
    const ref = { $ref: `#/$defs/d${n + 1}` };
    defs[`d${n}`] = { anyOf: [ref, ref] };
  }
  const schema = { properties: { a: { $ref: '#/$defs/d0' } }, $defs: defs };
  assert.equal((await put(typePath('Bomb'), { mode: 'reject', schema })).status, 201);
  const events = Array.from({ length: 500 }, (_, n) => ({
    customer: 'c',
    id: `bomb${n}`,
    type: 'Bomb',
    data: { a: n },
  }));
  const answer = await post(server, events);
  assert.equal(answer.status, 422);
  assert.match(answer.text, /checking data takes too many steps/);
  assert.equal((answer.json as { rejected: unknown[] }).rejected.length, 500);
  assert.equal((await post(server, [{ customer: 'c', type: 'Other' }])).status, 200);
  await remove();
});

test('the dry run tells what would happen, and stores nothing', async () => {
  await put('/v1/taxonomy', { unknown: 'quarantine' });
  await put(typePath('Purchased'), { mode: 'flag', schema: purchase });
  await put(typePath('Strict'), { mode: 'reject', schema: { required: ['x'] } });
  const customer = fresh('c');
  const events = [
    { id: 'a', customer, type: 'Purchased', data: { sku: 'AB' } },
    { id: 'b', customer, type: 'Purchased', data: { sku: 1 } },
    { customer, type: 'Other' },
    { customer, type: 'Strict' },
    { type: 'Strict' },
  ];
  const wanted = {
    events: [
      { index: 0, id: 'a', outcome: 'accepted' },
      {
        index: 1,
        id: 'b',
        outcome: 'flagged',
        reason: 'data.sku must be string (#/properties/sku/type)',
      },
      { index: 2, outcome: 'quarantined', reason: 'the type is not listed in the taxonomy' },
      { index: 3, outcome: 'rejected', code: 'invalid', reason: 'data.x is required (#/required)' },
      { index: 4, outcome: 'rejected', code: 'invalid', reason: 'customer is required' },
    ],
  };
  const check = (body: string | object, type = 'application/json', key = write) =>
    ask(server, '/v1/taxonomy/check', { key, body, type });
  assert.deepEqual((await check(events)).json, wanted);
  const lines = events.map((event) => ` ${JSON.stringify(event)}\r`).join('\n\n');
  assert.deepEqual((await check(lines, 'application/x-ndjson')).json, wanted);
  assert.deepEqual((await check('[]')).json, { events: [] });
  assert.equal((await check('[{}')).code, 'malformed');
  assert.equal((await check('[{}]x')).code, 'malformed');
  assert.equal((await check('', 'application/json')).code, 'malformed');
  assert.equal((await check(events, 'application/xml')).code, 'unsupported_media_type');
  assert.equal((await check(events, 'application/json', read)).status, 403);
  assert.deepEqual((await tape(server, customer)).events, []);
  await remove();
});
