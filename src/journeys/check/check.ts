/**
 * Whether a journey map or a rule says what can be done: its shape, what it means, its conditions and
 * templates, and that nothing in it goes round in circles by itself. What it names of others is looked at
 * when it comes into force (`workspaces/definitionfit.ts`).
 */
import { boundPatterns } from '../../event/meter.ts';
import { depthOf } from '../../event/schema.ts';
import type { Outline } from '../../workspaces/definition.ts';
import { circleSentence, findCircle } from '../../workspaces/definitionfit.ts';
import { compileMap } from '../compile/map.ts';
import { compileRule } from '../compile/rule.ts';
import type { JourneyMap, Rule } from '../definition.ts';
import { type Fault, Faults, refuseFaults } from './faults.ts';
import { definitionBytesMax, definitionDepthMax, patternInstructionsMax } from './limits.ts';
import { checkMapMeaning } from './map.ts';
import { mapShape } from './mapshape.ts';
import { outlineOfMap, outlineOfRule } from './outline.ts';
import { checkRuleMeaning } from './rule.ts';
import { ruleShape } from './ruleshape.ts';
import type { Shape } from './shape.ts';

export interface Checked<Definition> {
  readonly faults: readonly Fault[];
  /** Undefined when there is a fault. */
  readonly definition?: Definition;
  readonly outline?: Outline;
}

/** @param value as parsed from JSON. @param name what the map is called. */
export function checkJourneyMap(value: unknown, name: string): Checked<JourneyMap> {
  return check(
    value,
    mapShape,
    (map: JourneyMap, faults) => checkMapMeaning(map, name, faults),
    (map) => outlineOfMap(name, map, compileMap(name, 0, map)),
  );
}

/** @param value as parsed from JSON. @param name what the rule is called. */
export function checkRule(value: unknown, name: string): Checked<Rule> {
  return check(value, ruleShape, checkRuleMeaning, (rule: Rule) =>
    outlineOfRule(rule, compileRule(name, 0, rule)),
  );
}

/** @throws AppError invalid, with the place of the first fault and a hint. */
export function parseJourneyMap(
  value: unknown,
  name: string,
): { readonly map: JourneyMap; readonly outline: Outline } {
  const { definition, faults, outline } = checkJourneyMap(value, name);
  refuseFaults(faults);
  return { map: definition!, outline: outline! };
}

/** @throws AppError invalid, with the place of the first fault and a hint. */
export function parseRule(
  value: unknown,
  name: string,
): { readonly rule: Rule; readonly outline: Outline } {
  const { definition, faults, outline } = checkRule(value, name);
  refuseFaults(faults);
  return { rule: definition!, outline: outline! };
}

/** Each look only at what the one before found nothing wrong with. */
function check<Definition>(
  value: unknown,
  shape: Shape,
  checkMeaning: (definition: Definition, faults: Faults) => void,
  compile: (definition: Definition) => Outline,
): Checked<Definition> {
  const faults = new Faults();
  checkSize(value, faults);
  if (faults.count === 0) shape.check(value, '', faults);
  if (faults.count > 0) return { faults: faults.found };
  const definition = value as Definition;
  checkMeaning(definition, faults);
  const bounded = (): Outline => boundPatterns(patternInstructionsMax, () => compile(definition));
  const outline = faults.attempt(bounded, '');
  if (faults.count === 0) checkCircles(outline!, faults);
  return faults.count > 0
    ? { faults: faults.found }
    : { faults: [], definition, outline: outline! };
}

function checkSize(value: unknown, faults: Faults): void {
  // First: what is too deep cannot even be written.
  if (depthOf(value, definitionDepthMax) > definitionDepthMax) {
    faults.add('', `may be at most ${definitionDepthMax} levels deep`);
    return;
  }
  const bytes = Buffer.byteLength(JSON.stringify(value) ?? '');
  if (bytes <= definitionBytesMax) return;
  faults.add('', `may have at most ${definitionBytesMax} bytes of JSON`, `it has ${bytes}`);
}

function checkCircles({ links }: Outline, faults: Faults): void {
  const circle = findCircle(links);
  if (circle === undefined) return;
  const { hint, message } = circleSentence(circle.map(({ place }) => place));
  faults.add(circle[0]!.place, message, hint);
}
