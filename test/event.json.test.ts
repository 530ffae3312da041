/** The JSON walker against `JSON.parse` and the rules of the contract checked on its objects. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Envelope, encodingJson } from '../src/event/envelope.ts';
import { readJsonString, skipJsonSpace, skipJsonValue, walkJsonEvent } from '../src/event/json.ts';
import { fieldText, renderEvent } from '../src/event/render.ts';
import { seededRandom } from '../src/std/random.ts';
import { encodeJson } from './support/encode.ts';
import { embed, eventEntries, mutate, mutations, nowMs } from './support/events.ts';
import { judgeJson, place, received } from './support/verdict.ts';

const latin = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** Values and pieces that JSON or UTF-8 refuses, or nearly. */
const hostile = [
  '[[[[[[[[',
  '['.repeat(3000),
  '{"a":'.repeat(3000),
  `${'['.repeat(40)}${']'.repeat(40)}`,
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\ud83d\\ude00"',
  '"\\ud83d\\u0041"',
  '"\\uD8"',
  '"\\x41"',
  '"a\nb"',
  '"\xff"',
  '"\xc0\x80"',
  '"\xed\xa0\x80"',
  '"\xf4\x90\x80\x80"',
  '"\xe2\x82"',
  '"\xf0\x9f\x98\x80"',
  '\xef\xbb\xbf',
  '01',
  '-',
  '-0',
  '1.',
  '.5',
  '1e',
  '1e999',
  '1.5E+3',
  '17637400000000e-1',
  '9007199254740993',
  '18446744073709551616',
  'nul',
  'truefalse',
  'NaN',
  '{"a":1,"a":2}',
  '{"__proto__":{"x":1}}',
  '{"a":1,}',
  '[,]',
  '{"a" 1}',
  ',"id":"twice"',
  '"\\u0000"',
  '""',
].map(latin);

function check(bytes: Uint8Array, seed: number): void {
  const expected = judgeJson(bytes, nowMs);
  const { all, at } = embed(bytes, seededRandom(seed));
  const end = at + bytes.length;
  const out = new Envelope();
  const start = skipJsonSpace(all, at, end);
  const next = walkJsonEvent(all, start, end, nowMs, out);
  const isWhole = next >= 0 && skipJsonSpace(all, next, end) === end;
  assert.equal(!isWhole, expected.isMalformed, 'well-formed or not');
  if (!isWhole) return;
  assert.equal(out.end, next);
  assert.equal(out.rejection?.message, expected.rejection);
  const id = out.idAt < 0 ? undefined : fieldText(all, start, next, encodingJson, 'id');
  assert.equal(id, expected.id);
  if (expected.rejection !== undefined) return;
  const time = Number.isNaN(out.time) ? received : out.time;
  const payload = {
    bytes: all,
    payloadAt: start,
    payloadEnd: next,
    encoding: encodingJson,
  } as const;
  const rendered = renderEvent({ ...payload, time, received, ...place, madeId: 'made' });
  assert.equal(rendered, expected.rendered);
  const { data } = JSON.parse(rendered) as { data?: unknown };
  assert.deepEqual(data, (JSON.parse(Buffer.from(bytes).toString()) as { data?: unknown }).data);
}

test('the JSON walker agrees with JSON.parse and the rules, on mutated and hostile events too', () => {
  fc.assert(
    fc.property(eventEntries(hostile), mutations(hostile), fc.integer(), (event, changes, seed) => {
      check(mutate(encodeJson(event, seededRandom(seed)), changes), seed);
    }),
    { numRuns: 4000 },
  );
});

test('the JSON walker agrees with JSON.parse on events spliced out of two', () => {
  const part = fc.double({ min: 0, max: 1, noNaN: true });
  const entries = eventEntries(hostile);
  fc.assert(
    fc.property(entries, entries, part, part, fc.integer(), (one, other, cut, from, seed) => {
      const random = seededRandom(seed);
      const head = encodeJson(one, random);
      const tail = encodeJson(other, random);
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

test('skipJsonValue accepts exactly what JSON.parse accepts', () => {
  const pieces = fc.oneof(
    fc.json().map((json) => Buffer.from(json)),
    fc.constantFrom(...hostile),
    fc.uint8Array({ maxLength: 3 }),
    fc.constantFrom('[', ']', '{', '}', '"', ',', ':', '1', '-', '.', 'e', ' ').map(latin),
  );
  fc.assert(
    fc.property(fc.array(pieces, { minLength: 1, maxLength: 6 }), (parts) => {
      const bytes = Buffer.concat(parts);
      let isJson = true;
      try {
        JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
      } catch {
        isJson = false;
      }
      const start = skipJsonSpace(bytes, 0, bytes.length);
      const next = skipJsonValue(bytes, start, bytes.length);
      const isWhole = next >= 0 && skipJsonSpace(bytes, next, bytes.length) === bytes.length;
      assert.equal(isWhole, isJson);
    }),
    { numRuns: 4000 },
  );
});

test('every byte is judged as JSON.parse judges it, in strings, in escapes and elsewhere', () => {
  const places = ['"_"', '"\\_"', '"\\u_123"', '"\\u1_23"', '"\\u12_3"', '"\\u123_"'];
  places.push(
    '"\\u123',
    '_',
    '1_',
    '1_2',
    '-_',
    '1._',
    '1e_',
    '1.5e+_',
    't_ue',
    '[1_2]',
    '{"a"_1}',
  );
  places.push('{_"a":1}', '{"a":1_}', '[_]', 'nul_', 'fals_', '"a_');
  for (const place of places) {
    const at = Math.max(0, place.indexOf('_'));
    for (let byte = 0; byte < 256; byte++) {
      const bytes = Buffer.from(place);
      bytes[at] = byte;
      let isJson = true;
      try {
        JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
      } catch {
        isJson = false;
      }
      const start = skipJsonSpace(bytes, 0, bytes.length);
      const next = skipJsonValue(bytes, start, bytes.length);
      const isWhole = next >= 0 && skipJsonSpace(bytes, next, bytes.length) === bytes.length;
      assert.equal(isWhole, isJson, `byte ${byte} in ${place}`);
    }
  }
});

test('every truncation of an event is malformed, and reads nothing beyond its end', () => {
  const whole = Buffer.from(
    '{"id":"a\\u00e9","customer":"é","type":"t","time":1.7e12,"data":{"a":[true,null,-1.5e3,"x"]}}',
  );
  const out = new Envelope();
  assert.equal(walkJsonEvent(whole, 0, whole.length, nowMs, out), whole.length);
  assert.equal(out.rejection, undefined);
  for (let end = 0; end < whole.length; end++) {
    assert.equal(walkJsonEvent(whole, 0, end, nowMs, out), -1, `cut at ${end}`);
    assert.equal(
      walkJsonEvent(whole.subarray(0, end), 0, end, nowMs, out),
      -1,
      `alone, cut at ${end}`,
    );
  }
});

test('16 MiB of brackets neither overflow a stack nor are taken for an event', () => {
  const half = 8 * 1024 * 1024;
  const out = new Envelope();
  for (const [open, close] of ['[]', '{}'].map((pair) => [pair[0]!, pair[1]!])) {
    const opening = open === '[' ? open : '{"":';
    const depth = Math.floor(half / opening.length);
    const bytes = Buffer.from(`${opening.repeat(depth)}1${close!.repeat(depth)}`);
    assert.equal(skipJsonValue(bytes, 0, bytes.length), bytes.length);
    assert.equal(skipJsonValue(bytes, 0, bytes.length - 1), -1);
  }
  const event = Buffer.from(
    `{"customer":"c","type":"t","data":{"a":${'['.repeat(half)}${']'.repeat(half)}}}`,
  );
  assert.equal(walkJsonEvent(event, 0, event.length, nowMs, out), event.length);
  assert.equal(out.rejection?.message, 'data may be at most 32 levels deep');
});

test('a bracket of the wrong kind is found at any depth', () => {
  for (const depth of [1, 2, 31, 32, 33, 63, 64, 65, 100]) {
    for (let wrong = 0; wrong < depth; wrong++) {
      const kinds = Array.from({ length: depth }, (_, level) => level % 3 === 0);
      const opening = kinds.map((isObject) => (isObject ? '{"k":' : '[')).join('');
      const closing = kinds.map((isObject) => (isObject ? '}' : ']')).reverse();
      const right = Buffer.from(`${opening}0${closing.join('')}`);
      assert.equal(skipJsonValue(right, 0, right.length), right.length);
      closing[wrong] = closing[wrong] === '}' ? ']' : '}';
      const bad = Buffer.from(`${opening}0${closing.join('')}`);
      assert.equal(skipJsonValue(bad, 0, bad.length), -1, `level ${wrong} of ${depth}`);
    }
  }
});

test('readJsonString decodes the string that is there and says where it ends', () => {
  const bytes = Buffer.from('x"a\\u00e9\\n\\ud83d\\ude00é",');
  assert.deepEqual(readJsonString(bytes, 1, bytes.length), {
    text: 'aé\n😀é',
    next: bytes.length - 1,
  });
  assert.equal(readJsonString(bytes, 0, bytes.length), undefined);
  assert.equal(readJsonString(bytes, 1, bytes.length - 2), undefined);
  assert.equal(readJsonString(bytes, bytes.length, bytes.length), undefined);
});
