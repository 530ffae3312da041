/** What rules and steps ask for: a request in the customer's state, until it is decided or lapses. */
import type { CompiledRule, CompiledStep } from '../compile/compiled.ts';
import { actedOf } from '../decide/applied.ts';
import type { InstanceState, PersonState, Request } from '../state.ts';
import type { Happening } from './happening.ts';
import type { Moment } from './moment.ts';

/** After so long a request that nobody decided is gone: an outage may last a while, and loses none. */
export const requestMs = 24 * 60 * 60_000;
/**
 * Undecided requests of one customer; past that the oldest goes, and is counted. They are decided as they are
 * read: so many mean thousands of causes within milliseconds, or a replay, where the oldest were refused.
 */
export const requestsMax = 10_000;
/** With so many a customer's are given to be decided before more of the tape is read. */
export const requestsCrowd = 100;
/** For rules that are about no map, as a map's `lateness` is for its own. */
export const latenessMsDefault = 10 * 60_000;

/** Requests that have waited for longer than `keptMs` are gone. */
export function lapse(
  person: PersonState,
  at: number,
  observe: ((happening: Happening) => void) | undefined,
  keptMs: number = requestMs,
): void {
  if (person.requests.length === 0) return;
  const lapsed = person.requests.filter((request) => request.at + keptMs < at);
  if (lapsed.length === 0) return;
  person.requests = person.requests.filter((request) => request.at + keptMs >= at);
  const { name: customer } = person;
  for (const request of lapsed) observe?.({ at, kind: 'lapsed', request, customer });
}

export interface RuleCause {
  /** Tells this cause of the rule from its others: it is asked for once. */
  readonly mark: string;
  readonly instance?: InstanceState | undefined;
  /** The event that conditions may ask about: where it stands on the tape. */
  readonly event?: { readonly stamp: number; readonly ordinal: number } | undefined;
}

/** A rule wants something decided. */
export function askRule(
  moment: Moment,
  rule: CompiledRule,
  { event, instance, mark }: RuleCause,
): void {
  if (moment.isSilent(latenessOf(moment, rule))) return;
  if (instance !== undefined && actedOf(instance, rule.name) >= rule.perInstanceMax) return;
  put(moment, {
    id: `r/${rule.name}/${instance === undefined ? '' : `${instance.id}/`}${mark}`,
    rule: rule.name,
    version: rule.version,
    ...(instance !== undefined && { journey: instance.journey, instance: instance.id }),
    at: moment.at,
    until: moment.at + requestMs,
    ...(event !== undefined && { cause: { stamp: event.stamp, ordinal: event.ordinal } }),
  });
}

/**
 * A rule wants something decided about the customer; one that is about a map, about each instance of it that
 * is active.
 */
export function askAbout(moment: Moment, rule: CompiledRule, cause: RuleCause): void {
  if (rule.journey === undefined) {
    askRule(moment, rule, cause);
    return;
  }
  for (const instance of moment.person.instances) {
    if (instance.journey !== rule.journey || instance.status !== 'active') continue;
    askRule(moment, rule, { ...cause, instance });
  }
}

/** A step, or a wait of it, has actions of its own. */
export function askStep(
  moment: Moment,
  instance: InstanceState,
  step: CompiledStep,
  wait?: { readonly name: string; readonly index: number },
): void {
  const visit = instance.activity.toString(36);
  put(moment, {
    id: `s/${instance.id}/${step.ordinal}/${wait === undefined ? '' : `${wait.index}/`}${visit}`,
    step: step.ordinal,
    ...(wait !== undefined && { wait: wait.name }),
    version: instance.version,
    journey: instance.journey,
    instance: instance.id,
    at: moment.at,
    until: moment.at + requestMs,
    ...(moment.event !== undefined && {
      cause: { stamp: moment.cause.stamp, ordinal: moment.cause.ordinal },
    }),
  });
}

function put({ observe, person }: Moment, request: Request): void {
  if (person.requests.some(({ id }) => id === request.id)) return;
  if (person.requests.length >= requestsMax) {
    observe?.({ at: request.at, kind: 'overflow', request: person.requests.shift()! });
  }
  person.requests.push(request);
  observe?.({ at: request.at, kind: 'request', request });
}

/** The place of the moment, as marks of requests have it. */
export function placeOf({ ordinal, stamp }: { stamp: number; ordinal: number }): string {
  return `${stamp.toString(36)}.${ordinal.toString(36)}`;
}

/** How late an event may be that a rule is asked about. */
export function latenessOf({ force }: Moment, { journey }: CompiledRule): number {
  const map = journey === undefined ? undefined : force.map(journey);
  return map?.latenessMs ?? latenessMsDefault;
}
