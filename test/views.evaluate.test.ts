/** Profile views: every type, every boundary, and when the scan stops. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { typeHashOf } from '../src/tape/route.ts';
import { evaluateViews, type ViewNeeds, type ViewResult } from '../src/views/evaluate.ts';
import { evidenceCharactersMax } from '../src/views/evidence.ts';
import type { ViewEvent } from '../src/views/once.ts';
import { parseViewTemplate, type ViewTemplate } from '../src/workspaces/view.ts';

const dayMs = 24 * 60 * 60 * 1000;
const asOf = 1_763_740_000_000;

function event(time: number, type: string, data?: string): ViewEvent {
  return {
    time,
    cursor: `at-${time}`,
    text: (field) => (field === 'type' ? type : undefined),
    hasType: (wanted) => Buffer.from(type).equals(wanted),
    data: () => data,
    json: () => `{"type":"${type}"}`,
  };
}

function evaluateView(
  template: ViewTemplate,
  at: number,
  read: (needs: ViewNeeds) => Iterable<ViewEvent>,
): ViewResult {
  return evaluateViews([{ name: 'v', template }], at, read)[0]!;
}

function view(...fields: Record<string, unknown>[]): ViewTemplate {
  return parseViewTemplate({ fields: fields.map((field, i) => ({ name: `f${i}`, ...field })) });
}

/** The value and counts of one field over events given newest first. */
function one(field: Record<string, unknown>, events: Iterable<ViewEvent>): string {
  const text = evaluateView(view(field), asOf, () => events).json;
  assert.ok(text.startsWith('[{"name":"f0",') && text.endsWith('}]'), text);
  return text.slice('[{"name":"f0",'.length, -2);
}

const priced = ['3', '"x"', '10', '1.0', 'null', '"4"', '1'].map((price, age) =>
  event(asOf - age * 1000, 'Buy', `{"price":${price},"sku":"s${age % 2}"}`),
);
const buys = (more: Record<string, unknown>): string =>
  one({ event: 'Buy', attribute: 'price', ...more }, priced);

test('value lists the newest attributes, and gives a scalar for limit 1', () => {
  assert.equal(buys({ type: 'value', limit: 2 }), '"value":[3,"x"],"events":2');
  assert.equal(buys({ type: 'value', limit: 1 }), '"value":3,"events":1');
  assert.equal(buys({ type: 'value' }), '"value":[3,"x",10,1.0,"4",1],"events":6');
});

test('count and sum count matching events, with and without an attribute', () => {
  assert.equal(buys({ type: 'count' }), '"value":6,"events":6');
  assert.equal(buys({ type: 'count', limit: 4 }), '"value":4,"events":4');
  assert.equal(one({ event: 'Buy', type: 'count' }, priced), '"value":7,"events":7');
  assert.equal(one({ event: 'Buy', type: 'sum' }, priced), '"value":7,"events":7');
  assert.equal(one({ event: 'Buy', type: 'sum', limit: 3 }, priced), '"value":3,"events":3');
});

test('numeric types leave out what is not a number and say how many', () => {
  assert.equal(buys({ type: 'sum' }), '"value":15,"events":4,"skipped":2');
  assert.equal(buys({ type: 'min' }), '"value":1.0,"events":4,"skipped":2');
  assert.equal(buys({ type: 'max' }), '"value":10,"events":4,"skipped":2');
  assert.equal(buys({ type: 'average' }), '"value":3.75,"events":4,"skipped":2');
  assert.equal(buys({ type: 'sum', limit: 2 }), '"value":3,"events":1,"skipped":1');
  const text = [event(asOf, 'Buy', '{"price":"4"}'), event(asOf, 'Buy', '{"price":1e999}')];
  const over = (type: string): string => one({ event: 'Buy', attribute: 'price', type }, text);
  assert.equal(over('sum'), '"value":0,"events":0,"skipped":2');
  assert.equal(over('average'), '"value":null,"events":0,"skipped":2');
  assert.equal(over('max'), '"value":null,"events":0,"skipped":2');
});

test('first and last are the oldest and the newest match', () => {
  assert.equal(buys({ type: 'first' }), '"value":1,"events":6');
  assert.equal(buys({ type: 'first', limit: 3 }), '"value":10,"events":3');
  assert.equal(buys({ type: 'last' }), '"value":3,"events":1');
});

test('distinct compares values, not texts, and its limit counts values', () => {
  assert.equal(buys({ type: 'distinct' }), '"value":[3,"x",10,1.0,"4"],"events":6');
  const sent = [
    '1',
    '1.0',
    '{"a":1,"b":[]}',
    '{ "b":[ ],"a":1e0}',
    '"\\u0041"',
    '"A"',
    '-0',
    '0',
    '"1"',
  ];
  const events = sent.map((text) => event(asOf, 'E', `{"v":${text}}`));
  const over = (limit?: number): string =>
    one({ event: 'E', attribute: 'v', type: 'distinct', ...(limit && { limit }) }, events);
  assert.equal(over(), '"value":[1,{"a":1,"b":[]},"\\u0041",-0,"1"],"events":9');
  assert.equal(over(2), '"value":[1,{"a":1,"b":[]}],"events":3');
  assert.equal(over(1), '"value":[1],"events":1');
});

test('no match is null, and 0 for count and sum', () => {
  for (const type of ['value', 'distinct', 'min', 'max', 'average', 'first', 'last']) {
    assert.equal(one({ event: 'E', attribute: 'v', type }, priced), '"value":null,"events":0');
    assert.equal(
      one({ event: 'E', attribute: 'v', type, limit: 1 }, []),
      '"value":null,"events":0',
    );
  }
  for (const type of ['count', 'sum']) {
    assert.equal(one({ event: 'E', type }, priced), '"value":0,"events":0');
  }
});

test('the lookback and asOf are inclusive to the millisecond', () => {
  const at = [1, 0, -1, 1 - dayMs, -dayMs, -dayMs - 1];
  const events = at.map((offset) => event(asOf + offset, 'E', `{"v":${offset}}`));
  const field = { event: 'E', attribute: 'v', type: 'value' };
  assert.equal(
    one({ ...field, lookback: '1d' }, events),
    `"value":[0,-1,${1 - dayMs},${-dayMs}],"events":4`,
  );
  assert.equal(
    one({ ...field, lookback: '24h', type: 'first' }, events),
    `"value":${-dayMs},"events":4`,
  );
  assert.equal(one({ ...field, type: 'count' }, events), '"value":5,"events":5');
});

test('the star stands for every type and for the whole of data', () => {
  const events = [
    event(asOf, 'A', '{"x": 1}'),
    event(asOf - 1, 'B'),
    event(asOf - 2, '*', '{}'),
    event(asOf - 3, 'A', '{"*":5}'),
  ];
  const all = { event: '*', attribute: '*' };
  assert.equal(one({ ...all, type: 'value' }, events), '"value":[{"x": 1},{},{"*":5}],"events":3');
  assert.equal(one({ ...all, type: 'sum' }, events), '"value":0,"events":0,"skipped":3');
  assert.equal(one({ event: '*', type: 'count' }, events), '"value":4,"events":4');
  assert.equal(one({ event: 'A', type: 'count' }, events), '"value":2,"events":2');
});

test('a null attribute counts as absent, wherever it stands', () => {
  const events = [
    event(asOf, 'E', '{"a":{"b": null }}'),
    event(asOf, 'E', '{"a.b":null,"a":{"b":2}}'),
  ];
  assert.equal(
    one({ event: 'E', attribute: 'a.b', type: 'count' }, events),
    '"value":0,"events":0',
  );
  assert.equal(one({ event: 'E', attribute: 'a', type: 'count' }, events), '"value":2,"events":2');
});

test('sums do not lose small amounts, and numbers keep their last digit', () => {
  const numbers = (...all: string[]): ViewEvent[] => all.map((n) => event(asOf, 'E', `{"v":${n}}`));
  const over = (type: string, ...all: string[]): string =>
    one({ event: 'E', attribute: 'v', type }, numbers(...all));
  assert.equal(over('sum', '1e100', '1', '-1e100'), '"value":1,"events":3');
  assert.equal(over('sum', ...Array<string>(1000).fill('0.1')), '"value":100,"events":1000');
  assert.equal(over('sum', '0.1', '0.2'), '"value":0.30000000000000004,"events":2');
  assert.equal(over('sum', '1e308', '1e308'), '"value":null,"events":2');
  const [small, large] = ['9007199254740992', '9007199254740993'];
  assert.equal(over('max', small, large, small), `"value":${large},"events":3`);
  assert.equal(over('min', large, small), `"value":${small},"events":2`);
  assert.equal(over('min', `-${small}`, `-${large}`), `"value":-${large},"events":2`);
  assert.equal(over('max', '0.10', '1e-1'), '"value":0.10,"events":2');
  assert.equal(over('distinct', small, large), `"value":[${small},${large}],"events":2`);
  assert.equal(
    over('value', '12345678901234567890.10'),
    '"value":[12345678901234567890.10],"events":1',
  );
});

test('names are escaped in the answer', () => {
  const template = parseViewTemplate({
    fields: [{ name: '"\n\u{1f600}', event: 'E', type: 'count' }],
  });
  assert.deepEqual(JSON.parse(evaluateView(template, asOf, () => []).json), [
    { name: '"\n\u{1f600}', value: 0, events: 0 },
  ]);
});

test('a view needs its types, and each no further back than its open fields look', () => {
  const a = { event: 'A', attribute: 'v', limit: 1, type: 'value', lookback: '1d' };
  const b = { event: 'B', type: 'count', lookback: '2d' };
  const wants = (needs: ViewNeeds, type: string, age: number): boolean =>
    needs.wants(typeHashOf(Buffer.from(type), 0, type.length), asOf - age);
  evaluateView(view(a, b, a), asOf, function* (needs) {
    assert.deepEqual(needs.types, ['A', 'B']);
    assert.equal(needs.since, asOf - 2 * dayMs);
    assert.deepEqual([wants(needs, 'A', dayMs), wants(needs, 'A', dayMs + 1)], [true, false]);
    assert.deepEqual([wants(needs, 'B', dayMs + 1), wants(needs, 'C', 0)], [true, false]);
    yield event(asOf - 1, 'A', '{"v":1}');
    assert.deepEqual([wants(needs, 'A', 2), wants(needs, 'B', 2)], [false, true]);
    yield event(asOf - 3 * dayMs, 'B');
    assert.fail('nothing more is needed');
  });
  evaluateView(view(a, { event: '*', limit: 1, type: 'count' }), asOf, function* (needs) {
    assert.equal(needs.types, undefined);
    assert.equal(needs.since, Number.NEGATIVE_INFINITY);
    assert.ok(wants(needs, 'C', 9 * dayMs));
    yield event(asOf - 1, 'C');
    assert.equal(needs.since, asOf - dayMs);
    assert.deepEqual([wants(needs, 'A', 2), wants(needs, 'C', 2)], [true, false]);
  });
});

/** Endless events, one a second into the past; `seen` tells how many were taken. */
function endless(type: string): {
  events: Iterable<ViewEvent>;
  seen: { taken: number; left: boolean };
} {
  const seen = { taken: 0, left: false };
  function* generate(): Generator<ViewEvent> {
    try {
      for (;;) {
        yield event(asOf - seen.taken * 1000, type, '{"v":1}');
        seen.taken += 1;
      }
    } finally {
      seen.left = true;
    }
  }
  return { events: generate(), seen };
}

test('the scan stops at the match that completes the last field', () => {
  const { events, seen } = endless('E');
  const template = view(
    { event: 'E', attribute: 'v', limit: 3, type: 'value' },
    { event: '*', limit: 5, type: 'count' },
    { event: 'E', attribute: 'v', type: 'last' },
  );
  evaluateView(template, asOf, () => events);
  assert.deepEqual(seen, { taken: 4, left: true });
});

test('the scan stops when every open field has passed its lookback', () => {
  const { events, seen } = endless('Other');
  evaluateView(view({ event: 'E', type: 'count', lookback: '10s' }), asOf, () => events);
  assert.deepEqual(seen, { taken: 11, left: true });
  const second = endless('E');
  const template = view(
    { event: 'E', type: 'count', limit: 2, lookback: '1d' },
    { event: 'E', attribute: 'v', type: 'first', lookback: '10s' },
  );
  evaluateView(template, asOf, () => second.events);
  assert.deepEqual(second.seen, { taken: 11, left: true });
});

test('data is rendered only for events that a field reads, and once', () => {
  let rendered = 0;
  const data = (): string => {
    rendered += 1;
    return '{"v":1,"w":2}';
  };
  const events = ['A', 'B', 'A', 'C'].map((type): ViewEvent => ({ ...event(asOf, type), data }));
  evaluateView(
    view({ event: '*', type: 'count' }, { event: 'B', type: 'sum' }),
    asOf,
    () => events,
  );
  assert.equal(rendered, 0);
  const v = { event: 'A', attribute: 'v', type: 'sum' };
  evaluateView(
    view(v, { ...v, attribute: 'w' }, { ...v, attribute: '*', type: 'last' }),
    asOf,
    () => events,
  );
  assert.equal(rendered, 2);
});

test('views that are read together share the room for evidence, and what they write is spent', () => {
  const json = `{"text":"${'x'.repeat(30_000)}"}`;
  const events = Array.from({ length: 60 }, (_, age) => ({
    ...event(asOf - age, 'Buy', '{}'),
    json: () => json,
  }));
  const template = view({ event: 'Buy', type: 'count' });
  const read = (views: number): { characters: number; isShort: boolean; spent: number } => {
    const wishes = Array.from({ length: views }, (_, n) => {
      return { name: `v${n}`, template, evidence: 'events' as const };
    });
    let spent = 0;
    const spend = (steps: number): void => {
      spent += steps;
    };
    const results = evaluateViews(wishes, asOf, () => events, spend);
    const characters = results.reduce((sum, result) => sum + result.json.length, 0);
    return { characters, isShort: results.every(({ isShort }) => isShort === true), spent };
  };
  const alone = read(1);
  assert.ok(alone.characters > 60 * json.length && !alone.isShort);
  const together = read(20);
  assert.ok(together.isShort, 'it did not fit');
  assert.ok(together.characters > evidenceCharactersMax - json.length - 100);
  assert.ok(together.characters < evidenceCharactersMax + 20 * 1000, `${together.characters}`);
  for (const { characters, spent } of [alone, together]) {
    assert.ok(spent >= (characters >> 4) - 20, `${spent} steps for ${characters} characters`);
  }
});
