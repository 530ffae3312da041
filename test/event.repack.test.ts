/** JSON transcoded to MessagePack means what it meant. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pack, Unpackr } from 'msgpackr';
import { type Encoding, encodingJson, encodingMsgpack } from '../src/event/envelope.ts';
import { renderEvent } from '../src/event/render.ts';
import { writePackedEvent, writePackedJson } from '../src/event/repack.ts';
import { beginText, endBytes } from '../src/event/transcode.ts';

const unpackr = new Unpackr({ int64AsType: 'number', useRecords: false });

function transcode(json: string): unknown {
  beginText();
  writePackedJson(json);
  return unpackr.unpack(Buffer.from(endBytes()));
}

test('any JSON value comes back from MessagePack as it was', () => {
  // A decoder of objects cannot hold such a member.
  const values = fc
    .jsonValue({ maxDepth: 6 })
    .filter((value) => !JSON.stringify(value).includes('__proto__'));
  fc.assert(
    fc.property(values, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
      const json = JSON.stringify(value, null, indent);
      assert.deepEqual(transcode(json), JSON.parse(json));
    }),
  );
});

test('every size of text and of integer has its form', () => {
  for (const length of [0, 1, 31, 32, 255, 256, 32_000]) {
    assert.equal(transcode(JSON.stringify('é'.repeat(length))), 'é'.repeat(length));
    assert.equal(transcode(JSON.stringify('e'.repeat(length))), 'e'.repeat(length));
  }
  for (let bits = 0; bits <= 53; bits++) {
    for (const number of [2 ** bits - 1, 2 ** bits, -(2 ** bits), -(2 ** bits) - 1]) {
      if (Number.isSafeInteger(number)) assert.equal(transcode(String(number)), number);
    }
  }
});

test('an event is the same in both forms, whatever it has and however it was sent', () => {
  const event = fc.record(
    {
      id: fc.string({ minLength: 1, maxLength: 40 }),
      customer: fc.constant('c'),
      type: fc.constant('t'),
      time: fc.integer({ min: 0, max: 1_763_740_000_000 }),
      channel: fc.constant('wéb'),
      data: fc.dictionary(fc.constantFrom('a', 'time', 'b'), fc.integer()),
    },
    { requiredKeys: ['customer', 'type'] },
  );
  const flag = fc.option(fc.string({ maxLength: 300 }), { nil: undefined });
  fc.assert(
    fc.property(event, flag, fc.boolean(), (value, flagged, isPacked) => {
      const bytes = isPacked ? pack(value) : Buffer.from(JSON.stringify(value));
      const source = {
        bytes,
        payloadAt: 0,
        payloadEnd: bytes.length,
        encoding: (isPacked ? encodingMsgpack : encodingJson) as Encoding,
        time: value.time ?? 77,
        received: 1_763_740_000_123,
        stamp: 12,
        ordinal: 3,
        madeId: value.id === undefined ? 'made' : undefined,
        flagged,
      };
      beginText();
      writePackedEvent(source);
      const packed = unpackr.unpack(Buffer.from(endBytes())) as object;
      assert.deepEqual({ ...packed }, JSON.parse(renderEvent(source)));
    }),
  );
});
