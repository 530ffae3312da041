/** Conditions over an event: what they say, how they are refused, and that none can hold a thread. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ConditionEvent,
  ConditionSubject,
  compileCondition,
  conditionCharactersMax,
  conditionStepsMax,
  type Verdict,
} from '../src/event/condition.ts';
import { boundSteps, meter } from '../src/event/meter.ts';
import { AppError } from '../src/std/errors.ts';

const data = {
  price: 10.5,
  qty: 2,
  vip: true,
  none: null,
  tags: ['a', 'b'],
  items: [
    { sku: 'A-1', n: 1 },
    { sku: 'B-2', n: 3 },
  ],
  'Page-Title': 'Trail shoes',
  city: { name: 'Oakland' },
};

function event(more: Partial<Record<'type' | 'channel' | 'data', string>> = {}): ConditionEvent {
  const texts: Record<string, string | undefined> = { type: 'Purchased', id: 'e1', ...more };
  return {
    time: Date.UTC(2026, 0, 15, 17, 30),
    text: (field) => texts[field],
    data: () => more.data ?? JSON.stringify(data),
  };
}

function meets(text: string, of: ConditionEvent = event()): Verdict {
  const subject = new ConditionSubject();
  subject.become(of);
  return compileCondition(text, 'where').meets(subject);
}

test('a condition sees the envelope and the data of an event', () => {
  const met = [
    'event.type == "Purchased" && event.id == "e1"',
    'event.channel == "" && event.source == ""',
    'event.data.price > 10 && event.data.qty == 2',
    'event.data.price * event.data.qty == 21 && event.data.price + 1 == 11.5',
    'event.data.qty % 2 == 0 && 7 / event.data.qty == 3.5',
    'event.data.vip && event.data.none == null',
    'event.data["Page-Title"].contains("shoes")',
    'event.data.city.name in ["Oakland", "Berlin"]',
    '"a" in event.data.tags && size(event.data.tags) == 2',
    'event.data.items.exists(i, i.sku.startsWith("B-") && i.n > 2)',
    'event.data.items.filter(i, i.n > 1).map(i, i.sku) == ["B-2"]',
    'has(event.data.price) && !has(event.data.discount)',
    'event.data.?discount.orValue(0) == 0',
    'event.data.missing == 1 || event.data.vip',
    'event.data["Page-Title"].matches("(?i)^trail .*s$")',
    'event.time > timestamp("2026-01-15T00:00:00Z") && event.time.getHours("Europe/Berlin") == 18',
    'event.time - timestamp("2026-01-15T17:00:00Z") == duration("30m")',
    'event.data.city == {"name": "Oakland"}',
  ];
  for (const text of met) assert.equal(meets(text), true, text);
  const unmet = ['event.channel == "web"', 'event.data.qty > 2', '!event.data.vip'];
  for (const text of unmet) assert.equal(meets(text), false, text);
  assert.equal(meets('event.channel == "web"', event({ channel: 'web' })), true);
});

test('an error is no match, and neither is what is not true', () => {
  const failing = [
    'event.data.missing == 1',
    '!(event.data.missing == 1)',
    'event.data.price.name == "x"',
    'event.data.qty',
    'event.data.city',
    'event.data.tags[7] == "a"',
    'event.data.price.matches("a")',
    '1 / 0 == 1',
  ];
  for (const text of failing) assert.equal(meets(text), false, text);
  assert.equal(meets('event.data.x == 1', { ...event(), data: () => undefined }), false);
});

test('names of members that mean something to the engine are only names', () => {
  const odd = event({ data: '{"constructor":{"n":1},"__proto__":2,"a":{"constructor":3},"b":4}' });
  assert.equal(meets('event.data.b == 4', odd), true);
  assert.equal(meets('event.data.constructor.n == 1', odd), true);
  assert.equal(meets('event.data.a["constructor"] == 3', odd), true);
  assert.equal(meets('has(event.data.toString)', odd), false);
  assert.equal(meets('"hasOwnProperty" in event.data', odd), false);
  assert.equal(meets('event.data["__proto__"] == 2', odd), true);
  const escaped = event({ data: '{"\\u0063onstructor":1,"b":4}' });
  assert.equal(meets('event.data.b == 4', escaped), true);
});

test('what cannot be compiled is refused with the place, the character and a hint', () => {
  const wrong: [text: string, message: RegExp][] = [
    ['', /^where: .*the condition ends too early/],
    ['event.data.a >', /the condition ends too early/],
    ['event.type = "A"', /at character 12 \(=\); write == to compare/],
    ['event.type == "A" and true', /write && for and/],
    ['event.type == "A" OR true', /write \|\| for or/],
    ['data.price > 1', /Unknown variable: data .*event\.data\.price/],
    ['event.tpye == "A"', /No such key: tpye at character 7 .*an event has type/],
    ['event.type + 1 == 2', /no such overload: string \+ int/],
    ['event.type', /must be true or false, not string/],
    ['event.type.matches("(a")', /no RE2 regular expression/],
    ['event.type.matches("(?<=a)b")', /no RE2 regular expression/],
    ['event.type.matches(event.id)', /matches must be given a text in quotes/],
    ['duration(event.id) > duration("1s")', /duration must be given a text in quotes/],
    ['event.time.getHours(event.id) == 1', /getHours must be given a text in quotes/],
    ['event.data.tags.join(event.id) == ""', /the function join cannot be used/],
    ['cel.bind(x, 1, x == 1)', /the function bind cannot be used/],
    ['bytes(event.id).json().a == 1', /the function (json|bytes) cannot be used/],
    [`${'('.repeat(100)}true${')'.repeat(100)}`, /maxDepth/],
    [`event.type in [${'"a",'.repeat(501)}"a"]`, /maxListElements/],
    [`${'true && '.repeat(501)}true`, /maxAstNodes|at most/],
    [`event.type == "${'x'.repeat(conditionCharactersMax)}"`, /at most 4096 characters/],
    [`event.type.matches("(abc){1000}")`, /too large/],
    ['event.id.matches("a{600}") || event.id.matches("b{600}")', /too large together/],
  ];
  for (const [text, message] of wrong) {
    assert.throws(
      () => compileCondition(text, 'where'),
      (error) =>
        error instanceof AppError && error.code === 'invalid' && message.test(error.message),
      text.slice(0, 80),
    );
  }
});

const numbers = Array.from({ length: 8000 }, (_, index) => index % 10);
const hostileEvent = event({
  data: JSON.stringify({
    list: numbers,
    nested: [numbers.slice(0, 100)],
    long: 'a'.repeat(16_000),
  }),
});

test('a condition that would run for hours is given up, whatever it tries', () => {
  const hostile = [
    'event.data.list.all(a, event.data.list.all(b, a + b >= 0))',
    'event.data.list.exists(a, event.data.list.exists(b, event.data.list.exists(c, c > 20)))',
    'event.data.list.exists(a, event.data.list == [a])',
    'event.data.list.all(a, event.data.nested != [[a]])',
    'event.data.list.all(a, a in event.data.list || true)',
    'event.data.long.split("").map(a, event.data.long + event.data.long).size() > 0',
    'event.data.list.all(a, event.data.long.matches("(a+)+$"))',
    'event.data.list.all(a, event.time.getHours("Europe/Berlin") < 24)',
    'event.data.list.map(a, event.data.list + event.data.list).size() > 1',
    'event.data.list.all(a, event.data.long.upperAscii().contains("B") || true)',
  ];
  for (const text of hostile) {
    meter.spent = 0;
    assert.equal(meets(text, hostileEvent), undefined, text);
    // One operation may go beyond what is left, by what the event can hold.
    assert.ok(meter.spent <= conditionStepsMax + 40_000, `${text}: ${meter.spent}`);
  }
});

test('what is large but honest is decided', () => {
  assert.equal(meets('event.data.list.filter(a, a > 3).size() == 4800', hostileEvent), true);
  assert.equal(meets('event.data.list.exists(a, a == 9)', hostileEvent), true);
  assert.equal(meets('event.data.long.matches("(a+)+$")', hostileEvent), true);
  assert.equal(meets('event.data.long.matches("(a|aa)+b")', hostileEvent), false);
});

test('the cost of a condition is told', () => {
  meter.spent = 0;
  meets('event.data.price > 10');
  const one = meter.spent;
  assert.ok(one > 0 && one < 20, `${one}`);
  meets('event.data.price > 10');
  assert.equal(meter.spent, 2 * one);
});

test('conditions that are bounded together are given up when all of it is spent, the same ones each time', () => {
  const costly = 'event.data.list.all(a, a >= 0)';
  const run = (): Verdict[] =>
    boundSteps(100_000, () => Array.from({ length: 5 }, () => meets(costly, hostileEvent)));
  const verdicts = run();
  assert.deepEqual(new Set(verdicts), new Set([true, undefined]));
  assert.equal(verdicts.lastIndexOf(true) < verdicts.indexOf(undefined), true);
  assert.deepEqual(run(), verdicts);
  assert.equal(meets(costly, hostileEvent), true, 'alone it is decided');
});
