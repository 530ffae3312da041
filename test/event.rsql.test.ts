/** RSQL: what it means, against a plain evaluation of random trees, and what it refuses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Rsql } from '../src/event/rsql.ts';

type Data = Readonly<Record<string, unknown>>;

function meets(text: string, data: Data): boolean {
  return new Rsql(text, 'filter').meets((name) => data[name]);
}

type Tree = { readonly text: string; readonly holds: (data: Data) => boolean };

const names = ['a', 'b', 'c'];
const compare: Record<string, (a: number, b: number) => boolean> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '=gt=': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '=lt=': (a, b) => a < b,
  '<=': (a, b) => a <= b,
};

const leaf: fc.Arbitrary<Tree> = fc
  .tuple(
    fc.constantFrom(...names),
    fc.constantFrom(...Object.keys(compare)),
    fc.integer({ min: 0, max: 3 }),
  )
  .map(([name, operator, value]) => ({
    text: `${name}${operator}'${value}'`,
    holds: (data) => name in data && compare[operator]!(Number(data[name]), value),
  }));

const tree: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc
      .tuple(
        fc.constantFrom(';', ',', ' and ', ' or '),
        fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
      )
      .map(([sign, parts]) => ({
        text: parts.map(({ text }) => `(${text})`).join(sign),
        holds: (data: Data) =>
          sign === ';' || sign === ' and '
            ? parts.every(({ holds }) => holds(data))
            : parts.some(({ holds }) => holds(data)),
      })),
  ),
})).tree;

const data = fc.dictionary(fc.constantFrom(...names), fc.integer({ min: 0, max: 3 }));

test('a filter means what its tree means', () => {
  fc.assert(
    fc.property(tree, data, ({ holds, text }, given) => {
      fc.pre((text.match(/'/g) ?? []).length <= 100 && text.length <= 2048);
      assert.equal(meets(text, given), holds(given), text);
    }),
  );
});

test('and binds closer than or', () => {
  const cases: [Data, boolean][] = [
    [{ a: 1 }, true],
    [{ b: 1 }, false],
    [{ b: 1, c: 1 }, true],
  ];
  for (const [given, expected] of cases) assert.equal(meets('a==1,b==1;c==1', given), expected);
});

test('texts, wildcards, times, numbers and lists', () => {
  const given = {
    type: 'Payment Queue',
    phone: '+12263762555',
    price: 12.5,
    time: '2025-11-21T15:46:40.000Z',
    tags: ['a', 'b'],
    quote: "it's",
    nothing: null,
  };
  const holding = [
    "type=='Payment Queue'",
    'type==Pay*ue',
    'type==*Queue',
    'type==*y*t*Q*',
    'phone==+12263762555',
    'price=gt=9',
    'price==12.50',
    'time=ge=2025-11-21T16:46:40+01:00',
    'time=lt=2025-12-01',
    'tags==a',
    'tags=in=(x,b)',
    'tags!=c',
    "quote=='it\\'s'",
    'type=out=(Payment,Other)',
    ' ( type == "Payment Queue" ) ',
  ];
  const failing = [
    'type==payment*',
    'type==Payment*Payment',
    'price=gt=100',
    'tags!=a',
    'tags=out=(a)',
    'nothing==x',
    'nothing!=x',
    'missing!=x',
    'missing=out=(x)',
  ];
  for (const text of holding) assert.equal(meets(text, given), true, text);
  for (const text of failing) assert.equal(meets(text, given), false, text);
});

test('what is no RSQL, or too much of it, is refused with its place', () => {
  const cases: [string, RegExp][] = [
    ['', /expected a name at character 1/],
    ['a', /expected an operator at character 2/],
    ['a==', /expected a value at character 4/],
    ['a=like=b', /=like= is none of/],
    ['(a==1', /expected \) at character 6/],
    ['a==1)', /expected ; or , or the end at character 5/],
    ["a=='b", /expected a value/],
    ['a=in=(1,2', /expected \)/],
    [`${'('.repeat(17)}a==1${')'.repeat(17)}`, /more than 16 parentheses/],
    [Array(51).fill('a==1').join(';'), /more than 50 comparisons/],
    [`a=in=(${Array(101).fill('1').join()})`, /more than 100 values/],
    ['a'.repeat(2049), /at most 2048 characters/],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => new Rsql(text, 'filter'), { code: 'invalid', message }, text);
  }
});
