/** What an identity is by its text: types, phone numbers, values that name nobody. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identityDefaults } from '../src/identity/settings.ts';
import { canonicalOf, isBlocked, maySpellPhone, typedOf } from '../src/identity/typed.ts';

const typeOf = (text: string): string => typedOf(text, identityDefaults).type;

test('a type is the prefix that the workspace knows, or the form', () => {
  const expected: Readonly<Record<string, string>> = {
    'cookie:abc': 'cookie',
    'COOKIE:abc': 'cookie',
    'customerid:7': 'customerId',
    'urn:isbn:1': 'untyped',
    'cookie:': 'untyped',
    'ip:1.2.3.4': 'ip',
    '1.2.3.4': 'ip',
    '2001:db8::1': 'ip',
    '1.2.3': 'untyped',
    'jane@example.com': 'email',
    '@jane': 'untyped',
    'a b@example.com': 'untyped',
    '+14155552671': 'phone',
    '4155552671': 'untyped',
    c1: 'untyped',
  };
  for (const [text, type] of Object.entries(expected)) assert.equal(typeOf(text), type, text);
});

test('a phone number is one text, however it is written', () => {
  const written = [
    '+1 (415) 555-2671',
    'tel:+1-415-555-2671',
    'TEL:+14155552671',
    'phone:+1.415.555.2671',
  ];
  for (const text of written) assert.equal(canonicalOf(text, undefined), '+14155552671');
  assert.equal(canonicalOf('tel:(415) 555-2671', 'US'), '+14155552671');
  assert.equal(canonicalOf('tel:030 901820', 'DE'), '+4930901820');
  for (const text of [
    'tel:415 555',
    'tel:abc',
    '+',
    '+abc',
    '4155552671',
    'tel:',
    'telephone',
    'c1',
  ]) {
    assert.equal(canonicalOf(text, undefined), text);
  }
});

test('every text that has another canonical one is suspected on the way in', () => {
  const texts = [
    '+1 (415) 555-2671',
    'tel:+14155552671',
    'phone:+1 415 555 2671',
    'Tel:+44 20 7946 0958',
  ];
  for (const text of texts) {
    const bytes = Buffer.from(`..${text}..`);
    assert.notEqual(canonicalOf(text, undefined), text);
    assert.ok(maySpellPhone(bytes, 2, text.length), text);
  }
  for (const text of ['+14155552671', 'c1', 'cookie:1', 'abc:def', 'customer-000001', '+']) {
    const bytes = Buffer.from(`..${text}..`);
    const isOther = canonicalOf(text, undefined) !== text;
    assert.equal(maySpellPhone(bytes, 2, text.length) && isOther, false, text);
  }
});

test('values that name nobody are blocked, quoted or not, and their likes are not', () => {
  const { blocked } = identityDefaults;
  const nobody = [
    '',
    ' ',
    '0',
    '000',
    '0-0-0',
    '-1',
    'null',
    'NaN',
    'None',
    'none',
    'undefined',
    'UNDEFINED',
  ];
  const more = [
    'Anonymous',
    'guest',
    'distinct_id',
    '[object Object]',
    'true',
    'False',
    'email',
    'id',
    "'null'",
    '"0"',
  ];
  for (const value of [...nobody, ...more]) assert.ok(isBlocked(value, blocked), value);
  for (const value of ['NULL', 'nan', '1', '-2', '01', 'ids', 'guest1', "'null", 'c1', 'NONE']) {
    assert.ok(!isBlocked(value, blocked), value);
  }
});
