/**
 * A profile view's template: which rows (fields) a view has, and the rules for one. Parsed once,
 * when it is stored; kept exactly as it was sent, so that a reader gets back what was written.
 *
 *     member     rule
 *     name       1–128 characters, unique in the template
 *     event      an event type, or * for every type
 *     attribute  a dotted path into `data`, or * for all of it; count and sum do without, too. A member
 *                whose whole name it is comes first, so that `Phone No.` can be asked for
 *     limit      how many newest matches: 1–10000; absent: all
 *     lookback   how far back, such as 90d, 12h or 30m (units s m h d w, at most 3650d); absent:
 *                the whole tape
 *     type       value count distinct sum min max average first last
 *     where      a condition on the event (`event/condition.ts`); absent: every event
 *
 * A template's own `where` holds for all of its fields, besides theirs. Its `snapshot` (1s to 30m) lets one
 * answer serve everybody for so long, whatever happens on the tape; absent: an answer is always current.
 *
 * Unknown members are refused, so that a misspelt one cannot go unnoticed. How a field is evaluated
 * stands in `views/evaluate.ts`.
 */
import { compileCondition, conditionCharactersMax } from '../event/condition.ts';
import { parseDuration } from '../event/duration.ts';
import { dataDepthMax, typeBytesMax } from '../event/envelope.ts';
import { AppError } from '../std/errors.ts';

export const fieldsMax = 100;
export const fieldNameCharactersMax = 128;
export const fieldLimitMax = 10_000;
export const viewNameBytesMax = 128;
export const attributeCharactersMax = 512;
export const lookbackMsMax = 3650 * 24 * 60 * 60 * 1000;
export const snapshotMsMax = 30 * 60 * 1000;

export const fieldTypes = [
  'value',
  'count',
  'distinct',
  'sum',
  'min',
  'max',
  'average',
  'first',
  'last',
] as const;
export type FieldType = (typeof fieldTypes)[number];

/** A row of a view, as it was sent. `parseLookback` gives `lookback` in milliseconds. */
export interface ViewField {
  readonly name: string;
  readonly event: string;
  readonly attribute?: string;
  readonly limit?: number;
  readonly lookback?: string;
  readonly type: FieldType;
  readonly where?: string;
}

export interface ViewTemplate {
  readonly where?: string;
  readonly snapshot?: string;
  readonly fields: readonly ViewField[];
}

/** `90d`, `12h`, `30m`… in milliseconds; NaN when it is not written so or longer than 3650d. */
export function parseLookback(text: string): number {
  const lookbackMs = parseDuration(text);
  return lookbackMs <= lookbackMsMax ? lookbackMs : Number.NaN;
}

/** Why a view cannot have this name; undefined when it can. It has to fit into a path and a key. */
export function viewNameProblem(name: string): string | undefined {
  const bytes = Buffer.byteLength(name);
  if (bytes < 1 || bytes > viewNameBytesMax) {
    return `the name of a view must have 1 to ${viewNameBytesMax} bytes`;
  }
  if (/[\p{Control}\p{Surrogate}]/u.test(name)) {
    return 'the name of a view must not contain control characters';
  }
  if (name === '.' || name === '..') return 'the name of a view must not be . or ..';
  return undefined;
}

/**
 * Checks a template as parsed from JSON. The result holds what was sent and nothing else, so its
 * JSON text says what the sender wrote.
 *
 * @throws AppError invalid, with a message that points at the place (`fields[2].lookback …`).
 */
export function parseViewTemplate(value: unknown): ViewTemplate {
  const template = membersOf(value, 'a view');
  for (const member of template.keys()) {
    if (!templateMembers.includes(member)) {
      refuse(`${quote(member)} is not a member of a view (${templateMembers.join(', ')})`);
    }
  }
  const sent = template.get('fields');
  if (!Array.isArray(sent)) refuse('fields must be a list');
  if (sent.length < 1 || sent.length > fieldsMax) {
    refuse(`fields must have 1 to ${fieldsMax} entries`);
  }
  const fields: ViewField[] = [];
  const placeOf = new Map<string, string>();
  for (const [index, each] of sent.entries()) {
    const place = `fields[${index}]`;
    const field = parseField(each, place);
    const taken = placeOf.get(field.name);
    if (taken !== undefined) refuse(`${place}.name is the same as ${taken}.name`);
    placeOf.set(field.name, place);
    fields.push(field);
  }
  return {
    ...(template.has('where') && { where: readCondition(template.get('where'), 'where') }),
    ...(template.has('snapshot') && { snapshot: readSnapshot(template.get('snapshot')) }),
    fields,
  };
}

const templateMembers: readonly string[] = ['fields', 'where', 'snapshot'];
const memberNames: readonly string[] = [
  'name',
  'event',
  'attribute',
  'limit',
  'lookback',
  'type',
  'where',
];

function parseField(value: unknown, place: string): ViewField {
  const sent = membersOf(value, place);
  for (const member of sent.keys()) {
    if (!memberNames.includes(member)) refuse(`${place} has an unknown member ${quote(member)}`);
  }
  const name = readText(sent.get('name'), `${place}.name`, fieldNameCharactersMax);
  const event = readText(sent.get('event'), `${place}.event`, typeBytesMax);
  if (Buffer.byteLength(event) > typeBytesMax) {
    refuse(`${place}.event must be at most ${typeBytesMax} bytes long`);
  }
  const type = readType(sent.get('type'), `${place}.type`);
  if (!sent.has('attribute') && type !== 'count' && type !== 'sum') {
    refuse(`${place}.attribute is required for the type ${type}`);
  }
  return {
    name,
    event,
    ...(sent.has('attribute') && {
      attribute: readAttribute(sent.get('attribute'), `${place}.attribute`),
    }),
    ...(sent.has('limit') && { limit: readLimit(sent.get('limit'), `${place}.limit`) }),
    ...(sent.has('lookback') && {
      lookback: readLookback(sent.get('lookback'), `${place}.lookback`),
    }),
    type,
    ...(sent.has('where') && { where: readCondition(sent.get('where'), `${place}.where`) }),
  };
}

/** Compiled here to see that it can be; kept as it was sent. */
function readCondition(value: unknown, place: string): string {
  const text = readText(value, place, conditionCharactersMax);
  compileCondition(text, place);
  return text;
}

/** @throws AppError invalid. */
export function readText(value: unknown, place: string, charactersMax: number): string {
  if (value === undefined) refuse(`${place} is required`);
  if (typeof value !== 'string' || value.length < 1 || value.length > charactersMax) {
    refuse(`${place} must be a string of 1 to ${charactersMax} characters`);
  }
  return value;
}

function readType(value: unknown, place: string): FieldType {
  if (value === undefined) refuse(`${place} is required`);
  const type = fieldTypes.find((known) => known === value);
  if (type === undefined) refuse(`${place} must be one of ${fieldTypes.join(', ')}`);
  return type;
}

/** @throws AppError invalid. */
export function readAttribute(value: unknown, place: string): string {
  const attribute = readText(value, place, attributeCharactersMax);
  if (attribute.split('.').length > dataDepthMax) {
    refuse(`${place} must be at most ${dataDepthMax} names deep`);
  }
  return attribute;
}

function readLimit(value: unknown, place: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > fieldLimitMax) {
    refuse(`${place} must be a whole number from 1 to ${fieldLimitMax}`);
  }
  return value;
}

function readLookback(value: unknown, place: string): string {
  if (typeof value !== 'string' || Number.isNaN(parseDuration(value))) {
    refuse(`${place} must look like 90d, 12h or 30m`);
  }
  if (Number.isNaN(parseLookback(value))) refuse(`${place} must be at most 3650d`);
  return value;
}

function readSnapshot(value: unknown): string {
  const snapshotMs = typeof value === 'string' ? parseLookback(value) : Number.NaN;
  if (!(snapshotMs <= snapshotMsMax)) refuse('snapshot must look like 90s or 30m, at most 30m');
  return value as string;
}

/** The own members of an object; a Map, so that no name (`__proto__`) is special. */
export function membersOf(value: unknown, place: string): Map<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse(`${place} must be an object`);
  }
  return new Map(Object.entries(value));
}

/** A sender's own word in a message, cut to a bearable length. */
export function quote(word: string): string {
  return JSON.stringify(word.length > 64 ? `${word.slice(0, 64)}…` : word);
}

/** @throws AppError invalid. */
export function refuse(message: string): never {
  throw new AppError('invalid', message);
}
