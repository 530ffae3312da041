/** One text for all ways to write a value, and decimals compared to the last digit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalText, compareDecimals, parseDecimal } from '../src/views/canonical.ts';

/** A value and a text of it, written with random spaces and order of members. */
const written: fc.Arbitrary<{ value: unknown; text: string }> = fc
  .tuple(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom('', ' ', '\n\t'),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([sent, space, isReversed, isEscaped]) => {
    const value: unknown = JSON.parse(JSON.stringify(sent));
    return { value, text: write(value, { space, isReversed, isEscaped }) };
  });

interface Manner {
  readonly space: string;
  readonly isReversed: boolean;
  readonly isEscaped: boolean;
}

function write(value: unknown, manner: Manner): string {
  const { space } = manner;
  if (typeof value === 'string') return writeString(value, manner.isEscaped);
  if (typeof value === 'number') return space === '' ? `${value}` : value.toExponential(20);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = Array.isArray(value)
    ? value.map((each) => write(each, manner))
    : Object.entries(value).map(
        ([name, each]) =>
          `${writeString(name, manner.isEscaped)}${space}:${space}${write(each, manner)}`,
      );
  if (manner.isReversed && !Array.isArray(value)) inner.reverse();
  const text = `${space}${inner.join(`${space},${space}`)}${space}`;
  return Array.isArray(value) ? `[${text}]` : `{${text}}`;
}

function writeString(text: string, isEscaped: boolean): string {
  if (!isEscaped) return JSON.stringify(text);
  const units = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`;
}

test('however a value is written, its canonical text is one', () => {
  // A number in exponents of 20 digits is another decimal than its shortest text: keep to integers.
  const whole = fc.integer();
  const spellings = whole.map((n) => [`${n}`, `${n}.0`, `${n}e0`, `${n}0E-1`, `${n}.000e+0`]);
  fc.assert(fc.property(spellings, (texts) => new Set(texts.map(canonicalText)).size === 1));
  fc.assert(
    fc.property(
      written.filter(({ text }) => !/[0-9]/.test(text.replaceAll(/\\u..../g, ''))),
      ({ value, text }) => {
        assert.equal(canonicalText(text), canonicalText(JSON.stringify(value)), text);
      },
    ),
  );
});

test('different values have different canonical texts', () => {
  const plain = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value));
  fc.assert(
    fc.property(plain, plain, (a, b) => {
      const isSame = sortedText(JSON.parse(a)) === sortedText(JSON.parse(b));
      assert.equal(canonicalText(a) === canonicalText(b), isSame);
    }),
    { numRuns: 1000 },
  );
  const different = [
    '1',
    '"1"',
    'true',
    '"true"',
    'null',
    '[]',
    '{}',
    '[1]',
    '[[1]]',
    '"e"',
    '{"1":1}',
  ];
  assert.equal(new Set(different.map(canonicalText)).size, different.length);
  assert.equal(canonicalText('{"a":1,"a":2}'), canonicalText('{"a":2}'));
});

function sortedText(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(
          Object.entries(each)
            .map(([k, v]): [string, unknown] => [`~${k}`, v])
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        )
      : each,
  );
}

test('decimals compare as exact numbers do', () => {
  const digits = fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n });
  const scale = fc.integer({ min: 0, max: 30 });
  const small = fc.bigInt({ min: -12n, max: 12n });
  const decimal = fc.tuple(fc.oneof(digits, small), scale);
  fc.assert(
    fc.property(decimal, decimal, ([a, aScale], [b, bScale]) => {
      const exact = a * 10n ** BigInt(bScale) - b * 10n ** BigInt(aScale);
      const compared = compareDecimals(
        parseDecimal(`${a}e-${aScale}`)!,
        parseDecimal(plainDecimal(b, bScale))!,
      );
      assert.equal(Math.sign(compared), exact > 0n ? 1 : exact < 0n ? -1 : 0);
    }),
    { numRuns: 2000 },
  );
  for (const text of ['', '-', '+1', '1.', '.5', '1e', '0x1', 'NaN', '"1"', 'true']) {
    assert.equal(parseDecimal(text), undefined, text);
  }
});

/** Without an exponent: 12, scale 3 → 0.012. */
function plainDecimal(unscaled: bigint, scale: number): string {
  const size = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const at = size.length - scale;
  const sign = unscaled < 0n ? '-' : '';
  return scale === 0 ? `${sign}${size}` : `${sign}${size.slice(0, at)}.${size.slice(at)}`;
}
