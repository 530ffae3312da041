/** Masks: which fields a rule fits, and what is shown of a value. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluateViews } from '../src/views/evaluate.ts';
import { maskText } from '../src/views/mask.ts';
import type { ViewEvent } from '../src/views/once.ts';
import { type MaskRule, type MaskWay, maskFor, maskWays } from '../src/workspaces/role.ts';
import { type FieldType, fieldTypes, parseViewTemplate } from '../src/workspaces/view.ts';

const secret = new Uint8Array(32).fill(1);

test('a rule fits a field by its name, by its attribute or by both', () => {
  const way = (rule: Partial<MaskRule>, attribute: string | undefined, name = 'Mail'): unknown =>
    maskFor([{ as: 'hash', ...rule }], 'basic', {
      name,
      event: 'E',
      type: 'value',
      ...(attribute !== undefined && { attribute }),
    });
  assert.equal(way({ field: 'Mail' }, 'x'), 'hash');
  assert.equal(way({ field: 'Mail' }, undefined), 'hash');
  assert.equal(way({ field: 'Other' }, 'x'), undefined);
  assert.equal(way({ field: 'Mail', view: 'basic' }, 'x'), 'hash');
  assert.equal(way({ field: 'Mail', view: 'other' }, 'x'), undefined);
  assert.equal(way({ attribute: 'contact.email' }, 'contact.email'), 'hash');
  assert.equal(way({ attribute: 'contact' }, 'contact.email'), 'hash');
  assert.equal(way({ attribute: 'contact.email' }, 'contact'), 'hide');
  assert.equal(way({ attribute: 'contact.email' }, '*'), 'hide');
  assert.equal(way({ attribute: 'contact.email' }, 'contact.phone'), undefined);
  assert.equal(way({ attribute: 'contact.email' }, 'contact.emails'), undefined);
  assert.equal(way({ attribute: 'items.email' }, 'items.0.email'), 'hash');
  assert.equal(way({ attribute: 'items.email' }, 'items.3'), 'hide');
  assert.equal(way({ attribute: 'email' }, undefined), undefined);
  assert.equal(way({ attribute: 'email', field: 'Mail' }, 'email'), 'hash');
  assert.equal(way({ attribute: 'email', field: 'Other' }, 'email'), undefined);
});

test('hide wins over what fits first', () => {
  const field = { name: 'Mail', event: 'E', type: 'value', attribute: 'email' } as const;
  const rules: MaskRule[] = [
    { field: 'Mail', as: 'last4' },
    { field: 'Mail', as: 'hash' },
  ];
  assert.equal(maskFor(rules, 'v', field), 'last4');
  assert.equal(maskFor([...rules, { attribute: 'email', as: 'hide' }], 'v', field), 'hide');
});

test('what is shown of a value', () => {
  const cases: [way: Parameters<typeof maskText>[0], text: string, shown: string][] = [
    ['hide', '"x"', 'null'],
    ['present', '"x"', 'true'],
    ['last4', '"1234567"', '"****"'],
    ['last4', '"12345678"', '"****5678"'],
    ['last4', '9007199254740993', '"************0993"'],
    ['last4', '"\\ud83d\\ude00234567\\ud83d\\ude00"', '"****567\u{1f600}"'],
    ['last4', '{"a":"12345678"}', '"****"'],
    ['last4', '["12345678"]', '"****"'],
    ['last4', 'true', '"****"'],
    ['email', '"jane@example.com"', '"j***@example.com"'],
    ['email', '"jane"', '"****"'],
    ['email', '"@example.com"', '"****"'],
    ['email', '"a@b@example.com"', '"****"'],
    ['email', '{"a":"jane@example.com"}', '"****"'],
  ];
  for (const [way, text, shown] of cases) assert.equal(maskText(way, text, secret), shown, text);
});

test('hashes are equal for equal values, however they are written, and depend on the secret', () => {
  const hash = (text: string, of = secret): string => maskText('hash', text, of);
  assert.match(hash('"a"'), /^"h:[0-9a-f]{16}"$/);
  assert.equal(hash('"a"'), hash('"\\u0061"'));
  assert.equal(hash('1.0'), hash('1'));
  assert.equal(hash('{"a":1,"b":2}'), hash('{ "b": 2, "a": 1 }'));
  assert.notEqual(hash('"a"'), hash('"b"'));
  assert.notEqual(hash('"1"'), hash('1'));
  assert.notEqual(hash('"a"'), hash('"a"', new Uint8Array(32)));
});

/** The value of a field of a type, masked, over events whose attribute is one of `numbers`. */
function masked(type: FieldType, as: MaskWay, numbers: readonly string[]): unknown {
  const template = parseViewTemplate({ fields: [{ name: 'f', event: 'E', attribute: 'v', type }] });
  const events = numbers.map((number): ViewEvent => {
    return {
      time: 1,
      cursor: 'c',
      text: () => 'E',
      hasType: () => true,
      data: () => `{"v":${number}}`,
      json: () => '{}',
    };
  });
  const wish = { name: 'v', template, masks: { rules: [{ field: 'f', as }], secret } };
  const [found] = evaluateViews([wish], 1, () => events);
  return (JSON.parse(found!.json) as { value: unknown }[])[0]!.value;
}

test('what has no value says so under every mask, whatever the type of the field', () => {
  for (const as of maskWays) {
    for (const type of fieldTypes) {
      const isZero = (type === 'count' || type === 'sum') && as !== 'hide';
      assert.equal(masked(type, as, []), isZero ? 0 : null, `${type} as ${as}`);
      assert.notEqual(masked(type, 'present', ['0']), 0, `${type} has a value`);
    }
    // No double holds it.
    assert.equal(masked('sum', as, ['1e308', '1e308']), null, as);
  }
});
