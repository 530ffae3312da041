/**
 * A dry run against the engine's transition as it goes along: random maps and rules, random events with
 * random gaps; what it counts is what the instances came to. `TAPELINE_SEEDS` says how many, `TAPELINE_SEED`
 * repeats one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Diaries } from '../src/journeys/aids/diaries.ts';
import { Trial } from '../src/journeys/aids/trial.ts';
import type { JourneyMap, Rule } from '../src/journeys/definition.ts';
import { type Random, seededRandom } from '../src/std/random.ts';
import { makeMap, makeRule, someWords } from './support/definitionmake.ts';
import { forceOf, Play, startMs } from './support/journeykit.ts';

const seedsDefault = 60;

function seeds(): number[] {
  const given = process.env['TAPELINE_SEED'];
  const first = Number(given ?? 1);
  const count = given === undefined ? Number(process.env['TAPELINE_SEEDS'] ?? seedsDefault) : 1;
  return Array.from({ length: count }, (_, n) => first + n);
}

interface Happened {
  readonly at: number;
  readonly type: string;
  readonly channel: string;
  readonly data: object;
}

const gapsMs = [0, 1, 1000, 30_000, 30_001, 600_000, 7_200_000, 90_000_000];

function randomEvents(random: Random): Happened[] {
  let at = 0;
  return Array.from({ length: 5 + random.below(40) }, () => {
    at += gapsMs[random.below(gapsMs.length)]!;
    const type = someWords.types[random.below(someWords.types.length)]!;
    const channel = someWords.channels[random.below(someWords.channels.length)]!;
    return { at, type, channel, data: { price: random.below(1000), order: `o${random.below(3)}` } };
  });
}

function tryOut(
  maps: Readonly<Record<string, JourneyMap>>,
  rules: Readonly<Record<string, Rule>>,
  events: readonly Happened[],
  until: number,
): ReturnType<Diaries['reports']> {
  const force = forceOf({ maps, rules });
  const diaries = new Diaries(force.maps, force.rules);
  const nothing = { readEvent: () => undefined, readView: () => undefined };
  const trial = new Trial({ workspace: 1, force, ...nothing }, diaries);
  for (const [index, { at, channel, data, type }] of events.entries()) {
    const received = startMs + at;
    const fields = { type, id: `e${index}`, customer: 'ann', channel, source: '' };
    trial.take(
      {
        ...{ stamp: index + 1, ordinal: 0, type, received, time: received },
        text: (field) => fields[field],
        data: () => JSON.stringify(data),
      },
      'ann',
      'ann',
    );
  }
  // A timer fires when the clock is past it.
  trial.passTo(startMs + until);
  return diaries.reports();
}

test('what is counted is what the instances came to, and what was asked for', () => {
  for (const seed of seeds()) {
    const random = seededRandom(seed);
    const maps = { trip: makeMap(random) };
    const about = random.below(3) > 0 ? { name: 'trip', map: maps.trip } : undefined;
    const rules = { help: makeRule(random, about) };
    const events = randomEvents(random);
    const until = events.at(-1)!.at + gapsMs[random.below(gapsMs.length)]!;
    const play = new Play({ maps, rules });
    for (const { at, channel, data, type } of events) play.event(at, type, data, 0, channel);
    play.until(until);
    const { journeys, rules: asked } = tryOut(maps, rules, events, until);
    const hint = `seed ${seed}: ${JSON.stringify({ maps, rules, events })}`;
    const { tally } = journeys['trip']!;
    const ended = (status: string): number =>
      play.instances.filter((instance) => instance.status === status).length;
    assert.deepEqual(
      [tally.started, tally.completed, tally.exited, tally.expired, tally.failed, tally.open],
      [
        play.instances.length,
        ended('completed'),
        ended('exited'),
        ended('expired'),
        ended('failed'),
        ended('active'),
      ],
      hint,
    );
    const here = play.instances.filter(({ status }) => status === 'active');
    for (const [step, { here: count }] of Object.entries(tally.steps)) {
      const at = here.filter(({ current }) => String(current) === step).length;
      assert.equal(count, at, `step ${step}, ${hint}`);
    }
    const requests = play.asked.filter(({ rule }) => rule === 'help').length;
    const { requested, verdicts } = asked['help']!.tally;
    const said = Object.values(verdicts).reduce((sum, each) => sum + each, 0);
    // What has acted as often as it may for an instance asks no more; nothing acts in the play.
    if (rules['help']!.perInstanceMax === undefined) {
      assert.deepEqual([requested, said], [requests, requests], `each is decided, ${hint}`);
    } else assert.ok(said <= requested && requested <= requests, hint);
  }
});
