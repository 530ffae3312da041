/** Guards, scores and arbitration: who may be offered what, and what comes first. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FrequencyCap } from '../src/journeys/decide/caps.ts';
import { compareRanked, drawBeta, scoreOf } from '../src/journeys/decide/score.ts';
import type { Candidate } from '../src/journeys/decide/weigh.ts';
import { seededRandom } from '../src/std/random.ts';
import { candidateOf, noon, personOf, touchAt, verdicts, weighed } from './support/candidates.ts';

const hourMs = 60 * 60 * 1000;
const once: FrequencyCap = { scope: 'rule', times: 1, per: 'day', zone: undefined };
const london = { latitude: 51.5074, longitude: -0.1278 };
const paris = { latitude: 48.8566, longitude: 2.3522 };

test('guards are asked in their order, and the first that says no gives the verdict', () => {
  const person = personOf({
    place: { ...london, at: noon },
    consent: { marketing: false },
    touches: [touchAt(noon - hourMs)],
  });
  const refused: Partial<Candidate> = {
    category: 'marketing',
    to: noon,
    ineligible: () => 'condition',
    miles: 25,
    place: paris,
    suppressor: () => ({ verdict: 'suppressed', detail: 'inSupport' }),
    quietHours: { fromMinute: 11 * 60, toMinute: 13 * 60, zone: 'UTC' },
    cooldownMs: 2 * hourMs,
    control: { percent: 100, salt: undefined },
    caps: [once],
  };
  const order: [string, Partial<Candidate>][] = [
    ['notInDate', { from: noon, to: noon + 1 }],
    ['condition', { ineligible: () => undefined }],
    ['tooFar', { place: undefined }],
    ['consent', { category: 'service' }],
    ['suppressed', { suppressor: () => undefined }],
    ['quietHours', { quietHours: undefined }],
    ['cooldown', { cooldownMs: undefined }],
    ['control', { control: undefined }],
    ['capped', { caps: [] }],
  ];
  let candidate = candidateOf(refused);
  for (const [verdict, remedy] of order) {
    assert.deepEqual(verdicts([candidate], { person }), [`a:${verdict}`]);
    candidate = { ...candidate, ...remedy };
  }
  assert.deepEqual(verdicts([candidate], { person }), ['a:act']);
});

test('a place that is not known is within anywhere only, and 25 miles are 25 miles with', () => {
  const mile = 1 / 69.0934;
  const away = (miles: number) => ({ latitude: 37 + mile * miles, longitude: -122 });
  const offer = candidateOf({ miles: 25, place: { latitude: 37, longitude: -122 } });
  const from = (place: object | undefined): string[] => {
    const person = personOf(place && { place: { latitude: 0, longitude: 0, at: noon, ...place } });
    return verdicts([offer, candidateOf({ id: 'anywhere', channel: 'else' })], { person });
  };
  assert.deepEqual(from(away(24.9)), ['a:act', 'anywhere:act']);
  assert.deepEqual(from(away(25.1)), ['anywhere:act', 'a:tooFar']);
  assert.deepEqual(from(undefined), ['anywhere:act', 'a:tooFar']);
});

test('consent is about a category, a channel or everything, and only a no is a no', () => {
  const offer = candidateOf({ category: 'marketing', channel: 'sms' });
  const table: [Record<string, boolean>, string][] = [
    [{}, 'a:act'],
    [{ marketing: true }, 'a:act'],
    [{ service: false }, 'a:act'],
    [{ marketing: false }, 'a:consent'],
    [{ sms: false }, 'a:consent'],
    [{ all: false }, 'a:consent'],
  ];
  for (const [consent, verdict] of table) {
    assert.deepEqual(verdicts([offer], { person: personOf({ consent }) }), [verdict]);
  }
});

test('a control group is a share of customers, the same ones each time, and counts for no cap', () => {
  const offer = candidateOf({ control: { percent: 20, salt: 'spring' }, caps: [once] });
  const held = (name: string): boolean => {
    const person = personOf({ name, touches: [touchAt(noon - hourMs)] });
    const [verdict] = verdicts([offer], { person });
    assert.ok(verdict === 'a:control' || verdict === 'a:capped');
    return verdict === 'a:control';
  };
  const names = Array.from({ length: 2000 }, (_, n) => `customer-${n}`);
  const control = names.filter(held);
  assert.ok(control.length > 330 && control.length < 470, `${control.length} of 2000`);
  assert.ok(control.every(held));
});

test('a score is propensity, context, value and lever', () => {
  const none = { propensity: 1, contextPercent: 0, value: 1, leverPercent: 0 };
  assert.equal(scoreOf(none, undefined), 1);
  assert.equal(scoreOf({ ...none, contextPercent: 55 }, undefined), 1.55);
  assert.equal(scoreOf({ ...none, leverPercent: -50, value: 30, propensity: 0.2 }, undefined), 3);
  const learned = { ...none, propensity: undefined };
  assert.equal(scoreOf(learned, undefined), 1 / 2);
  assert.equal(scoreOf(learned, { shown: 8, accepted: 3 }), 4 / 10);
  assert.equal(scoreOf({ ...none, propensity: 0.7 }, { shown: 8, accepted: 3 }), 0.7);
});

test('equal scores are told apart by priority, then by what was shown longest ago, then by id', () => {
  const touches = [touchAt(noon - 3000, { rule: 'd' }), touchAt(noon - 2000, { rule: 'c' })];
  const names = ['c', 'd', 'e', 'f', 'b', 'a'];
  const candidates = names.map((id) => candidateOf({ id, priority: id === 'f' ? 1 : 0 }));
  const ids = weighed(candidates, { touches }).map(({ candidate }) => candidate.id);
  assert.deepEqual(ids, ['f', 'a', 'b', 'e', 'd', 'c']);
});

test('one of each channel acts, those that ask for no attention always do', () => {
  const candidates = [
    candidateOf({ id: 'low', value: 1 }),
    candidateOf({ id: 'high', value: 2 }),
    candidateOf({ id: 'call', channel: 'agent', value: 0.5 }),
    candidateOf({ id: 'silent', channel: undefined, value: 0.1 }),
    candidateOf({ id: 'mute', channel: undefined, value: 0.1 }),
  ];
  const expected = ['high:act', 'low:outranked', 'call:act', 'mute:act', 'silent:act'];
  assert.deepEqual(verdicts(candidates), expected);
  const top = ['high:act', 'low:act', 'call:outranked', 'mute:outranked', 'silent:outranked'];
  assert.deepEqual(verdicts(candidates, { slots: 2, competing: 'all' }), top);
});

test('the next best takes the place of what is capped, and what acts leaves less room', () => {
  const cap: FrequencyCap = { scope: 'category', times: 2, per: 'day', zone: undefined };
  const touches = [touchAt(noon - hourMs, { rule: 'x', category: 'marketing' })];
  const offers = ['a', 'b', 'c'].map((id, n) =>
    candidateOf({ id, category: 'marketing', caps: [cap], value: 3 - n, channel: `channel ${id}` }),
  );
  const news = candidateOf({ id: 'd', value: 0.1, channel: 'channel a' });
  assert.deepEqual(verdicts([...offers, news], { touches }), [
    'a:act',
    'b:capped',
    'c:capped',
    'd:outranked',
  ]);
});

test('the order is total, and nothing depends on how candidates are handed in', () => {
  const candidate = fc.record({
    value: fc.integer({ min: 0, max: 2 }),
    priority: fc.integer({ min: 0, max: 1 }),
    channel: fc.constantFrom('page', 'agent', undefined),
    capped: fc.boolean(),
  });
  const property = fc.property(fc.array(candidate, { maxLength: 12 }), fc.nat(), (made, seed) => {
    const candidates = made.map(({ capped, ...each }, n) =>
      candidateOf({ id: `c${n}`, ...each, caps: capped ? [{ ...once, scope: 'all' }] : [] }),
    );
    const random = seededRandom(seed);
    const shuffled = candidates
      .map((each) => ({ each, at: random.next() }))
      .sort((a, b) => a.at - b.at)
      .map(({ each }) => each);
    assert.deepEqual(verdicts(shuffled), verdicts(candidates));
  });
  fc.assert(property, { numRuns: 500 });
  const ranked = fc.record({
    id: fc.constantFrom('a', 'b', 'c'),
    score: fc.constantFrom(0, 0.5, 1),
    priority: fc.constantFrom(0, 1),
    lastShown: fc.constantFrom(undefined, 0, 5),
  });
  const total = fc.property(ranked, ranked, ranked, (a, b, c) => {
    assert.equal(Math.sign(compareRanked(a, b)), -Math.sign(compareRanked(b, a)) || 0);
    if (compareRanked(a, b) <= 0 && compareRanked(b, c) <= 0) assert.ok(compareRanked(a, c) <= 0);
  });
  fc.assert(total, { numRuns: 2000 });
});

test('exploring can be repeated by its seed, and gives others a chance', () => {
  const candidates = ['a', 'b', 'c'].map((id, n) => candidateOf({ id, value: 3 - n }));
  const first = (seed: number, epsilon: number): string => {
    const exploring = { method: 'epsilonGreedy', epsilon } as const;
    return verdicts(candidates, { exploring, random: seededRandom(seed) })[0]!;
  };
  const seeds = Array.from({ length: 300 }, (_, seed) => seed);
  assert.ok(seeds.every((seed) => first(seed, 0) === 'a:act'));
  assert.equal(new Set(seeds.map((seed) => first(seed, 1))).size, 3);
  const drawn = (): string[] => seeds.map((seed) => first(seed, 0.3));
  assert.deepEqual(drawn(), drawn());
  const unsure = ['a', 'b'].map((id) => candidateOf({ id, propensity: undefined }));
  const responses = { a: { shown: 1000, accepted: 500 }, b: { shown: 2, accepted: 0 } };
  const winners = seeds.map((seed) => {
    const random = seededRandom(seed);
    const person = personOf({ responses });
    return verdicts(unsure, { person, exploring: { method: 'thompson' }, random })[0]!;
  });
  const lucky = winners.filter((winner) => winner === 'b:act').length;
  assert.ok(lucky > 10 && lucky < 100, `${lucky} of 300`);
});

test('draws of a beta distribution have its mean and variance', () => {
  for (const [alpha, beta] of [
    [1, 1],
    [3, 7],
    [40, 60],
  ] as const) {
    const random = seededRandom(7);
    const draws = Array.from({ length: 20_000 }, () => drawBeta(alpha, beta, random));
    const mean = draws.reduce((sum, each) => sum + each, 0) / draws.length;
    const variance = draws.reduce((sum, each) => sum + (each - mean) ** 2, 0) / draws.length;
    const total = alpha + beta;
    assert.ok(Math.abs(mean - alpha / total) < 0.01);
    const expected = (alpha * beta) / (total ** 2 * (total + 1));
    assert.ok(Math.abs(variance / expected - 1) < 0.05);
  }
});
