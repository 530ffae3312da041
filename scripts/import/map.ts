/**
 * Loads import maps and checks them. The format, whole, is in `format.ts`: the columns of a file, and
 * for each field of an event a template with a few steps. Here are its types and its rules.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import {
  type EventMap,
  eventMapSchema,
  fieldSchema,
  MapError,
  mapProblems,
} from '../../src/event/mapping.ts';

export interface FixedColumn {
  readonly name: string;
  readonly at: number;
  readonly width: number;
}

export interface ImportMap {
  readonly name: string;
  readonly description?: string;
  readonly format: 'delimited' | 'fixed' | 'ndjson';
  readonly encoding?: 'utf-8' | 'latin1';
  readonly separator?: string;
  readonly quote?: string;
  readonly header?: boolean;
  readonly columns?: readonly (string | FixedColumn)[];
  readonly unknown?: readonly string[];
  readonly each?: string;
  readonly event: EventMap;
}

const text = { type: 'string', minLength: 1 };
const flag = { type: 'boolean' };
const column = {
  type: ['string', 'object'],
  minLength: 1,
  required: ['name', 'at', 'width'],
  additionalProperties: false,
  properties: {
    name: text,
    at: { type: 'integer', minimum: 0 },
    width: { type: 'integer', minimum: 1 },
  },
};
const schema = {
  type: 'object',
  required: ['name', 'format', 'event'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', pattern: '^[A-Za-z0-9_.-]{1,64}$' },
    description: { type: 'string' },
    format: { enum: ['delimited', 'fixed', 'ndjson'] },
    encoding: { enum: ['utf-8', 'latin1'] },
    separator: text,
    quote: { type: 'string', maxLength: 1 },
    header: flag,
    columns: { type: 'array', minItems: 1, items: column },
    unknown: { type: 'array', items: { type: 'string' } },
    each: text,
    event: eventMapSchema,
  },
};
const check = new Ajv({ allErrors: true, strict: false, schemas: [fieldSchema] }).compile(schema);

/** Reads a map by its built-in name or its path. @throws MapError */
export function loadMap(nameOrPath: string): ImportMap {
  const builtin = join(mapsFolder(), `${nameOrPath}.json`);
  const path = /^[\w.-]+$/.test(nameOrPath) && existsSync(builtin) ? builtin : nameOrPath;
  let source: string;
  try {
    source = readFileSync(path, 'utf8');
  } catch (cause) {
    const names = builtinMaps().join(', ');
    const message = `there is no map "${nameOrPath}": give a file, or one of ${names}`;
    throw new MapError(message, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (cause) {
    throw new MapError(`map ${path} is not JSON: ${(cause as Error).message}`, { cause });
  }
  return checkMap(value, path);
}

/** Checks a map that was made otherwise. @throws MapError that lists everything wrong */
export function checkMap(value: unknown, path = 'given'): ImportMap {
  if (!check(value)) {
    const lines = mapProblems(check.errors);
    throw new MapError(`map ${path}:\n${lines.map((line) => `  ${line}`).join('\n')}`);
  }
  const map = value as unknown as ImportMap;
  const problem = contradiction(map);
  if (problem !== undefined) throw new MapError(`map ${path}: ${problem}`);
  return map;
}

/** The names of the maps that come with the project. */
export function builtinMaps(): readonly string[] {
  const files = readdirSync(mapsFolder()).filter((file) => file.endsWith('.json'));
  return files.map((file) => file.slice(0, -'.json'.length)).sort();
}

function contradiction(map: ImportMap): string | undefined {
  const { format, columns = [], each, separator, header } = map;
  const isNamed = columns.every((one) => typeof one === 'string');
  if (each !== undefined && format !== 'ndjson') return '"each" is for ndjson only';
  if (format !== 'delimited' && separator !== undefined) return '"separator" is for delimited only';
  if (format === 'ndjson' && columns.length > 0) return '"columns" is not for ndjson';
  if (format === 'fixed' && (columns.length === 0 || columns.some((c) => typeof c === 'string'))) {
    return '"columns" must give name, at and width of every column';
  }
  if (format === 'delimited' && !isNamed) return '"columns" must be names';
  if (format === 'delimited' && header === false && columns.length === 0) {
    return 'without a header "columns" must name the columns';
  }
  return undefined;
}

/** The maps stay in the source tree; this file also runs from the build. */
function mapsFolder(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); dirname(at) !== at; at = dirname(at)) {
    const folder = join(at, 'scripts', 'maps');
    if (existsSync(join(at, 'package.json')) && existsSync(folder)) return folder;
  }
  return join(process.cwd(), 'scripts', 'maps');
}
