/** MessagePack bodies: what must be expressible as JSON, and how it comes back. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { pack } from 'msgpackr';
import { ask, fresh, post, type Receipt, startTwo, tape, tapePath } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const type = 'application/msgpack';

function text(value: string): Buffer {
  return Buffer.concat([Buffer.of(0xd9, Buffer.byteLength(value)), Buffer.from(value)]);
}

/** A map of raw parts. */
function map(entries: readonly (readonly [Uint8Array | string, Uint8Array | string])[]): Buffer {
  const parts = entries.flat().map((part) => (typeof part === 'string' ? text(part) : part));
  return Buffer.concat([Buffer.of(0x80 + entries.length), ...parts]);
}

function array(events: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.of(0x90 + events.length), ...events]);
}

/** An event whose `data` is `{"v":…}` of the raw value. */
function withValue(customer: string, value: Uint8Array): Buffer {
  return map([
    ['customer', customer],
    ['type', 'T'],
    ['data', map([['v', value]])],
  ]);
}

/** Posts the event between two good ones: whatever becomes of it, they are stored. */
async function judge(event: Uint8Array): Promise<Receipt['rejected'][number] | undefined> {
  const good = pack({ customer: 'neighbour', type: 'T' });
  const answer = await post(server, array([good, event, good]), { type });
  assert.equal(answer.status, 200, answer.text);
  const { accepted, rejected } = answer.json as Receipt;
  assert.equal(accepted + rejected.length, 3);
  if (rejected.length > 0) assert.equal(rejected[0]!.index, 1);
  return rejected[0];
}

const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(' ', ''), 'hex');

const readBack: [name: string, bytes: Buffer, json: string][] = [
  ['nil', hex('c0'), 'null'],
  ['true', hex('c3'), 'true'],
  ['the largest uint64', hex('cf ffffffffffffffff'), '18446744073709551615'],
  ['the smallest int64', hex('d3 8000000000000000'), '-9223372036854775808'],
  ['an integer past 2^53', hex('cf 0020000000000001'), '9007199254740993'],
  ['a negative fixint', hex('e0'), '-32'],
  ['float 64', hex('cb 3fb999999999999a'), '0.1'],
  ['float 32', hex('ca 3f800000'), '1'],
  ['text beyond ASCII', hex('a4 f09f9880'), '"😀"'],
  ['a quote and a control character', hex('a2 22 01'), '"\\"\\u0001"'],
  ['an array', hex('93 01 02 03'), '[1,2,3]'],
  ['a map', hex('81 a1 61 90'), '{"a":[]}'],
  ['a timestamp', hex('d6 ff 69208900'), '"2025-11-21T15:45:04.000Z"'],
];

for (const [name, bytes, json] of readBack) {
  test(`${name} is read back as JSON`, async () => {
    const customer = fresh('back');
    assert.equal(await judge(withValue(customer, bytes)), undefined);
    const answer = await ask(server, tapePath(customer), { key: server.keys.read });
    assert.ok(answer.text.includes(`"data":{"v":${json}}`), answer.text);
  });
}

const refused: [name: string, bytes: Buffer, message: RegExp][] = [
  ['NaN', hex('cb 7ff8000000000000'), /NaN and infinite/],
  ['infinity', hex('cb 7ff0000000000000'), /NaN and infinite/],
  ['minus infinity of 32 bits', hex('ca ff800000'), /NaN and infinite/],
  ['bin 8', hex('c4 02 0102'), /^binary/],
  ['bin 16', hex('c5 0001 01'), /^binary/],
  ['an extension', hex('d4 01 00'), /extension/],
  ['a record of msgpackr', hex('d4 72 40'), /extension/],
  ['a map with a number as key', hex('81 01 02'), /keys of a map/],
  ['text that is not UTF-8', hex('a2 c328'), /UTF-8/],
  ['an array of 32 levels', Buffer.concat([Buffer.alloc(31, 0x91), hex('90')]), /32 levels/],
];

for (const [name, bytes, message] of refused) {
  test(`${name} is refused by index, its neighbours are stored`, async () => {
    const refusal = await judge(withValue('c', bytes));
    assert.ok(refusal !== undefined);
    assert.match(refusal.message, message);
    assert.equal(refusal.code, name.includes('UTF-8') ? 'malformed' : 'invalid');
  });
}

test('the fields have the rules they have in JSON', async () => {
  const wrong: [object, RegExp][] = [
    [{ type: 'T' }, /^customer is required$/],
    [{ customer: 'c' }, /^type is required$/],
    [{ customer: 'é'.repeat(129), type: 'T' }, /^customer must be/],
    [{ customer: 'c', type: 'x'.repeat(129) }, /^type must be/],
    [{ customer: 'c', type: 'T', channel: 'x'.repeat(65) }, /^channel must be/],
    [{ customer: 'c', type: 'T', foo: 1 }, /unknown top-level/],
    [{ customer: 'c', type: 'T', data: [] }, /^data must be an object/],
    [{ customer: 'c', type: 'T', time: 1.5 }, /^time must be/],
    [{ customer: 'c', type: 'tapeline.x' }, /tapeline\./],
    [{ customer: 'tapeline:x', type: 'T' }, /^customer must not begin with tapeline:/],
    [{ customer: 'c', previous: 'tapeline:x', type: 'T' }, /^previous must not begin with/],
    [{ customer: 'c', type: 'T', data: { a: 'x'.repeat(32 * 1024) } }, /32768 bytes/],
  ];
  for (const [event, message] of wrong) {
    const refusal = await judge(pack(event));
    assert.match(refusal?.message ?? 'accepted', message);
  }
  const twice = map([
    ['customer', 'c'],
    ['type', 'T'],
    ['type', 'U'],
  ]);
  assert.match((await judge(twice))!.message, /twice/);
  assert.match((await judge(hex('07')))!.message, /must be an object/);
});

test('fields and whole events are taken up to their limits', async () => {
  const longest = { id: 256, customer: 256, previous: 256, type: 128, channel: 64, source: 256 };
  for (const [field, bytes] of Object.entries(longest)) {
    const base = { customer: 'c', type: 'T' };
    assert.equal(await judge(pack({ ...base, [field]: 'é'.repeat(bytes / 2) })), undefined, field);
    const refusal = await judge(pack({ ...base, [field]: 'x'.repeat(bytes + 1) }));
    assert.equal(refusal?.message, `${field} must be a string of 1 to ${bytes} bytes`);
    assert.match((await judge(pack({ ...base, [field]: '' })))!.message, /must be a string of 1/);
  }
  const sized = (bytes: number): Buffer => {
    const event = (filler: number): Buffer =>
      pack({ customer: 'c', type: 'T', data: { a: 'x'.repeat(filler) } });
    return event(20_000 + bytes - event(20_000).length);
  };
  assert.equal(sized(32_768).length, 32_768);
  assert.equal(await judge(sized(32_768)), undefined);
  assert.equal((await judge(sized(32_769)))?.code, 'too_large');
  const deep = (levels: number): Buffer =>
    withValue('c', Buffer.concat([Buffer.alloc(levels - 2, 0x91), hex('90')]));
  assert.equal(await judge(deep(32)), undefined);
  assert.match((await judge(deep(33)))!.message, /32 levels/);
});

test('time is a string, an integer of any width or a timestamp', async () => {
  const atMs = 1_763_740_000_123n;
  const seconds = atMs / 1000n;
  const uint64 = Buffer.alloc(9, 0xcf);
  uint64.writeBigUInt64BE(atMs, 1);
  const int64 = Buffer.alloc(9, 0xd3);
  int64.writeBigInt64BE(atMs, 1);
  const double = Buffer.alloc(9, 0xcb);
  double.writeDoubleBE(Number(atMs), 1);
  const timestamp32 = Buffer.from([0xd6, 0xff, 0, 0, 0, 0]);
  timestamp32.writeUInt32BE(Number(seconds), 2);
  const timestamp64 = Buffer.from([0xd7, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
  timestamp64.writeBigUInt64BE((123_999_999n << 34n) | seconds, 2);
  const timestamp96 = Buffer.from([0xc7, 12, 0xff, ...Buffer.alloc(12)]);
  timestamp96.writeUInt32BE(123_000_000, 3);
  timestamp96.writeBigInt64BE(seconds, 7);
  const times: [Buffer, number][] = [
    [text('2025-11-21T15:46:40.123Z'), Number(atMs)],
    [uint64, Number(atMs)],
    [int64, Number(atMs)],
    [double, Number(atMs)],
    [hex('05'), 5],
    [timestamp32, Number(seconds) * 1000],
    [timestamp64, Number(atMs)],
    [timestamp96, Number(atMs)],
  ];
  for (const [bytes, expected] of times) {
    const customer = fresh('time');
    const event = map([
      ['customer', customer],
      ['type', 'T'],
      ['time', bytes],
    ]);
    assert.equal(await judge(event), undefined, bytes.toString('hex'));
    const [stored] = (await tape(server, customer)).events;
    assert.equal(stored!.time, expected, bytes.toString('hex'));
  }
});

test('one map is one event, an array of maps is a batch', async () => {
  const one = await post(server, pack({ customer: 'single', type: 'T' }), { type });
  assert.equal(one.text, '{"accepted":1,"duplicates":0,"rejected":[]}');
  const many = await post(
    server,
    pack([
      { customer: 'a', type: 'T' },
      { customer: 'b', type: 'T' },
    ]),
    {
      type,
    },
  );
  assert.equal(many.text, '{"accepted":2,"duplicates":0,"rejected":[]}');
});

const malformed: [name: string, bytes: Buffer][] = [
  ['an empty body', Buffer.alloc(0)],
  ['a byte that means nothing', hex('c1')],
  ['a map cut short', pack({ customer: 'cut', type: 'T' }).subarray(0, 10)],
  ['an array cut short', array([pack({ customer: 'cut', type: 'T' }), hex('81')])],
  ['a count that cannot be true', hex('dd ffffffff')],
  ['a length that cannot be true', hex('81 db ffffffff 61')],
  ['two values', Buffer.concat([pack({ customer: 'cut', type: 'T' }), hex('c0')])],
];

for (const [name, bytes] of malformed) {
  test(`${name} is malformed, and nothing of it is stored`, async () => {
    const answer = await post(server, bytes, { type });
    assert.equal(answer.status, 400, answer.text);
    assert.equal(answer.code, 'malformed');
    assert.deepEqual((await tape(server, 'cut')).events, []);
  });
}

test('nesting bombs are refused without harm', async () => {
  const bomb = Buffer.concat([Buffer.alloc(1_000_000, 0x91), hex('c0')]);
  const answer = await post(server, bomb, { type });
  assert.equal(answer.status, 422);
  assert.equal((answer.json as Receipt).rejected.length, 1);
});
