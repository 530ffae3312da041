/**
 * Evaluates a profile view over one customer's events, newest first, in one pass that stops as soon
 * as no field can change any more. An event that no field asks for costs one Map lookup.
 *
 * An event matches a field when its type is the field's (or the field says `*`), its time lies in
 * [asOf − lookback, asOf], both ends included, and the attribute, if one is named, is there and is
 * not null. A field takes the newest `limit` matches (all, when there is no limit):
 *
 *     value     the attribute of each, newest first, as it was sent; with limit 1 not a list
 *     first     the attribute of the oldest of them     last    of the newest
 *     distinct  the different attributes, newest first; here limit counts values, not events
 *     count     how many they are
 *     sum       their attributes added; without an attribute each adds 1
 *     min, max  the smallest and largest attribute as it was sent   average  the mean
 *
 * No match gives null, for count and sum 0. `events` is how many matches were taken. For sum, min,
 * max and average, matches that are not numbers (a string of digits is not one, nor is a number
 * that no double can hold) are left out and counted in `skipped` instead of `events`; they do use
 * up the limit.
 *
 * Sums are compensated (Neumaier): the error does not grow with the number of events, so a million
 * small amounts add up right; but amounts are doubles: 0.1 + 0.2 is 0.30000000000000004. A sum or
 * average too large for a double is null. min and max compare decimals, to the last digit.
 */
import type { ViewTemplate } from '../workspaces/view.ts';
import { type FieldEvent, type FieldPlan, FieldRun, planField } from './field.ts';

export interface ViewEvent {
  readonly time: number;
  readonly type: string;
  /** JSON text of `data`, undefined when there is none. Called at most once for an event. */
  data(): string | undefined;
}

/** Templates never change, so what follows from one is worked out once. */
const planOf = new WeakMap<ViewTemplate, readonly FieldPlan[]>();

function planView(template: ViewTemplate): readonly FieldPlan[] {
  let plan = planOf.get(template);
  if (plan === undefined) {
    plan = template.fields.map(planField);
    planOf.set(template, plan);
  }
  return plan;
}

/**
 * What a scan has to look at: the types (undefined: all) and the oldest time that any field needs,
 * in epoch milliseconds, inclusive (-Infinity: the whole tape).
 */
export function viewNeeds(
  template: ViewTemplate,
  asOf: number,
): { types: readonly string[] | undefined; since: number } {
  const types = new Set<string>();
  let since = Number.POSITIVE_INFINITY;
  for (const { field, lookbackMs } of planView(template)) {
    types.add(field.event);
    since = Math.min(since, asOf - lookbackMs);
  }
  return { types: types.has('*') ? undefined : [...types], since };
}

export interface ViewResult {
  /** The JSON text of the answer's `fields`. */
  readonly json: string;
  /** With the same events the result is the same at every instant from asOf up to this one. */
  readonly holdsUntil: number;
}

/**
 * Evaluates a view as of an instant; later events are left out.
 *
 * @param asOf epoch milliseconds.
 * @param events in tape order, newest first; may hold events the view does not need. Is left (its
 *   `return` is called) as soon as every field is done.
 */
export function evaluateView(
  template: ViewTemplate,
  asOf: number,
  events: Iterable<ViewEvent>,
): ViewResult {
  const fields = planView(template).map((plan) => new FieldRun(plan, asOf));
  let holdsUntil = scan(template, fields, asOf, events);
  for (const field of fields) holdsUntil = Math.min(holdsUntil, field.holdsUntil);
  return { json: `[${fields.map((field) => field.render()).join()}]`, holdsUntil };
}

/** Returns the last instant before the first event that was left out for being later; or Infinity. */
function scan(
  template: ViewTemplate,
  fields: readonly FieldRun[],
  asOf: number,
  events: Iterable<ViewEvent>,
): number {
  let quietUntil = Number.POSITIVE_INFINITY;
  const fieldsOf = new Map<string, FieldRun[]>();
  for (const [index, { event }] of template.fields.entries()) {
    const same = fieldsOf.get(event);
    if (same === undefined) fieldsOf.set(event, [fields[index]!]);
    else same.push(fields[index]!);
  }
  const forAll = fieldsOf.get('*') ?? [];
  const once = new EventOnce();
  let since = oldestNeeded(fields);
  for (const event of events) {
    if (event.time > asOf) {
      quietUntil = event.time - 1;
      continue;
    }
    if (event.time < since) break;
    const own = event.type === '*' ? undefined : fieldsOf.get(event.type);
    if (own === undefined && forAll.length === 0) continue;
    once.become(event);
    const isOwnDone = own !== undefined && offerAll(own, once);
    const isAllDone = offerAll(forAll, once);
    if (!isOwnDone && !isAllDone) continue;
    since = oldestNeeded(fields);
    if (since === Number.POSITIVE_INFINITY) break;
  }
  return quietUntil;
}

/** @returns whether a field became done by this event. */
function offerAll(fields: readonly FieldRun[], event: EventOnce): boolean {
  let isAnyDone = false;
  for (const field of fields) {
    if (!field.isDone && field.offer(event)) isAnyDone = true;
  }
  return isAnyDone;
}

/** The oldest time that any field still needs; Infinity when all are done. */
function oldestNeeded(fields: readonly FieldRun[]): number {
  let since = Number.POSITIVE_INFINITY;
  for (const field of fields) {
    if (!field.isDone) since = Math.min(since, field.since);
  }
  return since;
}

/** The event at hand with its data rendered at most once; one object for a whole scan. */
class EventOnce implements FieldEvent {
  time = 0;
  #event: ViewEvent | undefined;
  #data: string | undefined;

  become(event: ViewEvent): void {
    this.time = event.time;
    this.#event = event;
    this.#data = undefined;
  }

  data(): string | undefined {
    if (this.#event !== undefined) {
      this.#data = this.#event.data();
      this.#event = undefined;
    }
    return this.#data;
  }
}
