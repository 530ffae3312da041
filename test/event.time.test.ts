/** RFC 3339 times against a regular expression and `Date`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseTime, parseTimeBytes } from '../src/event/time.ts';
import { referenceTime } from './support/verdict.ts';

test('times are read in every form that RFC 3339 has', () => {
  const cases: Record<string, number> = {
    '1970-01-01T00:00:00Z': 0,
    '1970-01-01t00:00:00z': 0,
    '1970-01-01 00:00:00Z': 0,
    '1970-01-01T00:00:00.1Z': 100,
    '1970-01-01T00:00:00.0019999999999999999999999999999Z': 1,
    '1969-12-31T23:59:59.9999Z': -1,
    '1970-01-01T01:00:00+01:00': 0,
    '1969-12-31T23:00:00-01:00': 0,
    '1970-01-01T00:00:00-00:00': 0,
    '2000-02-29T00:00:00Z': Date.UTC(2000, 1, 29),
    '2024-02-29T23:59:59.999Z': Date.UTC(2024, 1, 29, 23, 59, 59, 999),
    '2016-12-31T23:59:60Z': Date.UTC(2017, 0, 1),
    '2017-01-01T05:29:60.5+05:30': Date.UTC(2017, 0, 1) + 500,
    '0000-01-01T00:00:00Z': -62_167_219_200_000,
    '9999-12-31T23:59:59.999Z': 253_402_300_799_999,
  };
  for (const [text, ms] of Object.entries(cases)) assert.equal(parseTime(text), ms, text);
});

test('what is no time is NaN', () => {
  const wrong = [
    '',
    '2024',
    '2024-01-01',
    '2024-01-01T00:00:00',
    '2024-01-01T00:00Z',
    '2024-01-01T00:00:00.Z',
    '2024-01-01T00:00:00,5Z',
    '2024-01-01T24:00:00Z',
    '2024-01-01T00:60:00Z',
    '2024-01-01T00:00:61Z',
    '2024-01-01T12:00:60Z',
    '2024-01-01T23:59:60+01:00',
    '2024-00-01T00:00:00Z',
    '2024-13-01T00:00:00Z',
    '2024-01-00T00:00:00Z',
    '2024-04-31T00:00:00Z',
    '2023-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2024-01-01T00:00:00+24:00',
    '2024-01-01T00:00:00+00:60',
    '2024-01-01T00:00:00+0000',
    '2024-01-01T00:00:00+00',
    '2024-01-01T00:00:00Z ',
    ' 2024-01-01T00:00:00Z',
    '2024-01-01\u000000:00:00Z',
    '2024-01-01_00:00:00Z',
    '+02024-01-01T00:00:00Z',
    '2024-01-01T00:00:00١Z',
    '２０２４-01-01T00:00:00Z',
    '2024-1-1T0:0:0.000000Z',
  ];
  for (const text of wrong) assert.ok(Number.isNaN(parseTime(text)), JSON.stringify(text));
});

test('parseTime agrees with the reference on dates of all years, and on mangled ones', () => {
  const char = fc.constantFrom(...'0123456789-+:.TtZz ');
  const edit = fc.tuple(fc.nat(30), char);
  fc.assert(
    fc.property(
      fc.date({
        min: new Date(-62_167_219_200_000),
        max: new Date(253_402_300_799_999),
        noInvalidDate: true,
      }),
      fc.constantFrom('Z', '+00:00', '-23:59', '+05:30', '.5Z'),
      fc.array(edit, { maxLength: 2 }),
      (date, suffix, edits) => {
        let text = date.toISOString().replace(/Z$/, suffix);
        for (const [at, to] of edits) text = text.slice(0, at) + to + text.slice(at + 1);
        assert.equal(parseTime(text), referenceTime(text), text);
      },
    ),
    { numRuns: 5000 },
  );
});

test('every day of four centuries is the day after the one before', () => {
  let expected = Date.UTC(1888, 0, 1);
  for (; expected < Date.UTC(2300, 0, 1); expected += 86_400_000) {
    const text = `${new Date(expected).toISOString().slice(0, 10)}T00:00:00Z`;
    assert.equal(parseTime(text), expected, text);
  }
});

test('times are read from the middle of other bytes', () => {
  const bytes = Buffer.from('9992024-01-01T00:00:00Z999');
  assert.equal(parseTimeBytes(bytes, 3, bytes.length - 3), Date.UTC(2024, 0, 1));
  assert.ok(Number.isNaN(parseTimeBytes(bytes, 3, bytes.length - 2)));
});
