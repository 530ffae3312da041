/** The language of maps against a naive reading of its documentation. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileMapping, type Field, type FieldSteps, Refused } from '../src/event/mapping.ts';
import { requiredFields } from '../src/workspaces/source.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const paths = ['a', 'b', 'a.b', 'list.0', 'list.1', 'none', 'a.constructor'] as const;
const scalar = fc.constantFrom<Json>(
  '',
  'X',
  'y z',
  ' Q ',
  'yes',
  '0',
  '12.50',
  7,
  -1.5,
  true,
  null,
);
const item = fc.record(
  {
    a: fc.oneof(scalar, fc.record({ b: scalar }, { requiredKeys: [], noNullPrototype: true })),
    b: scalar,
    list: fc.array(scalar, { maxLength: 2 }),
  },
  { requiredKeys: [], noNullPrototype: true },
);

const template = fc
  .array(
    fc.oneof(
      fc.constantFrom('', 'p:', '{{', '}}', '-'),
      fc.constantFrom(...paths).map((path) => `{${path}}`),
    ),
    {
      minLength: 1,
      maxLength: 3,
    },
  )
  .map((parts) => parts.join(''))
  .filter((text) => text !== '');
const steps = fc.record(
  {
    match: fc.constantFrom('^[a-zX]', '([0-9]+)', 'y'),
    values: fc.constantFrom({ X: 'ex', '7': null }, { yes: true }),
    other: fc.constantFrom('keep' as const, 'refuse' as const),
    lower: fc.boolean(),
    underscore: fc.boolean(),
    prefix: fc.constantFrom('', 'pre:'),
    as: fc.constantFrom('string' as const, 'number' as const, 'boolean' as const),
    default: fc.constantFrom<Json>('none', 5, { x: 1 }),
  },
  { requiredKeys: [], noNullPrototype: true },
);
const { field } = fc.letrec<{ field: Field }>((tie) => ({
  field: fc.oneof(
    { maxDepth: 2 },
    template,
    fc.tuple(template, steps).map(([text, more]): Field => ({ text, ...more })),
    fc.tuple(scalar, steps).map(([constant, more]): Field => ({ constant, ...more })),
    fc
      .tuple(fc.array(tie('field'), { minLength: 1, maxLength: 3 }), steps)
      .map(([any, more]): Field => ({ any, ...more })),
  ),
}));

/** Absent is undefined; a refusal is thrown. */
function naive(rule: Field, from: Json): unknown {
  if (typeof rule === 'string') return fill(rule, from);
  const value = begin(rule, from);
  const done = value === undefined ? undefined : follow(rule, value);
  return done === undefined ? rule.default : done;
}

function begin({ any, constant, text }: FieldSteps, from: Json): unknown {
  if (text !== undefined) return fill(text, from);
  if (any === undefined) return constant;
  for (const each of any) {
    const value = naive(each, from);
    if (value !== undefined) return value;
  }
  return undefined;
}

class No extends Error {}

function fill(text: string, from: Json): unknown {
  const alone = /^\{([^{}]+)\}$/.exec(text);
  if (alone !== null) return at(from, alone[1]!);
  let isAbsent = false;
  const whole = text.replace(/\{\{|\}\}|\{([^{}]+)\}/g, (token, path: string | undefined) => {
    if (path === undefined) return token[0]!;
    const value = at(from, path);
    if (value === undefined) isAbsent = true;
    else if (!isAbsent && typeof value === 'object') throw new No();
    return String(value);
  });
  return isAbsent ? undefined : whole;
}

function at(from: Json, path: string): unknown {
  let value: unknown = from;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.keys(value).includes(name))
      return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value ?? undefined;
}

function follow(rule: FieldSteps, sent: unknown): unknown {
  let value = sent;
  if (rule.match !== undefined) {
    const found = new RegExp(rule.match, 'u').exec(String(value));
    if (found === null) throw new No();
    value = found[1] ?? found[0];
  }
  if (rule.values !== undefined) {
    const known = new Map<string, Json>(Object.entries(rule.values));
    if (known.has(String(value))) value = known.get(String(value)) ?? undefined;
    else if (rule.other === 'refuse') throw new No();
    if (value === undefined) return undefined;
  }
  if (rule.lower === true) value = String(value).toLowerCase();
  if (rule.underscore === true) value = String(value).trim().split(/\s+/).join('_');
  if (rule.prefix !== undefined) value = `${rule.prefix}${String(value)}`;
  return rule.as === undefined ? value : cast(rule.as, value);
}

function cast(as: NonNullable<FieldSteps['as']>, value: unknown): unknown {
  if (as === 'string') return typeof value === 'object' ? JSON.stringify(value) : String(value);
  const text = String(value).trim().toLowerCase();
  if (as === 'number') {
    if (text === '' || !Number.isFinite(Number(text))) throw new No();
    return Number(text);
  }
  if (['true', 'yes', '1'].includes(text)) return true;
  if (['false', 'no', '0'].includes(text)) return false;
  throw new No();
}

test('fields mean what the documentation says', () => {
  let [values, refusals] = [0, 0];
  fc.assert(
    fc.property(field, fc.array(item, { minLength: 1, maxLength: 5 }), (rule, items) => {
      const mapping = compileMapping<Json>(
        { customer: 'c', type: 't', data: { fields: { __proto__x: rule } } },
        {
          find: (name) => (row) => at(row, name) ?? null,
          pattern: (source) => new RegExp(source, 'u'),
          write: (value) => JSON.stringify(value),
          required: requiredFields,
        },
      );
      for (const each of items) {
        let wanted: unknown;
        let isRefused = false;
        try {
          wanted = naive(rule, each);
        } catch (error) {
          if (!(error instanceof No)) throw error;
          isRefused = true;
        }
        const made = mapping(each);
        assert.equal(made instanceof Refused, isRefused, JSON.stringify([rule, each, made]));
        if (isRefused) refusals += 1;
        else {
          values += 1;
          const data = wanted === undefined ? {} : { __proto__x: wanted };
          assert.deepEqual(made, { customer: 'c', type: 't', data }, JSON.stringify([rule, each]));
        }
      }
    }),
    { numRuns: 2000 },
  );
  assert.ok(values > 500 && refusals > 50, `${values} values, ${refusals} refusals`);
});

test('a member may have any name, and an event cannot do without customer and type', () => {
  const mapping = compileMapping<Json>(
    {
      customer: '{c}',
      type: 't',
      data: {
        fields: JSON.parse('{"__proto__":"{x}","constructor":"k"}') as Record<string, Field>,
      },
    },
    {
      find: (name) => (row) => at(row, name),
      pattern: (source) => new RegExp(source, 'u'),
      write: (value) => JSON.stringify(value),
      required: requiredFields,
    },
  );
  assert.deepEqual(mapping({ c: '' }), new Refused('customer is unknown'));
  const event = mapping({ c: 5, x: 1 }) as { customer: string; data: object };
  assert.equal(event.customer, '5');
  assert.equal(JSON.stringify(event.data), '{"__proto__":1,"constructor":"k"}');
});
