/**
 * What a new schema of a type means for events that kept to the old one, and the version that it gets
 * (SchemaVer: MODEL-REVISION-ADDITION):
 *
 *     addition   takes everything that the old one took
 *     revision   may refuse some of it
 *     model      refuses all of it, or whatever had a certain member
 *
 * Whatever cannot be told counts as a revision, so an addition is certain.
 */
import { isDeepStrictEqual } from 'node:util';
import { annotations, type JsonSchema } from './schema.ts';

export type ChangeKind = 'none' | 'addition' | 'revision' | 'model';

export interface SchemaChange {
  readonly kind: ChangeKind;
  /** Where the new schema may refuse what the old one took, with the place; at most `breaksMax`. */
  readonly breaks: readonly string[];
}

export const breaksMax = 20;
const order: readonly ChangeKind[] = ['none', 'addition', 'revision', 'model'];

/** `undefined` for no schema, which takes everything. */
export function changeBetween(
  before: JsonSchema | undefined,
  after: JsonSchema | undefined,
): SchemaChange {
  const found = new Findings();
  compare(before ?? {}, after ?? {}, '#', found);
  const told = found.breaks.slice(0, breaksMax);
  return { kind: found.kind, breaks: told.map(({ place, what }) => `${place}: ${what}`) };
}

/** The version after `version` (undefined: there was none) for such a change. */
export function nextVersion(version: string | undefined, kind: ChangeKind): string {
  if (version === undefined) return '1-0-0';
  const [model = 1, revision = 0, addition = 0] = version.split('-').map(Number);
  switch (kind) {
    case 'none':
      return version;
    case 'addition':
      return `${model}-${revision}-${addition + 1}`;
    case 'revision':
      return `${model}-${revision + 1}-0`;
    case 'model':
      return `${model + 1}-0-0`;
  }
}

class Findings {
  kind: ChangeKind = 'none';
  readonly breaks: { readonly place: string; readonly what: string }[] = [];

  add(kind: ChangeKind, place: string, what: string): void {
    if (order.indexOf(kind) > order.indexOf(this.kind)) this.kind = kind;
    if (kind === 'revision' || kind === 'model') this.breaks.push({ place, what });
  }

  /** Takes over what was found of a part that an event may lack, unless it is required. */
  addPart(part: Findings, place: string, isRequired: boolean): void {
    const kind = part.kind === 'model' && !isRequired ? 'revision' : part.kind;
    if (part.breaks.length === 0) this.add(kind, place, '');
    for (const each of part.breaks) this.add(kind, each.place, each.what);
  }
}

type Side = JsonSchema | boolean;
/** Compares one keyword of both; undefined where a schema does not have it. */
type Rule = (before: unknown, after: unknown, place: string, found: Findings) => void;

/** Bounds: `1` when a larger value refuses more, `-1` when a smaller one does. */
const bounds: Readonly<Record<string, 1 | -1>> = {
  minimum: 1,
  exclusiveMinimum: 1,
  minLength: 1,
  minItems: 1,
  minProperties: 1,
  minContains: 1,
  maximum: -1,
  exclusiveMaximum: -1,
  maxLength: -1,
  maxItems: -1,
  maxProperties: -1,
  maxContains: -1,
};

const rules: Readonly<Record<string, Rule>> = {
  type: compareTypes,
  required: compareRequired,
  enum: compareEnums,
  const: compareEnumOfOne,
  items: compareNested,
  additionalProperties: compareNested,
  pattern: compareOpaque,
  format: compareOpaque,
  multipleOf: compareOpaque,
  uniqueItems: compareOpaque,
};

function compare(before: Side, after: Side, place: string, found: Findings): void {
  if (isDeepStrictEqual(before, after)) return;
  if (typeof after === 'boolean') {
    if (after) found.add('addition', place, '');
    else found.add('model', place, 'takes nothing any more');
    return;
  }
  if (before === false) {
    found.add('addition', place, '');
    return;
  }
  const old: JsonSchema = before === true ? {} : before;
  for (const keyword of new Set([...Object.keys(old), ...Object.keys(after)])) {
    if (annotations.has(keyword) || keyword.startsWith('x-')) continue;
    const [was, is] = [old[keyword], after[keyword]];
    if (isDeepStrictEqual(was, is)) continue;
    const at = `${place}/${keyword}`;
    const bound = bounds[keyword];
    if (keyword === 'properties') compareProperties(old, after, at, found);
    else if (bound !== undefined) compareBounds(bound, was, is, at, found);
    else (rules[keyword] ?? compareUnknown)(was, is, at, found);
  }
}

function compareTypes(before: unknown, after: unknown, place: string, found: Findings): void {
  if (after === undefined) {
    found.add('addition', place, '');
    return;
  }
  const was = before === undefined ? undefined : typesOf(before);
  const is = typesOf(after);
  const lost = was?.filter((type) => !takes(is, type));
  if (was === undefined) found.add('revision', place, 'a type is asked for that was not');
  else if (lost!.length === 0) found.add('addition', place, '');
  else if (lost!.length < was.length || (lost![0] === 'number' && is.includes('integer'))) {
    found.add('revision', place, `${lost!.join(', ')} is taken no more`);
  } else found.add('model', place, `${was.join(', ')} became ${is.join(', ')}`);
}

function typesOf(value: unknown): string[] {
  return Array.isArray(value) ? (value as string[]) : [value as string];
}

function takes(types: readonly string[], type: string): boolean {
  return types.includes(type) || (type === 'integer' && types.includes('number'));
}

function compareRequired(before: unknown, after: unknown, place: string, found: Findings): void {
  const was = (before ?? []) as readonly string[];
  const is = (after ?? []) as readonly string[];
  const added = is.filter((name) => !was.includes(name));
  for (const name of added) found.add('revision', place, `${name} is required now`);
  if (added.length === 0) found.add('addition', place, '');
}

function compareEnums(before: unknown, after: unknown, place: string, found: Findings): void {
  if (after === undefined) {
    found.add('addition', place, '');
    return;
  }
  if (before === undefined) {
    found.add('revision', place, 'only listed values are taken now');
    return;
  }
  const [was, is] = [before as readonly unknown[], after as readonly unknown[]];
  const lost = was.filter((value) => !is.some((other) => isDeepStrictEqual(value, other)));
  if (lost.length === 0) found.add('addition', place, '');
  else if (lost.length === was.length) found.add('model', place, 'none of the old values is taken');
  else found.add('revision', place, `${lost.length} of the old values are taken no more`);
}

function compareEnumOfOne(before: unknown, after: unknown, place: string, found: Findings): void {
  const listed = (value: unknown): unknown => (value === undefined ? undefined : [value]);
  compareEnums(listed(before), listed(after), place, found);
}

/** A subschema that is absent takes everything. */
function compareNested(before: unknown, after: unknown, place: string, found: Findings): void {
  const inner = new Findings();
  compare((before ?? true) as Side, (after ?? true) as Side, place, inner);
  found.addPart(inner, place, false);
}

function compareProperties(
  old: JsonSchema,
  after: JsonSchema,
  place: string,
  found: Findings,
): void {
  const was = new Map(Object.entries((old['properties'] ?? {}) as JsonSchema));
  const is = new Map(Object.entries((after['properties'] ?? {}) as JsonSchema));
  const required = new Set((old['required'] ?? []) as readonly string[]);
  // A member that is not named is what `additionalProperties` says, unless a pattern took it.
  const otherwise = (schema: JsonSchema): Side => (schema['additionalProperties'] ?? true) as Side;
  const before = old['patternProperties'] === undefined ? otherwise(old) : true;
  for (const name of new Set([...was.keys(), ...is.keys()])) {
    const inner = new Findings();
    const now = (is.get(name) ?? otherwise(after)) as Side;
    compare((was.get(name) ?? before) as Side, now, `${place}/${name}`, inner);
    found.addPart(inner, place, required.has(name));
  }
}

function compareBounds(
  direction: 1 | -1,
  before: unknown,
  after: unknown,
  place: string,
  found: Findings,
): void {
  const none = direction * Number.NEGATIVE_INFINITY;
  const was = (before ?? none) as number;
  const is = (after ?? none) as number;
  if ((is - was) * direction <= 0) found.add('addition', place, '');
  else found.add('revision', place, before === undefined ? `${is} is new` : `${was} became ${is}`);
}

/** Added or changed it refuses more, as far as can be told; gone it refuses less. */
function compareOpaque(before: unknown, after: unknown, place: string, found: Findings): void {
  if (after === undefined || after === false) found.add('addition', place, '');
  else found.add('revision', place, before === undefined ? 'is new' : 'has changed');
}

function compareUnknown(_before: unknown, _after: unknown, place: string, found: Findings): void {
  found.add('revision', place, 'has changed; what it takes cannot be compared');
}
