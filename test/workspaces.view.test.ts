/** View templates: what is taken, what is refused, and where the message points. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../src/std/errors.ts';
import {
  fieldTypes,
  parseLookback,
  parseViewTemplate,
  viewNameProblem,
} from '../src/workspaces/view.ts';

const good = { name: 'City', event: 'Profile', attribute: 'City', type: 'value' };

function refused(value: unknown, message: string | RegExp): void {
  assert.throws(
    () => parseViewTemplate(value),
    (error) => {
      assert.ok(error instanceof AppError);
      assert.equal(error.code, 'invalid');
      if (typeof message === 'string') assert.equal(error.message, message);
      else assert.match(error.message, message);
      return true;
    },
  );
}

function refusedField(change: Record<string, unknown>, message: string | RegExp): void {
  refused({ fields: [good, { ...good, name: 'Second', ...change }] }, message);
}

test('a template is kept as it was sent', () => {
  const fields = [
    {
      name: 'City',
      event: 'Profile',
      attribute: 'City',
      limit: 2,
      lookback: '365d',
      type: 'value',
    },
    { name: 'Items', event: 'Add To Cart', attribute: 'SKU', lookback: '7d', type: 'count' },
    { name: 'Activity', event: 'Login', lookback: '30d', type: 'sum' },
    { name: 'All', event: '*', attribute: '*', limit: 10_000, type: 'last' },
    { name: '__proto__', event: 'x'.repeat(128), attribute: 'a.b.0', type: 'max' },
  ];
  const template = parseViewTemplate(JSON.parse(JSON.stringify({ fields })));
  assert.deepEqual(template, { fields });
  assert.equal(JSON.stringify(template), JSON.stringify({ fields }));
  assert.deepEqual(parseViewTemplate(template), template);
});

test('an attribute may be a name with dots in it, wherever they are', () => {
  for (const attribute of ['Phone No.', 'a..b', '.a']) {
    const template = { fields: [{ ...good, attribute }] };
    assert.deepEqual(parseViewTemplate(template), template);
  }
});

test('every type is taken, and needs an attribute unless it counts', () => {
  for (const type of fieldTypes) {
    parseViewTemplate({ fields: [{ ...good, type }] });
    const bare = { fields: [{ name: 'Bare', event: 'Login', type }] };
    if (type === 'count' || type === 'sum') parseViewTemplate(bare);
    else refused(bare, `fields[0].attribute is required for the type ${type}`);
  }
});

test('what is not a template is refused', () => {
  for (const value of [null, [], 'x', 1]) refused(value, 'a view must be an object');
  refused({}, 'fields must be a list');
  refused({ fields: {} }, 'fields must be a list');
  refused({ fields: [] }, 'fields must have 1 to 100 entries');
  const stranger = '"filter" is not a member of a view (fields, where, snapshot)';
  refused({ fields: [good], filter: 1 }, stranger);
  refused({ fields: [good], where: 1 }, 'where must be a string of 1 to 4096 characters');
  for (const snapshot of [1, '', '0s', '31m', '1d', '30']) {
    refused({ fields: [good], snapshot }, 'snapshot must look like 90s or 30m, at most 30m');
  }
  refused({ fields: [null] }, 'fields[0] must be an object');
  const many = (count: number): unknown[] =>
    Array.from({ length: count }, (_, i) => ({ ...good, name: `n${i}` }));
  assert.equal(parseViewTemplate({ fields: many(100) }).fields.length, 100);
  refused({ fields: many(101) }, 'fields must have 1 to 100 entries');
  refused({ fields: [good, good] }, 'fields[1].name is the same as fields[0].name');
});

test('the message points at the member that is wrong', () => {
  refusedField({ name: undefined }, 'fields[1].name is required');
  refusedField({ name: '' }, 'fields[1].name must be a string of 1 to 128 characters');
  refusedField({ name: 'n'.repeat(129) }, /^fields\[1\]\.name must be/);
  refusedField({ event: 7 }, /^fields\[1\]\.event must be a string/);
  refusedField({ event: 'é'.repeat(65) }, 'fields[1].event must be at most 128 bytes long');
  refusedField({ attribute: '' }, /^fields\[1\]\.attribute must be a string/);
  refusedField({ attribute: null }, /^fields\[1\]\.attribute must be a string/);
  refusedField({ attribute: 'a.'.repeat(32) }, 'fields[1].attribute must be at most 32 names deep');
  refusedField({ type: undefined }, 'fields[1].type is required');
  refusedField({ type: 'median' }, /^fields\[1\]\.type must be one of value, count, distinct/);
  for (const limit of [0, -1, 1.5, 10_001, '3', null, Number.NaN]) {
    refusedField({ limit }, 'fields[1].limit must be a whole number from 1 to 10000');
  }
  for (const lookback of [
    '',
    '0d',
    '7',
    'd',
    '1.5d',
    '-1d',
    '7 d',
    '7D',
    '7y',
    '07d',
    7,
    null,
    '-',
  ]) {
    refusedField({ lookback }, 'fields[1].lookback must look like 90d, 12h or 30m');
  }
  for (const lookback of ['3651d', '522w', '999999999999w', '315360001s']) {
    refusedField({ lookback }, 'fields[1].lookback must be at most 3650d');
  }
});

test('conditions and snapshots are kept as they were sent', () => {
  const field = { ...good, where: 'event.data.City != "x"' };
  const template = { where: 'event.channel == "web"', snapshot: '30m', fields: [field] };
  assert.deepEqual(parseViewTemplate(template), template);
});

test('unknown members are refused, and conditions that cannot be compiled', () => {
  refusedField(
    { where: 'x > 1' },
    /^fields\[1\]\.where: Unknown variable: x at character 1 \(x\); /,
  );
  refusedField({ where: '' }, 'fields[1].where must be a string of 1 to 4096 characters');
  refusedField({ Limit: 1 }, 'fields[1] has an unknown member "Limit"');
  refused(
    JSON.parse('{"fields":[{"__proto__":1,"name":"a","event":"b","type":"count"}]}'),
    'fields[0] has an unknown member "__proto__"',
  );
  refusedField({ ['x'.repeat(5000)]: 1 }, /^.{1,150}$/);
});

test('a lookback is read in every unit', () => {
  const wanted = { '1s': 1000, '30m': 1_800_000, '12h': 43_200_000, '90d': 7_776_000_000 };
  for (const [text, lookbackMs] of Object.entries(wanted))
    assert.equal(parseLookback(text), lookbackMs);
  assert.equal(parseLookback('2w'), parseLookback('14d'));
  assert.equal(parseLookback('3650d'), 3650 * 86_400_000);
  assert.ok(Number.isNaN(parseLookback('3651d')));
});

test('the name of a view fits into a path and a key', () => {
  for (const name of ['basic', 'level 1', 'é/ü?#', 'x'.repeat(128), '...']) {
    assert.equal(viewNameProblem(name), undefined, name);
  }
  for (const name of ['', '.', '..', 'x'.repeat(129), 'é'.repeat(65), 'a\0b', 'a\nb', '\ud800']) {
    assert.equal(typeof viewNameProblem(name), 'string', JSON.stringify(name));
  }
});
