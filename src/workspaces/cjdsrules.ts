/**
 * Rules of CJDS: conditions on what events say, joined by AND and OR.
 *
 *     {"logic":"SINGLE","condition":"Closed Queue,category,string,Value EQ Closed"}
 *     {"logic":"OR","args":["Quote,isEV,string,Value EQ Yes",{"logic":"AND","args":[…]}]}
 *
 * A condition reads `<event>,<metaData>,<metaDataType>,<aggregationMode> <operator> <value>`: the comma separates,
 * and names may have spaces.
 */
import { quote, refuse } from './view.ts';

export const ruleConditionsMax = 50;
export const ruleDepthMax = 8;
export const ruleCharactersMax = 1024;

export const metaDataTypes = ['string', 'integer', 'double'] as const;
export type MetaDataType = (typeof metaDataTypes)[number];

export const aggregationModes = [
  'Value',
  'Count',
  'Distinct',
  'Sum',
  'Max',
  'Min',
  'Average',
] as const;
export type AggregationMode = (typeof aggregationModes)[number];

export const operators = { EQ: '==', NEQ: '!=', GT: '>', GTE: '>=', LT: '<', LTE: '<=' } as const;
export type RuleOperator = keyof typeof operators;

export interface RuleCondition {
  readonly event: string;
  readonly metaData: string;
  readonly metaDataType: MetaDataType;
  readonly aggregationMode: AggregationMode;
  readonly operator: RuleOperator;
  readonly value: string;
}

export type Rule =
  | { readonly kind: 'AND' | 'OR'; readonly parts: readonly Rule[] }
  | { readonly kind: 'condition'; readonly condition: RuleCondition };

const conditionForm = new RegExp(
  `^([^,]+),([^,]+),(${metaDataTypes.join('|')}),(${aggregationModes.join('|')}) +(${Object.keys(operators).join('|')}) +(.+)$`,
  's',
);

/** @throws AppError invalid, with the place. */
export function parseRules(value: unknown, place: string): Rule {
  const count = { left: ruleConditionsMax };
  return parseRule(value, place, 0, count);
}

function parseRule(value: unknown, place: string, depth: number, count: { left: number }): Rule {
  if (typeof value === 'string') return parseCondition(value, place, count);
  if (depth > ruleDepthMax) refuse(`${place} is more than ${ruleDepthMax} levels deep`);
  const { args, condition, logic } = (value ?? {}) as Record<string, unknown>;
  if (logic === 'SINGLE') {
    if (typeof condition !== 'string') refuse(`${place}.condition cannot be null`);
    return parseCondition(condition, `${place}.condition`, count);
  }
  if (logic !== 'AND' && logic !== 'OR') refuse(`${place}.logic must be SINGLE, AND or OR`);
  if (!Array.isArray(args) || args.length === 0)
    refuse(`${place}.args must be a list of conditions`);
  const parts = args.map((arg, at) => parseRule(arg, `${place}.args[${at}]`, depth + 1, count));
  return { kind: logic, parts };
}

function parseCondition(text: string, place: string, count: { left: number }): Rule {
  count.left -= 1;
  if (count.left < 0) refuse(`${place}: rules have at most ${ruleConditionsMax} conditions`);
  if (text.length > ruleCharactersMax) {
    refuse(`${place} must have at most ${ruleCharactersMax} characters`);
  }
  const found = conditionForm.exec(text);
  if (found === null) {
    const form = '<event>,<metaData>,<metaDataType>,<aggregationMode> <operator> <value>';
    refuse(
      `${place} must read ${form}, such as Quote,make,string,Value EQ Honda, not ${quote(text)}`,
    );
  }
  const [event, metaData, type, mode, operator, value] = found.slice(1).map((part) => part.trim());
  const condition: RuleCondition = {
    event: event!,
    metaData: metaData!,
    metaDataType: type as MetaDataType,
    aggregationMode: mode as AggregationMode,
    operator: operator as RuleOperator,
    value: value!,
  };
  if (type !== 'string' && !Number.isFinite(Number(value))) {
    refuse(`${place}: ${quote(value!)} is no number, as ${type} demands`);
  }
  return { kind: 'condition', condition };
}

export function conditionsOf(rule: Rule): readonly RuleCondition[] {
  return rule.kind === 'condition' ? [rule.condition] : rule.parts.flatMap(conditionsOf);
}

/** A rule about single events as a condition of ours, in CEL. @throws AppError invalid. */
export function celOf(rule: Rule, place: string): string {
  if (rule.kind !== 'condition') {
    const sign = rule.kind === 'AND' ? ' && ' : ' || ';
    return `(${rule.parts.map((part) => celOf(part, place)).join(sign)})`;
  }
  const { aggregationMode, event, metaData, metaDataType, operator, value } = rule.condition;
  if (aggregationMode !== 'Value') {
    refuse(`${place}: in a template a condition looks at each event, so its mode must be Value`);
  }
  const path = metaData.split('.').map((step) => `[${JSON.stringify(step)}]`);
  const attribute = `event.data${path.join('')}`;
  const sides =
    metaDataType === 'string'
      ? [`string(${attribute})`, JSON.stringify(value)]
      : [`double(${attribute})`, `double(${JSON.stringify(String(Number(value)))})`];
  return `(event.type == ${JSON.stringify(event)} && ${sides.join(` ${operators[operator]} `)})`;
}
