/**
 * Templates as CJDS writes them, and the view that each of them is here. One attribute is one field:
 *
 *     displayName ▶ name   event ▶ event   metaData ▶ attribute   limit ▶ limit (0: all)   rules ▶ where
 *     lookBackPeriod + lookBackDurationType ▶ lookback   aggregationMode ▶ type
 *
 * The older spelling (`metadata`, `lookbackPeriod` …) is read too; what is given back is spelt the newer way.
 */
import { AppError } from '../std/errors.ts';
import type { CjdsAttribute } from './cjds.ts';
import { aggregationModes, celOf, metaDataTypes, parseRules } from './cjdsrules.ts';
import {
  type FieldType,
  fieldNameCharactersMax,
  membersOf,
  parseViewTemplate,
  refuse,
  type ViewTemplate,
} from './view.ts';

export interface ParsedTemplate {
  readonly name: string;
  readonly attributes: readonly CjdsAttribute[];
  readonly template: ViewTemplate;
}

/** An event type that means every one. */
const everyEvent = 'cjds:any';
const units: Readonly<Record<string, string>> = {
  seconds: 's',
  minutes: 'm',
  hours: 'h',
  days: 'd',
  weeks: 'w',
};
const olderNames: Readonly<Record<string, string>> = {
  metadata: 'metaData',
  metadataType: 'metaDataType',
  lookbackPeriod: 'lookBackPeriod',
  lookbackDurationType: 'lookBackDurationType',
};

/** @throws AppError invalid, with a message that points at the place. */
export function parseCjdsTemplate(value: unknown): ParsedTemplate {
  const sent = membersOf(value, 'a template');
  const name = textOf(sent.get('name'), 'name').trim();
  const list = sent.get('attributes');
  if (!Array.isArray(list) || list.length === 0) refuse('attributes cannot be empty');
  const attributes = list.map((each, at) => parseAttribute(each, `attributes[${at}]`));
  return { name, attributes, template: viewOf(attributes) };
}

function parseAttribute(value: unknown, place: string): CjdsAttribute {
  const sent: Record<string, unknown> = {};
  for (const [name, member] of membersOf(value, place)) sent[olderNames[name] ?? name] = member;
  const text = (name: string): string => textOf(sent[name], `${place}.${name}`);
  const integer = (name: string, min: number): number => {
    const number = sent[name];
    if (number === undefined || number === null) refuse(`${place}.${name} cannot be null`);
    if (!Number.isInteger(number) || Number(number) < min) {
      refuse(`${place}.${name} must be a whole number, at least ${min}`);
    }
    return Number(number);
  };
  const unit = text('lookBackDurationType').toLowerCase();
  if (!(unit in units)) {
    refuse(`${place}.lookBackDurationType must be one of ${Object.keys(units).join(', ')}`);
  }
  const metaDataType = oneOf(metaDataTypes, text('metaDataType'), `${place}.metaDataType`);
  const mode = oneOf(aggregationModes, text('aggregationMode'), `${place}.aggregationMode`);
  const isNumeric = mode !== 'Value' && mode !== 'Count' && mode !== 'Distinct';
  if (isNumeric && metaDataType === 'string') {
    refuse(`${place}.metaDataType must be integer or double for the mode ${mode}`);
  }
  if (typeof sent['verbose'] !== 'boolean') refuse(`${place}.verbose must be true or false`);
  const rules = sent['rules'] ?? null;
  if (rules !== null) parseRules(rules, `${place}.rules`);
  const widget = sent['widgetAttributes'] ?? { type: 'table' };
  const { type } = Object.fromEntries(membersOf(widget, `${place}.widgetAttributes`));
  textOf(type, `${place}.widgetAttributes.type`);
  return {
    ...sent,
    displayName: text('displayName'),
    version: textOf(versionOf(sent['version']), `${place}.version`),
    event: text('event'),
    metaDataType,
    metaData: text('metaData'),
    limit: integer('limit', 0),
    lookBackDurationType: unit,
    lookBackPeriod: integer('lookBackPeriod', 1),
    aggregationMode: mode,
    verbose: sent['verbose'],
    rules,
    widgetAttributes: widget,
  };
}

/** Sent as a number too. */
function versionOf(value: unknown): unknown {
  return typeof value === 'number' ? String(value) : value;
}

function textOf(value: unknown, place: string): string {
  if (value === undefined || value === null) refuse(`${place} cannot be null`);
  if (typeof value !== 'string' || value.trim() === '') refuse(`${place} must be a text`);
  return value;
}

function oneOf<Word extends string>(words: readonly Word[], sent: string, place: string): Word {
  const word = words.find((known) => known.toLowerCase() === sent.toLowerCase());
  if (word === undefined) refuse(`${place} must be one of ${words.join(', ')}`);
  return word;
}

function viewOf(attributes: readonly CjdsAttribute[]): ViewTemplate {
  const taken = new Set<string>();
  const fields = attributes.map((attribute, at) => {
    const { aggregationMode, displayName, event, limit, metaData, rules } = attribute;
    const place = `attributes[${at}].rules`;
    return {
      name: nameOf(displayName, taken),
      event: event === everyEvent ? '*' : event,
      attribute: metaData,
      ...(limit > 0 && { limit }),
      lookback: `${attribute.lookBackPeriod}${units[attribute.lookBackDurationType]!}`,
      type: aggregationMode.toLowerCase() as FieldType,
      ...(rules !== null && { where: celOf(parseRules(rules, place), place) }),
    };
  });
  try {
    return parseViewTemplate({ fields });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError('invalid', error.message.replaceAll('fields', 'attributes'));
  }
}

/** Fields of a view have names of their own; two attributes may be displayed alike. */
function nameOf(displayName: string, taken: Set<string>): string {
  let name = displayName;
  for (let n = 2; taken.has(name); n++) {
    name = `${displayName.slice(0, fieldNameCharactersMax - 6)} (${n})`;
  }
  taken.add(name);
  return name;
}
