/** The rules of an event's fields, each at its boundary, as a real server judges and gives back. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { fresh, post, type Receipt, startTwo, tape } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());

/** The refusal of one event, or undefined when it was accepted. */
async function refusalOf(event: string | object): Promise<Receipt['rejected'][number] | undefined> {
  const answer = await post(server, event);
  const receipt = answer.json as Receipt;
  assert.equal(receipt.accepted + receipt.rejected.length, 1, answer.text);
  assert.equal(answer.status, receipt.accepted === 1 ? 200 : 422);
  return receipt.rejected[0];
}

async function refused(event: string | object, message: RegExp, code = 'invalid'): Promise<void> {
  const refusal = await refusalOf(event);
  assert.equal(refusal?.code, code, JSON.stringify(event));
  assert.match(refusal.message, message);
  assert.equal(refusal.index, 0);
}

async function accepted(event: string | object): Promise<void> {
  assert.equal(await refusalOf(event), undefined, JSON.stringify(event).slice(0, 200));
}

/** Stores one event and reads it back as it stands in the answer's text. */
async function readBack(fields: object) {
  const customer = fresh('back');
  await accepted({ customer, type: 'T', ...fields });
  return (await tape(server, customer)).events[0]!;
}

const base = { customer: 'c', type: 'T' };
const texts = [
  { field: 'id', max: 256 },
  { field: 'customer', max: 256 },
  { field: 'previous', max: 256 },
  { field: 'type', max: 128 },
  { field: 'channel', max: 64 },
  { field: 'source', max: 256 },
];

for (const { field, max } of texts) {
  test(`${field} is a string of 1 to ${max} bytes`, async () => {
    const message = new RegExp(`^${field} must be a string of 1 to ${max} bytes$`);
    await accepted({ ...base, [field]: 'x' });
    await accepted({ ...base, [field]: 'x'.repeat(max) });
    await refused({ ...base, [field]: 'x'.repeat(max + 1) }, message);
    await refused({ ...base, [field]: '' }, message);
    await refused({ ...base, [field]: null }, message);
    await refused({ ...base, [field]: 7 }, message);
    await refused({ ...base, [field]: ['x'] }, message);
  });

  test(`${field} is measured in bytes of UTF-8, escaped or not`, async () => {
    const message = new RegExp(`^${field} must be`);
    const two = 'é'.repeat(max / 2);
    await accepted({ ...base, [field]: two });
    await refused({ ...base, [field]: `${two}x` }, message);
    await refused({ ...base, [field]: 'é'.repeat(max / 2 + 1) }, message);
    const escaped = (times: number): string =>
      JSON.stringify({ ...base, [field]: '@' }).replace('@', '\\u00e8'.repeat(times));
    await accepted(escaped(max / 2));
    await refused(escaped(max / 2 + 1), message);
    await refused(JSON.stringify({ ...base, [field]: '@' }).replace('@', '\\ud800'), /surrogate/);
  });
}

test('customer and type are required, the rest is not', async () => {
  await refused({ type: 'T' }, /^customer is required$/);
  await refused({ customer: 'c' }, /^type is required$/);
  await refused({}, /is required$/);
  await accepted(base);
});

test('an event is an object', async () => {
  for (const wrong of ['7', '"text"', 'null', 'true']) await refused(wrong, /must be an object/);
  const answer = await post(server, '[7,[],null,{"customer":"c","type":"T"}]');
  const { accepted: stored, rejected } = answer.json as Receipt;
  assert.equal(answer.status, 200);
  assert.equal(stored, 1);
  assert.deepEqual(
    rejected.map(({ index, code }) => [index, code]),
    [
      [0, 'invalid'],
      [1, 'invalid'],
      [2, 'invalid'],
    ],
  );
});

test('every field comes back as it was sent, with received and cursor', async () => {
  const sent = {
    id: 'order-1',
    customer: fresh('anna'),
    previous: 'cookie:7',
    type: 'Add To Cart',
    time: 1_763_740_000_000,
    channel: 'web',
    source: 'shop',
    data: { SKU: 'A-1', price: 9.5, tags: ['a', null, true], nested: { deep: {} } },
  };
  const before = Date.now();
  await accepted(sent);
  const [event] = (await tape(server, sent.customer)).events;
  const { cursor, received, ...rest } = event!;
  assert.deepEqual(rest, sent);
  assert.ok(received >= before && received <= Date.now());
  assert.match(cursor, /^[\w.~-]+$/, 'URL-safe');
});

test('without an id the server makes a UUIDv7, and every send is stored', async () => {
  const customer = fresh('noid');
  await accepted({ customer, type: 'T' });
  await accepted({ customer, type: 'T' });
  const { events } = await tape(server, customer);
  assert.equal(events.length, 2);
  const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  for (const { id } of events) assert.match(id, pattern);
  assert.notEqual(events[0]!.id, events[1]!.id);
});

test('time is RFC 3339 or integer milliseconds, and comes back in milliseconds', async () => {
  const times: [unknown, number][] = [
    [0, 0],
    [1_763_740_000_123, 1_763_740_000_123],
    ['1970-01-01T00:00:00Z', 0],
    ['2025-11-21T15:46:40Z', 1_763_740_000_000],
    ['2025-11-21T15:46:40.5Z', 1_763_740_000_500],
    ['2025-11-21T15:46:40.123999999Z', 1_763_740_000_123],
    ['2025-11-21T17:46:40+02:00', 1_763_740_000_000],
    ['2025-11-21t10:16:40-05:30', 1_763_740_000_000],
    ['2024-02-29T00:00:00z', Date.UTC(2024, 1, 29)],
    ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1)],
  ];
  for (const [time, expected] of times) {
    assert.equal((await readBack({ time })).time, expected, String(time));
  }
  const event = await readBack({});
  assert.equal(event.time, event.received, 'absent: the time of receipt');
});

test('other times are refused', async () => {
  const wrong = [
    '2025-11-21',
    '2025-11-21T15:46:40',
    '2025-02-29T00:00:00Z',
    '2025-11-21T24:00:00Z',
    '2025-11-21T15:46:61Z',
    '2025-13-01T00:00:00Z',
    '1763740000000',
    'yesterday',
    '',
    1.5,
    null,
    true,
    {},
  ];
  for (const time of wrong) await refused({ ...base, time }, /^time must be an RFC 3339/);
  await refused('{"customer":"c","type":"T","time":1e400}', /^time must/);
});

test('time is from 1970 to one day ahead of the server', async () => {
  const dayMs = 24 * 60 * 60 * 1000;
  await refused({ ...base, time: -1 }, /1970/);
  await refused({ ...base, time: '1969-12-31T23:59:59.999Z' }, /1970/);
  // The server's clock is this one, read later: that much ahead or less.
  await accepted({ ...base, time: Date.now() + dayMs });
  await refused({ ...base, time: Date.now() + dayMs + 60_000 }, /one day ahead/);
  await refused({ ...base, time: '9999-12-31T23:59:59Z' }, /one day ahead/);
});

function nested(depth: number): string {
  return `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`;
}

test('data is an object of at most 32 levels', async () => {
  const withData = (data: string): string => `{"customer":"c","type":"T","data":${data}}`;
  for (const wrong of ['[]', '"x"', '1', 'null', 'true']) {
    await refused(withData(wrong), /^data must be an object$/);
  }
  await accepted(withData('{}'));
  await accepted(withData(nested(32)));
  await refused(withData(nested(33)), /32 levels/);
  await accepted(withData(`{"a":${'['.repeat(31)}${']'.repeat(31)}}`));
  await refused(withData(`{"a":${'['.repeat(32)}${']'.repeat(32)}}`), /32 levels/);
  await refused(withData(`{"a":${'['.repeat(16_000)}${']'.repeat(16_000)}}`), /32 levels/);
});

test('an event is at most 32 KiB as sent', async () => {
  const sized = (bytes: number, spaces = 0): string => {
    const head = `{"customer":"c","type":"T",${' '.repeat(spaces)}"data":{"a":"`;
    return `${head}${'x'.repeat(bytes - head.length - 3)}"}}`;
  };
  await accepted(sized(32 * 1024));
  await refused(sized(32 * 1024 + 1), /32768 bytes/, 'too_large');
  await refused(sized(32 * 1024 + 1, 20_000), /32768 bytes/, 'too_large');
  await accepted(`\n  ${sized(32 * 1024)}  \n`);
});

test('unknown, repeated and escaped top-level keys are refused', async () => {
  await refused({ ...base, foo: 1 }, /unknown top-level field/);
  await refused({ ...base, cursor: 'x' }, /unknown top-level field/);
  await refused({ ...base, received: 1 }, /unknown top-level field/);
  await refused({ ...base, Type: 'x' }, /unknown top-level field/);
  await refused({ ...base, '': 'x' }, /unknown top-level field/);
  await refused({ ...base, workspace: 'default' }, /unknown top-level field/);
  for (const key of ['customer', 'type', 'id', 'time', 'data', 'channel', 'source', 'previous']) {
    const value = key === 'data' ? '{}' : key === 'time' ? '1' : '"x"';
    const twice = `"${key}":${value},"${key}":${value}`;
    const others = Object.entries(base).filter(([name]) => name !== key);
    const rest = others.map(([name, text]) => `,"${name}":"${text}"`).join('');
    await refused(`{${twice}${rest}}`, new RegExp(`^${key} may not be given twice$`));
  }
  await refused('{"customer":"c","\\u0074ype":"T"}', /without escapes/);
  await refused('{"customer":"c","type":"T","da\\/ta":{}}', /without escapes/);
});

test('types that begin with tapeline. are made by the server alone', async () => {
  await refused({ ...base, type: 'tapeline.link' }, /tapeline\./);
  await refused({ ...base, type: 'tapeline.' }, /tapeline\./);
  await refused('{"customer":"c","type":"\\u0074apeline.link"}', /tapeline\./);
  await accepted({ ...base, type: 'tapeline' });
  await accepted({ ...base, type: 'Tapeline.link' });
});

test('data comes back as it was sent, numbers to the last digit', async () => {
  const values = [
    '9007199254740993',
    '123456789012345678901234567890',
    '0.1000000000000000055511151231257827',
    '1e400',
    '-0',
    '1E+2',
    '1.10',
    '"\\u00e9\\ud83d\\ude00 é😀 \\/ / \\n"',
    '"\\u0000"',
    '[ 1 , 2 ]',
    '{"a":1,"a":2,"__proto__":3,"constructor":4,"":5}',
    'true',
    'null',
  ];
  for (const value of values) {
    const customer = fresh('exact');
    await accepted(`{"customer":"${customer}","type":"T","data":{"v":${value}}}`);
    const { body } = await rawTape(customer);
    assert.ok(body.includes(`"data":{"v":${value}},`), `${value} in ${body}`);
  }
});

async function rawTape(customer: string): Promise<{ body: string }> {
  const response = await fetch(`${server.url}/v1/customers/${customer}/tape`, {
    headers: { authorization: `Bearer ${server.keys.read}` },
  });
  return { body: await response.text() };
}
