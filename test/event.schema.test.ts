/** Schemas and their versions without a server: a model of what an addition means. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkSchema, type JsonSchema } from '../src/event/schema.ts';
import { changeBetween, nextVersion } from '../src/event/schemachange.ts';
import { Validator } from '../src/event/validator.ts';

const scalarSchema: fc.Arbitrary<JsonSchema> = fc.oneof(
  fc.record(
    {
      type: fc.constantFrom('integer', 'number', 'string', ['string', 'null'], 'boolean'),
      minimum: fc.integer({ min: -2, max: 2 }),
      maximum: fc.integer({ min: 0, max: 4 }),
      maxLength: fc.integer({ min: 0, max: 3 }),
      pattern: fc.constantFrom('^a', 'b$'),
      enum: fc.subarray([1, 'a', 'ab', null, 2.5], { minLength: 1 }),
    },
    { requiredKeys: [] },
  ),
);
const names = ['a', 'b', 'c'] as const;
const someSchema: fc.Arbitrary<JsonSchema> = fc
  .record(
    {
      type: fc.constantFrom('object', ['object', 'string']),
      properties: fc.dictionary(fc.constantFrom(...names), scalarSchema, { maxKeys: 3 }),
      required: fc.uniqueArray(fc.constantFrom(...names), { maxLength: 2 }),
      additionalProperties: fc.oneof(fc.boolean(), scalarSchema),
      patternProperties: fc.dictionary(fc.constantFrom('^a', 'b'), scalarSchema, { maxKeys: 1 }),
      maxProperties: fc.integer({ min: 1, max: 3 }),
      not: scalarSchema,
    },
    { requiredKeys: [] },
  )
  .map((schema) => schema as JsonSchema);
const someData = fc.dictionary(
  fc.constantFrom(...names, 'd'),
  fc.constantFrom<unknown>(1, 2.5, -3, 'a', 'ab', 'abcd', null, true, 3),
  { maxKeys: 4 },
);

test('what an addition took before it takes: checked on data', () => {
  fc.assert(
    fc.property(
      someSchema,
      someSchema,
      fc.boolean(),
      fc.array(someData, { minLength: 20, maxLength: 40 }),
      (before, other, isSmallChange, samples) => {
        const after = isSmallChange ? { ...before, ...firstOf(other) } : other;
        const { breaks, kind } = changeBetween(before, after);
        const [old, now] = [new Validator(checkSchema(before)), new Validator(checkSchema(after))];
        for (const data of samples) {
          const wasTaken = old.problem(data) === undefined;
          const isTaken = now.problem(data) === undefined;
          if (kind === 'none') assert.equal(isTaken, wasTaken);
          if (kind === 'addition') assert.ok(!wasTaken || isTaken, JSON.stringify(data));
        }
        assert.equal(breaks.length > 0, kind === 'revision' || kind === 'model');
      },
    ),
    { numRuns: 300 },
  );
});

function firstOf(schema: JsonSchema): JsonSchema {
  const [first] = Object.entries(schema);
  return first === undefined ? {} : { [first[0]]: first[1] };
}

test('versions count as SchemaVer says', () => {
  assert.equal(nextVersion(undefined, 'model'), '1-0-0');
  assert.equal(nextVersion('1-2-3', 'none'), '1-2-3');
  assert.equal(nextVersion('1-2-3', 'addition'), '1-2-4');
  assert.equal(nextVersion('1-2-3', 'revision'), '1-3-0');
  assert.equal(nextVersion('1-2-3', 'model'), '2-0-0');
});

test('recursive schemas, formats, inherited names and unique items mean what they say', () => {
  const problem = (schema: object, data: unknown): string | undefined =>
    new Validator(checkSchema(schema)).problem(data);
  const tree = { properties: { k: { items: { $ref: '#' } } }, additionalProperties: false };
  assert.equal(problem(tree, { k: [{ k: [{}, { k: [] }] }] }), undefined);
  assert.match(
    problem(tree, { k: [{ k: [{ z: 1 }] }] }) ?? '',
    /^data\.k\.0\.k\.0 must not have 'z'/,
  );
  assert.match(problem({ required: ['constructor'] }, {}) ?? '', /data\.constructor is required/);
  const unique = { properties: { l: { uniqueItems: true } } };
  assert.match(
    problem(unique, {
      l: [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
    }) ?? '',
    /duplicate items/,
  );
  assert.equal(problem(unique, { l: [{ a: 1 }, [['a', 1]], '1', 1] }), undefined);
  const formats = { properties: { d: { format: 'date' }, e: { format: 'email' } } };
  assert.equal(problem(formats, { d: '2024-02-29', e: 'a@b.example' }), undefined);
  assert.match(problem(formats, { d: '2023-02-29' }) ?? '', /data\.d must match format "date"/);
  assert.match(problem(formats, { e: 'a@b@c.example' }) ?? '', /data\.e must match format/);
  assert.match(problem({ pattern: 'x' }, 'y'.repeat(300)) ?? '', /pattern/);
});
