/**
 * Walking JSON bytes without building anything: every `skip…` takes the position of a token and
 * returns the position after it, or -1 when the bytes are not well-formed JSON in UTF-8. What is
 * refused here is exactly what `JSON.parse` of the strictly decoded text refuses.
 *
 * Containers are told apart by one bit a level, 32 levels in a register and the rest spilled to a
 * stack that grows, so that megabytes of brackets are neither a crash nor slow:
 *
 *     spilled[0]       spilled[1]       …    kinds (the innermost 1..32 levels, lowest bit on top)
 */
import { skipWideChar } from './utf8.ts';

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;
const colon = 0x3a;
const minus = 0x2d;

/** 1 for bytes that stand for themselves in a string: ASCII but control, quote and backslash. */
const plainByte = new Uint8Array(256).fill(1, 0x20, 0x80);
plainByte[quote] = 0;
plainByte[backslash] = 0;

/** 1 for what may follow a backslash; `u` is apart. */
const escapeByte = new Uint8Array(256);
for (const letter of '"\\/bfnrt') escapeByte[letter.charCodeAt(0)] = 1;

const spilledWordsKept = 1024;
let spilled = new Int32Array(32);
let depthSeen = 0;

/** How deep the last `skipJsonContainer` was: 1 for `{}`. */
export function depthOfLastContainer(): number {
  return depthSeen;
}

/** Skips spaces, tabs and line ends; the answer may be `end`. */
export function skipJsonSpace(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end) {
    const byte = bytes[i]!;
    if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break;
    i++;
  }
  return i;
}

/** Skips one value of any type and depth. */
export function skipJsonValue(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return -1;
  const byte = bytes[at]!;
  if (byte === openBrace || byte === openBracket) return skipJsonContainer(bytes, at, end);
  return skipJsonScalar(bytes, at, end);
}

/** Skips an object or an array, whose bracket is at `at`. */
export function skipJsonContainer(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  let depth = 0;
  let kinds = 0;
  let deepest = 0;
  for (;;) {
    if (i >= end) return -1;
    let byte = bytes[i]!;
    if (byte === openBrace || byte === openBracket) {
      if ((depth & 31) === 0 && depth !== 0) spill(depth, kinds);
      depth++;
      if (depth > deepest) deepest = depth;
      const isObject = byte === openBrace;
      kinds = (kinds << 1) | (isObject ? 1 : 0);
      i = skipJsonSpace(bytes, i + 1, end);
      if (i >= end) return -1;
      byte = bytes[i]!;
      if (byte !== (isObject ? closeBrace : closeBracket)) {
        if (isObject) {
          i = skipKey(bytes, i, end);
          if (i < 0) return -1;
        }
        continue;
      }
    } else {
      i = skipJsonScalar(bytes, i, end);
      if (i < 0) return -1;
      i = skipJsonSpace(bytes, i, end);
      if (i >= end) return -1;
      byte = bytes[i]!;
    }
    // A value has ended: close what ends here, then go on to the next one.
    while (byte !== comma) {
      if (byte !== ((kinds & 1) !== 0 ? closeBrace : closeBracket)) return -1;
      i++;
      if (--depth === 0) {
        depthSeen = deepest;
        if (spilled.length > spilledWordsKept) spilled = new Int32Array(32);
        return i;
      }
      kinds = (depth & 31) === 0 ? spilled[(depth >>> 5) - 1]! : kinds >>> 1;
      i = skipJsonSpace(bytes, i, end);
      if (i >= end) return -1;
      byte = bytes[i]!;
    }
    i = skipJsonSpace(bytes, i + 1, end);
    if ((kinds & 1) !== 0) {
      i = skipKey(bytes, i, end);
      if (i < 0) return -1;
    }
  }
}

/** Puts away the 32 levels that end at `depth`. */
function spill(depth: number, kinds: number): void {
  const word = (depth >>> 5) - 1;
  if (word === spilled.length) {
    const larger = new Int32Array(spilled.length * 2);
    larger.set(spilled);
    spilled = larger;
  }
  spilled[word] = kinds;
}

/** Skips a key, its colon and the spaces up to the value. */
function skipKey(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end || bytes[at] !== quote) return -1;
  const keyEnd = skipJsonString(bytes, at + 1, end);
  if (keyEnd < 0) return -1;
  return skipJsonColon(bytes, keyEnd, end);
}

/** Skips the colon after a key and the spaces around it. */
export function skipJsonColon(bytes: Uint8Array, at: number, end: number): number {
  const i = skipJsonSpace(bytes, at, end);
  if (i >= end || bytes[i] !== colon) return -1;
  return skipJsonSpace(bytes, i + 1, end);
}

/** Skips a string, a number or a literal. `at` is below `end`. */
export function skipJsonScalar(bytes: Uint8Array, at: number, end: number): number {
  switch (bytes[at]) {
    case quote:
      return skipJsonString(bytes, at + 1, end);
    case 0x74:
      return skipWord(bytes, at, end, 0x72, 0x75, 0x65);
    case 0x6e:
      return skipWord(bytes, at, end, 0x75, 0x6c, 0x6c);
    case 0x66:
      if (at + 5 > end || bytes[at + 4] !== 0x65) return -1;
      return skipWord(bytes, at, end, 0x61, 0x6c, 0x73) < 0 ? -1 : at + 5;
    default:
      return skipJsonNumber(bytes, at, end);
  }
}

/** Skips a word of four bytes, whose first is known. */
function skipWord(
  bytes: Uint8Array,
  at: number,
  end: number,
  second: number,
  third: number,
  fourth: number,
): number {
  if (at + 4 > end) return -1;
  if (bytes[at + 1] !== second || bytes[at + 2] !== third || bytes[at + 3] !== fourth) return -1;
  return at + 4;
}

/** The first byte in `[at, end)` that does not stand for itself in a string, or `end`. */
export function skipPlain(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end && plainByte[bytes[i]!] === 1) i++;
  return i;
}

/** Skips a string; `at` is anywhere in it, after the opening quote and not within an escape. */
export function skipJsonString(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  for (;;) {
    i = skipPlain(bytes, i, end);
    if (i >= end) return -1;
    const byte = bytes[i]!;
    if (byte === quote) return i + 1;
    if (byte === backslash) i = skipEscape(bytes, i + 1, end);
    else if (byte >= 0x80) i = skipWideChar(bytes, i, end);
    else return -1;
    if (i < 0) return -1;
  }
}

/** Skips what follows a backslash. */
function skipEscape(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return -1;
  if (escapeByte[bytes[at]!] === 1) return at + 1;
  if (bytes[at] !== 0x75 || at + 5 > end) return -1;
  return readHex(bytes, at + 1) < 0 ? -1 : at + 5;
}

/** Four hexadecimal digits as a number, or -1. */
export function readHex(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = at; i < at + 4; i++) {
    const byte = bytes[i]!;
    const lower = byte | 0x20;
    if (byte >= 0x30 && byte <= 0x39) value = (value << 4) | (byte - 0x30);
    else if (lower >= 0x61 && lower <= 0x66) value = (value << 4) | (lower - 0x57);
    else return -1;
  }
  return value;
}

/** Skips a number in JSON's grammar. */
export function skipJsonNumber(bytes: Uint8Array, at: number, end: number): number {
  let i = bytes[at] === minus ? at + 1 : at;
  if (i >= end) return -1;
  if (bytes[i] === 0x30) i++;
  else i = skipDigits(bytes, i, end);
  if (i > 0 && i < end && bytes[i] === 0x2e) i = skipDigits(bytes, i + 1, end);
  if (i > 0 && i < end && (bytes[i]! | 0x20) === 0x65) {
    i++;
    if (i < end && (bytes[i] === 0x2b || bytes[i] === minus)) i++;
    i = skipDigits(bytes, i, end);
  }
  return i;
}

/** Skips one digit or more. */
function skipDigits(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end && bytes[i]! >= 0x30 && bytes[i]! <= 0x39) i++;
  return i === at ? -1 : i;
}
