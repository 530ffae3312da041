/** Maps and rules as the engine runs them: ordinals, durations, conditions over more than an event, templates. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConditionEvent, ConditionSubject } from '../src/event/condition.ts';
import type { CompiledMap, CompiledWhen, Facts } from '../src/journeys/compile/compiled.ts';
import { compileMap } from '../src/journeys/compile/map.ts';
import { compileRule } from '../src/journeys/compile/rule.ts';
import { compileHolds, scopeOf } from '../src/journeys/compile/scope.ts';
import { compileTemplate, templateBytesMax } from '../src/journeys/compile/template.ts';
import { isMeant } from '../src/journeys/compile/trigger.ts';
import type { Action, JourneyMap, Rule } from '../src/journeys/definition.ts';
import type { InstanceState } from '../src/journeys/state.ts';
import { AppError } from '../src/std/errors.ts';

const map: JourneyMap = {
  key: 'order.id',
  entry: [{ event: 'Quote Started', channel: 'web' }],
  reentry: { afterWait: '2d' },
  stages: [
    { name: 'Shop', steps: [{ name: 'Start' }, { name: 'Vehicle', on: [{ event: 'Vehicle' }] }] },
    {
      name: 'Buy',
      steps: [
        {
          name: 'Price',
          on: [{ event: 'Priced', where: 'event.data.price > 0 && instance.step < 3' }],
          completed: [{ event: 'Agreed' }],
          waits: [
            { name: 'idle', for: '90s', on: [{ event: 'Vehicle' }], thenStep: 'Vehicle' },
            {
              name: 'morning',
              until: { at: '09:30', zone: 'Europe/Berlin' },
              actions: [{ do: 'notify', data: { step: '${instance.stepName}' } }],
            },
          ],
        },
      ],
    },
  ],
  milestones: [{ name: 'priced', step: 'Price' }],
  goal: [{ event: 'Bought' }],
  exits: [{ reason: 'cancelled', on: [{ event: 'Cancelled' }], keyed: true }],
  context: { car: 'vehicle.model' },
  audiences: { caller: { performed: 'Call', times: 2, within: '3h' } },
};

const instance: InstanceState = {
  ...{ id: 'i1', journey: 'quote', version: 3, key: 'o-1', run: 1, home: 'ada', status: 'active' },
  ...{ startedAt: 1000, lastActivity: 5000, activity: 1, current: 3, furthest: 3, visited: [] },
  ...{ completed: [], milestones: [{ name: 'priced', at: 5000 }], context: { car: 'T', n: 2 } },
  ...{ pausedMs: 500, acted: {}, timers: [] },
};

function subjectOf(data: unknown, channel = 'web'): ConditionSubject {
  const texts: Record<string, string> = { type: 'Priced', id: 'e1', customer: 'ada', channel };
  const event: ConditionEvent = {
    time: 0,
    text: (field) => texts[field],
    data: () => JSON.stringify(data),
  };
  const subject = new ConditionSubject();
  subject.become(event);
  return subject;
}

function factsOf(compiled: CompiledMap | undefined, more: Facts = {}): Facts {
  return {
    instance,
    map: compiled,
    nowMs: 9000,
    customer: 'ada',
    audience: { caller: true },
    ...more,
  };
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof AppError && error.code === 'invalid', String(error));
    return error.message;
  }
  return assert.fail('it is not refused');
}

test('a map has ordinals, milliseconds, and its listeners by type in document order', () => {
  const compiled = compileMap('quote', 3, map);
  assert.deepEqual(
    compiled.steps.map(({ name, ordinal, stage }) => [ordinal, name, stage]),
    [
      [1, 'Start', 'Shop'],
      [2, 'Vehicle', 'Shop'],
      [3, 'Price', 'Buy'],
    ],
  );
  const [idle, morning] = compiled.steps[2]!.waits;
  assert.equal(idle?.forMs, 90_000);
  assert.equal(idle?.thenStep, 2);
  assert.deepEqual(morning?.until, { hour: 9, minute: 30, zone: 'Europe/Berlin' });
  assert.deepEqual(compiled.key, ['order', 'id']);
  assert.equal(compiled.reentryMs, 2 * 86_400_000);
  assert.equal(compiled.expiresAfterMs, 30 * 86_400_000);
  assert.equal(compiled.latenessMs, 600_000);
  assert.equal(compiled.milestones[0]?.step, 3);
  const types = ['Quote Started', 'Vehicle', 'Priced', 'Agreed', 'Bought', 'Cancelled', 'Call'];
  assert.deepEqual(compiled.types, new Set(types));
  const heard = compiled.listeners.get('Vehicle')!.map(({ of }) => of);
  assert.deepEqual(heard, ['step', 'wait']);
  assert.deepEqual(
    compiled.context.map(({ name, path }) => [name, path]),
    [['car', ['vehicle', 'model']]],
  );
});

test('a trigger looks at the channel and asks its condition of the event and the instance', () => {
  const compiled = compileMap('quote', 3, map);
  const [entry] = compiled.entry;
  assert.equal(isMeant(entry!, { event: subjectOf({}) }), true);
  assert.equal(isMeant(entry!, { event: subjectOf({}, 'app') }), false);
  const [priced] = compiled.steps[2]!.on;
  const at = (current: number, price: number): boolean =>
    isMeant(priced!, { event: subjectOf({ price }), instance: { ...instance, current } });
  assert.equal(at(2, 5), true);
  assert.equal(at(3, 5), false);
  assert.equal(at(2, 0), false);
  assert.equal(isMeant(priced!, { event: subjectOf({ price: 5 }) }), false, 'without an instance');
});

test('a condition knows an instance by its members', () => {
  const compiled = compileMap('quote', 3, map);
  const holds = (text: string, more: Facts = {}): boolean =>
    compileHolds(text, 'if', {
      ...scopeOf(map.audiences, 'instance', 'audience', 'customer', 'view', 'ask', 'event'),
    }).meets(factsOf(compiled, more));
  const met = [
    'instance.step == 3 && instance.step > 2.5 && instance.step in [3, 4]',
    'instance.stepName == "Price" && instance.status == "active" && instance.journey == "quote"',
    '"priced" in instance.milestones && instance.key == "o-1" && instance.run == 1',
    'instance.context.car == "T" && instance.context.n * 2 == 4',
    'instance.silentMs == 4000 && instance.activeMs == 7500',
    'instance.lastActivity - instance.startedAt == duration("4s")',
    'instance.version + 1 == 4 && instance.furthest >= instance.step',
    'audience.caller && customer.id == "ada" && !has(customer.place)',
  ];
  for (const text of met) assert.equal(holds(text), true, text);
  const place = { latitude: 51.5, longitude: -0.1 };
  assert.equal(holds('customer.place.latitude > 51', { place }), true);
  assert.equal(holds('view["Past due"] > 3', { view: { 'Past due': 4 } }), true);
  assert.equal(holds('ask.page == "home"', { ask: { page: 'home' } }), true);
  const odd = { ...instance, context: { constructor: { n: 1 }, a: [{ constructor: 2 }] } };
  assert.equal(holds('instance.context.constructor.n == 1', { instance: odd }), true);
  assert.equal(holds('instance.context.a[0]["constructor"] == 2', { instance: odd }), true);
  const missing = ['instance.silentMs > 1', 'instance.stepName != "x"'];
  const bare = { map: undefined, nowMs: undefined };
  for (const text of missing) assert.equal(holds(text, bare), false, text);
  assert.equal(holds('customer.id != ""', { customer: undefined }), false);
});

test('what is not known where a text stands is refused with the place and what is known', () => {
  const wrong: [rule: Partial<Rule>, message: RegExp][] = [
    [{ if: 'instance.step > 3' }, /^if: Unknown variable: instance .*known here: .*customer/],
    [{ journey: 'q', if: 'instance.stpe > 3' }, /^if: No such key: stpe .*stepName/],
    [{ if: 'audience.vip' }, /^if: there is no audience "vip" \(none is defined\)/],
    [{ if: 'audience == {}' }, /^if: ask for each audience by its name/],
    [{ if: 'audience[customer.id]' }, /^if: ask for each audience by its name/],
    [{ if: 'view.x > 1' }, /^if: Unknown variable: view/],
    [{ view: 'v', if: 'size(view) > 1' }, /^if: ask for each view by its name/],
    [{ if: 'customer.id' }, /^if: a condition must be true or false, not string/],
    [{ if: 'customer.id > 1' }, /^if: no such overload: string > int/],
    [{ suppressedBy: ['caller'] }, /^suppressedBy\[0\]: there is no audience "caller"/],
    [{ then: [{ do: 'notify', data: { a: ['${nope}'] } }] }, /^then\[0\]\.data\.a\[0\]: Unknown/],
    [{ then: [{ do: 'notify', data: '${event.id' }] }, /^then\[0\]\.data: \$\{ has no \}/],
    [{ contextWeights: [{ if: 'x', percent: 1 }] }, /^contextWeights\[0\]\.if: Unknown/],
    [{ when: { event: 'A', where: 'decision.id == ""' } }, /^when\.where: Unknown variable/],
  ];
  for (const [members, message] of wrong) {
    const rule: Rule = { when: { event: 'A' }, then: [{ do: 'notify', data: {} }], ...members };
    assert.match(
      refusal(() => compileRule('r', 1, rule)),
      message,
    );
  }
});

test('a rule is compiled with what it listens to and what it asks for', () => {
  const rule: Rule = {
    journey: 'quote',
    when: { beyondStep: 'Vehicle', silentFor: '30s' },
    view: 'profile',
    if: 'view["Past due"] > 3 && audience.caller',
    suppressedBy: ['support', 'instance.context.optOut == true'],
    quietHours: { from: '22:00', to: '07:30', zone: 'Europe/Berlin' },
    caps: [
      { scope: 'rule', times: 1, per: { rolling: '2h' } },
      { scope: 'all', times: 3, per: 'day' },
    ],
    cooldown: '1d',
    from: '2026-01-01T00:00:00Z',
    within: { miles: 25 },
    then: [
      {
        do: 'agent',
        kind: 'walkIn',
        title: 'For ${customer.id}',
        meeting: 'https://m/${decision.id}?${agent.id}',
      },
    ],
  };
  const compiled = compileRule('walkin', 7, rule);
  const { when } = compiled;
  assert.ok(isKind(when, 'stall'));
  assert.equal(when.silentForMs, 30_000);
  assert.equal(when.beyond(compileMap('quote', 1, map)), 2);
  assert.deepEqual(compiled.view, { name: 'profile', fields: new Set(['Past due']) });
  assert.deepEqual(compiled.borrowed, new Set(['caller', 'support']));
  assert.deepEqual(compiled.quietHours, { fromMinute: 1320, toMinute: 450, zone: 'Europe/Berlin' });
  assert.deepEqual(
    compiled.caps.map(({ per }) => per),
    [{ rollingMs: 7_200_000 }, 'day'],
  );
  assert.deepEqual([compiled.cooldownMs, compiled.from], [86_400_000, Date.UTC(2026)]);
  assert.equal(compiled.withinMiles, 25);
  const filled = compiled.actions[0]!.fill(factsOf(undefined, { decision: { id: 'r/d 1?' } }));
  assert.deepEqual(filled, {
    ...rule.then[0],
    title: 'For ada',
    meeting: 'https://m/r%2Fd%201%3F?${agent.id}',
  });
  const absence: Rule = {
    when: { after: { event: 'Paid' }, without: { event: 'Thanked' }, within: '5m' },
    then: [],
  };
  assert.deepEqual(compileRule('r', 1, absence).types, new Set(['Paid', 'Thanked']));
});

test('a link that is filled in must be one that may be shown', () => {
  const filled = (action: Action): unknown => {
    const rule: Rule = { when: { event: 'Asked' }, then: [action] };
    const event = subjectOf({ link: 'javascript:alert(1)' });
    return compileRule('r', 1, rule).actions[0]!.fill({ event });
  };
  const page = (url: string): Action => ({ do: 'page', data: { url } });
  assert.throws(() => filled(page('${event.data.link}')), /^AppError: then\[0\]\.data\.url must/);
  assert.deepEqual(
    filled(page('/quote?x=${event.data.link}')),
    page('/quote?x=javascript:alert(1)'),
  );
  assert.deepEqual(filled(page('http://localhost/x')), page('http://localhost/x'));
});

function isKind<Kind extends CompiledWhen['kind']>(
  when: CompiledWhen,
  kind: Kind,
): when is Extract<CompiledWhen, { kind: Kind }> {
  return when.kind === kind;
}

test('a template keeps the type of one expression and writes out others', () => {
  const fill = (value: unknown): unknown =>
    compileTemplate(
      value,
      'data',
      scopeOf({}, 'event', 'instance', 'customer'),
    )(
      factsOf(compileMap('quote', 3, map), {
        event: subjectOf({ n: 1.5, list: [1, { a: null }] }),
      }),
    );
  assert.deepEqual(fill({ step: '${instance.step}', deep: [{ n: '${event.data.n + 1}' }] }), {
    step: 3,
    deep: [{ n: 2.5 }],
  });
  assert.equal(
    fill('a ${instance.step} of ${event.data.list} ${event.data.nope}!'),
    'a 3 of [1,{"a":null}] !',
  );
  assert.equal(fill('${event.data.nope}'), null);
  assert.equal(fill('$${x} ${"}" + \'{\' + "\\""} $5'), '${x} }{" $5');
  assert.equal(fill('${{"a": 1}.a}'), 1);
  assert.deepEqual(fill('${event.time}'), '1970-01-01T00:00:00.000Z');
  assert.deepEqual(fill('${event.data.list}'), [1, { a: null }]);
  assert.equal(fill('${duration("90s")}'), 90_000);
  assert.equal(fill('${event.data.?nope}'), null);
  assert.deepEqual(fill([1, null, true, '']), [1, null, true, '']);
});

test('a template is bounded in depth, in expressions and in what it becomes', () => {
  const scope = scopeOf({}, 'event');
  const deep = JSON.parse(`${'['.repeat(17)}${']'.repeat(17)}`);
  assert.match(
    refusal(() => compileTemplate(deep, 'data', scope)),
    /at most 16 levels deep/,
  );
  const many = Array.from({ length: 51 }, () => '${event.id}');
  assert.match(
    refusal(() => compileTemplate(many, 'data', scope)),
    /at most 50 expressions/,
  );
  const fill = compileTemplate('${event.data.long}', 'data', scope);
  const event = subjectOf({ long: 'x'.repeat(templateBytesMax) });
  assert.throws(() => fill({ event }), { code: 'too_large' });
  const endless =
    '${event.data.l.all(a, event.data.l.all(b, event.data.l.all(c, a + b + c >= 0)))}';
  const l = Array.from({ length: 500 }, (_, index) => index);
  assert.equal(compileTemplate(endless, 'data', scope)({ event: subjectOf({ l }) }), null);
});
