/** Frequency caps, cooldowns and quiet hours, in the calendar of whoever is asked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  applyDecision,
  applyDelivery,
  applyResponse,
  joinCounters,
} from '../src/journeys/decide/applied.ts';
import {
  type FrequencyCap,
  isCooling,
  reachedCap,
  touchesMax,
} from '../src/journeys/decide/caps.ts';
import { isQuiet } from '../src/journeys/decide/quiet.ts';
import { isZone, localDay, minuteOfDay } from '../src/std/zone.ts';
import { candidateOf, noon, personOf, touchAt, verdicts } from './support/candidates.ts';

const hourMs = 60 * 60 * 1000;
const at = (text: string): number => Date.parse(text);
const capOf = (some: Partial<FrequencyCap>): FrequencyCap => {
  return { scope: 'rule', times: 1, per: 'day', zone: undefined, ...some };
};
const counted = { rule: 'a', channel: 'page', category: 'marketing' };

test('a day is a calendar day where the customer is, not 24 hours', () => {
  const isReached = (cap: FrequencyCap, shown: string, now: string, zone?: string): boolean =>
    reachedCap([cap], [touchAt(at(shown))], counted, at(now), zone) !== undefined;
  const daily = capOf({});
  assert.ok(isReached(daily, '2026-11-30T00:00:00Z', '2026-11-30T23:59:59.999Z'));
  assert.ok(!isReached(daily, '2026-11-30T23:59:59.999Z', '2026-12-01T00:00:00Z'));
  const berlin = 'Europe/Berlin';
  assert.ok(!isReached(daily, '2026-11-30T22:59:59Z', '2026-11-30T23:00:00Z', berlin));
  assert.ok(isReached(daily, '2026-11-30T23:00:00Z', '2026-12-01T22:59:59Z', berlin));
  // The cap's own zone counts before the customer's.
  const fixed = capOf({ zone: 'UTC' });
  assert.ok(isReached(fixed, '2026-11-30T22:59:59Z', '2026-11-30T23:00:00Z', berlin));
  // 25 hours from midnight to midnight, and 23.
  assert.ok(isReached(daily, '2026-10-24T22:00:00Z', '2026-10-25T22:59:59Z', berlin));
  assert.ok(!isReached(daily, '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z', berlin));
  assert.ok(!isReached(daily, '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z', berlin));
});

test('weeks begin on Monday, months on the first, rolling time includes both ends', () => {
  const isReached = (per: FrequencyCap['per'], shown: string, now: string): boolean =>
    reachedCap([capOf({ per })], [touchAt(at(shown))], counted, at(now), undefined) !== undefined;
  assert.ok(isReached('week', '2026-11-30T00:00:00Z', '2026-12-06T23:59:59Z'));
  assert.ok(!isReached('week', '2026-11-29T23:59:59Z', '2026-11-30T00:00:00Z'));
  assert.ok(isReached('month', '2026-11-01T00:00:00Z', '2026-11-30T23:59:59Z'));
  assert.ok(!isReached('month', '2025-11-30T00:00:00Z', '2026-11-30T00:00:00Z'));
  const threeHours = { rollingMs: 3 * hourMs };
  assert.ok(isReached(threeHours, '2026-11-30T00:00:00Z', '2026-11-30T03:00:00Z'));
  assert.ok(!isReached(threeHours, '2026-11-30T00:00:00Z', '2026-11-30T03:00:00.001Z'));
});

test('a scope says what counts, and silent rules count for nobody but themselves', () => {
  const touches = [
    touchAt(noon, { rule: 'b' }),
    touchAt(noon, { rule: 'c', channel: 'sms', category: 'marketing' }),
    { at: noon, request: 'r', rule: 'silent' },
    touchAt(noon, { rule: 'a', released: true }),
  ];
  const isReached = (scope: FrequencyCap['scope'], times: number): boolean =>
    reachedCap([capOf({ scope, times })], touches, counted, noon, undefined) !== undefined;
  assert.deepEqual([isReached('rule', 1), isReached('rule', 0)], [false, true]);
  assert.deepEqual([isReached('channel', 1), isReached('channel', 2)], [true, false]);
  assert.deepEqual([isReached('category', 1), isReached('category', 2)], [true, false]);
  assert.deepEqual([isReached('all', 2), isReached('all', 3)], [true, false]);
});

test('when there are more touches than are kept, a cap that could need them is reached', () => {
  const touches = Array.from({ length: touchesMax }, (_, n) =>
    touchAt(noon - (touchesMax - n) * 1000, { rule: 'b' }),
  );
  const reached = (per: FrequencyCap['per']): boolean =>
    reachedCap([capOf({ per })], touches, counted, noon, undefined) !== undefined;
  assert.ok(reached('day'));
  assert.ok(!reached({ rollingMs: 60_000 }));
});

test('a cooldown is over at the very moment it says', () => {
  const touches = [touchAt(noon - 2 * hourMs), touchAt(noon - hourMs, { released: true })];
  assert.ok(isCooling('a', 2 * hourMs + 1, touches, noon));
  assert.ok(!isCooling('a', 2 * hourMs, touches, noon));
  assert.ok(!isCooling('b', 2 * hourMs + 1, touches, noon));
});

test('quiet hours follow the local clock over midnight and daylight saving', () => {
  const night = { fromMinute: 21 * 60, toMinute: 8 * 60, zone: undefined };
  const table: [string, string | undefined, boolean][] = [
    ['2026-11-30T20:59:59.999Z', undefined, false],
    ['2026-11-30T21:00:00Z', undefined, true],
    ['2026-12-01T07:59:59.999Z', undefined, true],
    ['2026-12-01T08:00:00Z', undefined, false],
    ['2026-11-30T20:00:00Z', 'Europe/Berlin', true],
    ['2026-11-30T20:00:00Z', 'America/New_York', false],
    // 08:00 in Berlin is 07:00 UTC in winter, 06:00 UTC from 29 March on.
    ['2026-03-28T06:30:00Z', 'Europe/Berlin', true],
    ['2026-03-29T06:30:00Z', 'Europe/Berlin', false],
    // Half an hour off: 21:00 in Kolkata.
    ['2026-11-30T15:29:59Z', 'Asia/Kolkata', false],
    ['2026-11-30T15:30:00Z', 'Asia/Kolkata', true],
  ];
  for (const [time, zone, quiet] of table) {
    assert.equal(isQuiet(night, at(time), zone), quiet, `${time} ${zone}`);
  }
  // The hour that comes twice is quiet twice.
  const early = { fromMinute: 2 * 60, toMinute: 3 * 60, zone: 'Europe/Berlin' };
  const twice = ['2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z', '2026-10-25T02:30:00Z'];
  assert.deepEqual(
    twice.map((time) => isQuiet(early, at(time), undefined)),
    [true, true, false],
  );
  assert.equal(isQuiet({ ...early, toMinute: 2 * 60 }, at(twice[0]!), undefined), false);
});

test('the local clock agrees with what the system shows', () => {
  const zones = ['America/Sao_Paulo', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Pacific/Apia'];
  const shown = new Map(
    zones.map((timeZone) => [
      timeZone,
      new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit' }),
    ]),
  );
  const instant = fc.integer({ min: at('1972-06-01T00:00:00Z'), max: at('2037-12-31T00:00:00Z') });
  const property = fc.property(fc.constantFrom(...zones), instant, (zone, now) => {
    const [hour, minute] = shown.get(zone)!.format(now).split(':').map(Number);
    assert.equal(minuteOfDay(zone, now), (hour! % 24) * 60 + minute!);
  });
  fc.assert(property, { numRuns: 2000 });
  assert.equal(
    localDay('Pacific/Apia', at('2011-12-30T09:59:59Z')),
    localDay('UTC', at('2011-12-29T12:00:00Z')),
  );
  assert.equal(
    localDay('Pacific/Apia', at('2011-12-30T10:00:00Z')),
    localDay('UTC', at('2011-12-31T12:00:00Z')),
  );
  assert.deepEqual(['Europe/Berlin', 'UTC', 'Mars/Olympus', '+01:00', ''].map(isZone), [
    true,
    true,
    false,
    false,
    false,
  ]);
});

test('what two customers had counts together once they are one', () => {
  const [one, other] = [personOf(), personOf()];
  one.touches.push(touchAt(5), touchAt(7));
  other.touches.push(touchAt(6), touchAt(7));
  one.responses = { a: { shown: 2, accepted: 1 } };
  other.responses = { a: { shown: 3, accepted: 0 }, b: { shown: 1, accepted: 1 } };
  joinCounters(one, other);
  assert.deepEqual(
    one.touches.map((touch) => touch.at),
    [5, 6, 7],
  );
  assert.deepEqual(one.responses, { a: { shown: 5, accepted: 1 }, b: { shown: 1, accepted: 1 } });
});

/** What may happen in any order: decisions, also several at once, and what becomes of them. */
const happening = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('decide'), n: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('deliver', 'fail'), n: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('accept', 'lost'), n: fc.nat(50) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass'), n: fc.nat(9 * hourMs) }) },
);

test('no cap is overshot, whatever is decided, delivered, given back and answered in between', () => {
  const property = fc.property(
    fc.array(happening, { maxLength: 120 }),
    fc.integer({ min: 0, max: 3 }),
    fc.constantFrom<FrequencyCap['per']>('day', { rollingMs: 5 * hourMs }),
    (happenings, times, per) => {
      const cap = capOf({ scope: 'all', times, per, zone: 'America/New_York' });
      const person = personOf();
      let now = noon;
      for (const [n, { do: what, n: number }] of happenings.entries()) {
        if (what === 'pass') now += number;
        else happen(person, cap, what, number, now, n);
        check(person.touches.filter(({ released }) => !released).map((touch) => touch.at));
      }

      function check(counted: readonly number[]): void {
        for (const first of counted) {
          const same = counted.filter((other) =>
            typeof per === 'object'
              ? other >= first && other <= first + per.rollingMs
              : localDay('America/New_York', other) === localDay('America/New_York', first),
          );
          assert.ok(same.length <= times, `${same.length} of ${times}`);
        }
      }
    },
  );
  fc.assert(property, { numRuns: 500 });
});

function happen(
  person: ReturnType<typeof personOf>,
  cap: FrequencyCap,
  what: string,
  number: number,
  now: number,
  n: number,
): void {
  const touch = person.touches[number % Math.max(1, person.touches.length)];
  const delivery = person.deliveries[number % Math.max(1, person.deliveries.length)];
  if (what === 'decide') {
    // Several of one moment, on channels of their own: only caps are between them.
    const candidates = Array.from({ length: number + 1 }, (_, each) =>
      candidateOf({ id: `rule ${each}`, channel: `channel ${each}`, caps: [cap] }),
    );
    for (const verdict of verdicts(candidates, { person, touches: person.touches, now })) {
      const [rule, said] = verdict.split(':') as [string, 'act' | 'capped'];
      const request = `${n} ${rule}`;
      const actions = [{ id: `${request} 0`, do: 'page' }];
      const decision = { request, rule, version: 1, channel: 'page', verdict: said, actions };
      applyDecision(person, decision, now);
      applyDecision(person, decision, now);
    }
  } else if (what === 'deliver' || what === 'fail') {
    const outcome = what === 'fail' ? 'failed' : 'delivered';
    if (delivery !== undefined) applyDelivery(person, { action: delivery.action.id, outcome });
  } else if (touch !== undefined) {
    const answer = what === 'accept' ? 'accepted' : 'failed';
    applyResponse(person, { request: touch.request, answer });
  }
}

test('a touch is given back only when nothing of it arrived', () => {
  const decide = (person: ReturnType<typeof personOf>): void => {
    const actions = ['x', 'y'].map((id) => ({ id, do: 'webhook' }));
    applyDecision(person, { request: 'r', rule: 'a', version: 1, verdict: 'act', actions }, noon);
  };
  const outcomes = (...said: ('delivered' | 'failed')[]): boolean | undefined => {
    const person = personOf();
    decide(person);
    for (const [n, outcome] of said.entries()) {
      applyDelivery(person, { action: ['x', 'y'][n]!, outcome });
    }
    assert.equal(person.deliveries.length, 2 - said.length);
    assert.equal(person.responses['a']!.shown, person.touches[0]!.released ? 0 : 1);
    return person.touches[0]!.released;
  };
  assert.equal(outcomes('failed'), undefined);
  assert.equal(outcomes('failed', 'failed'), true);
  assert.equal(outcomes('failed', 'delivered'), undefined);
  assert.equal(outcomes('delivered', 'failed'), undefined);
});

test('an answer counts once, and only of what was offered', () => {
  const person = personOf();
  applyDecision(person, { request: 'r', rule: 'a', version: 1, verdict: 'act' }, noon);
  for (const answer of ['shown', 'accepted', 'accepted', 'failed', 'dismissed']) {
    applyResponse(person, { request: 'r', rule: 'a', answer });
    applyResponse(person, { request: 'unknown', rule: 'a', answer });
  }
  assert.deepEqual(person.responses, { a: { shown: 1, accepted: 1 } });
});
