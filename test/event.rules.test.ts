/** Each rule of the contract for an event, with the exact code and message, in both encodings. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pack } from 'msgpackr';
import {
  type Encoding,
  Envelope,
  encodingJson,
  encodingMsgpack,
  extraBase,
} from '../src/event/envelope.ts';
import { walkJsonEvent } from '../src/event/json.ts';
import { walkMsgpackEvent } from '../src/event/msgpack.ts';
import { fieldText, renderData, renderEvent } from '../src/event/render.ts';
import { isUtf8Span } from '../src/event/utf8.ts';
import { seededRandom } from '../src/std/random.ts';
import { formatCursor } from '../src/tape/cursor.ts';

const nowMs = 1_763_740_000_000;
const dayMs = 86_400_000;

interface Outcome {
  readonly next: number;
  readonly code: string | undefined;
  readonly message: string | undefined;
  readonly out: Envelope;
}

function walk(bytes: Uint8Array, encoding: Encoding): Outcome {
  const out = new Envelope();
  const walker = encoding === encodingJson ? walkJsonEvent : walkMsgpackEvent;
  const next = walker(bytes, 0, bytes.length, nowMs, out);
  return { next, code: out.rejection?.code, message: out.rejection?.message, out };
}

const json = (text: string): Outcome => walk(Buffer.from(text), encodingJson);
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
/** The start of a map of `count` entries that has its required fields. */
const msgpackHead = (count: number): Buffer =>
  Buffer.concat([
    Buffer.of(0x80 + count),
    hex('a8'),
    Buffer.from('customer'),
    hex('a2 63 31 a4'),
    Buffer.from('type'),
    hex('a1 74'),
  ]);

/** The same event in both encodings has the same outcome. */
function both(event: unknown): Outcome {
  const fromJson = json(JSON.stringify(event));
  const packed = pack(event);
  const fromMsgpack = walk(packed, encodingMsgpack);
  assert.equal(fromMsgpack.next, packed.length);
  assert.equal(fromJson.message, fromMsgpack.message);
  assert.equal(fromJson.code, fromMsgpack.code);
  return fromJson;
}

const base = { customer: 'c1', type: 't' };

test('an event of two fields is accepted, and one of all fields', () => {
  assert.equal(both(base).message, undefined);
  const all = {
    id: 'i',
    ...base,
    previous: 'p',
    time: nowMs,
    channel: 'web',
    source: 's',
    data: {},
  };
  assert.equal(both(all).message, undefined);
});

test('the rules are told by these messages', () => {
  const deep = (levels: number): object => (levels === 1 ? {} : { a: deep(levels - 1) });
  const cases: [unknown, string | undefined][] = [
    [[base], 'an event must be an object'],
    ['text', 'an event must be an object'],
    [7, 'an event must be an object'],
    [null, 'an event must be an object'],
    [true, 'an event must be an object'],
    [{}, 'customer is required'],
    [{ type: 't' }, 'customer is required'],
    [{ customer: 'c' }, 'type is required'],
    [{ ...base, id: '' }, 'id must be a string of 1 to 256 bytes'],
    [{ ...base, id: 7 }, 'id must be a string of 1 to 256 bytes'],
    [{ ...base, id: null }, 'id must be a string of 1 to 256 bytes'],
    [{ ...base, id: 'x'.repeat(256) }, undefined],
    [{ ...base, id: 'x'.repeat(257) }, 'id must be a string of 1 to 256 bytes'],
    [{ ...base, id: 'é'.repeat(128) }, undefined],
    [{ ...base, id: `${'é'.repeat(128)}x` }, 'id must be a string of 1 to 256 bytes'],
    [{ ...base, customer: ['c'] }, 'customer must be a string of 1 to 256 bytes'],
    [{ ...base, previous: {} }, 'previous must be a string of 1 to 256 bytes'],
    [{ ...base, previous: null }, 'previous must be a string of 1 to 256 bytes'],
    [{ ...base, type: 'x'.repeat(128) }, undefined],
    [{ ...base, type: 'x'.repeat(129) }, 'type must be a string of 1 to 128 bytes'],
    [{ ...base, channel: 'x'.repeat(64) }, undefined],
    [{ ...base, channel: 'x'.repeat(65) }, 'channel must be a string of 1 to 64 bytes'],
    [{ ...base, source: false }, 'source must be a string of 1 to 256 bytes'],
    [{ ...base, data: [] }, 'data must be an object'],
    [{ ...base, data: null }, 'data must be an object'],
    [{ ...base, data: 'x' }, 'data must be an object'],
    [{ ...base, data: deep(32) }, undefined],
    [{ ...base, data: deep(33) }, 'data may be at most 32 levels deep'],
    [{ ...base, extra: 1 }, 'unknown top-level field; put your own fields under data'],
    [{ ...base, received: 1 }, 'unknown top-level field; put your own fields under data'],
    [{ ...base, type: 'tapeline.linked' }, 'type must not begin with tapeline.'],
    [{ ...base, type: 'tapeline.' }, 'type must not begin with tapeline.'],
    [{ ...base, type: 'tapeline' }, undefined],
    [{ ...base, type: 'Tapeline.x' }, undefined],
    [{ ...base, time: 0 }, undefined],
    [{ ...base, time: -1 }, 'time must not be before 1970'],
    [{ ...base, time: '1969-12-31T23:59:59.999Z' }, 'time must not be before 1970'],
    [{ ...base, time: nowMs + dayMs }, undefined],
    [{ ...base, time: nowMs + dayMs + 1 }, 'time must be at most one day ahead of the server'],
    [{ ...base, time: 1.5 }, 'time must be an RFC 3339 string or integer epoch milliseconds'],
    [{ ...base, time: null }, 'time must be an RFC 3339 string or integer epoch milliseconds'],
    [
      { ...base, time: '1700000000000' },
      'time must be an RFC 3339 string or integer epoch milliseconds',
    ],
  ];
  for (const [event, message] of cases) {
    const outcome = both(event);
    assert.equal(outcome.message, message, JSON.stringify(event).slice(0, 200));
    assert.equal(outcome.code, message === undefined ? undefined : 'invalid');
  }
});

test('names of the server’s own are nobody’s to send', () => {
  const cases: [unknown, string | undefined][] = [
    [{ ...base, customer: 'tapeline:x' }, 'customer must not begin with tapeline:'],
    [{ ...base, customer: 'tapeline:' }, 'customer must not begin with tapeline:'],
    [{ ...base, customer: 'tapeline' }, undefined],
    [{ ...base, customer: 'Tapeline:x' }, undefined],
    [{ ...base, previous: 'tapeline:x' }, 'previous must not begin with tapeline:'],
    [{ ...base, previous: 'tapeline.x' }, undefined],
  ];
  for (const [event, message] of cases) assert.equal(both(event).message, message);
});

test('an event is at most 32 KiB as sent', () => {
  const sized = (bytes: number): Outcome => {
    const empty = JSON.stringify({ ...base, data: { a: '' } }).length;
    return json(JSON.stringify({ ...base, data: { a: 'x'.repeat(bytes - empty) } }));
  };
  assert.equal(sized(32_768).code, undefined);
  assert.equal(sized(32_769).code, 'too_large');
  assert.equal(sized(32_769).message, 'an event may be at most 32768 bytes');
  assert.equal(both({ ...base, data: { a: 'x'.repeat(40_000) } }).code, 'too_large');
});

test('what only JSON text can say wrongly is told too', () => {
  const cases: [string, string | undefined][] = [
    ['{"customer":"c","type":"t","type":"t"}', 'type may not be given twice'],
    ['{"customer":"c","type":"t","data":{},"data":{}}', 'data may not be given twice'],
    ['{"c\\u0075stomer":"c","type":"t"}', 'top-level keys must be written without escapes'],
    ['{"customer":"\\ud800","type":"t"}', 'a lone surrogate cannot be written as UTF-8'],
    [
      `{"customer":"${'\\u0061'.repeat(257)}\\ud800"}`,
      'customer must be a string of 1 to 256 bytes',
    ],
    ['{"customer":"c","type":"t","data":{"a":"\\ud800"}}', undefined],
    ['{"customer":"c","type":"t","data":{"a":1,"a":2}}', undefined],
    ['{"customer":"\\u0000","type":"\\n"}', undefined],
    ['{"customer":"c","type":"\\u0074apeline.x"}', 'type must not begin with tapeline.'],
    ['{"customer":"\\u0074apeline:x","type":"t"}', 'customer must not begin with tapeline:'],
    ['{"customer":"c","type":"t","time":1.7e12}', undefined],
    ['{"customer":"c","type":"t","time":17e11}', undefined],
    ['{"customer":"c","type":"t","time":"2024-01-01T00:00:00\\u005A"}', undefined],
  ];
  for (const [text, message] of cases) assert.equal(json(text).message, message, text);
});

test('a key that differs from a field in one letter, or in length, is unknown', () => {
  const keys = ['id', 'customer', 'previous', 'type', 'time', 'channel', 'source', 'data'];
  for (const key of keys) {
    const others = [`${key}s`, key.slice(1), key.slice(0, -1), key.toUpperCase()];
    for (let at = 0; at < key.length; at++) {
      others.push(
        `${key.slice(0, at)}_${key.slice(at + 1)}`,
        `${key.slice(0, at)}é${key.slice(at + 1)}`,
      );
    }
    for (const other of others) {
      const { message } = both({ [other]: 'x', ...base });
      assert.equal(message, 'unknown top-level field; put your own fields under data', other);
    }
  }
});

test('what JSON has no word for is refused in MessagePack by name', () => {
  const withData = (value: string): Outcome =>
    walk(
      Buffer.concat([msgpackHead(3), hex('a4'), Buffer.from('data'), hex(value)]),
      encodingMsgpack,
    );
  const cases: [string, string | undefined][] = [
    ['81 a1 61 01', undefined],
    ['81 01 01', 'the keys of a map must be strings'],
    ['81 a1 61 81 c0 01', 'the keys of a map must be strings'],
    ['81 a1 61 cb 7ff8000000000000', 'NaN and infinite numbers cannot be expressed as JSON'],
    ['81 a1 61 ca ff800000', 'NaN and infinite numbers cannot be expressed as JSON'],
    ['81 a1 61 c4 01 00', 'binary values cannot be expressed as JSON'],
    ['81 a1 61 d4 01 00', 'extension types other than the timestamp are not understood'],
    ['81 a1 61 d6 ff 00000000', undefined],
    ['81 a1 61 d5 ff 0000', 'a timestamp must lie in the years 0000 to 9999'],
    [
      '81 a1 61 c7 0c ff 00000000 7fffffffffffffff',
      'a timestamp must lie in the years 0000 to 9999',
    ],
  ];
  for (const [value, message] of cases) assert.equal(withData(value).message, message, value);
  const text = withData('81 a1 61 a1 ff');
  assert.equal(text.message, 'strings must be valid UTF-8');
  assert.equal(text.code, 'malformed');
  assert.equal(withData('81 a1 61 c1').next, -1);
  const odd = walk(Buffer.concat([msgpackHead(3), hex('07 07')]), encodingMsgpack);
  assert.equal(odd.message, 'the keys of a map must be strings');
});

test('a time in MessagePack may be any whole number, a timestamp or a string', () => {
  const timed = (value: string): Outcome =>
    walk(
      Buffer.concat([msgpackHead(3), hex('a4'), Buffer.from('time'), hex(value)]),
      encodingMsgpack,
    );
  const cases: Record<string, number> = {
    'ce 65920080': 0x65920080,
    'cf 0000018bcfe56800': 1_700_000_000_000,
    'd3 0000018bcfe56800': 1_700_000_000_000,
    'cb 4278bcfe56800000': 1_700_000_000_000,
    'cb 8000000000000000': 0,
    'd6 ff 65920080': 1_704_067_200_000,
    'd7 ff 1d6f3454 65920080': 1_704_067_200_123,
    'c7 0c ff 075bcd15 0000000065920080': 1_704_067_200_123,
  };
  for (const [value, ms] of Object.entries(cases)) {
    const outcome = timed(value);
    assert.equal(outcome.message, undefined, value);
    assert.ok(Object.is(outcome.out.time, ms), value);
  }
});

test('a refused event still gives the id that names it', () => {
  const { out } = both({ id: 'a1', customer: 'c' });
  assert.equal(out.rejection?.message, 'type is required');
  assert.equal(out.idBytes, 2);
  const late = json('{"nope":1,"id":"a2"}');
  assert.equal(late.out.idAt, 16);
});

test('a customer is the same bytes however it is written', () => {
  const plain = json('{"customer":"né😀","type":"t"}').out;
  const text = '{"customer":"n\\u00e9\\uD83D\\ude00","type":"t"}';
  const { out } = json(text);
  assert.ok(out.customerAt >= extraBase);
  const at = out.customerAt - extraBase;
  assert.deepEqual(
    Buffer.from(out.extra.subarray(at, at + out.customerBytes)),
    Buffer.from('né😀'),
  );
  assert.equal(plain.customerBytes, out.customerBytes);
  const bytes = Buffer.from(text);
  assert.equal(fieldText(bytes, 0, bytes.length, encodingJson, 'customer'), 'né😀');
  assert.equal(fieldText(bytes, 0, bytes.length, encodingJson, 'previous'), undefined);
});

test('six escaped fields of the greatest length fit at once', () => {
  const max = { id: 256, customer: 256, previous: 256, type: 128, channel: 64, source: 256 };
  const fields = Object.entries(max).map(([key, bytes]) => `"${key}":"${'\\u0061'.repeat(bytes)}"`);
  const text = Buffer.from(`{${fields.join(',')}}`);
  assert.equal(json(text.toString()).message, undefined);
  for (const [key, bytes] of Object.entries(max)) {
    const value = fieldText(text, 0, text.length, encodingJson, key as keyof typeof max);
    assert.equal(value, 'a'.repeat(bytes));
  }
});

test('an event is read back on one line, with its data as it was sent', () => {
  const text =
    '{"type":"t","customer":"c",\n"data":{"n":12345678901234567890,\r\n"e":1.0e+2,"s":"\\ud800\\n"}}';
  const bytes = Buffer.from(text);
  const source = { bytes, payloadAt: 0, payloadEnd: bytes.length, encoding: encodingJson } as const;
  const rendered = renderEvent({
    ...source,
    time: 5,
    received: 6,
    stamp: 37,
    ordinal: 2,
    madeId: 'm',
  });
  const data = '{"n":12345678901234567890,  "e":1.0e+2,"s":"\\ud800\\n"}';
  assert.equal(
    rendered,
    `{"id":"m","customer":"c","type":"t","time":5,"data":${data},"received":6,"cursor":"11.2.5"}`,
  );
  assert.equal(renderData(bytes, 0, bytes.length, encodingJson), data);
  const bare = Buffer.from('{"type":"t","customer":"c"}');
  assert.equal(renderData(bare, 0, bare.length, encodingJson), undefined);
  const packed = pack({ ...base, data: { a: [1, 'é'] } });
  assert.equal(renderData(packed, 0, packed.length, encodingMsgpack), '{"a":[1,"é"]}');
});

test('UTF-8 is checked as strictly as the platform checks it', () => {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const edges = [
    0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1,
  ];
  edges.push(0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff);
  const check = (bytes: Uint8Array): void => {
    let isValid = true;
    try {
      decoder.decode(bytes);
    } catch {
      isValid = false;
    }
    assert.equal(isUtf8Span(bytes, 0, bytes.length), isValid, Buffer.from(bytes).toString('hex'));
  };
  for (const first of edges) {
    for (const second of edges) {
      check(Uint8Array.of(first, second));
      for (const third of edges) {
        check(Uint8Array.of(first, second, third));
        for (const fourth of [0x61, 0x80, 0xbf, 0xc2])
          check(Uint8Array.of(first, second, third, fourth));
      }
    }
  }
});

test('times come back to the last digit, however many there are', () => {
  const seed = Date.now() >>> 0;
  const random = seededRandom(seed);
  const times = [0, 9, 10, 9_999_999, 10_000_000, 10_000_001, Number.MAX_SAFE_INTEGER];
  for (let n = 0; n < 2000; n++) times.push(Math.floor(random.next() * 2 ** random.below(54)));
  const bytes = Buffer.from('{"customer":"c","type":"t"}');
  for (const time of times) {
    const text = renderEvent({
      bytes,
      payloadAt: 0,
      payloadEnd: bytes.length,
      encoding: encodingJson,
      time,
      received: time,
      stamp: time,
      ordinal: 65_535,
      madeId: 'made',
    });
    const start = `{"id":"made","customer":"c","type":"t","time":${time},`;
    const cursor = formatCursor(time, 65_535, time);
    assert.equal(text, `${start}"received":${time},"cursor":"${cursor}"}`, `seed ${seed}`);
  }
});
