/** Definitions that are meant ill, or are odd, cannot hold the engine: what an event costs is bounded. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meter } from '../src/event/meter.ts';
import { checkJourneyMap, checkRule } from '../src/journeys/check/check.ts';
import type { JourneyMap, Rule } from '../src/journeys/definition.ts';
import { eventStepsMax } from '../src/journeys/engine/apply.ts';
import { type Random, seededRandom } from '../src/std/random.ts';
import { makeMap, makeRule, someWords } from './support/definitionmake.ts';
import { mapOf } from './support/definitions.ts';
import { type Json, spoiled } from './support/definitionspoil.ts';
import { Play } from './support/journeykit.ts';

const list = Array.from({ length: 3000 }, (_, index) => index % 10);

test('an event that meets hundreds of costly conditions costs no more than it may', () => {
  const where = 'event.data.l.all(a, event.data.l.all(b, a + b >= 0))';
  const entry = Array.from({ length: 20 }, () => ({ event: 'A', where }));
  const on = entry
    .slice(0, 15)
    .map((each) => ({ ...each, where: `instance.step < 99 && ${where}` }));
  const steps = Array.from({ length: 20 }, (_, n) => ({ name: `${n}`, on }));
  const map = mapOf({ entry: [...entry, { event: 'B' }].slice(1), stages: [{ name: 'S', steps }] });
  const { definition, faults } = checkJourneyMap(map, 'costly');
  assert.deepEqual(faults, []);
  const play = new Play({ maps: { costly: definition! } });
  play.event(0, 'B');
  meter.spent = 0;
  play.event(1, 'A', { l: list });
  // One operation may go beyond what is left, by what the event can hold.
  assert.ok(
    meter.spent > eventStepsMax / 2 && meter.spent <= eventStepsMax + 40_000,
    `${meter.spent}`,
  );
  assert.equal(play.instances.length, 1);
  meter.spent = 0;
  play.event(2, 'A', { l: [1, 2] });
  assert.equal(play.instance.current, 1, 'an event that costs little is met as ever');
});

/** A map and a rule that were taken although they may be odd. */
function oddOnes(random: Random): { map: JourneyMap; rule: Rule } | undefined {
  const made = makeMap(random);
  let map = JSON.parse(JSON.stringify(made)) as Json;
  let rule = JSON.parse(JSON.stringify(makeRule(random, { name: 'm', map: made }))) as Json;
  for (let n = random.below(3); n > 0; n -= 1) map = spoiled(map, random);
  for (let n = random.below(3); n > 0; n -= 1) rule = spoiled(rule, random);
  const checked = checkJourneyMap(map, 'm').definition;
  const checkedRule = checkRule(rule, 'r').definition;
  return checked && checkedRule && { map: checked, rule: checkedRule };
}

test('what was taken can be played, however odd it is', () => {
  const counts = { played: 0, instances: 0, asked: 0 };
  for (let seed = 0; seed < 600; seed += 1) {
    const random = seededRandom(seed);
    const odd = oddOnes(random);
    if (odd === undefined) continue;
    const play = new Play({ maps: { m: odd.map }, rules: { r: odd.rule } });
    for (let at = 0, n = 0; n < 40; n += 1) {
      at += random.below(3) === 0 ? random.below(3_600_000) : random.below(5000);
      const { channels, types } = someWords;
      const type = types[random.below(types.length)]!;
      const data = { order: `o${random.below(2)}`, amount: random.below(100), vip: true };
      play.event(at, type, data, 0, channels[random.below(channels.length)]!);
    }
    counts.played += 1;
    counts.instances += play.instances.length;
    counts.asked += play.asked.length;
  }
  assert.ok(
    counts.played > 150 && counts.instances > 200 && counts.asked > 100,
    JSON.stringify(counts),
  );
});
