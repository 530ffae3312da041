/** Maps and rules that are wrong in any way are refused with the place and what to do about it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Checked,
  checkJourneyMap,
  checkRule,
  parseJourneyMap,
  parseRule,
} from '../src/journeys/check/check.ts';
import { faultsMax, nearest, sentence } from '../src/journeys/check/faults.ts';
import { AppError } from '../src/std/errors.ts';
import { mapOf, quoteMap, ruleOf, stepsOf, walkInRule } from './support/definitions.ts';

function told({ faults }: Checked<unknown>): string {
  return faults.map(sentence).join('\n');
}

function map(value: unknown): string {
  return told(checkJourneyMap(value, 'm'));
}

function rule(value: unknown): string {
  return told(checkRule(value, 'r'));
}

test('a map and a rule as somebody would write them are taken as they are', () => {
  assert.equal(map(quoteMap), '');
  assert.equal(rule(walkInRule), '');
  assert.deepEqual(parseJourneyMap(quoteMap, 'quote').map, quoteMap);
  assert.deepEqual(parseRule(walkInRule, 'walkin').rule, walkInRule);
  assert.equal(map(mapOf()), '');
  assert.equal(rule(ruleOf()), '');
});

const misshapenMaps: readonly [value: unknown, message: RegExp][] = [
  [null, /^must be an object: a journey map$/],
  [[], /^must be an object: a journey map$/],
  [{}, /^entry: is required in a journey map\nstages: is required in a journey map$/],
  [mapOf({ stage: [] }), /^stage: is not a member of a journey map; did you mean stages\?$/],
  [mapOf({ xyzzy: 1 }), /^xyzzy: is not a member of a journey map; it may have title, /],
  [mapOf({ entry: {} }), /^entry: must be a list$/],
  [mapOf({ entry: [{ event: '' }] }), /^entry\[0\]\.event: must be a text of 1 to 128 bytes/],
  [mapOf({ entry: [{ event: '*' }] }), /^entry\[0\]\.event: must be one type; .* name each type/],
  [mapOf({ entry: [{ event: 'tapeline.timer' }] }), /is a type of the server that cannot be/],
  [mapOf({ entry: [{ event: 'A', when: 1 }] }), /^entry\[0\]\.when: .* did you mean where\?$/],
  [mapOf({ reentry: 'sometimes' }), /^reentry: must be one of never, afterExit$/],
  [mapOf({ reentry: 'nevr' }), /^reentry: .*; did you mean never\?$/],
  [mapOf({ reentry: { afterWait: '0s' } }), /^reentry\.afterWait: must be a duration; write 30s/],
  [mapOf({ stages: [] }), /^stages: must have 1 to 50 entries; it has 0$/],
  [mapOf({ expiresAfter: '400d' }), /^expiresAfter: .* at least 1m and at most 366d$/],
  [mapOf({ expiresAfter: 30 }), /^expiresAfter: must be a duration/],
  [mapOf({ lateness: '1 hour' }), /^lateness: must be a duration/],
  [mapOf({ instancesMax: 0 }), /^instancesMax: must be a whole number from 1 to 100$/],
  [mapOf({ key: 'a..b' }), /^key: has an empty name in it; write it as in a\.b\.c$/],
  [mapOf({ context: { 'a b': 'x' } }), /^context\["a b"\]: has a name that cannot be used/],
  [mapOf({ context: { a: 1 } }), /^context\.a: must be a text of 1 to 512 characters$/],
  [mapOf({ audiences: { 'a-b': { performed: 'X' } } }), /^audiences\["a-b"\]: has a name/],
  [
    mapOf({ audiences: { constructor: { performed: 'X' } } }),
    /^audiences\.constructor: has a name/,
  ],
  [mapOf({ audiences: { a: { performed: '*' } } }), /^audiences\.a: must be one type/],
  [
    mapOf({
      audiences: {
        a: { pattern: { steps: [{ name: 'x', event: 'X', max: 'many', until: '*' }] } },
      },
    }),
    /^audiences\.a: must be one type/,
  ],
  [
    mapOf({ audiences: { a: { matches: '(?1)(?2)', of: ['X', { event: '*' }] } } }),
    /^audiences\.a: must be one type/,
  ],
  [
    mapOf({ audiences: { caller: { performed: 'X' } }, announces: ['caler'] }),
    /^announces\[0\]: names an audience that is not there; did you mean "caller"\?/,
  ],
  [
    mapOf({ audiences: { a: { performed: 'X' } }, announces: ['a', 'a'] }),
    /^announces\[1\]: is the same as announces\[0\]/,
  ],
  [mapOf({ audiences: { a: {} } }), /^audiences\.a: must have exactly one of performed/],
  [mapOf({ audiences: { a: { performed: 'X', within: 'x' } } }), /^audiences\.a\.within: must/],
  [
    mapOf({ audiences: { a: { performed: 'X', where: 'event.nope' } } }),
    /^audiences\.a\.where: No such key: nope/,
  ],
  [mapOf({ title: 'x'.repeat(257) }), /^title: must be a text of 1 to 256 characters$/],
  [mapOf({ title: '' }), /^title: must be a text/],
  [
    stepsOf({ name: 'a', waits: [{ name: 'w', for: '500ms', thenStep: 'a' }] }),
    /^stages\[0\]\.steps\[0\]\.waits\[0\]\.for: must be a duration; write 30s, 5m/,
  ],
  [
    stepsOf({ name: 'a', waits: [{ name: 'w', until: { at: '25:00', zone: 'Mars' } }] }),
    /waits\[0\]\.until\.at: must be a time of the day.*\n.*until\.zone: must be an IANA time zone/,
  ],
  [
    stepsOf({ name: 'a', actions: [{ do: 'shout' }] }),
    /actions\[0\]\.do: must be one of webhook, /,
  ],
  [
    stepsOf({ name: 'a', actions: [{ do: 'notify', data: 1, tll: '1s' }] }),
    /actions\[0\]\.tll: is not a member of an action that is notify; did you mean ttl\?$/,
  ],
  [stepsOf({ name: 'a\n' }), /steps\[0\]\.name: must be a text .* without control characters$/],
];

test('a map of the wrong shape is refused at the place', () => {
  for (const [value, message] of misshapenMaps)
    assert.match(map(value), message, JSON.stringify(value));
});

const wait = (more: object) => ({ name: 'w', for: '30s', ...more });
const meaninglessMaps: readonly [value: unknown, message: RegExp][] = [
  [
    stepsOf({ name: 'a' }, { name: 'a' }),
    /steps\[1\]\.name: is the same as stages\[0\]\.steps\[0\]\.name/,
  ],
  [stepsOf({ name: 'a' }, { name: 'b' }), /steps\[1\]: can never be entered; give it `on`/],
  [
    stepsOf({ name: 'a', waits: [wait({ thenStep: 'bb' })] }, { name: 'b', on: [{ event: 'B' }] }),
    /^stages\[0\]\.steps\[0\]\.waits\[0\]\.thenStep: names a step that is not there; did you mean "b"\?$/,
  ],
  [
    stepsOf({ name: 'a', waits: [wait({ thenStep: 'a' })] }),
    /waits\[0\]\.thenStep: leads back to its own step/,
  ],
  [stepsOf({ name: 'a', waits: [wait({})] }), /waits\[0\]: does nothing when its time is up/],
  [
    stepsOf({ name: 'a', waits: [{ name: 'w', thenStep: 'a' }] }),
    /waits\[0\]: must have exactly one of for and until; a wait ends after a time/,
  ],
  [
    stepsOf(
      { name: 'a', on: [{ event: 'B' }] },
      { name: 'b', waits: [wait({ thenStep: 'c' })] },
      { name: 'c', waits: [wait({ thenStep: 'b' })] },
    ),
    /steps\[1\]: can never be entered.*\n.*steps\[2\]: can never be entered/,
  ],
  [
    stepsOf({ name: 'a' }, { name: 'b', waits: [wait({ thenStep: 'a' })] }),
    /steps\[0\]: can never be entered.*\n.*steps\[1\]: can never be entered/,
  ],
  [
    mapOf({ milestones: [{ name: 'm', on: [{ event: 'Q', where: '1 == 2' }] }] }),
    /^milestones\[0\]\.on\[0\]\.where: is never true/,
  ],
  [mapOf({ entry: [{ event: 'A', where: 'false' }] }), /^entry\[0\]\.where: is never true/],
  [
    stepsOf({ name: 'a' }, { name: 'b', journey: 'm' }),
    /^stages\[0\]\.steps\[1\]\.journey: is the map itself; name another map$/,
  ],
  [
    mapOf({ milestones: [{ name: 'm' }] }),
    /^milestones\[0\]: can never be reached; give it `step`/,
  ],
  [mapOf({ milestones: [{ name: 'm', step: 'tow' }] }), /milestones\[0\]\.step: .* mean "two"\?$/],
  [
    mapOf({
      milestones: [
        { name: 'm', step: 'one' },
        { name: 'm', step: 'two' },
      ],
    }),
    /^milestones\[1\]\.name: is the same as milestones\[0\]\.name/,
  ],
  [
    mapOf({ exits: [{ reason: 'r', on: [{ event: 'X' }], keyed: true }] }),
    /^exits\[0\]\.keyed: needs/,
  ],
  [mapOf({ kpis: [{ name: 'k', type: 'dropOff' }] }), /^kpis\[0\]\.step: is required for dropOff$/],
  [
    mapOf({ kpis: [{ name: 'k', type: 'completionRate', step: 'one' }] }),
    /^kpis\[0\]\.step: means nothing for completionRate$/,
  ],
  [
    mapOf({ entry: [{ event: 'A', where: 'instance.step > 1' }] }),
    /^entry\[0\]\.where: Unknown variable/,
  ],
  [
    mapOf({ goal: [{ event: 'A', where: 'instance.step' }] }),
    /^goal\[0\]\.where: a condition must be/,
  ],
  [
    mapOf({ goal: [{ event: 'A', where: 'audience.x' }] }),
    /^goal\[0\]\.where: there is no audience "x"/,
  ],
];

test('what a map means is looked at', () => {
  for (const [value, message] of meaninglessMaps)
    assert.match(map(value), message, JSON.stringify(value));
});

const after = { after: { event: 'P' }, without: { event: 'Q' }, within: '5m' };
const wrongRules: readonly [more: object, message: RegExp][] = [
  [{ then: [] }, /^then: must have 1 to 10 entries; it has 0$/],
  [{ when: {} }, /^when: must have exactly one of event, beyondStep, .*; it has none$/],
  [{ when: { event: 'A', ask: 'x' } }, /^when: must have exactly one .* it has event and ask$/],
  [
    { when: { beyondStep: 3, silentFor: '30s' } },
    /^when\.beyondStep: needs a journey; name the map/,
  ],
  [
    { journey: 'm', when: { beyondStep: 3 } },
    /^when\.silentFor: is required in when it is silence$/,
  ],
  [
    { journey: 'm', when: { beyondStep: -1, silentFor: '1s' } },
    /^when\.beyondStep: must be a whole/,
  ],
  [{ journey: 'm', when: { beyondStep: 200, silentFor: '1s' } }, /^when\.beyondStep: .* 0 to 199$/],
  [{ when: { ...after, within: undefined } }, /^when\.within: must be a duration/],
  [{ when: { ...after, without: after.after } }, /^when\.without: is the same as when\.after/],
  [{ when: { audience: 'x' } }, /^when\.audience: there is no audience "x" \(none is defined\)/],
  [{ when: { instance: 'completed' } }, /^when\.instance: needs a journey/],
  [{ journey: 'm', when: { instance: 'expired', name: 's' } }, /^when\.name: means nothing/],
  [{ when: { view: 'v', where: 'view.x >' } }, /^when\.where: .*ends too early$/],
  [{ view: 'w', when: { view: 'v', where: 'true' } }, /^view: is another view than that of when/],
  [{ perInstanceMax: 1 }, /^perInstanceMax: needs a journey/],
  [{ within: { miles: -1 } }, /^within\.miles: must be a number from 0 to 12500$/],
  [{ within: 'near' }, /^within: must be one of anywhere$/],
  [{ quietHours: { from: '22:00', to: '22:00', zone: 'UTC' } }, /^quietHours\.to: is the same/],
  [{ from: '2026-02-01T00:00:00Z', to: '2026-01-01T00:00:00Z' }, /^to: must be later than from$/],
  [{ from: 'yesterday' }, /^from: must be a time; write it as in/],
  [
    { caps: [{ scope: 'category', times: 1, per: 'day' }] },
    /^caps\[0\]\.scope: needs the rule to have/,
  ],
  [
    { caps: [{ scope: 'rule', times: 0, per: 'day' }] },
    /^caps\[0\]\.times: must be a whole number/,
  ],
  [
    { caps: [{ scope: 'rule', times: 1, per: { rolling: '2y' } }] },
    /^caps\[0\]\.per\.rolling: must/,
  ],
  [{ control: { percent: 101 } }, /^control\.percent: must be a number from 0 to 100$/],
  [{ propensity: 2 }, /^propensity: must be a number from 0 to 1$/],
  [{ if: 'true and false' }, /^if: .*write && for and$/],
  [{ suppressedBy: ['vip'] }, /^suppressedBy\[0\]: there is no audience "vip"/],
  [{ then: [{ do: 'event', type: '${event.data.t}' }] }, /^then\[0\]\.type: knows no \$\{…\}/],
  [
    { then: [{ do: 'event', type: 'tapeline.link' }] },
    /^then\[0\]\.type: must not begin with tapeline\./,
  ],
  [
    { then: [{ do: 'event', type: 'X', data: 'text' }] },
    /^then\[0\]\.data: must be an object, or a text/,
  ],
  [
    { then: [{ do: 'start', journey: 'm', context: [] }] },
    /^then\[0\]\.context: must be an object/,
  ],
  [{ then: [{ do: 'page', data: { a: '${x}' } }] }, /^then\[0\]\.data\.a: Unknown variable: x/],
  [{ then: [{ do: 'page', data: {}, ttl: '8d' }] }, /^then\[0\]\.ttl: .* at most 7d$/],
  [
    { then: [agentOf({ skills: [{}] })] },
    /^then\[0\]\.skills\[0\]: must have exactly one of skill and/,
  ],
  [{ then: [agentOf({ skills: [{ context: 'x' }] })] }, /skills\[0\]\.context: needs a journey/],
  [
    { then: [agentOf({ skills: [{ skill: 'x', level: 11 }] })] },
    /skills\[0\]\.level: must be a whole/,
  ],
  [{ then: [agentOf({ skills: [{ skill: 'x', dropAfter: '1m' }] })] }, /dropAfter: needs a level/],
  [{ then: [agentOf({ rings: [{ after: '5s', miles: 1 }] })] }, /rings\[0\]\.after: must be 0s/],
  [
    { then: [agentOf({ rings: [ringOf('0s'), ringOf('9s'), ringOf('9s')] })] },
    /rings\[2\]\.after: must be later than that of the ring before$/,
  ],
  [
    { then: [agentOf({ rings: [{ after: '0s', miles: 1, anywhere: true }] })] },
    /rings\[0\]: must have exactly one of miles and anywhere$/,
  ],
  [
    { then: [agentOf({ meeting: '${agent.phone}' })] },
    /^then\[0\]\.meeting: Unknown variable: agent/,
  ],
  [{ then: [agentOf({ meeting: 'javascript:alert(1)' })] }, /^then\[0\]\.meeting: must begin with/],
  [{ then: [agentOf({ meeting: '/m/${decision.id}' })] }, /^then\[0\]\.meeting: must begin with/],
  [{ then: [agentOf({ meeting: 'http://meet.x/y' })] }, /^then\[0\]\.meeting: must begin with/],
  [
    { then: [{ do: 'page', data: { url: 'javascript:${customer.id}' } }] },
    /^then\[0\]\.data\.url: must begin with https:/,
  ],
  [
    { then: [{ do: 'notify', data: { image: 'java\nscript:alert(1)' } }] },
    /^then\[0\]\.data\.image: must begin with https:/,
  ],
  [{ then: [agentOf({ priority: 1001 })] }, /^then\[0\]\.priority: must be a whole number/],
];

test('a rule of the wrong shape or meaning is refused at the place', () => {
  for (const [more, message] of wrongRules)
    assert.match(rule(ruleOf({ ...more })), message, JSON.stringify(more));
});

function agentOf(more: object): object {
  return { do: 'agent', kind: 'offer', title: 'Call', ...more };
}

function ringOf(after: string): object {
  return { after, miles: 5 };
}

test('what would go round in circles by itself is refused', () => {
  const say = (type: string) => [{ do: 'event', type }];
  const wait = (thenStep: string) => [{ name: 'w', for: '1s', thenStep }];
  const circles: unknown[] = [
    stepsOf({ name: 'a', on: [{ event: 'A' }], actions: say('A') }),
    stepsOf({ name: 'a', on: [{ event: 'A' }], waits: wait('b') }, { name: 'b', waits: wait('a') }),
    stepsOf(
      { name: 'a', on: [{ event: 'B' }], actions: say('C') },
      {
        name: 'b',
        on: [{ event: 'C' }],
        waits: [{ name: 'w', until: { at: '09:00', zone: 'UTC' }, actions: say('B') }],
      },
    ),
    stepsOf({ name: 'a', actions: [{ do: 'start', journey: 'm' }] }),
  ];
  for (const value of circles) {
    assert.match(map(value), /: goes round in circles by itself \(.+ → .+\); break the circle/);
  }
  const itself = ruleOf({ when: { event: 'A' }, then: say('A') });
  assert.match(rule(itself), /^then: goes round in circles by itself \(then → then\); .* cooldown/);
  assert.equal(rule({ ...itself, cooldown: '1m' }), '');
  const cap = { times: 1, per: 'day' };
  assert.equal(rule({ ...itself, caps: [{ scope: 'rule', ...cap }] }), '');
  assert.notEqual(rule({ ...itself, caps: [{ scope: 'channel', ...cap }] }), '');
  const offered = ruleOf({ when: { event: 'tapeline.delivery' } });
  assert.match(rule(offered), /goes round in circles/);
  assert.equal(
    map(stepsOf({ name: 'a', actions: say('B') }, { name: 'b', on: [{ event: 'B' }] })),
    '',
  );
});

test('a definition that is too large is refused before anything else', () => {
  const deep = JSON.parse(`${'['.repeat(200)}${']'.repeat(200)}`) as unknown;
  assert.match(map(mapOf({ title: deep })), /^may be at most 32 levels deep$/);
  const long = mapOf({ description: 'x'.repeat(64 * 1024) });
  assert.match(map(long), /^may have at most 65536 bytes of JSON; it has 65\d\d\d$/);
  const entry = (count: number) =>
    Array.from({ length: count }, (_, n) => ({
      event: 'A',
      where: `event.id.matches("a{900}${n}")`,
    }));
  assert.equal(map(mapOf({ entry: entry(4) })), '');
  assert.match(
    map(mapOf({ entry: entry(5) })),
    /^entry\[4\]\.where: the patterns of matches are too/,
  );
  const steps = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ name: `${n}`, on: [{ event: 'A' }] }));
  const stages = (count: number) => [
    { name: 'S', steps: steps(100) },
    { name: 'T', steps: steps(count).map((step) => ({ ...step, name: `t${step.name}` })) },
  ];
  assert.equal(map(mapOf({ stages: stages(100) })), '');
  assert.match(
    map(mapOf({ stages: stages(101) })),
    /^stages: may have at most 200 steps together; they have 201$/,
  );
});

test('all faults of a definition are told, up to a number; a refusal tells the first', () => {
  const many = mapOf({
    entry: Array.from({ length: 20 }, () => ({ event: '', channel: '', where: 1 })),
  });
  assert.equal(checkJourneyMap(many, 'm').faults.length, faultsMax);
  assert.throws(
    () => parseJourneyMap(mapOf({ key: 1, title: 2 }), 'm'),
    (error) =>
      error instanceof AppError &&
      error.code === 'invalid' &&
      /^key: must be .* \(and 1 more; POST \/v1\/journeys\/check names them all\)$/.test(
        error.message,
      ),
  );
  const odd = JSON.parse('{"__proto__": 1, "constructor": 2, "toString": 3}') as object;
  assert.match(map({ ...mapOf(), ...odd }), /constructor: is not a member/);
  assert.match(map(odd), /__proto__/);
});

test('the word that was meant is found when it is near', () => {
  assert.equal(nearest('stagse', ['stages', 'entry']), 'stages');
  assert.equal(nearest('Entry', ['stages', 'entry']), 'entry');
  assert.equal(nearest('quux', ['stages', 'entry']), undefined);
  assert.equal(nearest('x'.repeat(10_000), ['x'.repeat(10_000)]), undefined);
});
