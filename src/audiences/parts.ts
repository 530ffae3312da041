/** What each kind of part in a definition is compiled to. */
import { type Condition, compileCondition } from '../event/condition.ts';
import { parseLookback } from '../workspaces/view.ts';
import type { AudienceDefinition, AudienceWhen, SequenceStep } from './definition.ts';
import { Matched } from './matched.ts';
import { Ordered } from './ordered.ts';
import { type Part, Wanted } from './part.ts';
import { planPattern } from './pattern.ts';
import { Patterned } from './patterned.ts';
import { LastPerformed, NotPerformed, Performed } from './performed.ts';
import { compileSequence } from './sequence.ts';
import { inBucket, inJourney, isMember, type Standing } from './standing.ts';

type Leaf = Exclude<
  AudienceDefinition,
  { readonly all: unknown } | { readonly any: unknown } | { readonly not: unknown }
>;
type StandingDefinition = Extract<
  Leaf,
  { readonly bucket: unknown } | { readonly journey: string } | { readonly members: unknown }
>;
export type PartDefinition = Exclude<Leaf, StandingDefinition>;

/** Whether it is one that looks at events. */
export function isPart(definition: Leaf): definition is PartDefinition {
  return !('bucket' in definition || 'journey' in definition || 'members' in definition);
}

export function standingOf(definition: StandingDefinition): Standing {
  if ('bucket' in definition) {
    const { from, salt = '', to } = definition.bucket;
    return inBucket(from, to, salt);
  }
  return 'members' in definition ? isMember(definition.members) : inJourney(definition);
}

/** @throws AppError invalid, with the place of a condition that does not compile. */
export function partOf(definition: PartDefinition, place: string): Part {
  if ('performed' in definition) {
    const { performed, times = 1, when, within } = definition;
    const wanted = wantedOf(performed, definition.where, place);
    return new Performed(wanted, times, windowOf(within), isEver(when));
  }
  if ('notPerformed' in definition) {
    const { notPerformed, within } = definition;
    return new NotPerformed(wantedOf(notPerformed, definition.where, place), windowOf(within));
  }
  if ('lastPerformed' in definition) {
    return new LastPerformed(wantedOf(definition.lastPerformed, definition.where, place));
  }
  if ('matches' in definition) {
    const { matches, times = 1, when, within } = definition;
    const of = definition.of.map((step, index) => wantedOfStep(step, `${place}.of[${index}]`));
    const pattern = compileSequence(matches, of.length, `${place}.matches`);
    return new Matched(pattern, of, { ever: isEver(when), times, withinMs: windowOf(within) });
  }
  if ('pattern' in definition) {
    const plan = planPattern(definition.pattern, windowOf(definition.within), (step, at) =>
      wantedOf(step.event, step.where, `${place}.pattern${at}`),
    );
    return new Patterned(plan, isEver(definition.when));
  }
  const steps = definition.sequence.map((step, index) =>
    wantedOfStep(step, `${place}.sequence[${index}]`),
  );
  return new Ordered(steps, windowOf(definition.within), isEver(definition.when));
}

function isEver(when: AudienceWhen | undefined): boolean {
  return when === 'ever';
}

function windowOf(within: string | undefined): number {
  return within === undefined ? Number.POSITIVE_INFINITY : parseLookback(within);
}

function wantedOfStep(step: string | SequenceStep, place: string): Wanted {
  return typeof step === 'string'
    ? new Wanted(step, undefined)
    : wantedOf(step.event, step.where, place);
}

function wantedOf(type: string, where: string | undefined, place: string): Wanted {
  let condition: Condition | undefined;
  if (where !== undefined) condition = compileCondition(where, `${place}.where`);
  return new Wanted(type, condition);
}
