/** Turns rows into events as a map says. Everything is looked up once; a row costs only its steps. */
import type { Event } from '../../src/client/types.ts';
import { type EventMap, type Field, type FieldSteps, type ImportMap, MapError } from './map.ts';
import type { Find, Row, RowReader } from './row.ts';
import { timeReader } from './times.ts';

/** Why a row gives no event. */
export class Refused {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** Makes the event of a row; `idOf` is used when the map has no id of its own. */
export type Transform = (row: Row, idOf: (row: Row) => string) => Event | Refused;

/** A value, undefined for an absent one, or a refusal. */
type Read = (row: Row) => unknown;

const envelope = ['id', 'customer', 'previous', 'type', 'channel', 'source'] as const;
const required: ReadonlySet<string> = new Set(['id', 'customer', 'type']);

/** Compiles a map for a file. @throws MapError when a template, pattern or column is wrong */
export function compile(map: ImportMap, reader: Pick<RowReader, 'find'>): Transform {
  const unknown = new Set(map.unknown ?? []);
  if (map.format !== 'ndjson') unknown.add('');
  const find = (name: string): Find => {
    const found = reader.find(name);
    return (row) => {
      const value = found(row) ?? undefined;
      return typeof value === 'string' && unknown.has(value) ? undefined : value;
    };
  };
  const fields: [string, Read][] = [];
  for (const name of envelope) {
    const field = map.event[name];
    if (field !== undefined) fields.push([name, asText(name, compileField(name, field, find))]);
  }
  if (map.event.time !== undefined) {
    fields.push(['time', compileField('time', map.event.time, find)]);
  }
  if (map.event.data !== undefined) fields.push(['data', compileData(map.event.data, find)]);
  const hasId = map.event.id !== undefined;
  return (row, idOf) => {
    if (row.problem !== undefined) return new Refused(row.problem);
    const event: Record<string, unknown> = hasId ? {} : { id: idOf(row) };
    for (const [name, read] of fields) {
      const value = read(row);
      if (value instanceof Refused) return value;
      if (value !== undefined) event[name] = value;
      else if (required.has(name)) return new Refused(`${name} is unknown`);
    }
    return event as unknown as Event;
  };
}

function asText(name: string, read: Read): Read {
  return (row) => {
    const value = read(row);
    if (value === undefined || typeof value === 'string' || value instanceof Refused) {
      return value === '' ? undefined : value;
    }
    return typeof value === 'object' ? new Refused(`${name} is not text`) : String(value);
  };
}

function compileData(data: NonNullable<EventMap['data']>, find: (name: string) => Find): Read {
  if (typeof data === 'string' || 'text' in data) return compileField('data', data, find);
  const members = Object.entries(data.fields).map(
    ([name, field]) => [name, compileField(`data.${name}`, field, find)] as const,
  );
  return (row) => {
    const made: Record<string, unknown> = {};
    for (const [name, read] of members) {
      const value = read(row);
      if (value instanceof Refused) return value;
      if (value !== undefined) made[name] = value;
    }
    return made;
  };
}

/** A step sees a value that is there; it may make it absent or refuse it. */
type Step = (value: unknown) => unknown;

function compileField(name: string, field: Field, find: (name: string) => Find): Read {
  const rule: FieldSteps = typeof field === 'string' ? { text: field } : field;
  const template = compileTemplate(name, rule.text, find);
  const steps = compileSteps(name, rule);
  return (row) => {
    let value = template(row);
    for (const step of steps) {
      if (value === undefined || value instanceof Refused) return value;
      value = step(value);
    }
    return value;
  };
}

function compileTemplate(name: string, text: string, find: (name: string) => Find): Read {
  const tokens = text.match(/\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+/g) ?? [];
  const parts = tokens.map((token): string | Find => {
    if (token === '{{' || token === '}}') return token[0]!;
    if (token === '{' || token === '}') {
      throw new MapError(`event.${name}: "${text}" has a brace without its pair`);
    }
    return token.startsWith('{') ? find(token.slice(1, -1)) : token;
  });
  if (parts.length === 1) {
    const only = parts[0]!;
    return typeof only === 'string' ? () => only : only;
  }
  return (row) => {
    let whole = '';
    for (const part of parts) {
      const value = typeof part === 'string' ? part : part(row);
      if (value === undefined) return undefined;
      if (typeof value === 'object') return new Refused(`${name} is not text`);
      whole += String(value);
    }
    return whole;
  };
}

function compileSteps(name: string, rule: FieldSteps): Step[] {
  const { match, values, other, lower, underscore, prefix } = rule;
  const steps: Step[] = [];
  if (match !== undefined) steps.push(matchStep(name, match));
  if (values !== undefined) {
    steps.push((value) => {
      const text = String(value);
      if (Object.hasOwn(values, text)) return values[text] ?? undefined;
      return other === 'refuse' ? new Refused(`${name} "${text}" is not in the map`) : value;
    });
  }
  if (lower) steps.push((value) => String(value).toLowerCase());
  if (underscore) steps.push((value) => String(value).trim().replace(/\s+/g, '_'));
  if (prefix !== undefined) steps.push((value) => prefix + String(value));
  if (rule.as !== undefined) steps.push(typeStep(name, rule.as));
  if (rule.time !== undefined) steps.push(timeStep(name, rule.time));
  return steps;
}

function matchStep(name: string, source: string): Step {
  let pattern: RegExp;
  try {
    pattern = new RegExp(source, 'u');
  } catch (cause) {
    throw new MapError(`event.${name}: ${(cause as Error).message}`, { cause });
  }
  return (value) => {
    const found = pattern.exec(String(value));
    return found?.[1] ?? found?.[0] ?? new Refused(`${name} "${value}" is not as expected`);
  };
}

function timeStep(name: string, format: string): Step {
  let read: ReturnType<typeof timeReader>;
  try {
    read = timeReader(format);
  } catch (cause) {
    throw new MapError(`event.${name}: ${(cause as Error).message}`, { cause });
  }
  return (value) =>
    read(String(value)) ?? new Refused(`${name} "${value}" is not a time as ${format}`);
}

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const truths: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['yes', true],
  ['1', true],
  ['false', false],
  ['no', false],
  ['0', false],
]);

function typeStep(name: string, type: 'string' | 'number' | 'boolean'): Step {
  if (type === 'string') {
    return (value) => (typeof value === 'object' ? JSON.stringify(value) : String(value));
  }
  if (type === 'boolean') {
    return (value) =>
      truths.get(String(value).trim().toLowerCase()) ??
      new Refused(`${name} "${value}" is not true or false`);
  }
  return (value) => {
    const text = String(value).trim();
    const number = Number(text);
    if (!decimal.test(text) || !Number.isFinite(number)) {
      return new Refused(`${name} "${value}" is not a number`);
    }
    if (Number.isInteger(number) && !Number.isSafeInteger(number)) {
      return new Refused(`${name} ${text} is too large for an exact number: map it as a string`);
    }
    return number;
  };
}
