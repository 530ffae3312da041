/** A touchpoint asks what to do next: rules and its own candidates, vetoes, ranking, and what it is told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DecideAnswer } from '../src/journeys/decide/asks.ts';
import { sentCandidates } from '../src/journeys/decide/local.ts';
import { weighStepsMax } from '../src/journeys/decide/weigh.ts';
import { stepsBurst } from '../src/journeys/engine/allowance.ts';
import type { DecisionSaid } from '../src/journeys/words.ts';
import { DecisionKit, settle } from './support/decisionkit.ts';

const ask = { ask: 'home' } as const;
const daily = [{ scope: 'rule', times: 1, per: 'day' }] as const;
const told = ({ candidates }: DecideAnswer): string[] =>
  candidates.map(({ id, local, verdict }) => `${local ? 'own ' : ''}${id}:${verdict}`);

test('rules of the placement and the touchpoint’s own candidates are ranked together', async () => {
  const kit = new DecisionKit();
  kit.rule('upgrade', { when: ask, propensity: 1, value: 5, priority: 1 });
  kit.rule('elsewhere', { when: { ask: 'checkout' }, propensity: 1, value: 100 });
  kit.rule('byPhone', { when: ask, channel: 'voice', propensity: 1, value: 100 });
  const answer = await kit.choose({
    placement: 'home',
    channel: 'web',
    k: 2,
    candidates: [
      { id: 'upgrade', propensity: 1, value: 7, data: { banner: 3 } },
      { id: 'local', propensity: 1, value: 1 },
    ],
  });
  assert.deepEqual(told(answer), ['own upgrade:act', 'upgrade:act', 'own local:outranked']);
  assert.deepEqual(
    answer.candidates.map(({ rank, score }) => [rank, score]),
    [
      [1, 7],
      [2, 5],
      [undefined, 1],
    ],
  );
  assert.deepEqual([answer.customer, answer.recorded], ['c1', true]);
  const [said] = kit.said;
  assert.deepEqual([said!.id, said!.type, said!.customer], [answer.id, 'tapeline.decision', 'c1']);
  assert.deepEqual(kit.decided(), ['local:upgrade:act', 'upgrade:act', 'local:local:outranked']);
});

test('what is shown goes to the touchpoint, all else the server does', async () => {
  const kit = new DecisionKit();
  const then = [
    { do: 'page', data: { title: 'For ${customer.id}', score: '${decision.score}' } },
    { do: 'webhook', endpoint: 'crm', data: { decision: '${decision.id}' } },
    { do: 'start', journey: 'upgrade' },
  ] as const;
  kit.rule('upgrade', { when: ask, value: 3, then });
  const answer = await kit.choose({ placement: 'home' });
  const [chosen] = answer.candidates;
  assert.deepEqual(
    chosen!.show!.map(({ data, do: what }) => [what, data]),
    [['page', { title: 'For c1', score: 1.5 }]],
  );
  kit.readBack();
  const { deliveries, touches } = kit.person();
  assert.deepEqual(
    deliveries.map(({ action, request, rule }) => [action.do, request === answer.id, rule]),
    [
      ['webhook', true, 'upgrade'],
      ['start', true, 'upgrade'],
    ],
  );
  // That the webhook fails does not mean that nothing was shown.
  assert.deepEqual(
    touches.map(({ open, rule }) => [rule, open]),
    [['upgrade', undefined]],
  );
});

test('vetoes come with their reasons', async () => {
  const kit = new DecisionKit();
  kit.person().consent = { marketing: false };
  kit.person().instances.push({ journey: 'support', status: 'active' } as never);
  const inSupport = { inSupport: { journey: 'support', status: 'active' } };
  const answer = await kit.choose({
    context: { page: '/plans' },
    candidates: [
      { id: 'a', category: 'marketing' },
      { id: 'b', audiences: inSupport, suppressedBy: ['inSupport'] },
      { id: 'c', if: 'ask.page == "/pricing"' },
      { id: 'd', if: 'ask.page == "/plans"', suppressedBy: ['customer.id == "c1"'] },
      { id: 'e', control: { percent: 100 } },
      { id: 'f', quietHours: { from: '00:00', to: '23:59', zone: 'UTC' } },
      { id: 'g', within: { miles: 5 }, data: { latitude: 1, longitude: 1 } },
    ],
  });
  assert.deepEqual(
    answer.candidates.map(({ detail, id, verdict }) => [id, verdict, detail]),
    [
      ['a', 'consent', 'marketing'],
      ['b', 'suppressed', 'inSupport'],
      ['c', 'condition', undefined],
      ['d', 'suppressed', 'customer.id == "c1"'],
      ['e', 'control', undefined],
      ['f', 'quietHours', undefined],
      ['g', 'tooFar', undefined],
    ],
  );
  const near = await kit.choose({
    place: { latitude: 1, longitude: 1.01 },
    candidates: [{ id: 'g', within: { miles: 5 }, data: { latitude: 1, longitude: 1 } }],
  });
  assert.deepEqual(told(near), ['own g:act']);
  const far = await kit.choose({
    place: { latitude: 1, longitude: 1.1 },
    candidates: [{ id: 'g', within: { miles: 5 }, data: { latitude: 1, longitude: 1 } }],
  });
  assert.deepEqual(told(far), ['own g:tooFar']);
});

test('what is chosen counts at once, and what was not shown after all is given back', async () => {
  const kit = new DecisionKit();
  const candidates = [
    { id: 'a', caps: daily, value: 2 },
    { id: 'b', caps: daily, value: 1 },
  ];
  const first = await kit.choose({ candidates });
  const second = await kit.choose({ candidates });
  const third = await kit.choose({ candidates });
  assert.deepEqual(
    [first, second, third].map((each) => told(each).at(0)),
    ['own a:act', 'own b:act', 'own a:capped'],
  );
  const { id } = first;
  assert.deepEqual(await kit.respond({ decision: id, candidate: 'a', answer: 'failed' }), {
    customer: 'c1',
    decision: id,
  });
  kit.readBack();
  assert.deepEqual(told(await kit.choose({ candidates })), ['own a:act', 'own b:capped']);
});

test('answers make what was accepted likelier, each of them once', async () => {
  const kit = new DecisionKit();
  const candidates = [{ id: 'a' }, { id: 'b' }];
  const scores = async (): Promise<Record<string, number | undefined>> => {
    const answer = await kit.choose({ candidates, k: 2 });
    kit.readBack();
    for (const answered of ['shown', 'accepted', 'accepted']) {
      await kit.respond({ decision: answer.id, candidate: 'b', answer: answered });
    }
    kit.readBack();
    return Object.fromEntries(answer.candidates.map(({ id, score }) => [id, score]));
  };
  assert.deepEqual(await scores(), { a: 1 / 2, b: 1 / 2 });
  assert.deepEqual(await scores(), { a: 1 / 3, b: 2 / 3 });
  assert.deepEqual(await scores(), { a: 1 / 4, b: 3 / 4 });
  assert.equal(kit.said.filter(({ type }) => type === 'tapeline.response').length, 6);
});

test('an action tells of its decision, also once it is delivered', async () => {
  const kit = new DecisionKit();
  kit.rule('offer', {});
  kit.ask(['offer']);
  await settle();
  kit.readBack();
  const [action] = (kit.said[0]!.data as DecisionSaid).actions!;
  const told = { customer: 'c1', decision: kit.said[0]!.id };
  assert.deepEqual(await kit.respond({ action: action!.id, answer: 'shown' }), told);
  kit.person().deliveries.length = 0;
  assert.deepEqual(await kit.respond({ action: action!.id }), told);
  kit.readBack();
  assert.deepEqual(kit.person().responses, { offer: { shown: 1, accepted: 1 } });
  for (const unknown of [{ action: 'act_x' }, { decision: 'dec_x' }, { decision: told.decision }]) {
    const asked = kit.respond({ ...unknown, customer: 'c2' });
    await assert.rejects(asked, { code: 'not_found' });
  }
});

test('a view that takes too long makes those that ask for it out of time, and no other', async () => {
  const kit = new DecisionKit();
  kit.views.set('basic', new Promise(() => undefined));
  const candidates = [
    { id: 'a', view: 'basic', if: 'view.City == "Oakland"' },
    { id: 'b', view: 'basic' },
  ];
  const asked = kit.choose({ candidates, withinMs: 50, k: 2 });
  await kit.clock.pass(49);
  assert.equal(kit.said.length, 0);
  await kit.clock.pass(1);
  assert.deepEqual(told(await asked), ['own b:act', 'own a:outOfTime']);
  kit.views.set('basic', { City: 'Oakland' });
  const inTime = await kit.choose({ candidates, k: 2 });
  assert.deepEqual(told(inTime), ['own a:act', 'own b:act']);
});

test('an answer does not wait past its time for the disk, and is recorded afterwards', async () => {
  const kit = new DecisionKit();
  kit.failures = 1;
  const asked = kit.choose({ candidates: [{ id: 'a', caps: daily }], withinMs: 60 });
  await kit.clock.pass(60);
  const answer = await asked;
  assert.deepEqual([told(answer), answer.recorded], [['own a:act'], false]);
  assert.equal(kit.said.length, 0);
  // It counts all the same.
  assert.deepEqual(told(await kit.choose({ candidates: [{ id: 'a', caps: daily }] })), [
    'own a:capped',
  ]);
  await kit.clock.pass(100);
  assert.deepEqual(kit.decided(), ['local:a:capped', 'local:a:act']);
});

test('fifty candidates fit one decision, fifty-one are refused', async () => {
  const kit = new DecisionKit();
  const text = (n: number): string => `${n}`.padStart(64, 'x');
  const suppressedBy = [`customer.id == "c1" || customer.id == "${'x'.repeat(200)}"`];
  const candidates = Array.from({ length: 50 }, (_, n) => ({
    ...{ id: text(n), category: 'c'.repeat(128), channel: 'd'.repeat(64) },
    ...(n > 0 && { suppressedBy }),
  }));
  const answer = await kit.choose({ candidates });
  assert.equal(answer.candidates.length, 50);
  assert.equal(answer.recorded, true);
  assert.ok(Buffer.byteLength(JSON.stringify(kit.said[0])) < 32 * 1024);
  kit.rule('one more', { when: ask });
  await assert.rejects(kit.choose({ candidates, placement: 'home' }), { code: 'invalid' });
});

test('actions beyond what fits one event are an error of their rule alone', async () => {
  const kit = new DecisionKit();
  const data = { text: 'x'.repeat(7000) };
  for (const name of ['a', 'b']) {
    kit.rule(name, { when: ask, then: [{ do: 'webhook', endpoint: 'crm', data }] });
  }
  const answer = await kit.choose({ placement: 'home', k: 2 });
  assert.deepEqual(told(answer), ['a:act', 'b:error']);
  kit.readBack();
  assert.equal(kit.person().touches.length, 1);
});

test('a candidate that is wrong is refused with its place', () => {
  const table: [Record<string, unknown>, RegExp][] = [
    [{ if: 'customer.id ==' }, /^candidates\[1\]\.if: /],
    [{ if: 'event.type == "x"' }, /^candidates\[1\]\.if: Unknown variable/],
    [{ suppressedBy: ['ask.x +'] }, /^candidates\[1\]\.suppressedBy\[0\]: /],
    [{ suppressedBy: ['nobody'] }, /^candidates\[1\]\.suppressedBy\[0\]: /],
    [
      { audiences: { a: { performed: 'Login' } } },
      /^candidates\[1\]\.audiences\.a asks for events/,
    ],
    [{ audiences: { a: { nonsense: 1 } } }, /^candidates\[1\]\.audiences\.a/],
    [{ cooldown: '367d' }, /^candidates\[1\]\.cooldown: .*at most 366d/],
    [
      { quietHours: { from: '01:00', to: '02:00', zone: 'Mars' } },
      /quietHours\.zone: must be an IANA/,
    ],
    [{ caps: [{ scope: 'all', times: 1, per: { rolling: '9999d' } }] }, /caps\[0\]\.per\.rolling/],
    [
      { caps: [{ scope: 'all', times: 1, per: 'day', zone: '+01:00' }] },
      /caps\[0\]\.zone: must be an IANA/,
    ],
    [{ from: 'tomorrow' }, /^candidates\[1\]\.from: must be a time/],
    [{ data: 'x'.repeat(5000) }, /^candidates\[1\]\.data may have at most 4096 bytes/],
    [{ caps: [{ scope: 'category', times: 1, per: 'day' }] }, /caps\[0\]\.scope: needs the rule/],
    [{ then: [] }, /^candidates\[1\] has an unknown member 'then'/],
    [{ id: 'good' }, /^candidates\[1\]\.id is the id of another candidate/],
  ];
  for (const [wrong, message] of table) {
    const candidates = [{ id: 'good' }, { id: 'bad', ...wrong }];
    assert.throws(() => sentCandidates(candidates), { code: 'invalid', message });
  }
});

test('what questions of a workspace cost is bounded over time: others go on, and so do cheap conditions', async () => {
  const kit = new DecisionKit();
  const context = { list: Array.from({ length: 700 }, (_, n) => n % 10) };
  const ask = async (workspace: number, condition: string): Promise<string[]> =>
    told(await kit.choose({ workspace, context, candidates: [{ id: 'a', if: condition }] }));
  const usual = 'ask.list.all(a, a >= 0.0)';
  assert.deepEqual(await ask(1, usual), ['own a:act']);
  const costly = '!ask.list.all(a, ask.list.all(b, a + b >= 0.0))';
  const all = Array.from({ length: 50 }, (_, n) => ({ id: `m${n}`, suppressedBy: [costly] }));
  for (let n = 0; n < stepsBurst / weighStepsMax; n++) {
    await kit.choose({ workspace: 1, context, candidates: all });
  }
  assert.deepEqual(await ask(1, usual), ['own a:error']);
  assert.deepEqual(await ask(1, 'size(ask.list) > 0'), ['own a:act']);
  assert.deepEqual(await ask(2, usual), ['own a:act']);
  await kit.clock.pass(1000);
  assert.deepEqual(await ask(1, usual), ['own a:act']);
});

test('what costs too much is an error, is no yes, and is bounded for all candidates together', async () => {
  const kit = new DecisionKit();
  const list = Array.from({ length: 700 }, (_, n) => n % 10);
  const costly = 'ask.list.all(a, ask.list.all(b, a + b >= 0.0))';
  const of = (id: string, some: object) => ({ id, propensity: 1, ...some });
  const answer = await kit.choose({
    context: { list },
    k: 5,
    candidates: [
      of('a', { if: 'size(ask.list) > 0' }),
      ...Array.from({ length: 9 }, (_, n) => of(`m${n}`, { suppressedBy: [`!(${costly})`] })),
      of('z', { if: 'size(ask.list) > 0' }),
    ],
  });
  const verdicts = Object.fromEntries(answer.candidates.map(({ id, verdict }) => [id, verdict]));
  assert.deepEqual([verdicts['a'], verdicts['z']], ['act', 'error']);
  for (let n = 0; n < 9; n++) assert.equal(verdicts[`m${n}`], 'error');
  // The next question has all of it anew.
  assert.deepEqual(told(await kit.choose({ candidates: [of('z', { if: '1 > 0' })] })), [
    'own z:act',
  ]);
});
