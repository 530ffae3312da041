/** Checks a pattern as parsed from JSON; see `parse.ts`. */
import { membersOf, quote, readText, refuse } from '../workspaces/view.ts';
import type { PatternDefinition, PatternStep } from './definition.ts';
import { onlyMembers, readList, readStep, readType, readWhere, readWhole } from './read.ts';

export const patternStepsMax = 15;
/** How often one step of a pattern may be asked for by number. */
export const patternTimesMax = 100;
export const patternAmongMax = 100;
const stepNameCharactersMax = 64;

const contiguities = ['next', 'then', 'thenAny', 'notNext', 'notThen'] as const;

/** @throws AppError invalid, with the place. */
export function parsePattern(value: unknown, place: string, hasWithin: boolean): PatternDefinition {
  const sent = membersOf(value, place);
  onlyMembers(sent, ['steps', 'among', 'afterMatch'], place);
  const steps = readList(sent.get('steps'), `${place}.steps`, 1, patternStepsMax).map(
    (step, index) => parseStep(step, `${place}.steps[${index}]`),
  );
  checkSteps(steps, `${place}.steps`, hasWithin);
  return {
    steps,
    ...(sent.has('among') && { among: readAmong(sent.get('among'), `${place}.among`) }),
    ...(sent.has('afterMatch') && {
      afterMatch: readAfterMatch(sent.get('afterMatch'), `${place}.afterMatch`, steps),
    }),
  };
}

function parseStep(value: unknown, place: string): PatternStep {
  const sent = membersOf(value, place);
  const known = ['name', 'event', 'where', 'by', 'min', 'max', 'lazy', 'until'];
  onlyMembers(sent, known, place);
  const by = sent.get('by');
  const found = contiguities.find((word) => word === by);
  if (by !== undefined && found === undefined) {
    refuse(`${place}.by must be one of ${contiguities.join(', ')}`);
  }
  const lazy = sent.get('lazy');
  if (lazy !== undefined && typeof lazy !== 'boolean') {
    refuse(`${place}.lazy must be true or false`);
  }
  return {
    name: readText(sent.get('name'), `${place}.name`, stepNameCharactersMax),
    event: readType(sent.get('event'), `${place}.event`),
    ...readWhere(sent, place),
    ...(found !== undefined && { by: found }),
    ...readTimes(sent.get('min'), sent.get('max'), place),
    ...(lazy !== undefined && { lazy }),
    ...(sent.has('until') && { until: readStep(sent.get('until'), `${place}.until`) }),
  };
}

function readTimes(
  min: unknown,
  max: unknown,
  place: string,
): { min?: number; max?: number | 'many' } {
  const times: { min?: number; max?: number | 'many' } = {};
  if (min !== undefined) times.min = readWhole(min, `${place}.min`, 0, patternTimesMax);
  if (max === 'many') times.max = max;
  else if (max !== undefined) {
    if (typeof max !== 'number') refuse(`${place}.max must be a whole number or "many"`);
    times.max = readWhole(max, `${place}.max`, Math.max(1, times.min ?? 1), patternTimesMax);
  }
  return times;
}

/** What steps may be only together. */
function checkSteps(steps: readonly PatternStep[], place: string, hasWithin: boolean): void {
  const names = new Set<string>();
  for (const [index, step] of steps.entries()) {
    checkStep(step, index, `${place}[${index}]`);
    if (names.has(step.name)) refuse(`${place}[${index}].name is the name of another step`);
    names.add(step.name);
  }
  if (steps.every((step) => isNegative(step) || step.min === 0)) {
    refuse(`${place} must have a step that is not optional`);
  }
  if (steps.at(-1)!.by === 'notThen' && !hasWithin) {
    refuse(`${place}: a pattern that ends with notThen needs a window (within)`);
  }
}

function checkStep(step: PatternStep, index: number, place: string): void {
  if (index === 0 && step.by !== undefined) refuse(`${place}.by: nothing comes before the first`);
  const isCounted = step.min !== undefined || step.max !== undefined;
  if (isNegative(step) && (isCounted || step.lazy !== undefined || step.until !== undefined)) {
    refuse(`${place}: what must not come has no min, max, lazy and until`);
  }
  if (step.until !== undefined && step.max !== 'many') {
    refuse(`${place}.until is for a step with "max":"many"`);
  }
}

export function isNegative({ by }: PatternStep): boolean {
  return by === 'notNext' || by === 'notThen';
}

function readAmong(value: unknown, place: string): string[] {
  const types = readList(value, place, 0, patternAmongMax);
  return types.map((type, index) => readType(type, `${place}[${index}]`));
}

function readAfterMatch(
  value: unknown,
  place: string,
  steps: readonly PatternStep[],
): NonNullable<PatternDefinition['afterMatch']> {
  if (value === 'none' || value === 'pastLast' || value === 'toNext') return value;
  if (typeof value !== 'object') {
    refuse(`${place} must be none, pastLast, toNext, {"toFirst":…} or {"toLast":…}`);
  }
  const sent = membersOf(value, place);
  onlyMembers(sent, ['toFirst', 'toLast'], place);
  if (sent.size !== 1) refuse(`${place} must have one of toFirst and toLast`);
  const [word, name] = [...sent][0]!;
  const step = steps.find((each) => each.name === name);
  if (step === undefined || isNegative(step)) {
    refuse(`${place}.${word} must name a step that can come, not ${quote(String(name))}`);
  }
  return word === 'toFirst' ? { toFirst: step.name } : { toLast: step.name };
}
