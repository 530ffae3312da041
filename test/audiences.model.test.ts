/**
 * Audiences against what is told from the whole tape at once, over random tapes: events that come late,
 * events of one time, events dated ahead, windows that end to the millisecond. `TAPELINE_SEEDS` says how
 * many, `TAPELINE_SEED` repeats one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PatternDefinition, PatternStep } from '../src/audiences/definition.ts';
import { type Random, seededRandom } from '../src/std/random.ts';
import { type LetterEvent, Member, matchesOf, type PatternInput } from './support/audiences.ts';
import { oracleOf } from './support/patternoracle.ts';

const seedsDefault = 300;

function seeds(): number[] {
  const given = process.env['TAPELINE_SEED'];
  const first = Number(given ?? 1);
  const count = given === undefined ? Number(process.env['TAPELINE_SEEDS'] ?? seedsDefault) : 1;
  return Array.from({ length: count }, (_, n) => first + n);
}

interface Happening {
  readonly type: string;
  readonly time: number;
  readonly received: number;
  readonly vip: boolean;
  /** When it counts. */
  readonly at: number;
  readonly seq: number;
}

const unitMs = 500;

/** No event is later than the window after the newest. */
function randomTape(random: Random, withinMs: number): Happening[] {
  let received = 1_000_000;
  let newest = 0;
  return Array.from({ length: 1 + random.below(40) }, (_, seq) => {
    received += random.below(4) * unitMs + (random.below(8) === 0 ? 1 : 0);
    let time = received;
    if (random.below(3) === 0) time -= random.below(withinMs / unitMs + 2) * unitMs;
    if (random.below(10) === 0) time = received + random.below(3) * unitMs;
    time = Math.max(time, newest - withinMs);
    const at = Math.min(time, received);
    newest = Math.max(newest, at);
    return { type: 'abcd'[random.below(4)]!, time, received, vip: random.below(2) === 0, at, seq };
  });
}

type Oracle = (known: readonly Happening[], now: number) => boolean;

function performedNow(type: string, times: number, withinMs: number): Oracle {
  return (known, now) =>
    known.filter((each) => each.type === type && each.at >= now - withinMs).length >= times;
}

function performedEver(type: string, times: number, withinMs: number): Oracle {
  return (known) => {
    const of = known.filter((each) => each.type === type);
    return of.some(
      ({ at }) => of.filter((each) => each.at >= at && each.at <= at + withinMs).length >= times,
    );
  };
}

/** Some way to choose one event for each step, not the same twice, in an order that their times allow. */
function sequenceOf(types: readonly string[], withinMs: number, ever: boolean): Oracle {
  return (known, now) => {
    const choose = (step: number, chosen: readonly Happening[]): boolean => {
      if (step === types.length) return ever || chosen[0]!.at >= now - withinMs;
      return known.some((each) => {
        const first = chosen[0] ?? each;
        const before = chosen.at(-1) ?? each;
        const fits = each.at >= before.at && each.at - first.at <= withinMs;
        const isFree = each.type === types[step] && !chosen.includes(each);
        return fits && isFree && choose(step + 1, [...chosen, each]);
      });
    };
    return choose(0, []);
  };
}

function randomPart(random: Random): { definition: object; oracle: Oracle; withinMs: number } {
  const type = 'ab'[random.below(2)]!;
  const seconds = 1 + random.below(8);
  const within = `${seconds}s`;
  const withinMs = seconds * 1000;
  const times = 1 + random.below(4);
  const types = Array.from({ length: 1 + random.below(3) }, () => 'abc'[random.below(3)]!);
  switch (random.below(7)) {
    case 0:
      return {
        definition: { performed: type, times, within },
        oracle: performedNow(type, times, withinMs),
        withinMs,
      };
    case 1:
      return {
        definition: { performed: type, times, within, when: 'ever' },
        oracle: performedEver(type, times, withinMs),
        withinMs,
      };
    case 2:
      return {
        definition: { performed: type, times },
        oracle: performedNow(type, times, Number.POSITIVE_INFINITY),
        withinMs,
      };
    case 3:
      return {
        definition: { notPerformed: type, where: 'event.data.vip', within },
        oracle: (known, now) =>
          !known.some((each) => each.type === type && each.vip && each.at >= now - withinMs),
        withinMs,
      };
    case 4:
      return {
        definition: { lastPerformed: type, where: 'event.data.vip' },
        oracle: (known) =>
          known
            .filter((each) => each.type === type)
            .sort((a, b) => a.at - b.at || a.seq - b.seq)
            .at(-1)?.vip ?? false,
        withinMs,
      };
    case 5:
      return {
        definition: { sequence: types, within },
        oracle: sequenceOf(types, withinMs, false),
        withinMs,
      };
    default:
      return {
        definition: { sequence: types, within, when: 'ever' },
        oracle: sequenceOf(types, withinMs, true),
        withinMs,
      };
  }
}

/** Feeds the tape, and looks after each event, and at each instant at which something may change. */
function play(definition: object, oracle: Oracle, tape: readonly Happening[], hint: string): void {
  const member = new Member(definition);
  let isIn = oracle([], 0);
  for (const [index, event] of tape.entries()) {
    const known = tape.slice(0, index + 1);
    const { received, time, type, vip } = event;
    const before = oracle(known.slice(0, -1), received);
    member.settle(received);
    const changed = member.take(type, time, received, { vip });
    const after = oracle(known, received);
    assert.equal(member.isIn(received), after, `${hint}, event ${index}`);
    assert.equal(changed, before !== after, `${hint}, event ${index}: change`);
    isIn = after;
    // Until the next event it changes exactly when it says.
    const until = tape[index + 1]?.received ?? received + 20_000;
    for (let now = received; now < until; ) {
      const next = member.changesAt(now) ?? until;
      for (const at of [now, Math.floor((now + next) / 2), next - 1]) {
        if (at >= now && at < until) assert.equal(oracle(known, at), isIn, `${hint}, at ${at}`);
      }
      if (next >= until) break;
      isIn = oracle(known, next);
      assert.equal(member.settle(next), true, `${hint}, event ${index}, timer ${next}`);
      assert.equal(member.isIn(next), isIn, `${hint}, timer ${next}`);
      now = next;
    }
  }
}

test('parts and what is made of them, against the whole tape', () => {
  for (const seed of seeds()) {
    const random = seededRandom(seed);
    const parts = Array.from({ length: 1 + random.below(3) }, () => randomPart(random));
    // Late by no more than the smallest window, so that every part remembers enough.
    const tape = randomTape(random, Math.min(...parts.map(({ withinMs }) => withinMs)));
    const hint = `seed ${seed}: ${JSON.stringify(parts.map(({ definition }) => definition))}`;
    const [one, ...others] = parts;
    if (others.length === 0) {
      play(one!.definition, one!.oracle, tape, hint);
      continue;
    }
    const all = random.below(2) === 0;
    const definitions = parts.map(({ definition }) => definition);
    const not = { not: all ? { all: definitions } : { any: definitions } };
    const oracle: Oracle = (known, now) =>
      !(all
        ? parts.every((part) => part.oracle(known, now))
        : parts.some((part) => part.oracle(known, now)));
    play(not, oracle, tape, hint);
  }
});

function randomStep(random: Random, index: number): PatternStep {
  const step = { name: `s${index}`, event: 'abc'[random.below(3)]! };
  if (index === 0) return { ...step, ...randomTimes(random) };
  const by = (['next', 'then', 'then', 'thenAny', 'notNext', 'notThen'] as const)[random.below(6)]!;
  return by.startsWith('not') ? { ...step, by } : { ...step, by, ...randomTimes(random) };
}

function randomTimes(random: Random): Partial<PatternStep> {
  const lazy = random.below(4) === 0 ? { lazy: true } : {};
  switch (random.below(6)) {
    case 0:
      return { min: 0, max: 1, ...lazy };
    case 1:
      return { min: 1, max: 'many', ...lazy, ...(random.below(2) === 0 && { until: 'd' }) };
    case 2:
      return { min: 0, max: 'many', ...lazy };
    case 3:
      return { min: 2, max: 2 + random.below(2), ...lazy };
    default:
      return {};
  }
}

function randomPattern(random: Random): PatternInput {
  for (;;) {
    const count = 1 + random.below(4);
    const steps = Array.from({ length: count }, (_, index) => randomStep(random, index));
    const named = steps.filter(({ by }) => by?.startsWith('not') !== true);
    if (named.every(({ min }) => min === 0)) continue;
    const name = named[random.below(named.length)]!.name;
    const skips = ['none', 'pastLast', 'toNext', { toFirst: name }, { toLast: name }] as const;
    const afterMatch: PatternDefinition['afterMatch'] = skips[random.below(5)]!;
    const isBounded = steps.at(-1)!.by === 'notThen' || random.below(2) === 0;
    return { steps, afterMatch, ...(isBounded && { withinMs: 1000 * (1 + random.below(6)) }) };
  }
}

/** In order of time. */
function randomLetters(random: Random): LetterEvent[] {
  let at = 1_000_000;
  return Array.from({ length: 1 + random.below(12) }, (_, index) => {
    at += random.below(3) * unitMs;
    const type = 'abcd'[random.below(4)]!;
    return { name: `${type}${index}`, type, at };
  });
}

test('patterns, against every way through the tape', () => {
  let matches = 0;
  for (const seed of seeds()) {
    const random = seededRandom(seed);
    const pattern = randomPattern(random);
    const tape = randomLetters(random);
    const now = tape.at(-1)!.at + random.below(10) * unitMs + random.below(2);
    const found = oracleOf(pattern, tape, now).map(({ events }) => events);
    const hint = `seed ${seed}: ${JSON.stringify(pattern)} over ${JSON.stringify(tape)}`;
    assert.deepEqual(matchesOf(pattern, tape, now), found, hint);
    matches += found.length;
  }
  assert.ok(matches > 0 || process.env['TAPELINE_SEED'] !== undefined, 'something was found');
});

test('membership by a pattern is the same in whichever order its events come', () => {
  for (const seed of seeds()) {
    const random = seededRandom(seed);
    const { withinMs, ...pattern } = randomPattern(random);
    const when = random.below(2) === 0 ? 'now' : 'ever';
    const within = withinMs === undefined ? {} : { within: `${withinMs / 1000}s` };
    const tape = randomLetters(random);
    const end = tape.at(-1)!.at;
    // Late by no more than the window; without one a day is remembered.
    const known = tape.filter(({ at }) => withinMs === undefined || at >= end - withinMs);
    const member = new Member({ pattern, ...within, when });
    const ranked = known.map((event) => ({ event, order: random.next() }));
    const arrivals = ranked.sort((a, b) => a.order - b.order).map(({ event }) => event);
    for (const { at, type } of arrivals) member.take(type, at, end);
    const input = { ...pattern, ...(withinMs !== undefined && { withinMs }) };
    for (const now of [end, end + 1, end + 500, end + 3000, end + 7001, end + 20_000]) {
      const newest = Math.max(-1, ...oracleOf(input, known, now).map(({ at }) => at));
      const isEver = when === 'ever' || withinMs === undefined;
      const isIn = newest >= 0 && (isEver || newest >= now - withinMs);
      const hint = `seed ${seed} at ${now}: ${JSON.stringify(input)} over ${JSON.stringify(known)}`;
      assert.equal(member.isIn(now), isIn, hint);
    }
  }
});
