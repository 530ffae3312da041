/**
 * Event patterns, in the words of complex event processing: a list of steps, each an event that follows the
 * one before in a certain way, so many times; compiled to what a matcher needs (`matcher.ts`).
 *
 *     next      the very next event            notNext   the very next event is not one of these
 *     then      the first such event after     notThen   none of these before what follows, or, at the end, in time
 *     thenAny   any such event after
 *     min, max  how often, with others between: 0–1 optional, 1–many at least once …; as often as
 *               possible, or, `lazy`, as seldom; `until` ends a loop
 *
 * An event is a few bits: bit n for the step n, further bits for the ends of loops.
 */
import type { PatternDefinition, PatternStep, SequenceStep } from './definition.ts';
import { isNegative } from './parsepattern.ts';
import { type AudienceEvent, anyType, Wanted } from './part.ts';

export interface PatternPlan {
  readonly types: readonly string[];
  /** Events that matter even if they are no step, since something has to be the very next. */
  readonly seen: readonly Wanted[];
  readonly steps: readonly PlannedStep[];
  /** What must not come at the end. */
  readonly endNot: Forbidden;
  readonly withinMs: number;
  readonly afterMatch: AfterMatch;
  readonly allNotNext: number;
  readonly allNotThen: number;
  readonly wishes: readonly Wanted[];
}

export interface PlannedStep {
  readonly name: string;
  readonly bit: number;
  readonly by: 'next' | 'then' | 'thenAny';
  readonly min: number;
  readonly max: number;
  readonly lazy: boolean;
  /** 0: nothing ends its loop. */
  readonly untilBit: number;
  /** What must not come between the step before and this one: bits. */
  readonly not: number;
}

/** Bits of what must not come. */
export interface Forbidden {
  /** Right after the last event taken, and anywhere after it. */
  readonly atOnce: number;
  readonly later: number;
}

export type AfterMatch =
  | { readonly to: 'none' | 'pastLast' | 'toNext' }
  /** A step by its place among the steps of the plan. */
  | { readonly to: 'first' | 'last'; readonly step: number };

/** @param wantedOf compiles what a step or an end looks for. */
export function planPattern(
  { afterMatch, among, steps }: PatternDefinition,
  withinMs: number,
  wantedOf: (step: SequenceStep, place: string) => Wanted,
): PatternPlan {
  const wishes = steps.map((step, index) => wantedOf(step, `.steps[${index}]`));
  const planned: PlannedStep[] = [];
  let pending = { atOnce: 0, later: 0 };
  const all = { atOnce: 0, later: 0 };
  for (const [index, step] of steps.entries()) {
    const bit = 1 << index;
    if (isNegative(step)) {
      const word = step.by === 'notNext' ? 'atOnce' : 'later';
      pending[word] |= bit;
      all[word] |= bit;
      continue;
    }
    let untilBit = 0;
    if (step.until !== undefined) {
      const until = typeof step.until === 'string' ? { event: step.until } : step.until;
      untilBit = 1 << (wishes.push(wantedOf(until, `.steps[${index}].until`)) - 1);
    }
    planned.push(planStep(step, bit, untilBit, pending.atOnce | pending.later));
    pending = { atOnce: 0, later: 0 };
  }
  const types = wishes.map(({ type }) => type);
  const seesOthers = steps.some(({ by }) => by === 'next' || by === 'notNext');
  if (seesOthers) types.push(...(among ?? [anyType]));
  return {
    types,
    seen: seesOthers ? types.map((type) => new Wanted(type, undefined)) : [],
    steps: planned,
    endNot: pending,
    withinMs,
    afterMatch: planSkip(afterMatch ?? 'pastLast', planned),
    allNotNext: all.atOnce,
    allNotThen: all.later,
    wishes,
  };
}

function planStep(step: PatternStep, bit: number, untilBit: number, not: number): PlannedStep {
  const { by = 'then', lazy = false, min = 1, max = Math.max(1, min), name } = step;
  return {
    name,
    bit,
    by: by as PlannedStep['by'],
    min,
    max: max === 'many' ? Number.POSITIVE_INFINITY : max,
    lazy,
    untilBit,
    not,
  };
}

function planSkip(
  afterMatch: NonNullable<PatternDefinition['afterMatch']>,
  steps: readonly PlannedStep[],
): AfterMatch {
  if (typeof afterMatch === 'string') return { to: afterMatch };
  const [to, name] =
    'toFirst' in afterMatch
      ? (['first', afterMatch.toFirst] as const)
      : (['last', afterMatch.toLast] as const);
  return { to, step: steps.findIndex((step) => step.name === name) };
}

/** Which of the plan's wishes an event meets; undefined: it does not matter at all. */
export function bitsOfEvent(plan: PatternPlan, event: AudienceEvent): number | undefined {
  let bits = 0;
  for (const [index, wanted] of plan.wishes.entries()) {
    if (wanted.matches(event)) bits |= 1 << index;
  }
  if (bits !== 0) return bits;
  return plan.seen.some((wanted) => wanted.isType(event.type)) ? 0 : undefined;
}
