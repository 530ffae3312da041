/**
 * One text for all ways to write the same JSON value, so that equal values can be found in a Set.
 * Members are sorted by name, the last of equal names counts, escapes and spaces do not matter, and
 * numbers are compared as decimals, to the last digit: 1, 1.0 and 10e-1 are equal, and two 64-bit
 * ids that are one double are not.
 */
import { skipSpace, stringEnd, valueEnd } from '../event/path.ts';

/** A number as 0.<digits> × 10^exponent, without zeros at either end of the digits; 0 has none. */
export interface Decimal {
  readonly isNegative: boolean;
  readonly digits: string;
  readonly exponent: number;
}

const numberPattern = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/;

/** Reads a JSON number; undefined when the text is not one. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = numberPattern.exec(text);
  if (match === null) return undefined;
  const whole = match[2]!;
  const written = whole + (match[3] ?? '');
  let first = 0;
  while (written[first] === '0') first += 1;
  let end = written.length;
  while (end > first && written[end - 1] === '0') end -= 1;
  if (first === end) return { isNegative: false, digits: '', exponent: 0 };
  return {
    isNegative: match[1] === '-',
    digits: written.slice(first, end),
    exponent: whole.length - first + Number(match[4] ?? 0),
  };
}

/** Negative when a < b, 0 when they are the same number, positive when a > b. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const aSign = signOf(a);
  const bSign = signOf(b);
  if (aSign !== bSign) return aSign - bSign;
  return aSign < 0 ? compareSizes(b, a) : compareSizes(a, b);
}

function signOf(decimal: Decimal): number {
  if (decimal.digits === '') return 0;
  return decimal.isNegative ? -1 : 1;
}

function compareSizes(a: Decimal, b: Decimal): number {
  if (a.exponent !== b.exponent) return a.exponent < b.exponent ? -1 : 1;
  // As fractions, digits compare like words.
  if (a.digits === b.digits) return 0;
  return a.digits < b.digits ? -1 : 1;
}

/** The one text of a well-formed JSON value. Depth is bounded by what an event may have. */
export function canonicalText(json: string): string {
  return canonicalAt(json, skipSpace(json, 0));
}

function canonicalAt(json: string, at: number): string {
  const opening = json[at];
  if (opening === '"') return canonicalString(json.slice(at, stringEnd(json, at)));
  if (opening === '{') return canonicalObject(json, at);
  if (opening === '[') return canonicalArray(json, at);
  const text = json.slice(at, valueEnd(json, at));
  const decimal = parseDecimal(text);
  if (decimal === undefined) return text;
  return `${decimal.isNegative ? '-' : ''}${decimal.digits || '0'}e${decimal.exponent}`;
}

function canonicalString(text: string): string {
  return text.includes('\\') ? JSON.stringify(JSON.parse(text)) : text;
}

function canonicalArray(json: string, arrayAt: number): string {
  const elements: string[] = [];
  let at = skipSpace(json, arrayAt + 1);
  while (json[at] !== ']') {
    elements.push(canonicalAt(json, at));
    at = skipSpace(json, valueEnd(json, at));
    if (json[at] === ',') at = skipSpace(json, at + 1);
  }
  return `[${elements.join()}]`;
}

function canonicalObject(json: string, objectAt: number): string {
  const members = new Map<string, string>();
  let at = skipSpace(json, objectAt + 1);
  while (json[at] !== '}') {
    const nameEnd = stringEnd(json, at);
    const value = skipSpace(json, skipSpace(json, nameEnd) + 1);
    members.set(canonicalString(json.slice(at, nameEnd)), canonicalAt(json, value));
    at = skipSpace(json, valueEnd(json, value));
    if (json[at] === ',') at = skipSpace(json, at + 1);
  }
  const names = [...members.keys()].sort();
  return `{${names.map((name) => `${name}:${members.get(name)}`).join()}}`;
}
