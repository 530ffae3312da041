/** Finding a value in JSON text by its path. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findPath } from '../src/event/path.ts';

const find = (json: string, path: string): string | undefined => findPath(json, path.split('.'));

test('a path leads through objects and arrays to the text as it was sent', () => {
  const json = '{"a": {"b" :[10 , {"c": 1.500e+3}, "x\\"}y"]}, "n":12345678901234567890.10}';
  assert.equal(find(json, 'n'), '12345678901234567890.10');
  assert.equal(find(json, 'a.b.0'), '10');
  assert.equal(find(json, 'a.b.1.c'), '1.500e+3');
  assert.equal(find(json, 'a.b.1'), '{"c": 1.500e+3}');
  assert.equal(find(json, 'a.b.2'), '"x\\"}y"');
  assert.equal(find(json, 'a.b'), '[10 , {"c": 1.500e+3}, "x\\"}y"]');
});

test('what is not there is undefined, and null is its text', () => {
  const json = '{"a":{"b":null},"list":[1],"s":"text"}';
  for (const path of [
    'x',
    'a.x',
    'a.b.c',
    'list.1',
    'list.01',
    'list.-1',
    'list.',
    's.0',
    's.length',
  ]) {
    assert.equal(find(json, path), undefined, path);
  }
  assert.equal(find(json, 'a.b'), 'null');
  assert.equal(find('{}', 'a'), undefined);
  assert.equal(find('[]', '0'), undefined);
  assert.equal(find('{"toString":1}', 'constructor'), undefined);
  assert.equal(find('{"__proto__":{"x":1}}', '__proto__.x'), '1');
});

test('of members with the same name the last one counts, at every depth', () => {
  assert.equal(find('{"a":1,"a":2}', 'a'), '2');
  assert.equal(find('{"a":{"b":1},"a":{"c":2}}', 'a.b'), undefined);
  assert.equal(find('{"a":{"b":1,"\\u0062":3}}', 'a.b'), '3');
});

test('names with escapes are compared decoded', () => {
  const json = '{"a\\"b":1,"\\u00e9t\\u00e9":{"\\\\n":2},"\\n":3,"tab\\t":4}';
  assert.equal(findPath(json, ['a"b']), '1');
  assert.equal(findPath(json, ['été', '\\n']), '2');
  assert.equal(findPath(json, ['\n']), '3');
  assert.equal(findPath(json, ['tab\t']), '4');
  assert.equal(findPath(json, ['tab\\t']), undefined);
});

test('a member whose own name is the whole path wins over nested ones', () => {
  assert.equal(find('{"a.b":1,"a":{"b":2}}', 'a.b'), '1');
  assert.equal(find('{"a":{"b":2},"a.b":1}', 'a.b'), '1');
  assert.equal(find('{"a":{"b":2},"a\\u002eb":null}', 'a.b'), 'null');
  assert.equal(find('{"Order No.":7}', 'Order No.'), '7');
  assert.equal(find('{"a-b":1,"a":{"b":2}}', 'a.b'), '2');
  assert.equal(find('{"x":{"a.b":1}}', 'x.a.b'), undefined);
});

test('strings of every length, with escapes anywhere, are skipped whole', () => {
  for (let length = 0; length < 80; length += 1) {
    const plain = 'x'.repeat(length);
    for (const text of [plain, `${plain}"}`, `${plain}\\`, `"${plain}\\"`, `\\\\${plain}",`]) {
      const json = JSON.stringify({ [text]: [text], a: text, z: 1 });
      assert.equal(find(json, 'z'), '1', json);
      assert.equal(findPath(json, ['a']), JSON.stringify(text));
      assert.equal(findPath(json, [text, '0']), JSON.stringify(text));
    }
  }
});

test('deep text costs no stack', () => {
  const depth = 200_000;
  const deep = `${'['.repeat(depth)}${']'.repeat(depth)}`;
  assert.equal(find(`{"deep":${deep},"a":1}`, 'a'), '1');
});

test('random documents give what JSON.parse gives', () => {
  const name = fc.constantFrom('a', 'b', 'a.b', 'b.a', '0', '1', 'a"', '\\', 'é', '__proto__', '');
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.jsonValue({ maxDepth: 1 }),
      fc.array(tie('value'), { maxLength: 3 }),
      fc
        .array(fc.tuple(name, tie('value')), { maxLength: 4 })
        .map((all) => Object.fromEntries(all)),
    ),
  }));
  fc.assert(
    fc.property(
      value,
      fc.array(name, { minLength: 1, maxLength: 3 }),
      fc.constantFrom(undefined, 1, '\t'),
      (document, path, space) => {
        const found = findPath(JSON.stringify(document, null, space), path);
        const parsed: unknown = JSON.parse(JSON.stringify(document));
        assert.deepEqual(found === undefined ? undefined : JSON.parse(found), follow(parsed, path));
      },
    ),
    { numRuns: 2000 },
  );
});

/** The same rules over parsed values. */
function follow(document: unknown, path: readonly string[]): unknown {
  const whole = own(document, path.join('.'));
  if (!Array.isArray(document) && whole !== undefined) return whole;
  return path.reduce(own, document);
}

function own(value: unknown, step: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
  if (Array.isArray(value) && !/^[0-9]+$/.test(step)) return undefined;
  return Object.getOwnPropertyDescriptor(value, step)?.value;
}
