/** Every limit of maps and rules holds where it is said to, and not before; what the README shows is taken. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Checked, checkJourneyMap, checkRule } from '../src/journeys/check/check.ts';
import { sentence } from '../src/journeys/check/faults.ts';
import { mapOf, ruleOf, stepsOf } from './support/definitions.ts';

function told({ faults }: Checked<unknown>): string {
  return faults.map(sentence).join('\n');
}

function map(value: unknown): string {
  return told(checkJourneyMap(value, 'm'));
}

function rule(value: unknown): string {
  return told(checkRule(value, 'r'));
}

function agentOf(more: object): object {
  return { do: 'agent', kind: 'offer', title: 'Call', ...more };
}

function ringOf(after: string): object {
  return { after, miles: 5 };
}

const one = { event: 'A' };
const many = (count: number, make: (index: number) => unknown): unknown[] =>
  Array.from({ length: count }, (_, index) => make(index));
const named = (count: number, value: unknown): Record<string, unknown> =>
  Object.fromEntries(many(count, (n) => [`n${n}`, value]) as [string, unknown][]);
const waitOf = (n: number) => ({ name: `w${n}`, for: '1s', actions: [{ do: 'notify', data: 1 }] });
const cap = (times: number) => ({ scope: 'rule', times, per: 'day' });
const stageOf = (n: number) => ({ name: `s${n}`, steps: [{ name: `${n}`, on: [one] }] });

/** What may be so many, or so large, and no more. */
const mapLimits: readonly [name: string, most: number, make: (count: number) => unknown][] = [
  ['stages', 50, (n) => mapOf({ stages: many(n, stageOf) })],
  ['entry', 20, (n) => mapOf({ entry: many(n, () => one) })],
  ['waits', 10, (n) => stepsOf({ name: 'a', waits: many(n, waitOf) })],
  [
    'actions',
    10,
    (n) => stepsOf({ name: 'a', actions: many(n, () => ({ do: 'notify', data: 1 })) }),
  ],
  [
    'milestones',
    100,
    (n) => mapOf({ milestones: many(n, (at) => ({ name: `${at}`, on: [one] })) }),
  ],
  ['exits', 20, (n) => mapOf({ exits: many(n, () => ({ reason: 'r', on: [one] })) })],
  ['context', 50, (n) => mapOf({ context: named(n, 'a') })],
  ['audiences', 20, (n) => mapOf({ audiences: named(n, { performed: 'A' }) })],
  [
    'kpis',
    20,
    (n) => mapOf({ kpis: many(n, (at) => ({ name: `${at}`, type: 'completionRate' })) }),
  ],
  ['instancesMax', 100, (n) => mapOf({ instancesMax: n })],
  ['name', 128, (n) => stepsOf({ name: 'x'.repeat(n) })],
  ['reason', 128, (n) => mapOf({ exits: [{ reason: 'x'.repeat(n), on: [one] }] })],
  ['title', 256, (n) => mapOf({ title: 'x'.repeat(n) })],
  ['description', 2048, (n) => mapOf({ description: 'x'.repeat(n) })],
  ['key', 512, (n) => mapOf({ key: 'x'.repeat(n) })],
  [
    'where',
    4096,
    (n) => mapOf({ goal: [{ ...one, where: `event.id == "${'x'.repeat(n - 14)}"` }] }),
  ],
  ['event', 128, (n) => mapOf({ goal: [{ event: 'x'.repeat(n) }] })],
  ['channel', 64, (n) => mapOf({ goal: [{ ...one, channel: 'x'.repeat(n) }] })],
  ['for', 366, (n) => stepsOf({ name: 'a', waits: [{ ...waitOf(0), for: `${n}d` }] })],
  ['expiresAfter', 366, (n) => mapOf({ expiresAfter: `${n}d` })],
  ['lateness', 366, (n) => mapOf({ lateness: `${n}d` })],
  ['afterWait', 366, (n) => mapOf({ reentry: { afterWait: `${n}d` } })],
];
const ruleLimits: readonly [name: string, most: number, make: (count: number) => unknown][] = [
  ['then', 10, (n) => ruleOf({ then: many(n, () => ({ do: 'notify', data: 1 })) })],
  ['suppressedBy', 20, (n) => ruleOf({ suppressedBy: many(n, () => 'customer.id == "x"') })],
  ['caps', 20, (n) => ruleOf({ caps: many(n, () => cap(1)) })],
  ['times', 500, (n) => ruleOf({ caps: [cap(n)] })],
  [
    'contextWeights',
    20,
    (n) => ruleOf({ contextWeights: many(n, () => ({ if: 'true', percent: 1 })) }),
  ],
  ['priority', 1000, (n) => ruleOf({ priority: n })],
  ['value', 1_000_000, (n) => ruleOf({ value: n })],
  ['leverPercent', 1000, (n) => ruleOf({ leverPercent: n })],
  ['cooldown', 366, (n) => ruleOf({ cooldown: `${n}d` })],
  ['perInstanceMax', 1000, (n) => ruleOf({ journey: 'm', perInstanceMax: n })],
  ['miles', 12_500, (n) => ruleOf({ within: { miles: n } })],
  ['silentFor', 366, (n) => ruleOf({ journey: 'm', when: { beyondStep: 1, silentFor: `${n}d` } })],
  ['ttl', 7, (n) => ruleOf({ then: [{ do: 'page', data: 1, ttl: `${n}d` }] })],
  ['reserveFor', 10, (n) => ruleOf({ then: [agentOf({ reserveFor: `${n}m` })] })],
  ['skills', 20, (n) => ruleOf({ then: [agentOf({ skills: many(n, () => ({ skill: 'x' })) })] })],
  ['rings', 10, (n) => ruleOf({ then: [agentOf({ rings: many(n, (at) => ringOf(`${at}s`)) })] })],
  [
    'meeting',
    2048,
    (n) => ruleOf({ then: [agentOf({ meeting: `https://m/${'x'.repeat(n - 10)}` })] }),
  ],
];

test('each limit holds where it is said to, and not before', () => {
  for (const [limits, check] of [[mapLimits, map] as const, [ruleLimits, rule] as const]) {
    for (const [name, most, make] of limits) {
      assert.equal(check(make(most)), '', `${name}: ${most}`);
      assert.match(check(make(most + 1)), new RegExp(`(^|[.\\]])${name}`), `${name}: ${most + 1}`);
    }
  }
});

test('the map and the rule of the README are taken', () => {
  const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [section] = text.split('\n## Journeys\n')[1]!.split('\n## ');
  const blocks = [...section!.matchAll(/```json\n(.*?)```/gs)].map(([, json]) => JSON.parse(json!));
  assert.equal(blocks.length, 2);
  assert.equal(map(blocks[0]), '');
  assert.equal(rule(blocks[1]), '');
});
