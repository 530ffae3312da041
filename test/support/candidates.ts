/** Candidates and customers for tests of decisions: whatever a test does not say is out of the way. */
import type { Candidate, Weighed, Weighing } from '../../src/journeys/decide/weigh.ts';
import { weigh } from '../../src/journeys/decide/weigh.ts';
import type { PersonState, Touch } from '../../src/journeys/state.ts';

export const noon = Date.UTC(2026, 10, 30, 12);

export function personOf(some: Partial<PersonState> = {}): PersonState {
  return {
    name: 'c1',
    instances: [],
    audiences: {},
    timers: [],
    requests: [],
    deliveries: [],
    touches: [],
    consent: {},
    responses: {},
    ...some,
  };
}

export function candidateOf(some: Partial<Candidate> = {}): Candidate {
  return {
    id: 'a',
    rule: some.id ?? 'a',
    channel: 'page',
    category: undefined,
    from: undefined,
    to: undefined,
    miles: undefined,
    place: undefined,
    quietHours: undefined,
    cooldownMs: undefined,
    control: undefined,
    caps: [],
    limit: undefined,
    priority: 0,
    value: 1,
    propensity: 1,
    leverPercent: 0,
    ineligible: () => undefined,
    suppressor: () => undefined,
    contextPercent: () => 0,
    ...some,
  };
}

export function weighed(
  candidates: readonly Candidate[],
  some: Partial<Weighing> = {},
): readonly Weighed[] {
  const person = some.person ?? personOf();
  const touches = some.touches ?? (person as PersonState).touches ?? [];
  return weigh(candidates, {
    now: noon,
    slots: 1,
    competing: 'byChannel',
    ...some,
    person,
    touches,
  });
}

/** `id:verdict`, the best first. */
export function verdicts(...asked: Parameters<typeof weighed>): string[] {
  return weighed(...asked).map(({ candidate, verdict }) => `${candidate.id}:${verdict}`);
}

export function touchAt(at: number, some: Partial<Touch> = {}): Touch {
  return { at, request: `r${at}`, rule: 'a', channel: 'page', ...some };
}
