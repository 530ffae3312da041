/**
 * JSON of foreign bodies, read into objects and written again without harm to any number: one that a
 * double cannot hold keeps its digits. Off the rated path, where objects are affordable.
 */
import { LosslessNumber, stringify } from 'lossless-json';
import { AppError } from '../../std/errors.ts';
import { marked, unmarked } from './jsonmarks.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * May match inside a string as well, which costs time and nothing else: a number of 16 characters or
 * more, or with an exponent. Every shorter one is the same after a trip through a double.
 */
const perhapsInexact = /(?:^|[:[,])\s*-?(?:\d[\d.]{15,}|[\d.]+[eE])/;

let sawExact = false;

/** A number as its digits. Whoever calculates with it asks `numberOf`. */
class ExactNumber extends LosslessNumber {
  /** Never the result: `writeJson` sees that it was asked for and writes the digits. */
  toJSON(): number {
    sawExact = true;
    return 0;
  }
}

/**
 * The value of a body. Numbers that a double cannot hold are objects that `writeJson` writes as they
 * were and `numberOf` understands; of two members of one name the last counts.
 *
 * @throws AppError malformed.
 */
export function readJson(body: Uint8Array | string): unknown {
  try {
    const text = typeof body === 'string' ? body : utf8.decode(body);
    // Also where marks follow: what is no JSON is refused here, so that they may take it for right.
    const value = JSON.parse(text) as unknown;
    if (!perhapsInexact.test(text)) return value;
    return unmarked(JSON.parse(marked(text)) as unknown, (digits) => new ExactNumber(digits));
  } catch (cause) {
    throw new AppError('malformed', 'the body is not JSON in UTF-8', { cause });
  }
}

/** JSON text of a value made of what `readJson` gave. @throws RangeError when it is too deep. */
export function writeJson(value: unknown): string {
  sawExact = false;
  const text = JSON.stringify(value);
  return sawExact ? stringify(value)! : text;
}

/** A number as a double, also one that was read exactly; undefined for anything else. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return value instanceof ExactNumber ? Number(value.value) : undefined;
}

/** An object that is no list; undefined for anything else. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value) || value instanceof ExactNumber) return undefined;
  return value as Readonly<Record<string, unknown>>;
}

/** A string that is not empty; undefined for anything else. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
