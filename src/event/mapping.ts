/**
 * The language in which a map says how foreign rows or JSON become events: for each field of an event a
 * template with a few steps. No code: a closed set of steps, each of which gives a value, makes it
 * absent or refuses it. Imports of files and sources of foreign JSON speak it alike.
 *
 *     text      "{a.b}" or "web:{id}"         any       the first of several fields that is there
 *     constant  any value                      steps     match values lower underscore prefix as time
 *                                              default   what an absent one becomes
 */
import type { ErrorObject } from 'ajv';
import { timeReader } from './timeformat.ts';

export interface FieldSteps {
  readonly text?: string;
  readonly any?: readonly Field[];
  readonly constant?: unknown;
  readonly match?: string;
  readonly values?: Readonly<Record<string, string | number | boolean | null>>;
  readonly other?: 'keep' | 'refuse';
  readonly lower?: boolean;
  readonly underscore?: boolean;
  readonly prefix?: string;
  readonly as?: 'string' | 'number' | 'boolean';
  readonly time?: string;
  readonly default?: unknown;
}

export type Field = string | FieldSteps;

export interface EventMap {
  readonly id?: Field;
  readonly customer: Field;
  readonly previous?: Field;
  readonly type: Field;
  readonly time?: Field;
  readonly channel?: Field;
  readonly source?: Field;
  readonly data?: Field | { readonly fields: Readonly<Record<string, Field>> };
}

/** A map that cannot be used; the message says where and why. */
export class MapError extends Error {
  override readonly name = 'MapError';
}

/** Why something gives no event. */
export class Refused {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** Finds one value in a row; undefined or null when it is not there. */
export type Find<Row> = (row: Row) => unknown;

/** What the language is given to work with. */
export interface MappingParts<Row> {
  /** How a name in a template is found. */
  find(name: string): Find<Row>;
  /** A regular expression. @throws Error when it is none. */
  pattern(source: string): {
    exec(text: string): readonly (string | null | undefined)[] | null;
  };
  /** JSON text of a value. */
  write(value: unknown): string;
  /** Called before a field is made, with what it costs besides what it finds and matches. */
  spend?(steps: number): void;
  /** Fields that an event cannot do without. */
  readonly required: ReadonlySet<string>;
}

/** Makes the fields of an event. */
export type Mapping<Row> = (row: Row) => Record<string, unknown> | Refused;

/** A value, undefined for an absent one, or a refusal. */
type Read<Row> = (row: Row) => unknown;

const envelope = ['id', 'customer', 'previous', 'type', 'channel', 'source'] as const;

/** @throws MapError when a template or a pattern is wrong. */
export function compileMapping<Row>(map: EventMap, parts: MappingParts<Row>): Mapping<Row> {
  const compiler = new Compiler(parts);
  const fields: [string, Read<Row>][] = [];
  for (const name of envelope) {
    const field = map[name];
    if (field !== undefined) fields.push([name, asText(name, compiler.field(name, field))]);
  }
  if (map.time !== undefined) fields.push(['time', compiler.field('time', map.time)]);
  if (map.data !== undefined) fields.push(['data', compiler.data(map.data)]);
  const { required } = parts;
  return (row) => {
    const event: Record<string, unknown> = {};
    for (const [name, read] of fields) {
      const value = read(row);
      if (value instanceof Refused) return value;
      if (value !== undefined) event[name] = value;
      else if (required.has(name)) return new Refused(`${name} is unknown`);
    }
    return event;
  };
}

/** An object or a list of JSON; numbers may be objects too, of a kind of their own. */
function isContainer(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

function asText<Row>(name: string, read: Read<Row>): Read<Row> {
  return (row) => {
    const value = read(row);
    if (value === undefined || typeof value === 'string' || value instanceof Refused) {
      return value === '' ? undefined : value;
    }
    return isContainer(value) ? new Refused(`${name} is not text`) : String(value);
  };
}

/** A step sees a value that is there; it may make it absent or refuse it. */
type Step = (value: unknown) => unknown;

class Compiler<Row> {
  readonly #parts: MappingParts<Row>;

  constructor(parts: MappingParts<Row>) {
    this.#parts = parts;
  }

  data(data: NonNullable<EventMap['data']>): Read<Row> {
    if (typeof data === 'string' || !('fields' in data)) return this.field('data', data);
    const members = Object.entries(data.fields).map(
      ([name, field]) => [name, this.field(`data.${name}`, field)] as const,
    );
    return (row) => {
      const made: [string, unknown][] = [];
      for (const [name, read] of members) {
        const value = read(row);
        if (value instanceof Refused) return value;
        if (value !== undefined) made.push([name, value]);
      }
      return Object.fromEntries(made);
    };
  }

  field(name: string, field: Field): Read<Row> {
    const rule: FieldSteps = typeof field === 'string' ? { text: field } : field;
    const begin = this.#beginning(name, rule);
    const steps = this.#steps(name, rule);
    const absent = rule.default;
    const price = priceOf(rule);
    const { spend } = this.#parts;
    return (row) => {
      spend?.(price);
      let value = begin(row);
      for (const step of steps) {
        if (value === undefined || value instanceof Refused) break;
        value = step(value);
      }
      return value === undefined ? absent : value;
    };
  }

  #beginning(name: string, { any, constant, text }: FieldSteps): Read<Row> {
    if (text !== undefined) return this.#template(name, text);
    if (any === undefined) return () => constant;
    const fields = any.map((field) => this.field(name, field));
    return (row) => {
      for (const read of fields) {
        const value = read(row);
        if (value !== undefined) return value;
      }
      return undefined;
    };
  }

  #template(name: string, text: string): Read<Row> {
    const tokens = text.match(/\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+/g) ?? [];
    const parts = tokens.map((token): string | Find<Row> => {
      if (token === '{{' || token === '}}') return token[0]!;
      if (token === '{' || token === '}') {
        throw new MapError(`event.${name}: "${text}" has a brace without its pair`);
      }
      if (!token.startsWith('{')) return token;
      const find = this.#parts.find(token.slice(1, -1));
      return (row) => find(row) ?? undefined;
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
        if (isContainer(value)) return new Refused(`${name} is not text`);
        whole += String(value);
      }
      return whole;
    };
  }

  #steps(name: string, rule: FieldSteps): Step[] {
    const { lower, match, other, prefix, underscore, values } = rule;
    const steps: Step[] = [];
    if (match !== undefined) steps.push(this.#matchStep(name, match));
    if (values !== undefined) {
      steps.push((value) => {
        const text = String(value);
        if (Object.hasOwn(values, text)) return values[text] ?? undefined;
        return other === 'refuse'
          ? new Refused(`${name} "${shown(text)}" is not in the map`)
          : value;
      });
    }
    if (lower) steps.push((value) => String(value).toLowerCase());
    if (underscore) steps.push((value) => String(value).trim().replace(/\s+/g, '_'));
    if (prefix !== undefined) steps.push((value) => prefix + String(value));
    if (rule.as !== undefined) steps.push(this.#typeStep(name, rule.as));
    if (rule.time !== undefined) steps.push(timeStep(name, rule.time));
    return steps;
  }

  #matchStep(name: string, source: string): Step {
    let pattern: ReturnType<MappingParts<Row>['pattern']>;
    try {
      pattern = this.#parts.pattern(source);
    } catch (cause) {
      throw new MapError(`event.${name}: ${(cause as Error).message}`, { cause });
    }
    return (value) => {
      const found = pattern.exec(String(value));
      return (
        found?.[1] ?? found?.[0] ?? new Refused(`${name} "${shown(value)}" is not as expected`)
      );
    };
  }

  #typeStep(name: string, type: 'string' | 'number' | 'boolean'): Step {
    const { write } = this.#parts;
    if (type === 'string') return (value) => (isContainer(value) ? write(value) : String(value));
    return type === 'boolean' ? booleanStep(name) : numberStep(name);
  }
}

/** In steps: one, and the size of what the map itself puts into the field. */
function priceOf({ constant, default: absent, prefix, text }: FieldSteps): number {
  return 1 + JSON.stringify([constant, absent, prefix, text]).length / 32;
}

/** A sender's own value in a reason, cut to a bearable length. */
function shown(value: unknown): string {
  const text = String(value);
  return text.length > 64 ? `${text.slice(0, 64)}…` : text;
}

function timeStep(name: string, format: string): Step {
  let read: ReturnType<typeof timeReader>;
  try {
    read = timeReader(format);
  } catch (cause) {
    throw new MapError(`event.${name}: ${(cause as Error).message}`, { cause });
  }
  return (value) =>
    read(String(value)) ?? new Refused(`${name} "${shown(value)}" is not a time as ${format}`);
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

function booleanStep(name: string): Step {
  return (value) =>
    truths.get(String(value).trim().toLowerCase()) ??
    new Refused(`${name} "${shown(value)}" is not true or false`);
}

function numberStep(name: string): Step {
  return (value) => {
    const text = String(value).trim();
    const number = Number(text);
    if (!decimal.test(text) || !Number.isFinite(number)) {
      return new Refused(`${name} "${shown(value)}" is not a number`);
    }
    if (Number.isInteger(number) && !Number.isSafeInteger(number)) {
      return new Refused(
        `${name} ${shown(text)} is too large for an exact number: map it as a string`,
      );
    }
    return number;
  };
}

const textSchema = { type: 'string', minLength: 1 };
const flagSchema = { type: 'boolean' };

/** The shape of maps, as JSON Schema: a field, and the fields of an event. */
export const fieldSchema = {
  $id: 'tapeline:field',
  type: ['string', 'object'],
  minLength: 1,
  if: { type: 'object' },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema, in a plain object
  then: { oneOf: [{ required: ['text'] }, { required: ['any'] }, { required: ['constant'] }] },
  additionalProperties: false,
  properties: {
    text: textSchema,
    any: { type: 'array', minItems: 1, maxItems: 20, items: { $ref: '#' } },
    constant: {},
    match: textSchema,
    values: {
      type: 'object',
      additionalProperties: { type: ['string', 'number', 'boolean', 'null'] },
    },
    other: { enum: ['keep', 'refuse'] },
    lower: flagSchema,
    underscore: flagSchema,
    prefix: { type: 'string' },
    as: { enum: ['string', 'number', 'boolean'] },
    time: { type: 'string', minLength: 1, maxLength: 64 },
    default: {},
  },
};
const field = { $ref: 'tapeline:field' };

export const eventMapSchema = {
  type: 'object',
  required: ['customer', 'type'],
  additionalProperties: false,
  properties: {
    ...Object.fromEntries([...envelope, 'time'].map((name) => [name, field])),
    data: {
      if: { type: 'object', required: ['fields'] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema, in a plain object
      then: {
        type: 'object',
        required: ['fields'],
        additionalProperties: false,
        properties: { fields: { type: 'object', additionalProperties: field } },
      },
      else: field,
    },
  },
};

/** What Ajv found wrong with a map, a sentence each. */
export function mapProblems(errors: readonly ErrorObject[] | null | undefined): string[] {
  const told = (errors ?? []).filter(({ keyword, schemaPath }) => {
    return keyword !== 'if' && !schemaPath.includes('/oneOf/');
  });
  return told.map(({ instancePath, keyword, message, params }) => {
    const where = instancePath === '' ? 'the map' : instancePath.slice(1).replaceAll('/', '.');
    const { additionalProperty, allowedValues } = params as Record<string, unknown>;
    if (additionalProperty !== undefined) {
      return `${where} may not have "${shown(additionalProperty)}"`;
    }
    if (allowedValues !== undefined) return `${where} must be one of ${String(allowedValues)}`;
    if (keyword === 'oneOf') return `${where} must have one of text, any and constant`;
    return `${where} ${message ?? 'is invalid'}`;
  });
}
