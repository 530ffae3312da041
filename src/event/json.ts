/**
 * The JSON walker: one forward pass over the bytes of an event that checks all of them and fills an
 * envelope. Nothing is built for an event that has no escapes in its envelope fields.
 */
import { dataDepthMax, type Envelope, extraBase } from './envelope.ts';
import {
  beginEnvelope,
  endEnvelope,
  fieldData,
  fieldOfKey,
  fieldTime,
  fieldUnknown,
  refuse,
  setText,
  setTime,
  textBytesMax,
} from './field.ts';
import {
  depthOfLastContainer,
  readHex,
  skipJsonColon,
  skipJsonContainer,
  skipJsonNumber,
  skipJsonSpace,
  skipJsonString,
  skipJsonValue,
  skipPlain,
} from './lex.ts';
import {
  dataNotObject,
  dataTooDeep,
  escapedKey,
  fieldRepeated,
  loneSurrogate,
  notAnObject,
  textWrong,
  timeWrong,
  unknownField,
} from './refusal.ts';
import { parseTime, parseTimeBytes } from './time.ts';
import { viewOf, writeCodePoint } from './utf8.ts';

export { skipJsonSpace, skipJsonValue } from './lex.ts';

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const comma = 0x2c;

/** Longest run of digits that is exact as a number. */
const exactDigitsMax = 15;

/**
 * Walks one JSON value at `at` (no leading space) and fills `out`. Returns the position after it,
 * or -1 if the bytes are not well-formed JSON; then nothing after it can be found, and `out` means
 * nothing. A well-formed value that is no acceptable event has `out.rejection` set.
 */
export function walkJsonEvent(
  bytes: Uint8Array,
  at: number,
  end: number,
  nowMs: number,
  out: Envelope,
): number {
  beginEnvelope(out, at);
  if (at >= end) return -1;
  if (bytes[at] !== openBrace) {
    refuse(out, notAnObject);
    out.end = skipJsonValue(bytes, at, end);
    return out.end;
  }
  let i = skipJsonSpace(bytes, at + 1, end);
  if (i < end && bytes[i] === closeBrace) return endEnvelope(bytes, i + 1, out);
  const view = viewOf(bytes);
  let seen = 0;
  for (;;) {
    if (i >= end || bytes[i] !== quote) return -1;
    const keyAt = i + 1;
    i = skipPlain(bytes, keyAt, end);
    let field = fieldUnknown;
    if (i < end && bytes[i] === quote) field = fieldOfKey(view, keyAt, i++ - keyAt);
    else {
      i = skipJsonString(bytes, i, end);
      if (i < 0) return -1;
      if (hasEscape(bytes, keyAt, i)) refuse(out, escapedKey);
    }
    i = skipJsonColon(bytes, i, end);
    if (i < 0 || i >= end) return -1;
    if (field === fieldUnknown) {
      refuse(out, unknownField);
      i = skipJsonValue(bytes, i, end);
    } else if ((seen & (1 << field)) !== 0) {
      refuse(out, fieldRepeated[field]!);
      i = skipJsonValue(bytes, i, end);
    } else {
      seen |= 1 << field;
      if (field < fieldTime) i = walkText(bytes, i, end, field, out);
      else if (field === fieldData) i = walkData(bytes, i, end, out);
      else i = walkTime(bytes, i, end, nowMs, out);
    }
    if (i < 0) return -1;
    i = skipJsonSpace(bytes, i, end);
    if (i >= end) return -1;
    const byte = bytes[i];
    if (byte === closeBrace) return endEnvelope(bytes, i + 1, out);
    if (byte !== comma) return -1;
    i = skipJsonSpace(bytes, i + 1, end);
  }
}

/** The value of a string field. */
function walkText(
  bytes: Uint8Array,
  at: number,
  end: number,
  field: number,
  out: Envelope,
): number {
  if (bytes[at] !== quote) {
    refuse(out, textWrong[field]!);
    return skipJsonValue(bytes, at, end);
  }
  const textAt = at + 1;
  const plainEnd = skipPlain(bytes, textAt, end);
  let next = plainEnd + 1;
  if (plainEnd >= end || bytes[plainEnd] !== quote) {
    next = skipJsonString(bytes, plainEnd, end);
    if (next < 0) return -1;
    if (hasEscape(bytes, plainEnd, next)) {
      decodeText(bytes, textAt, next - 1, field, out);
      return next;
    }
  }
  const length = next - 1 - textAt;
  if (length === 0 || length > textBytesMax[field]!) refuse(out, textWrong[field]!);
  else setText(out, field, textAt, length);
  return next;
}

function hasEscape(bytes: Uint8Array, at: number, end: number): boolean {
  for (let i = at; i < end; i++) if (bytes[i] === backslash) return true;
  return false;
}

/**
 * Decodes the well-formed string `[at, end)` (without its quotes) to UTF-8 in `out.extra`, so that
 * a customer is the same bytes however it was written. Each field comes here once, so there is room.
 */
function decodeText(
  bytes: Uint8Array,
  at: number,
  end: number,
  field: number,
  out: Envelope,
): void {
  const { extra } = out;
  const base = out.extraBytes;
  const limit = base + textBytesMax[field]!;
  let to = base;
  let i = at;
  while (i < end && to <= limit) {
    if (bytes[i] !== backslash) {
      extra[to++] = bytes[i++]!;
      continue;
    }
    const point = readEscape(bytes, i);
    if (point >= 0xd800 && point < 0xe000) {
      refuse(out, loneSurrogate);
      return;
    }
    to = writeCodePoint(extra, to, point);
    i += bytes[i + 1] !== 0x75 ? 2 : point > 0xffff ? 12 : 6;
  }
  if (to === base || to > limit) refuse(out, textWrong[field]!);
  else {
    setText(out, field, extraBase + base, to - base);
    out.extraBytes = to;
  }
}

/** The code point of the well-formed escape at `at`; a surrogate only when it has no partner. */
function readEscape(bytes: Uint8Array, at: number): number {
  const letter = bytes[at + 1]!;
  switch (letter) {
    case 0x62:
      return 0x08;
    case 0x66:
      return 0x0c;
    case 0x6e:
      return 0x0a;
    case 0x72:
      return 0x0d;
    case 0x74:
      return 0x09;
    case 0x75:
      break;
    default:
      return letter;
  }
  const unit = readHex(bytes, at + 2);
  if (unit < 0xd800 || unit >= 0xdc00) return unit;
  if (bytes[at + 6] !== backslash || bytes[at + 7] !== 0x75) return unit;
  const low = readHex(bytes, at + 8);
  return low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00) : unit;
}

/** The value of `data`. */
function walkData(bytes: Uint8Array, at: number, end: number, out: Envelope): number {
  if (bytes[at] !== openBrace) {
    refuse(out, dataNotObject);
    return skipJsonValue(bytes, at, end);
  }
  const next = skipJsonContainer(bytes, at, end);
  if (next < 0) return -1;
  if (depthOfLastContainer() > dataDepthMax) refuse(out, dataTooDeep);
  out.dataAt = at;
  out.dataBytes = next - at;
  return next;
}

/** The value of `time`: a string, or a number whose value is an integer. */
function walkTime(
  bytes: Uint8Array,
  at: number,
  end: number,
  nowMs: number,
  out: Envelope,
): number {
  const first = bytes[at]!;
  if (first === quote) {
    const next = skipJsonString(bytes, at + 1, end);
    if (next < 0) return -1;
    const value = hasEscape(bytes, at, next)
      ? parseTime(readJsonString(bytes, at, end)!.text)
      : parseTimeBytes(bytes, at + 1, next - 1);
    setTime(out, value, nowMs);
    return next;
  }
  if (first !== 0x2d && (first < 0x30 || first > 0x39)) {
    refuse(out, timeWrong);
    return skipJsonValue(bytes, at, end);
  }
  const next = skipJsonNumber(bytes, at, end);
  if (next < 0) return -1;
  let value = 0;
  let i = at;
  for (; i < next && bytes[i]! >= 0x30 && bytes[i]! <= 0x39; i++)
    value = value * 10 + bytes[i]! - 0x30;
  if (i < next || next - at > exactDigitsMax) value = Number(textOf(bytes, at, next));
  setTime(out, value, nowMs);
  return next;
}

/**
 * Reads the JSON string at `at` (its opening quote); undefined when none is well-formed there. Lone
 * surrogates stay. Builds the text: for the keys of frames and other cold paths.
 */
export function readJsonString(
  bytes: Uint8Array,
  at: number,
  end: number,
): { text: string; next: number } | undefined {
  if (at >= end || bytes[at] !== quote) return undefined;
  const next = skipJsonString(bytes, at + 1, end);
  if (next < 0) return undefined;
  return { text: JSON.parse(textOf(bytes, at, next)) as string, next };
}

function textOf(bytes: Uint8Array, at: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at).toString('utf8');
}
