/** Random maps and rules: what is valid is taken, what is spoiled is refused where it is, nothing crashes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { type Checked, checkJourneyMap, checkRule } from '../src/journeys/check/check.ts';
import { sentence } from '../src/journeys/check/faults.ts';
import { mapShape } from '../src/journeys/check/mapshape.ts';
import { ruleShape } from '../src/journeys/check/ruleshape.ts';
import { compileMap } from '../src/journeys/compile/map.ts';
import { compileRule } from '../src/journeys/compile/rule.ts';
import type { JourneyMap, Rule } from '../src/journeys/definition.ts';
import { type Random, seededRandom } from '../src/std/random.ts';
import type { DefinitionRecord, Outline } from '../src/workspaces/definition.ts';
import { checkFits } from '../src/workspaces/definitionfit.ts';
import { makeMap, makeRule, someWords } from './support/definitionmake.ts';
import { type Json, placeOf, replaced, spoiled, spotsOf } from './support/definitionspoil.ts';

const seeds = 300;
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, formats: { 'date-time': true } });
const isMap = ajv.compile(mapShape.schema);
const isRule = ajv.compile(ruleShape.schema);

/** A rule, and sometimes a map that it is about. */
function makeBoth(random: Random): { map: JourneyMap; rule: Rule } {
  const map = makeMap(random);
  const about = random.below(3) > 0 ? { name: 'quote', map } : undefined;
  return { map, rule: makeRule(random, about) };
}

function told({ faults }: Checked<unknown>): string {
  return faults.map(sentence).join('\n');
}

/** As it comes over the wire. */
function wire(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

test('maps and rules made at random are taken, compile, and are what the schema says', () => {
  for (let seed = 0; seed < seeds; seed += 1) {
    const { map, rule } = makeBoth(seededRandom(seed));
    assert.equal(told(checkJourneyMap(wire(map), 'quote')), '', `seed ${seed}`);
    assert.equal(told(checkRule(wire(rule), 'rule')), '', `seed ${seed} ${JSON.stringify(rule)}`);
    assert.ok(isMap(wire(map)), `seed ${seed} ${ajv.errorsText(isMap.errors)}`);
    assert.ok(isRule(wire(rule)), `seed ${seed} ${ajv.errorsText(isRule.errors)}`);
    assert.ok(compileMap('quote', 1, map).types.size > 0);
    assert.ok(compileRule('rule', 1, rule).actions.length > 0);
  }
});

function recordOf(kind: 'journey' | 'rule', name: string, outline: Outline): DefinitionRecord {
  const version = { version: 1, text: '{}', outline, publishedAt: 0 };
  const numbers = { current: 1, last: 1, revision: 1, updatedAt: 0 };
  return { workspace: 1, kind, name, versions: [version], ...numbers };
}

test('several of them fit together', () => {
  for (let seed = 0; seed < seeds; seed += 1) {
    const random = seededRandom(seed);
    const definitions: DefinitionRecord[] = [];
    const around = { definitions, views: new Map(), webhooks: new Map() };
    const journeys: string[] = [];
    for (let n = 0; n < 4; n += 1) {
      const words = { ...someWords, journeys: [...journeys] };
      const name = `map ${n}`;
      const map = makeMap(random, words);
      const { outline } = checkJourneyMap(map, name);
      checkFits({ kind: 'journey', name, outline: outline! }, around);
      definitions.push(recordOf('journey', name, outline!));
      journeys.push(name);
      const rule = checkRule(makeRule(random, { name, map }, words), `rule ${n}`).outline!;
      checkFits({ kind: 'rule', name: `rule ${n}`, outline: rule }, around);
      definitions.push(recordOf('rule', `rule ${n}`, rule));
    }
  }
});

/** Members whose inside may be anything, or is told by another parser. */
const open = ['data', 'key', 'context', 'audiences', 'title', 'meeting'];

test('a member that nobody knows is refused exactly where it is', () => {
  for (let seed = 0; seed < seeds; seed += 1) {
    const random = seededRandom(seed);
    const { map, rule } = makeBoth(random);
    const [whole, check] = seed % 2 === 0 ? [wire(map), checkJourneyMap] : [wire(rule), checkRule];
    const objects = spotsOf(whole, open).filter(({ value }) => {
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    });
    const { path } = objects[random.below(objects.length)]!;
    const at = [...path, 'xyzzy'];
    const { faults } = check(replaced(whole, at, 1), 'x');
    assert.deepEqual(
      faults.map(({ place }) => place),
      [placeOf(at)],
      `seed ${seed}`,
    );
  }
});

test('a value of another kind is refused exactly where it is', () => {
  for (let seed = 0; seed < seeds; seed += 1) {
    const random = seededRandom(seed);
    const { map, rule } = makeBoth(random);
    const [whole, check] = seed % 2 === 0 ? [wire(map), checkJourneyMap] : [wire(rule), checkRule];
    const spots = spotsOf(whole, open).filter(({ path }) => path.length > 0);
    const { path, value } = spots[random.below(spots.length)]!;
    const wrong = typeof value === 'boolean' ? 'yes' : true;
    const { faults } = check(replaced(whole, path, wrong), 'x');
    assert.equal(faults[0]?.place, placeOf(path), `seed ${seed}`);
  }
});

test('whatever is spoiled is refused with a place or compiles; nothing crashes', () => {
  const counts = { taken: 0, refused: 0 };
  for (let seed = 0; seed < seeds * 10; seed += 1) {
    const random = seededRandom(seed);
    const { map, rule } = makeBoth(random);
    const isOfMap = seed % 2 === 0;
    let value = wire(isOfMap ? map : rule);
    for (let n = random.below(4); n >= 0; n -= 1) value = spoiled(value, random);
    const checked = isOfMap ? checkJourneyMap(value, 'x') : checkRule(value, 'x');
    counts[checked.faults.length > 0 ? 'refused' : 'taken'] += 1;
    for (const { message, place } of checked.faults) {
      assert.ok(message !== '' && place.length < 1000, `seed ${seed}`);
    }
    if (checked.faults.length > 0) continue;
    assert.ok((isOfMap ? isMap : isRule)(value), `seed ${seed}: the schema refuses it`);
    if (isOfMap) compileMap('x', 1, value as unknown as JourneyMap);
    else compileRule('x', 1, value as unknown as Rule);
  }
  assert.ok(counts.taken > 100 && counts.refused > 1000, JSON.stringify(counts));
});
