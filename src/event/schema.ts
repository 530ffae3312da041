/**
 * A JSON Schema (2020-12) for the `data` of one type of event, as an administrator publishes it: checked
 * in full once, then kept as it was sent. What could hang or mislead is refused with its place:
 *
 *     remote references, anchors and nested ids       everything is in the schema itself
 *     references that come back without going deeper  they would never end
 *     keywords nobody knows                           a misspelt one would check nothing (x-… may stand)
 *     patterns that RE2 cannot run                    `pattern.ts`
 *     size, depth and number of subschemas            named below
 *
 * `prepareSchema` makes of it what `validator.ts` compiles: without annotations, and with the price of
 * every subschema in it, so that validating has a budget whatever the schema says.
 */
import type { ErrorObject } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { AppError } from '../std/errors.ts';
import { knownFormats } from './format.ts';
import { Pattern } from './pattern.ts';

export type JsonSchema = { readonly [keyword: string]: unknown };

/** Of a schema's JSON text. */
export const schemaBytesMax = 32 * 1024;
export const schemaDepthMax = 40;
export const subschemasMax = 300;
/** The keyword by which a prepared schema names the price of a subschema; negative: its data count too. */
export const priceKeyword = 'tapelinePrice';

const draft = 'https://json-schema.org/draft/2020-12/schema';

/** How keywords hold subschemas. Those `inPlace` speak of the same value as the schema they are in. */
const applicators: ReadonlyMap<string, { holds: 'one' | 'list' | 'map'; inPlace: boolean }> =
  new Map([
    ...keywords('allOf anyOf oneOf', 'list', true),
    ...keywords('not if then else', 'one', true),
    ...keywords('dependentSchemas', 'map', true),
    ...keywords('properties patternProperties $defs definitions', 'map', false),
    ...keywords('additionalProperties propertyNames items contains', 'one', false),
    ...keywords('unevaluatedItems unevaluatedProperties', 'one', false),
    ...keywords('prefixItems', 'list', false),
  ]);

function keywords(names: string, holds: 'one' | 'list' | 'map', inPlace: boolean) {
  return names.split(' ').map((name) => [name, { holds, inPlace }] as const);
}

const assertions: ReadonlySet<string> = new Set(
  `type enum const multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength
   pattern maxItems minItems uniqueItems maxContains minContains maxProperties minProperties required
   dependentRequired format $ref`.split(/\s+/),
);
export const annotations: ReadonlySet<string> = new Set(
  `title description default deprecated readOnly writeOnly examples $comment $schema $id
   contentEncoding contentMediaType contentSchema`.split(/\s+/),
);
/** Keywords that look at every item, member or character of a value. */
const looking: ReadonlySet<string> = new Set(
  `items prefixItems contains uniqueItems unevaluatedItems additionalProperties patternProperties
   propertyNames unevaluatedProperties minProperties maxProperties minLength maxLength format`.split(
    /\s+/,
  ),
);

/** Checks the shape of schemas. Made when the first is published: it compiles the draft's own schema. */
let drafts: Ajv2020 | undefined;

/** @throws AppError invalid, with the place in the schema (`#/properties/price/type …`). */
export function checkSchema(schema: unknown): JsonSchema {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
    refuse('#', 'must be an object');
  }
  if (depthOf(schema, schemaDepthMax) > schemaDepthMax) {
    refuse('#', `may be at most ${schemaDepthMax} levels deep`);
  }
  if (Buffer.byteLength(JSON.stringify(schema)) > schemaBytesMax) {
    refuse('#', `may have at most ${schemaBytesMax} bytes`);
  }
  const known = schema as JsonSchema;
  if (known['$schema'] !== undefined && known['$schema'] !== draft) {
    refuse('#/$schema', `must be ${draft}, or absent`);
  }
  drafts ??= new Ajv2020({ strict: false, logger: false });
  const { $id: _, ...rest } = known;
  if (drafts.validateSchema({ ...rest, $schema: draft }) !== true) {
    const [first] = drafts.errors ?? [];
    refuse(`#${first?.instancePath ?? ''}`, sentenceOf(first));
  }
  new Walk(true).walk(known);
  return known;
}

/** What is compiled of a schema that was checked once. */
export function prepareSchema(schema: JsonSchema): JsonSchema {
  return new Walk(false).walk(schema);
}

function sentenceOf(error: ErrorObject | undefined): string {
  const allowed = (error?.params as { allowedValues?: readonly unknown[] })?.allowedValues;
  const list = allowed === undefined ? '' : ` (${allowed.join(', ')})`;
  return `${error?.message ?? 'is invalid'}${list}`;
}

interface Node {
  /** Places of subschemas of the same value. */
  readonly inPlace: string[];
  ref: string | undefined;
}

class Walk {
  readonly #isStrict: boolean;
  readonly #nodes = new Map<string, Node>();

  constructor(isStrict: boolean) {
    this.#isStrict = isStrict;
  }

  walk(schema: JsonSchema): JsonSchema {
    const prepared = this.#visit(schema, '#') as JsonSchema;
    if (this.#isStrict) this.#checkReferences();
    return prepared;
  }

  #visit(schema: unknown, place: string): unknown {
    const node: Node = { inPlace: [], ref: undefined };
    this.#nodes.set(place, node);
    if (this.#nodes.size > subschemasMax) {
      refuse(place, `is one too many: a schema may have ${subschemasMax} subschemas`);
    }
    if (typeof schema === 'boolean') return schema;
    const prepared: Record<string, unknown> = {};
    let price = 1;
    let isLooking = false;
    for (const [keyword, value] of Object.entries(schema as JsonSchema)) {
      if (this.#isStrict) checkKeyword(keyword, value, place);
      if (annotations.has(keyword) || keyword.startsWith('x-')) continue;
      if (keyword === '$ref') node.ref = value as string;
      price += priceOf(keyword, value);
      isLooking ||= looking.has(keyword);
      prepared[keyword] = applicators.has(keyword)
        ? this.#descend(keyword, value, place, node)
        : value;
    }
    prepared[priceKeyword] = isLooking ? -price : price;
    return prepared;
  }

  #descend(keyword: string, value: unknown, place: string, node: Node): unknown {
    const { holds, inPlace } = applicators.get(keyword)!;
    const visit = (one: unknown, at: string): unknown => {
      if (inPlace) node.inPlace.push(at);
      return this.#visit(one, at);
    };
    const at = `${place}/${keyword}`;
    if (holds === 'one') return visit(value, at);
    if (holds === 'list') return (value as unknown[]).map((one, i) => visit(one, `${at}/${i}`));
    const entries = Object.entries(value as JsonSchema).map(([name, one]) => {
      return [name, visit(one, `${at}/${escaped(name)}`)] as const;
    });
    return Object.fromEntries(entries);
  }

  #checkReferences(): void {
    for (const [place, { ref }] of this.#nodes) {
      if (ref === undefined) continue;
      if (!ref.startsWith('#')) refuse(`${place}/$ref`, 'must begin with #: nothing is fetched');
      if (!this.#nodes.has(targetOf(ref))) refuse(`${place}/$ref`, 'leads to no subschema');
    }
    const done = new Set<string>();
    for (const place of this.#nodes.keys()) this.#checkEnds(place, new Set(), done);
  }

  /** Follows what speaks of the same value; coming back would never end. */
  #checkEnds(place: string, above: Set<string>, done: Set<string>): void {
    if (done.has(place)) return;
    if (above.has(place)) refuse(place, 'leads back to itself without going deeper into the data');
    above.add(place);
    const { inPlace, ref } = this.#nodes.get(place)!;
    for (const next of inPlace) this.#checkEnds(next, above, done);
    if (ref !== undefined) this.#checkEnds(targetOf(ref), above, done);
    above.delete(place);
    done.add(place);
  }
}

function checkKeyword(keyword: string, value: unknown, place: string): void {
  const at = `${place}/${escaped(keyword)}`;
  const isKnown = applicators.has(keyword) || assertions.has(keyword) || annotations.has(keyword);
  if (!isKnown && !keyword.startsWith('x-')) refuse(at, 'is not a keyword that is understood here');
  if (keyword === '$id' && place !== '#') refuse(at, 'may only stand at the top');
  if (keyword === 'pattern') checkPattern(value as string, at);
  if (keyword === 'patternProperties') {
    for (const name of Object.keys(value as object)) checkPattern(name, `${at}/${escaped(name)}`);
  }
  if (keyword === 'format' && !knownFormats.includes(value as string)) {
    refuse(at, `must be one of ${knownFormats.join(', ')}`);
  }
}

function checkPattern(source: string, place: string): void {
  try {
    new Pattern(source);
  } catch (error) {
    refuse(place, (error as Error).message);
  }
}

/** In steps: a comparison, a look at a member. */
function priceOf(keyword: string, value: unknown): number {
  if (keyword === 'enum' || keyword === 'const') return 1 + JSON.stringify(value).length / 8;
  if (typeof value === 'object' && value !== null) return 1 + Object.keys(value).length;
  return 1;
}

function targetOf(ref: string): string {
  try {
    return decodeURIComponent(ref);
  } catch {
    return ref;
  }
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** How many levels of lists and objects a value has, a scalar none; stops counting past `most`. */
export function depthOf(value: unknown, most: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (most <= 0) return 1;
  let deepest = 0;
  for (const each of Object.values(value)) deepest = Math.max(deepest, depthOf(each, most - 1));
  return 1 + deepest;
}

function refuse(place: string, message: string): never {
  const shown = place.length > 200 ? `${place.slice(0, 200)}…` : place;
  throw new AppError('invalid', `the schema at ${shown} ${message}`);
}
