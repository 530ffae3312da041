/**
 * Sources of foreign JSON: by name, a map in the language of `event/mapping.ts` that says how what they
 * send becomes events. Checked and compiled once when it is stored, kept as it was sent.
 */
import { Ajv, type ValidateFunction } from 'ajv';
import {
  compileMapping,
  type EventMap,
  eventMapSchema,
  fieldSchema,
  MapError,
  mapProblems,
} from '../event/mapping.ts';
import { Pattern } from '../event/pattern.ts';
import { depthOf } from '../event/schema.ts';
import { AppError } from '../std/errors.ts';

export const sourcesPerWorkspaceMax = 100;
/** Of a map's JSON text. */
export const sourceBytesMax = 32 * 1024;
export const sourceNameBytesMax = 128;
/** Fields within fields: `any`. */
const depthMax = 16;

export interface SourceMap {
  readonly description?: string;
  /** Dotted path of a list in the item; each of its entries becomes an event. */
  readonly each?: string;
  /** Texts that mean "not known". */
  readonly unknown?: readonly string[];
  readonly event: EventMap;
}

export interface SourceRecord {
  readonly workspace: number;
  readonly name: string;
  readonly map: SourceMap;
  readonly revision: number;
  readonly updatedAt: number;
}

export type SourceChange =
  | { readonly kind: 'put'; readonly name: string; readonly map: SourceMap }
  | { readonly kind: 'delete'; readonly name: string };

/** Without them nothing is an event. */
export const requiredFields: ReadonlySet<string> = new Set(['customer', 'type']);

const schema = {
  type: 'object',
  required: ['event'],
  additionalProperties: false,
  properties: {
    description: { type: 'string', maxLength: 1024 },
    each: { type: 'string', minLength: 1, maxLength: 512 },
    unknown: { type: 'array', maxItems: 100, items: { type: 'string' } },
    event: eventMapSchema,
  },
};
let check: ValidateFunction | undefined;

/** The name has to fit into a path and into `source` of events. @throws AppError invalid. */
export function checkSourceName(name: string): void {
  const bytes = Buffer.byteLength(name);
  if (bytes < 1 || bytes > sourceNameBytesMax || /[\p{Control}\p{Surrogate}]/u.test(name)) {
    const message = `the name of a source must be 1 to ${sourceNameBytesMax} bytes without control characters`;
    throw new AppError('invalid', message);
  }
}

/** A map as parsed from JSON. @throws AppError invalid, with the place. */
export function parseSourceMap(value: unknown): SourceMap {
  // First: what is too deep cannot even be written.
  if (depthOf(value, depthMax) > depthMax) {
    throw new AppError('invalid', `a map may be at most ${depthMax} levels deep`);
  }
  if (Buffer.byteLength(JSON.stringify(value) ?? '') > sourceBytesMax) {
    throw new AppError('invalid', `a map may have at most ${sourceBytesMax} bytes`);
  }
  check ??= new Ajv({ strict: false, schemas: [fieldSchema] }).compile(schema);
  if (!check(value))
    throw new AppError('invalid', mapProblems(check.errors)[0] ?? 'the map is invalid');
  const map = value as unknown as SourceMap;
  try {
    compileMapping(map.event, {
      find: () => () => undefined,
      pattern: (source) => new Pattern(source),
      write: String,
      required: requiredFields,
    });
  } catch (error) {
    if (!(error instanceof MapError)) throw error;
    throw new AppError('invalid', error.message, { cause: error });
  }
  return map;
}
