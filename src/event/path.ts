/**
 * Finds a value in JSON text by its path and gives its text as it was sent: numbers keep their last
 * digit and nothing of the rest is built. The text is known to be well-formed JSON (the walkers saw
 * to it), so the scanners below skip and do not check beyond not running off the end. All are
 * iterative: depth costs no stack.
 */
import { assert } from '../std/assert.ts';

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;
const nearCharacters = 32;

/**
 * The JSON text of the value at `path`; undefined when there is none.
 *
 * A step is the name of a member, or digits for an element of an array. Of members with the same
 * name the last one counts, as with JSON.parse. A member of the outermost object whose own name is
 * the whole path, dots included (`"a.b": 1` for `a`, `b`), wins over nested ones.
 *
 * @param path one or more steps.
 */
export function findPath(json: string, path: readonly string[]): string | undefined {
  let at = skipSpace(json, 0);
  if (path.length > 1 && json.charCodeAt(at) === openBrace) {
    const whole = findMember(json, at, path, 0, path.length);
    if (whole !== -1) return json.slice(whole, valueEnd(json, whole));
  }
  for (let step = 0; step < path.length; step += 1) {
    const opening = json.charCodeAt(at);
    if (opening === openBrace) at = findMember(json, at, path, step, step + 1);
    else if (opening === openBracket) at = findElement(json, at, path[step]!);
    else return undefined;
    if (at === -1) return undefined;
  }
  return json.slice(at, valueEnd(json, at));
}

/** Where the value of the last member named `path[from, to)`, dotted, begins; -1 when absent. */
function findMember(
  json: string,
  objectAt: number,
  path: readonly string[],
  from: number,
  to: number,
): number {
  let found = -1;
  let at = skipSpace(json, objectAt + 1);
  while (json.charCodeAt(at) === quote) {
    const nameEnd = stringEnd(json, at);
    const isWanted = isName(json, at, nameEnd, path, from, to);
    const value = skipSpace(json, skipSpace(json, nameEnd) + 1);
    if (isWanted) found = value;
    at = skipSpace(json, valueEnd(json, value));
    if (json.charCodeAt(at) !== comma) break;
    at = skipSpace(json, at + 1);
  }
  return found;
}

/** Whether the string `json[at, end)`, quotes included, says `path[from, to)` joined by dots. */
function isName(
  json: string,
  at: number,
  end: number,
  path: readonly string[],
  from: number,
  to: number,
): boolean {
  let length = to - from - 1;
  for (let step = from; step < to; step += 1) length += path[step]!.length;
  // An escape only makes the text longer, so shorter text is another name for sure.
  if (end - at - 2 < length) return false;
  if (hasEscape(json, at, end)) {
    return JSON.parse(json.slice(at, end)) === path.slice(from, to).join('.');
  }
  if (end - at - 2 !== length) return false;
  let position = at + 1;
  for (let step = from; step < to; step += 1) {
    if (step > from && json[position - 1] !== '.') return false;
    if (!json.startsWith(path[step]!, position)) return false;
    position += path[step]!.length + 1;
  }
  return true;
}

/** Looks at a name only; `indexOf` would run on to the end of the text every time. */
function hasEscape(json: string, at: number, end: number): boolean {
  for (let position = at; position < end; position += 1) {
    if (json.charCodeAt(position) === backslash) return true;
  }
  return false;
}

/** Where element `digits` of an array begins; -1 when it has no such element. */
function findElement(json: string, arrayAt: number, digits: string): number {
  if (!/^(?:0|[1-9][0-9]{0,8})$/.test(digits)) return -1;
  let at = skipSpace(json, arrayAt + 1);
  if (json.charCodeAt(at) === closeBracket) return -1;
  for (let left = Number(digits); left > 0; left -= 1) {
    at = skipSpace(json, valueEnd(json, at));
    if (json.charCodeAt(at) !== comma) return -1;
    at = skipSpace(json, at + 1);
  }
  return at;
}

/** The first position from `at` on that is not white space. */
export function skipSpace(json: string, at: number): number {
  let next = at;
  // No other character up to the space can stand outside a string.
  while (json.charCodeAt(next) <= 0x20) next += 1;
  return next;
}

/** Just after the string that begins at `at` (its opening quote). */
export function stringEnd(json: string, at: number): number {
  // Most strings are short: a few steps cost less than a call of indexOf, made for long ones.
  const near = Math.min(at + nearCharacters, json.length);
  for (let next = at + 1; next < near; next += 1) {
    const code = json.charCodeAt(next);
    if (code === quote) return next + 1;
    if (code === backslash) break;
  }
  let end = json.indexOf('"', at + 1);
  while (isEscaped(json, end)) end = json.indexOf('"', end + 1);
  assert(end !== -1, 'JSON text ends inside a string');
  return end + 1;
}

/** An odd number of backslashes before a character escapes it. */
function isEscaped(json: string, at: number): boolean {
  let first = at;
  while (json.charCodeAt(first - 1) === backslash) first -= 1;
  return (at - first) % 2 === 1;
}

/** Just after the value that begins at `at`. */
export function valueEnd(json: string, at: number): number {
  const opening = json.charCodeAt(at);
  if (opening === quote) return stringEnd(json, at);
  if (opening === openBrace || opening === openBracket) return nestedEnd(json, at);
  let end = at;
  while (end < json.length && !isEndOfScalar(json.charCodeAt(end))) end += 1;
  return end;
}

function isEndOfScalar(code: number): boolean {
  return code === comma || code === closeBrace || code === closeBracket || code <= 0x20;
}

/** Just after the object or array that begins at `at`; counts brackets, skips strings. */
function nestedEnd(json: string, at: number): number {
  let depth = 0;
  let next = at;
  do {
    assert(next < json.length, 'JSON text ends inside an object or array');
    const code = json.charCodeAt(next);
    if (code === quote) {
      next = stringEnd(json, next);
      continue;
    }
    if (code === openBrace || code === openBracket) depth += 1;
    else if (code === closeBrace || code === closeBracket) depth -= 1;
    next += 1;
  } while (depth > 0);
  return next;
}
