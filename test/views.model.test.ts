/** Profile views against a naive evaluator over arrays of parsed events. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { typeHashOf } from '../src/tape/route.ts';
import { evaluateViews, type ViewNeeds, type ViewResult } from '../src/views/evaluate.ts';
import type { ViewEvent } from '../src/views/once.ts';
import {
  fieldTypes,
  parseLookback,
  parseViewTemplate,
  type ViewField,
  type ViewTemplate,
} from '../src/workspaces/view.ts';

const asOf = 1_000_000;

interface Plain {
  readonly time: number;
  readonly type: string;
  readonly data: Record<string, unknown> | undefined;
}

// Whole numbers, so that sums do not depend on their order.
const value = fc.oneof(
  fc.integer({ min: -9, max: 9 }),
  fc.constantFrom('1', 'a', 'b', null, true, [1], [], { y: 1 }, { x: 2 }, { x: 2, y: [0] }),
);
const plain: fc.Arbitrary<Plain> = fc.record({
  time: fc.integer({ min: asOf - 20_000, max: asOf + 1000 }),
  type: fc.constantFrom('A', 'B', 'C'),
  data: fc.option(
    fc.dictionary(fc.constantFrom('v', 'w', 'w.x'), value, { noNullPrototype: true }),
    { nil: undefined },
  ),
});
/** Conditions, and the same said in JavaScript; one that fails is not met. */
const conditions: Readonly<Record<string, (event: Plain) => boolean>> = {
  'event.data.v > 0': ({ data }) => typeof data?.['v'] === 'number' && data['v'] > 0,
  "has(event.data.w) && event.type != 'B'": ({ data, type }) =>
    data !== undefined && 'w' in data && type !== 'B',
  "event.data.v == '1' || event.data.v == 3": ({ data }) =>
    data?.['v'] === '1' || data?.['v'] === 3,
  'event.time >= timestamp("1970-01-01T00:16:30Z")': ({ time }) => time >= 990_000,
  'event.data.w.exists(i, i == 1)': ({ data }) =>
    Array.isArray(data?.['w']) && data['w'].includes(1),
};
const field = fc.record(
  {
    event: fc.constantFrom('A', 'B', 'D', '*'),
    attribute: fc.constantFrom('v', 'w.x', 'w.y.0', '*'),
    limit: fc.integer({ min: 1, max: 6 }),
    lookback: fc.constantFrom('1s', '5s', '15s', '1m'),
    type: fc.constantFrom(...fieldTypes),
    where: fc.constantFrom(...Object.keys(conditions)),
  },
  { requiredKeys: ['event', 'type'] },
);

test('random views over random tapes give what the naive evaluator gives', () => {
  const tape = fc.array(plain, { maxLength: 60 });
  const fields = fc.array(field, { minLength: 1, maxLength: 8 });
  const whole = fc.option(fc.constantFrom(...Object.keys(conditions)), { nil: undefined, freq: 4 });
  fc.assert(
    fc.property(tape, fields, whole, (unordered, sent, where) => {
      const named = sent.map((each, i) => ({ attribute: 'v', ...each, name: `f${i}` }));
      const template = parseViewTemplate({
        fields: named.map(dropAttribute),
        ...(where !== undefined && { where }),
      });
      const events = unordered.toSorted((a, b) => b.time - a.time);
      const wanted = template.fields.map((each) => naive(each, events.filter(meets(where))));
      const all = evaluateView(template, asOf, () => events.map(present));
      assert.deepEqual(JSON.parse(all.json), wanted);
      const needed = evaluateView(template, asOf, (needs) => scanLike(events, needs));
      assert.deepEqual(JSON.parse(needed.json), wanted);
    }),
    { numRuns: 1500 },
  );
});

function evaluateView(
  template: ViewTemplate,
  at: number,
  read: (needs: ViewNeeds) => Iterable<ViewEvent>,
): ViewResult {
  return evaluateViews([{ name: 'v', template }], at, read)[0]!;
}

test('views evaluated together are what each is alone', () => {
  const tape = fc.array(plain, { maxLength: 40 });
  const templates = fc.array(fc.array(field, { minLength: 1, maxLength: 3 }), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(tape, templates, (unordered, sent) => {
      const events = unordered.toSorted((a, b) => b.time - a.time);
      const wishes = sent.map((fields, index) => {
        const named = fields.map((each, i) => ({ attribute: 'v', ...each, name: `f${i}` }));
        return { name: `v${index}`, template: parseViewTemplate({ fields: named }) };
      });
      const read = (needs: ViewNeeds): Iterable<ViewEvent> => scanLike(events, needs);
      const together = evaluateViews(wishes, asOf, read);
      const alone = wishes.map(({ template }) => evaluateView(template, asOf, read));
      assert.deepEqual(
        together.map(({ json }) => json),
        alone.map(({ json }) => json),
      );
    }),
    { numRuns: 500 },
  );
});

/** Every other count and sum goes without an attribute. */
function dropAttribute(sent: Record<string, unknown>, index: number): Record<string, unknown> {
  const { attribute: _, ...rest } = sent;
  const isOptional = sent['type'] === 'count' || sent['type'] === 'sum';
  return isOptional && index % 2 === 0 ? rest : sent;
}

function present(event: Plain): ViewEvent {
  const { time, type, data } = event;
  return {
    time,
    cursor: '',
    json: () => '',
    text: (field) => (field === 'type' ? type : undefined),
    hasType: (wanted) => Buffer.from(type).equals(wanted),
    data: () => (data === undefined ? undefined : JSON.stringify(data)),
  };
}

/** Gives what a scan gives: no more than is needed at the moment. */
function* scanLike(events: readonly Plain[], needs: ViewNeeds): Iterable<ViewEvent> {
  for (const event of events) {
    const { time, type } = event;
    if (time < needs.since) return;
    if (time > asOf || needs.types?.includes(type) === false) continue;
    if (needs.wants(typeHashOf(Buffer.from(type), 0, type.length), time)) yield present(event);
  }
}

function naive(row: ViewField, events: readonly Plain[]): Record<string, unknown> {
  const since = row.lookback === undefined ? -Infinity : asOf - parseLookback(row.lookback);
  const matches = events
    .filter((event) => row.event === '*' || event.type === row.event)
    .filter((event) => event.time <= asOf && event.time >= since)
    .filter(meets(row.where))
    .map((event) => (row.attribute === undefined ? 1 : attributeOf(event.data, row.attribute)))
    .filter((found) => found !== undefined && found !== null);
  const limit = row.limit ?? Number.POSITIVE_INFINITY;
  const { result, events: used, skipped } = fold(row.type, limit, matches);
  return { name: row.name, value: result, events: used, ...(skipped > 0 && { skipped }) };
}

function meets(where: string | undefined): (event: Plain) => boolean {
  return where === undefined ? () => true : conditions[where]!;
}

function attributeOf(data: Record<string, unknown> | undefined, path: string): unknown {
  if (path === '*' || data === undefined) return data;
  if (Object.hasOwn(data, path)) return data[path];
  return path.split('.').reduce<unknown>((at, step) => {
    return typeof at === 'object' && at !== null ? Reflect.get(at, step) : undefined;
  }, data);
}

interface Folded {
  readonly result: unknown;
  readonly events: number;
  readonly skipped: number;
}

function fold(type: string, limit: number, matches: readonly unknown[]): Folded {
  if (type === 'distinct') return foldDistinct(limit, matches);
  const taken = matches.slice(0, limit);
  const none = taken.length === 0;
  const whole = (result: unknown, events = taken.length): Folded => ({
    result,
    events,
    skipped: 0,
  });
  if (type === 'count') return whole(taken.length);
  if (type === 'value') return whole(none ? null : limit === 1 ? taken[0] : taken);
  if (type === 'first') return whole(none ? null : taken.at(-1));
  if (type === 'last') return whole(none ? null : taken[0], Math.min(1, taken.length));
  const numbers = taken.filter((each) => typeof each === 'number');
  const sum = numbers.reduce((a, b) => a + b, 0);
  const results: Record<string, number | null> = {
    sum,
    average: numbers.length === 0 ? null : sum / numbers.length,
    min: numbers.length === 0 ? null : Math.min(...numbers),
    max: numbers.length === 0 ? null : Math.max(...numbers),
  };
  return {
    result: results[type],
    events: numbers.length,
    skipped: taken.length - numbers.length,
  };
}

function foldDistinct(limit: number, matches: readonly unknown[]): Folded {
  const values: unknown[] = [];
  let events = 0;
  for (const match of matches) {
    if (values.length === limit) break;
    events += 1;
    if (!values.some((known) => isSame(known, match))) values.push(match);
  }
  return { result: values.length === 0 ? null : values, events, skipped: 0 };
}

function isSame(a: unknown, b: unknown): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch (error) {
    assert.ok(error instanceof assert.AssertionError);
    return false;
  }
}
