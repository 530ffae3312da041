/**
 * Evaluates a profile view over one customer's events, newest first, in one pass that stops as soon
 * as no field can change any more. What no open field asks for need not be read: `ViewNeeds` says so.
 *
 * An event matches a field when its type is the field's (or the field says `*`), its time lies in
 * [asOf − lookback, asOf], both ends included, and the attribute, if one is named, is there and is
 * not null, and the conditions hold, the view's and the field's (`event/condition.ts`); an error in a
 * condition is no match. A field takes the newest `limit` matches (all, when there is no limit):
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
 * up the limit. Events whose condition would cost too much are no matches, counted in `undecided`.
 *
 * Sums are compensated (Neumaier): the error does not grow with the number of events, so a million
 * small amounts add up right; but amounts are doubles: 0.1 + 0.2 is 0.30000000000000004. A sum or
 * average too large for a double is null. min and max compare decimals, to the last digit.
 */
import { typeHashOf } from '../tape/route.ts';
import type { ScanNeeds } from '../tape/scan.ts';
import { maskFor } from '../workspaces/role.ts';
import type { ViewTemplate } from '../workspaces/view.ts';
import { EvidenceRoom } from './evidence.ts';
import { type FieldPlan, FieldRun, type FieldShape, planField } from './field.ts';
import type { Masks } from './mask.ts';
import { EventOnce, type EvidenceKind, stepsToWrite, type ViewEvent } from './once.ts';

/** Templates never change, so what follows from one is worked out once. */
interface ViewPlan {
  readonly fields: readonly FieldPlan[];
  /** Fields of one event type, by their numbers. */
  readonly types: readonly { type: string; bytes: Uint8Array; hash: number; fields: number[] }[];
  /** Fields of every type. */
  readonly forAll: readonly number[];
  /** Of the types; undefined when a field is of every type. */
  readonly hashes: ReadonlySet<number> | undefined;
}

const planOf = new WeakMap<ViewTemplate, ViewPlan>();

function planView(template: ViewTemplate): ViewPlan {
  let plan = planOf.get(template);
  if (plan === undefined) {
    plan = makePlan(template);
    planOf.set(template, plan);
  }
  return plan;
}

function makePlan(template: ViewTemplate): ViewPlan {
  const types = new Map<string, number[]>();
  const forAll: number[] = [];
  for (const [number, { event }] of template.fields.entries()) {
    if (event === '*') forAll.push(number);
    else types.set(event, [...(types.get(event) ?? []), number]);
  }
  const plans = [...types].map(([type, fields]) => {
    const bytes = Buffer.from(type, 'utf8');
    return { type, bytes, hash: typeHashOf(bytes, 0, bytes.length), fields };
  });
  return {
    fields: template.fields.map((field) => planField(field, template)),
    types: plans,
    forAll,
    hashes: forAll.length > 0 ? undefined : new Set(plans.map(({ hash }) => hash)),
  };
}

/** Hashes of the types of events that a view may take anything from; undefined: any type. */
export function typesOf(template: ViewTemplate): ReadonlySet<number> | undefined {
  return planView(template).hashes;
}

/** What has to be read for a view; `since` and `wants` follow what is still open. */
export interface ViewNeeds extends ScanNeeds {
  /** Undefined: all. */
  readonly types: readonly string[] | undefined;
}

/** A view as somebody wants to see it. */
export interface ViewWish {
  readonly name: string;
  readonly template: ViewTemplate;
  readonly evidence?: EvidenceKind | undefined;
  readonly masks?: Masks | undefined;
}

export interface ViewResult {
  /** The JSON text of the answer's `fields`. */
  readonly json: string;
  /** With the same events the result is the same at every instant from asOf up to this one. */
  readonly holdsUntil: number;
  /** Evidence was left out that would have fitted had the view been read alone. */
  readonly isShort?: boolean;
}

/**
 * Evaluates views as of an instant, all of them in one reading; later events are left out.
 *
 * @param asOf epoch milliseconds.
 * @param read gives the events in tape order, newest first; may give some that no view needs. They are
 *   left (`return` is called) as soon as every field of every view is done.
 * @param spend is told what conditions, evidence and the answer's text cost, in index steps; may throw to end
 *   it all.
 * @returns a result for each wish, in their order.
 * @throws AppError invalid when conditions cost more than `viewConditionStepsMax`.
 */
export function evaluateViews(
  wishes: readonly ViewWish[],
  asOf: number,
  read: (needs: ViewNeeds) => Iterable<ViewEvent>,
  spend: (indexSteps: number) => void = () => undefined,
): ViewResult[] {
  const room = new EvidenceRoom();
  const runs = wishes.map((wish) => new ViewRun(wish, asOf, room));
  const needs = runs.length === 1 ? runs[0]! : new NeedsTogether(runs);
  const once = new EventOnce(spend);
  for (const event of read(needs)) {
    if (event.time < needs.since) break;
    once.become(event);
    for (const run of runs) if (event.time >= run.since) run.take(event, once);
    if (needs.since === Number.POSITIVE_INFINITY) break;
  }
  return runs.map((run) => ({ ...run.result(spend), isShort: room.wasFull }));
}

/** What several views need, as one. */
class NeedsTogether implements ViewNeeds {
  readonly types: readonly string[] | undefined;
  readonly #runs: readonly ViewNeeds[];

  constructor(runs: readonly ViewNeeds[]) {
    this.#runs = runs;
    const types = runs.map((run) => run.types);
    const isEvery = types.includes(undefined);
    this.types = isEvery ? undefined : [...new Set(types.flatMap((each) => each ?? []))];
  }

  get since(): number {
    let since = Number.POSITIVE_INFINITY;
    for (const run of this.#runs) since = Math.min(since, run.since);
    return since;
  }

  wants(typeHash: number, time: number): boolean {
    return this.#runs.some((run) => run.wants(typeHash, time));
  }
}

/** Open fields of one event type. */
interface OpenType {
  readonly bytes: Uint8Array;
  readonly hash: number;
  readonly fields: readonly FieldRun[];
  /** The oldest time that any of them still needs; Infinity when all are done. */
  since: number;
}

/** A view while its events are read. */
class ViewRun implements ViewNeeds {
  since: number;
  readonly types: readonly string[] | undefined;
  readonly #asOf: number;
  readonly #fields: readonly FieldRun[];
  readonly #types: readonly OpenType[];
  readonly #forAll: OpenType;
  #quietUntil = Number.POSITIVE_INFINITY;

  constructor(wish: ViewWish, asOf: number, room: EvidenceRoom) {
    const plan = planView(wish.template);
    const shapeOf = shaper(wish, room);
    const fields = plan.fields.map((field) => new FieldRun(field, asOf, shapeOf(field)));
    const open = (numbers: readonly number[], bytes: Uint8Array, hash: number): OpenType => {
      const own = numbers.map((number) => fields[number]!);
      return { bytes, hash, fields: own, since: oldestNeeded(own) };
    };
    this.#asOf = asOf;
    this.#fields = fields;
    this.#types = plan.types.map(({ bytes, hash, fields: own }) => open(own, bytes, hash));
    this.#forAll = open(plan.forAll, noBytes, 0);
    this.types = plan.forAll.length > 0 ? undefined : plan.types.map(({ type }) => type);
    this.since = oldestNeeded(fields);
  }

  wants(typeHash: number, time: number): boolean {
    if (time >= this.#forAll.since) return true;
    for (const type of this.#types) if (type.hash === typeHash && time >= type.since) return true;
    return false;
  }

  take(event: ViewEvent, once: EventOnce): void {
    if (event.time > this.#asOf) {
      this.#quietUntil = event.time - 1;
      return;
    }
    const own = this.#types.find(({ bytes }) => event.hasType(bytes));
    const isOwnDone = own !== undefined && offerAll(own, once);
    const isAllDone = offerAll(this.#forAll, once);
    if (isOwnDone || isAllDone) this.since = oldestNeeded(this.#fields);
  }

  result(spend: (indexSteps: number) => void): ViewResult {
    let holdsUntil = this.#quietUntil;
    const texts: string[] = [];
    for (const field of this.#fields) {
      holdsUntil = Math.min(holdsUntil, field.holdsUntil);
      const text = field.render();
      spend(stepsToWrite(text));
      texts.push(text);
    }
    return { json: `[${texts.join()}]`, holdsUntil };
  }
}

const noBytes = new Uint8Array(0);

function shaper(wish: ViewWish, room: EvidenceRoom): (plan: FieldPlan) => FieldShape {
  const { evidence, masks, name } = wish;
  if (masks === undefined) {
    const shape = { mask: undefined, secret: noBytes, evidence, room };
    return () => shape;
  }
  const { rules, secret } = masks;
  return ({ field }) => ({ mask: maskFor(rules, name, field), secret, evidence, room });
}

/** @returns whether a field became done by this event. */
function offerAll(open: OpenType, event: EventOnce): boolean {
  let isAnyDone = false;
  for (const field of open.fields) {
    if (!field.isDone && field.offer(event)) isAnyDone = true;
  }
  if (isAnyDone) open.since = oldestNeeded(open.fields);
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
