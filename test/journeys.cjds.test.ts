/** Actions of CJDS as rules: thresholds on a view, cooldowns, and what they trigger. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileRule } from '../src/journeys/compile/rule.ts';
import type { Rule } from '../src/journeys/definition.ts';
import { checkActionFits, parseAction } from '../src/workspaces/cjdsaction.ts';
import {
  DerivedDefinitions,
  derivedRules,
  derivedWebhooks,
} from '../src/workspaces/cjdsderived.ts';
import { parseCjdsTemplate } from '../src/workspaces/cjdstemplate.ts';
import { shownOf } from '../src/workspaces/cjdsthreshold.ts';
import type { ViewRecord } from '../src/workspaces/types.ts';
import { DecisionKit, settle } from './support/decisionkit.ts';

const attribute = (some: object): object => ({
  ...{ displayName: 'Field', version: '0.1', event: 'Call', metaDataType: 'string', limit: 0 },
  ...{ metaData: 'topic', lookBackDurationType: 'days', lookBackPeriod: 30, verbose: false },
  ...{ aggregationMode: 'Count', rules: null, widgetAttributes: { type: 'table' } },
  ...some,
});
const single = (condition: string): object => ({ logic: 'SINGLE', condition });
const webhook = { type: 'Webhook', webhookURL: 'https://hooks.example.com/1' };

/** A template with these attributes and one action with these rules, as stored. */
function viewWith(attributes: readonly object[], some: object): ViewRecord {
  const parsed = parseCjdsTemplate({ name: 'Template', attributes });
  const sent = { name: 'Act', cooldownPeriodInMinutes: 0, actionTriggers: [webhook], ...some };
  const action = parseAction(sent);
  checkActionFits(action, shownOf(parsed.attributes, parsed.template));
  const stored = { createdAt: 1, createdBy: 'k', updatedAt: 2, updatedBy: 'k' };
  return {
    ...{ workspace: 1, name: 'Template', template: parsed.template, version: 7, updatedAt: 2 },
    cjds: {
      ...{ id: 't1', attributes: parsed.attributes, createdAt: 1, createdBy: 'k', updatedBy: 'k' },
      actions: [{ id: 'a1', ...action, ...stored }],
    },
  };
}

function ruleOf(view: ViewRecord): Rule {
  return JSON.parse(derivedRules(view)[0]!.versions[0]!.text) as Rule;
}

test('a threshold is met by what the fields of the view show', () => {
  const shown = (some: object, condition: string) => (value: unknown) => {
    const rule = ruleOf(viewWith([attribute(some)], { rules: single(condition) }));
    const compiled = compileRule('r', 1, rule);
    assert.equal(compiled.when.kind, 'view');
    assert.deepEqual([...compiled.view!.fields], ['Field']);
    return compiled.when.where.meets({ view: { Field: value } });
  };
  const table: [object, string, unknown[], unknown[]][] = [
    [{}, 'Call,topic,string,Count GTE 2', [2, 3], [0, 1]],
    [{}, 'Call,topic,string,Count EQ 2', [2], [1, 3]],
    [
      { aggregationMode: 'Value' },
      'Call,topic,string,Value EQ bill',
      [['bill'], ['x', 'bill']],
      [[], ['x'], null],
    ],
    [
      { aggregationMode: 'Value' },
      'Call,topic,string,Value NEQ bill',
      [[], ['x']],
      [['x', 'bill']],
    ],
    [
      { aggregationMode: 'Value', limit: 1 },
      'Call,topic,string,Value EQ bill',
      ['bill'],
      ['x', null],
    ],
    [
      { aggregationMode: 'Value', limit: 1, metaDataType: 'integer', metaData: 'n' },
      'Call,n,integer,Value GT 5',
      [6, '6'],
      [5, null, 'many'],
    ],
    [
      { aggregationMode: 'Distinct' },
      'Call,topic,string,Distinct EQ bill',
      [['a', 'bill']],
      [['a']],
    ],
    [
      { aggregationMode: 'Distinct', metaDataType: 'integer' },
      'Call,topic,integer,Distinct GTE 2',
      [['a', 'b']],
      [['a'], []],
    ],
    [
      { aggregationMode: 'Sum', metaDataType: 'double', metaData: 'n' },
      'Call,n,double,Sum LT 1.5',
      [0, 1.4, -3],
      [1.5, null],
    ],
  ];
  for (const [some, condition, met, unmet] of table) {
    const meets = shown(some, condition);
    for (const value of met) assert.ok(meets(value), `${condition} by ${JSON.stringify(value)}`);
    for (const value of unmet) assert.ok(!meets(value), `${condition}, ${JSON.stringify(value)}`);
  }
});

test('rules of many conditions are conditions, and those too long for one are refused', () => {
  const args = (length: number, text: string) => ({
    logic: 'OR',
    args: Array.from({ length }, (_, n) => single(`Call,topic,string,Value EQ ${text}${n}`)),
  });
  const of = [attribute({ aggregationMode: 'Value' })];
  const compiled = compileRule('r', 1, ruleOf(viewWith(of, { rules: args(50, 't') })));
  assert.equal(compiled.when.kind, 'view');
  assert.ok(compiled.when.where.meets({ view: { Field: ['t49'] } }));
  assert.ok(!compiled.when.where.meets({ view: { Field: ['t50'] } }));
  const long = (): ViewRecord => viewWith(of, { rules: args(50, 'x'.repeat(100)) });
  assert.throws(long, { code: 'invalid', message: /the rules of the action "Act".*4096/ });
});

test('a webhook is sent the body, the verb and the key that were given', () => {
  const rules = single('Call,topic,string,Count GTE 1');
  const attributes = {
    ...{ httpverb: 'put', requestbody: '{"cost":"${amount}"}' },
    ...{ authorizationScheme: 'Bearer', authorization: 'secret' },
  };
  const triggers = [
    { ...webhook, attributes },
    { type: 'IMIFlowTrigger', flowURL: 'https://imi.example.com/flow', flowId: 'f1' },
    { type: 'WebexWalkin', agentId: 'ag1', title: 'Come in', welcomeMessage: 'Hello' },
    { type: 'AgentOffer', imageURL: 'https://cdn.example.com/a.png', imageWidth: 300 },
    { type: 'ChatBot', botURL: 'https://bot.example.com', botWidth: 200 },
    webhook,
  ];
  const view = viewWith([attribute({})], { rules, actionTriggers: triggers });
  const [first, flow, last] = derivedWebhooks(view);
  assert.deepEqual(
    { name: first!.name, method: first!.method, headers: first!.headers, secrets: first!.secrets },
    { name: 'cjds:a1:0', method: 'PUT', headers: { Authorization: 'Bearer secret' }, secrets: [] },
  );
  assert.deepEqual(
    [flow!.url, last!.name, last!.method],
    ['https://imi.example.com/flow', 'cjds:a1:5', undefined],
  );
  const compiled = compileRule('r', 1, ruleOf(view));
  assert.deepEqual(
    compiled.actions.map((action) => action.fill({ customer: 'c1' })),
    [
      { do: 'webhook', endpoint: 'cjds:a1:0', plain: true, data: { cost: '${amount}' } },
      {
        ...{ do: 'webhook', endpoint: 'cjds:a1:1', plain: true },
        data: { flowId: 'f1', customer: 'c1' },
      },
      {
        ...{ do: 'agent', kind: 'walkIn', title: 'Come in' },
        data: { agentId: 'ag1', welcomeMessage: 'Hello' },
      },
      { do: 'page', data: { title: 'Act', image: 'https://cdn.example.com/a.png', width: 300 } },
      { do: 'page', data: { title: 'Act', url: 'https://bot.example.com', width: 200 } },
      {
        ...{ do: 'webhook', endpoint: 'cjds:a1:5', plain: true },
        data: { action: { id: 'a1', name: 'Act' }, template: 'Template', customer: 'c1' },
      },
    ],
  );
});

test('an action is not taken again before its cooldown is over', async () => {
  const rules = single('Call,topic,string,Count GTE 3');
  const view = viewWith([attribute({})], { rules, cooldownPeriodInMinutes: 10 });
  const kit = new DecisionKit();
  kit.rule('cjds:a1', ruleOf(view));
  const call = async (count: number): Promise<number> => {
    kit.views.set('Template', { Field: count });
    kit.ask(['cjds:a1']);
    await settle();
    kit.readBack();
    return kit.decided().filter((each) => each === 'cjds:a1:act').length;
  };
  assert.deepEqual([await call(2), await call(3), await call(4)], [0, 1, 1]);
  await kit.clock.pass(10 * 60_000 - 1);
  assert.equal(await call(5), 1);
  await kit.clock.pass(1);
  assert.deepEqual([await call(6), kit.said.length], [2, 2]);
});

test('rules follow their templates: changed, switched off, gone', () => {
  const derived = new DerivedDefinitions();
  const rules = single('Call,topic,string,Count GTE 3');
  const view = viewWith([attribute({})], { rules });
  const versions = (...views: ViewRecord[]): (readonly [string, number])[] => {
    return [...derived.of(1, views).rules.values()].map(({ current, name }) => [name, current]);
  };
  assert.deepEqual(versions(view), [['cjds:a1', 7]]);
  assert.deepEqual(versions({ ...view, version: 8 }), [['cjds:a1', 8]]);
  const off = viewWith([attribute({})], { rules, isActive: false });
  assert.deepEqual(versions({ ...off, version: 9 }), [['cjds:a1', 0]]);
  assert.deepEqual(versions(), []);
});
