/**
 * A compiled schema. Ajv makes code of it; every subschema pays for itself and for what it looks at
 * before it is evaluated, so validating ends when the allowance of the event or of the batch is used
 * up, however a schema multiplies its branches. Thread: the one it was made on.
 */
import type { ErrorObject, ValidateFunction } from 'ajv';
import { _, type KeywordCxt } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { AppError } from '../std/errors.ts';
import { formats } from './format.ts';
import { Pattern } from './pattern.ts';
import { type JsonSchema, prepareSchema, priceKeyword } from './schema.ts';

/** Steps of 10 to 200 ns. An honest event of 32 KiB takes about a tenth of them. */
export const eventStepsMax = 50_000;
/** All events of a batch together: a few tenths of a second. */
export const batchStepsMax = 2_000_000;
/** Of what is told about an event. */
export const problemBytesMax = 200;

class Spent extends Error {}
const spent = new Spent();

/** What may still be spent: on the event being validated, and on the rest of the batch. */
class Allowance {
  left = 0;
  ofBatch = batchStepsMax;

  begin(): void {
    this.left = Math.min(eventStepsMax, this.ofBatch);
  }

  end(): void {
    this.ofBatch -= Math.min(eventStepsMax, this.ofBatch) - Math.max(0, this.left);
  }

  pay(price: number): void {
    this.left -= price;
    if (this.left < 0) throw spent;
  }

  /** For subschemas that look at every part of the value. */
  payFor(price: number, value: unknown): void {
    this.pay(price + partsOf(value));
  }
}

function partsOf(value: unknown): number {
  if (typeof value === 'string') return value.length / 8;
  if (typeof value !== 'object' || value === null) return 0;
  return Array.isArray(value) ? value.length : Object.keys(value).length;
}

const allowance = new Allowance();

/** A new batch begins. */
export function refillAllowance(): void {
  allowance.ofBatch = batchStepsMax;
}

/** What is left of the batch may not be enough for one more event, however little is wrong with that. */
export function isAllowanceLow(): boolean {
  return allowance.ofBatch < eventStepsMax;
}

/** As Ajv wants a regular expression. */
function patternOf(source: string): Pattern & { toString(): string } {
  const pattern = new Pattern(source);
  return Object.assign(pattern, {
    test(text: string): boolean {
      allowance.pay(pattern.unitsFor(text));
      return Pattern.prototype.test.call(pattern, text);
    },
    toString: () => `/${source}/`,
  });
}
patternOf.code = 'new RegExp';

const ajv = makeAjv();
let schemasCompiled = 0;

function makeAjv(): Ajv2020 {
  const made = new Ajv2020({
    strict: false,
    logger: false,
    validateSchema: false,
    inlineRefs: false,
    // A member is there when the sender sent it, whatever objects inherit.
    ownProperties: true,
    formats: { ...formats },
    // Optimising the code it makes takes most of the time that compiling takes.
    code: { optimize: false, regExp: patternOf as never },
  });
  made.addKeyword({
    keyword: priceKeyword,
    schemaType: 'number',
    code(context: KeywordCxt) {
      const price = context.schema as number;
      const purse = context.gen.scopeValue('obj', { ref: allowance });
      if (price > 0) context.gen.code(_`${purse}.pay(${price})`);
      else context.gen.code(_`${purse}.payFor(${-price}, ${context.data})`);
    },
  });
  made.removeKeyword('uniqueItems');
  made.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    error: { message: 'must NOT have duplicate items' },
    validate: (isAsked: boolean, items: readonly unknown[]) => !isAsked || areUnique(items),
  });
  // The price is paid before anything else is looked at.
  const { rules } = made.RULES;
  const general = rules.find(({ type }) => type === undefined)!;
  const price = general.rules.findIndex(({ keyword }) => keyword === priceKeyword);
  general.rules.unshift(...general.rules.splice(price, 1));
  rules.unshift(...rules.splice(rules.indexOf(general), 1));
  return made;
}

/** Linear, where Ajv compares every two. */
function areUnique(items: readonly unknown[]): boolean {
  const seen = new Set<string>();
  for (const item of items) {
    const text = JSON.stringify(item, sorted);
    allowance.pay(1 + text.length / 8);
    if (seen.has(text)) return false;
    seen.add(text);
  }
  return true;
}

function sorted(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  // Not a bare list of pairs: an array of pairs is something else.
  return { members: Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)) };
}

export class Validator {
  readonly #validate: ValidateFunction;

  /** @param schema checked by `checkSchema`. */
  constructor(schema: JsonSchema) {
    const $id = `tapeline:${++schemasCompiled}`;
    this.#validate = ajv.compile({ ...prepareSchema(schema), $id });
    // It would keep every schema there ever was.
    ajv.removeSchema($id);
  }

  /** What is wrong with an event's data, with the place in it and the rule; undefined when nothing is. */
  problem(data: unknown): string | undefined {
    allowance.begin();
    try {
      if (this.#validate(data)) return undefined;
      const error = this.#validate.errors?.at(-1);
      return cut(error === undefined ? 'data is not as its schema wants it' : sentenceOf(error));
    } catch (error) {
      if (error instanceof Spent) {
        const isOfBatch = isAllowanceLow();
        return `checking data takes too many steps${isOfBatch ? ' in this batch' : ''}`;
      }
      if (error instanceof RangeError) return 'checking data goes too deep';
      throw error;
    } finally {
      allowance.end();
    }
  }
}

function sentenceOf({ instancePath, keyword, message, params, schemaPath }: ErrorObject): string {
  const place = `data${instancePath.replaceAll('/', '.').replaceAll('~1', '/').replaceAll('~0', '~')}`;
  const facts = params as Record<string, unknown>;
  if (keyword === 'additionalProperties' || keyword === 'unevaluatedProperties') {
    const name = String(facts['additionalProperty'] ?? facts['unevaluatedProperty']);
    return `${place} must not have '${name}' (${schemaPath})`;
  }
  if (keyword === 'required') {
    return `${place}.${String(facts['missingProperty'])} is required (${schemaPath})`;
  }
  return `${place} ${message ?? 'is wrong'} (${schemaPath})`;
}

/** Compiles a schema to see that it can be. @throws AppError invalid. */
export function checkCompiles(schema: JsonSchema): void {
  try {
    new Validator(schema);
  } catch (cause) {
    const reason = cut((cause as Error).message);
    throw new AppError('invalid', `the schema cannot be compiled: ${reason}`, { cause });
  }
}

/** Within `problemBytesMax` bytes of UTF-8. */
export function cut(text: string): string {
  if (Buffer.byteLength(text) <= problemBytesMax) return text;
  const bytes = Buffer.from(text).subarray(0, problemBytesMax - 3);
  return `${bytes.toString('utf8').replace(/\uFFFD+$/, '')}…`;
}
