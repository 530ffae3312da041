/**
 * Rules of CJDS about a view as a condition of ours: what its fields have to be. A `Value` of several is met
 * when one of them meets it, `NEQ` when none of them is equal; `Distinct` is the values in a text's condition, and how many there
 * are in a number's.
 */
import { compileExpression, Vocabulary } from '../event/condition.ts';
import { assert } from '../std/assert.ts';
import type { CjdsAttribute } from './cjds.ts';
import { operators, parseRules, type Rule, type RuleCondition } from './cjdsrules.ts';
import { refuse, type ViewTemplate } from './view.ts';

/** An attribute of a template, and the field of its view. */
export interface ShownAttribute {
  readonly attribute: CjdsAttribute;
  readonly field: string;
}

const vocabulary = new Vocabulary({ view: 'map<string, dyn>' }, [], {
  variables: 'what is known here: view',
  members: 'members are fields of the view',
});

/** @param shown has what the rules ask for. */
export function thresholdOf(
  rules: unknown,
  place: string,
  shown: readonly ShownAttribute[],
): string {
  return celOf(parseRules(rules, place), place, shown);
}

/** @throws AppError invalid: the rules are too large for a condition. */
export function checkThreshold(
  rules: unknown,
  place: string,
  shown: readonly ShownAttribute[],
): void {
  compileExpression(thresholdOf(rules, place, shown), place, vocabulary, 'condition');
}

function celOf(rule: Rule, place: string, shown: readonly ShownAttribute[]): string {
  if (rule.kind === 'condition') return conditionOf(rule.condition, place, shown);
  const sign = rule.kind === 'AND' ? ' && ' : ' || ';
  const parts = rule.parts.map((part) => celOf(part, place, shown));
  return `(${balanced(parts, sign)})`;
}

/** Halves within halves: a long chain would be as deep as it is long. */
function balanced(parts: readonly string[], sign: string): string {
  if (parts.length <= 2) return parts.join(sign);
  const middle = Math.ceil(parts.length / 2);
  const halves = [parts.slice(0, middle), parts.slice(middle)];
  return halves.map((half) => `(${balanced(half, sign)})`).join(sign);
}

function conditionOf(
  condition: RuleCondition,
  place: string,
  shown: readonly ShownAttribute[],
): string {
  const { aggregationMode, metaDataType, operator, value } = condition;
  const found = shown.find(({ attribute }) => isAbout(condition, attribute));
  assert(found !== undefined, 'it has been checked to ask for what is shown');
  const field = `view[${JSON.stringify(found.field)}]`;
  const number = `double(${JSON.stringify(String(Number(value)))})`;
  const isText = metaDataType === 'string';
  const test = (of: string): string => {
    return isText
      ? `string(${of}) ${operators[operator]} ${JSON.stringify(value)}`
      : `double(${of}) ${operators[operator]} ${number}`;
  };
  if (aggregationMode === 'Count')
    return `double(${field}) ${operators[operator]} ${countOf(value, place)}`;
  if (aggregationMode === 'Distinct' && !isText) {
    return `double(size(${field})) ${operators[operator]} ${number}`;
  }
  const isList =
    aggregationMode === 'Distinct' || (aggregationMode === 'Value' && found.attribute.limit !== 1);
  if (!isList) return test(field);
  return operator === 'NEQ' ? `${field}.all(v, ${test('v')})` : `${field}.exists(v, ${test('v')})`;
}

/** Whether a condition asks for what an attribute shows. */
export function isAbout(condition: RuleCondition, attribute: CjdsAttribute): boolean {
  const { aggregationMode, event, metaData } = condition;
  return (
    attribute.event === event &&
    attribute.metaData === metaData &&
    attribute.aggregationMode === aggregationMode
  );
}

/** The attributes of a template, each with its field. */
export function shownOf(
  attributes: readonly CjdsAttribute[],
  { fields }: ViewTemplate,
): readonly ShownAttribute[] {
  return attributes.map((attribute, index) => ({ attribute, field: fields[index]!.name }));
}

/** Whatever the attribute is, how often it came is a number. */
function countOf(value: string, place: string): string {
  if (!Number.isFinite(Number(value)))
    refuse(`${place}: ${JSON.stringify(value)} is no number, as Count demands`);
  return `double(${JSON.stringify(String(Number(value)))})`;
}
