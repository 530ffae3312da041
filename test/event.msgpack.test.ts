/**
 * The MessagePack walker against a plain recursive decoder with the rules of the contract, and that
 * decoder against msgpackr wherever msgpackr holds to the format.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Unpackr } from 'msgpackr';
import { Envelope, encodingMsgpack } from '../src/event/envelope.ts';
import {
  readMsgpackArrayHeader,
  readMsgpackUint,
  skipMsgpackValue,
  walkMsgpackEvent,
} from '../src/event/msgpack.ts';
import { fieldText, jsonOfMsgpack, renderEvent } from '../src/event/render.ts';
import { seededRandom } from '../src/std/random.ts';
import { encodeMsgpack } from './support/encode.ts';
import { embed, eventEntries, mutate, mutations, nowMs } from './support/events.ts';
import { type Tree, treeJson, treeProblem, unpackTree } from './support/tree.ts';
import { judgeMsgpack, place, received } from './support/verdict.ts';

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** Values that JSON has no word for, headers that lie, and pieces of values. */
const hostile = [
  'dd ffffffff',
  'df ffffffff',
  'db ffffffff',
  'dc ffff',
  'c6 ffffffff',
  'c9 ffffffff ff',
  'c1',
  'c4 01 00',
  'ca 7fc00000',
  'ca ff800000',
  'ca 3dcccccd',
  'cb 7ff0000000000000',
  'cb 7ff8000000000001',
  'cb 8000000000000000',
  'cf ffffffffffffffff',
  'd3 8000000000000000',
  'd3 001fffffffffffff',
  'd4 01 00',
  'd5 7200 93',
  'd6 ff 65920080',
  'd7 ff 0000000065920080',
  'd7 ff ee6b2800 65920080',
  'd7 ff 075bcd16 65920080',
  'c7 0c ff 00000001 0000000065920080',
  'c7 0c ff 3b9aca00 0000000065920080',
  'c7 0c ff 00000000 fffffff1868b8400',
  'c7 0c ff 00000000 fffffff1868b83ff',
  'c7 0c ff 3b9ac9ff ffffffffffffffff',
  'c7 0c ff 00000000 0000003afff4417f',
  'c7 0c ff 00000000 0000003afff44180',
  'c7 04 ff 65920080',
  'c7 03 ff 659200',
  'd8 ff 00000000000000000000000000000000',
  'a1 ff',
  'a2 c080',
  'a3 eda080',
  'a4 f4908080',
  'a2 e282',
  'a4 f09f9880',
  '81 01 02',
  '81 c0 02',
  '81 90 02',
  '81 a1 61',
  '82 a1 61 01 a1 61 02',
  // Five of them in a row are as deep as the recursive decoders here can follow on any Node.
  '91'.repeat(600),
  `${'91'.repeat(40)}c0`,
  '81a161'.repeat(40),
  '90',
  '80',
  'a0',
].map(hex);

const unpackr = new Unpackr({
  useRecords: false,
  structuredClone: false,
  mapsAsObjects: true,
  int64AsType: 'bigint',
  moreTypes: false,
});

/**
 * Where msgpackr is not to be asked: it runs extensions of its own (records, sets, regular
 * expressions…), gives a value for the byte 0xc1, replaces what is not UTF-8, takes keys of other
 * types for strings, renames `__proto__`, and `Date` has no nanoseconds nor far years. Objects keep
 * the last of repeated keys, as does JSON.parse of what we give back.
 */
function isCommonGround(tree: Tree): boolean {
  switch (tree.kind) {
    case 'extension':
    case 'binary':
    case 'timestamp':
      return false;
    case 'text':
      return !tree.isBad;
    case 'array':
      return tree.items.every(isCommonGround);
    case 'map':
      return tree.entries.every(
        ([key, value]) =>
          key.kind === 'text' &&
          key.text !== '__proto__' &&
          isCommonGround(key) &&
          isCommonGround(value),
      );
    default:
      return true;
  }
}

/** Floats and integers alike as what JSON.parse would make of them; NaN and infinities stay. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return Object.is(value, -0) ? 0 : value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}

function checkAgainstMsgpackr(bytes: Uint8Array): void {
  const tree = unpackTree(bytes);
  if (tree === undefined) {
    // Extensions and 0xc1 aside, whatever we cannot decode msgpackr cannot either.
    if (
      bytes.some(
        (byte) => byte === 0xc1 || (byte >= 0xc7 && byte <= 0xc9) || (byte >= 0xd4 && byte <= 0xd8),
      )
    )
      return;
    assert.throws(() => unpackr.unpack(bytes));
    return;
  }
  if (!isCommonGround(tree) || treeProblem(tree, -1000) !== undefined) return;
  assert.deepEqual(plain(unpackr.unpack(bytes)), JSON.parse(treeJson(tree)));
}

function check(bytes: Uint8Array, seed: number): void {
  checkAgainstMsgpackr(bytes);
  const expected = judgeMsgpack(bytes, nowMs);
  const { all, at } = embed(bytes, seededRandom(seed));
  const end = at + bytes.length;
  const out = new Envelope();
  const next = walkMsgpackEvent(all, at, end, nowMs, out);
  assert.equal(next !== end, expected.isMalformed, 'well-formed or not');
  assert.equal(skipMsgpackValue(all, at, end), next);
  if (next !== end) return;
  assert.equal(out.end, next);
  assert.equal(out.rejection?.message, expected.rejection);
  const id = out.idAt < 0 ? undefined : fieldText(all, at, next, encodingMsgpack, 'id');
  assert.equal(id, expected.id);
  if (expected.rejection !== undefined) return;
  const time = Number.isNaN(out.time) ? received : out.time;
  const payload = {
    bytes: all,
    payloadAt: at,
    payloadEnd: next,
    encoding: encodingMsgpack,
  } as const;
  const rendered = renderEvent({ ...payload, time, received, ...place, madeId: 'made' });
  assert.equal(rendered, expected.rendered);
  JSON.parse(rendered);
}

test('the MessagePack walker agrees with plain decoders, on mutated and hostile events too', () => {
  fc.assert(
    fc.property(eventEntries(hostile), mutations(hostile), fc.integer(), (event, changes, seed) => {
      check(mutate(encodeMsgpack(event, seededRandom(seed)), changes), seed);
    }),
    { numRuns: 4000 },
  );
});

test('the MessagePack walker agrees with plain decoders on events spliced out of two', () => {
  const part = fc.double({ min: 0, max: 1, noNaN: true });
  const entries = eventEntries(hostile);
  fc.assert(
    fc.property(entries, entries, part, part, fc.integer(), (one, other, cut, from, seed) => {
      const random = seededRandom(seed);
      const head = encodeMsgpack(one, random);
      const tail = encodeMsgpack(other, random);
      check(
        Buffer.concat([
          head.subarray(0, Math.floor(cut * head.length)),
          tail.subarray(Math.floor(from * tail.length)),
        ]),
        seed,
      );
    }),
    { numRuns: 1000 },
  );
});

test('skipMsgpackValue accepts exactly what can be decoded', () => {
  const pieces = fc.oneof(fc.uint8Array({ maxLength: 8 }), fc.constantFrom(...hostile));
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 5 }), (parts) => {
      const bytes = Buffer.concat(parts);
      const isWhole = skipMsgpackValue(bytes, 0, bytes.length) === bytes.length;
      assert.equal(isWhole, unpackTree(bytes) !== undefined);
    }),
    { numRuns: 4000 },
  );
});

test('every truncation of a MessagePack event is malformed, and nothing beyond it is read', () => {
  const event = {
    entries: [
      ['customer', 'é'],
      ['type', 't'],
      ['time', 1.7e12],
      [
        'data',
        {
          entries: [['a', [1.5, null, 2n ** 63n, 'x'.repeat(40), { raw: hex('d6 ff 65920080') }]]],
        },
      ],
    ] as const,
  };
  const out = new Envelope();
  for (const seed of [1, 2, 3, 4, 5]) {
    const whole = encodeMsgpack(event, seededRandom(seed));
    assert.equal(walkMsgpackEvent(whole, 0, whole.length, nowMs, out), whole.length);
    assert.equal(out.rejection, undefined);
    for (let end = 0; end < whole.length; end++) {
      assert.equal(walkMsgpackEvent(whole, 0, end, nowMs, out), -1, `cut at ${end}`);
      assert.equal(
        walkMsgpackEvent(whole.subarray(0, end), 0, end, nowMs, out),
        -1,
        `alone, cut at ${end}`,
      );
    }
  }
});

test('16 MiB of nested or lying headers neither overflow a stack nor make anything grow', () => {
  const bytesMax = 16 * 1024 * 1024;
  const out = new Envelope();
  const nest = Buffer.alloc(bytesMax, 0x91);
  assert.equal(skipMsgpackValue(nest, 0, bytesMax), -1);
  nest[bytesMax - 1] = 0xc0;
  assert.equal(skipMsgpackValue(nest, 0, bytesMax), bytesMax);
  const event = Buffer.concat([
    hex('83 a8'),
    Buffer.from('customer'),
    hex('a1 63 a4'),
    Buffer.from('type'),
    hex('a1 74 a4'),
    Buffer.from('data'),
    hex('81 a1 61'),
    nest,
  ]);
  assert.equal(walkMsgpackEvent(event, 0, event.length, nowMs, out), event.length);
  assert.equal(out.rejection?.message, 'data may be at most 32 levels deep');
  const lies = Buffer.alloc(bytesMax, hex('dd ffffffff'));
  assert.equal(skipMsgpackValue(lies, 0, bytesMax), -1);
});

test('integers, floats and timestamps are given back to the last digit', () => {
  const cases: Record<string, string> = {
    'cf ffffffffffffffff': '18446744073709551615',
    'cf 0020000000000001': '9007199254740993',
    'd3 8000000000000000': '-9223372036854775808',
    'd3 ffffffffffffffff': '-1',
    'd3 ffdfffffffffffff': '-9007199254740993',
    'd0 80': '-128',
    'd1 8000': '-32768',
    'd2 80000000': '-2147483648',
    'ce ffffffff': '4294967295',
    e0: '-32',
    'ca 3dcccccd': '0.10000000149011612',
    'cb 3fb999999999999a': '0.1',
    'cb 8000000000000000': '0',
    'cb 444b1ae4d6e2ef50': '1e+21',
    'd6 ff 65920080': '"2024-01-01T00:00:00.000Z"',
    'd7 ff 00000004 65920080': '"2024-01-01T00:00:00.000000001Z"',
    'd7 ff 1dcd6500 65920080': '"2024-01-01T00:00:00.125Z"',
    'd7 ff 1d6f3454 65920080': '"2024-01-01T00:00:00.123456789Z"',
    'c7 0c ff 00000000 fffffff1868b8400': '"0000-01-01T00:00:00.000Z"',
    'c7 0c ff 3b9ac9ff 0000003afff4417f': '"9999-12-31T23:59:59.999999999Z"',
    'a6 22 5c 0a 00 7f 2f': '"\\"\\\\\\n\\u0000\x7f/"',
    'a3 e280a8': '"\u2028"',
    'df 00000001 d9 01 61 dc 0002 c2 c3': '{"a":[false,true]}',
  };
  for (const [bytes, json] of Object.entries(cases)) {
    assert.equal(jsonOfMsgpack(hex(bytes), 0, hex(bytes).length), json, bytes);
  }
});

test('array headers and whole numbers are read in all their forms, and nothing else is', () => {
  const array = (text: string) => readMsgpackArrayHeader(hex(text), 0, hex(text).length);
  assert.deepEqual(array('93'), { count: 3, next: 1 });
  assert.deepEqual(array('dc 0102'), { count: 258, next: 3 });
  assert.deepEqual(array('dd ffffffff'), { count: 4_294_967_295, next: 5 });
  for (const wrong of ['', '80', 'dc 01', 'dd 000000', 'a3', 'c0'])
    assert.equal(array(wrong), undefined, wrong);
  const uint = (text: string) => readMsgpackUint(hex(text), 0, hex(text).length);
  const numbers: Record<string, number> = {
    '00': 0,
    '7f': 127,
    'cc ff': 255,
    'cd ffff': 65_535,
    'ce ffffffff': 4_294_967_295,
    'cf 001fffffffffffff': Number.MAX_SAFE_INTEGER,
    'd0 05': 5,
    'd1 0005': 5,
    'd2 00000005': 5,
    'd3 0000000000000005': 5,
    'ca 40a00000': 5,
    'cb 4278aa5df7600000': 1_695_000_000_000,
  };
  for (const [bytes, value] of Object.entries(numbers)) {
    assert.deepEqual(uint(bytes), { value, next: hex(bytes).length }, bytes);
  }
  for (const wrong of [
    '',
    'e0',
    'd0 ff',
    'cc',
    'cf 0020000000000000',
    'ca 7fc00000',
    'ca 3f000000',
    'a1 31',
    'c0',
    'd3 ffffffffffffffff',
  ]) {
    assert.equal(uint(wrong), undefined, wrong);
  }
});
