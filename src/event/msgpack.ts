/**
 * The MessagePack walker: one forward pass over the bytes of an event that checks all of them,
 * against what JSON can express too, and fills an envelope. Nothing is built.
 */
import { dataDepthMax, type Envelope } from './envelope.ts';
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
  isFiniteFloat,
  isNumber,
  isTimestamp,
  readCount,
  readNumber,
  shapeArray,
  shapeBinary,
  shapeExtension,
  shapeFloat,
  shapeMap,
  shapeOf,
  shapeScalar,
  shapeText,
  sizeOf,
  skipMsgpackValue,
  timestampNanos,
  timestampSeconds,
} from './pack.ts';
import {
  binaryValue,
  dataNotObject,
  dataTooDeep,
  extensionValue,
  fieldRepeated,
  keyNotString,
  notAnObject,
  notFinite,
  notUtf8,
  textWrong,
  timestampWrong,
  timeWrong,
  unknownField,
} from './refusal.ts';
import { parseTimeBytes } from './time.ts';
import { isUtf8View, viewOf } from './utf8.ts';

export { readMsgpackArrayHeader, readMsgpackUint, skipMsgpackValue } from './pack.ts';

// What is imported is read through a cell at every use; a constant of this file is folded into the
// machine code. These are the ones that every byte meets: a quarter of the rate.
const shapes = shapeOf;
const sizes = sizeOf;
const lengthMax = textBytesMax;
const scalar = shapeScalar;
const text = shapeText;
const map = shapeMap;
const array = shapeArray;
const float = shapeFloat;
const timeField = fieldTime;
const dataField = fieldData;
const noField = fieldUnknown;
const depthMax = dataDepthMax;

/**
 * Walks one MessagePack value at `at` and fills `out`. Returns the position after it, or -1 if the
 * bytes cannot be decoded; then nothing after it can be found, and `out` means nothing. A
 * well-formed value that is no acceptable event has `out.rejection` set.
 */
export function walkMsgpackEvent(
  bytes: Uint8Array,
  at: number,
  end: number,
  nowMs: number,
  out: Envelope,
): number {
  beginEnvelope(out, at);
  if (at >= end) return -1;
  const token = bytes[at]!;
  let i = at + 1 + sizes[token]!;
  if (shapes[token] !== map || i > end) {
    refuse(out, notAnObject);
    out.end = skipMsgpackValue(bytes, at, end);
    return out.end;
  }
  const view = viewOf(bytes);
  const count = readCount(bytes, at);
  if (i + 2 * count > end) return -1;
  let seen = 0;
  for (let n = 0; n < count; n++) {
    if (i >= end) return -1;
    const keyToken = bytes[i]!;
    let field = noField;
    if (shapes[keyToken] === text) {
      const isShort = keyToken < 0xc0;
      const keyAt = isShort ? i + 1 : i + 1 + sizes[keyToken]!;
      if (keyAt > end) return -1;
      const keyBytes = isShort ? keyToken & 0x1f : readCount(bytes, i);
      i = keyAt + keyBytes;
      if (i >= end) return -1;
      field = fieldOfKey(view, keyAt, keyBytes);
      if (field === noField) {
        refuse(out, isUtf8View(view, bytes, keyAt, i) ? unknownField : notUtf8);
      }
    } else {
      i = skipMsgpackValue(bytes, i, end);
      if (i < 0 || i >= end) return -1;
      refuse(out, keyNotString);
    }
    if (field === noField) {
      i = skipMsgpackValue(bytes, i, end);
    } else if ((seen & (1 << field)) !== 0) {
      refuse(out, fieldRepeated[field]!);
      i = skipMsgpackValue(bytes, i, end);
    } else {
      seen |= 1 << field;
      if (field < timeField) i = walkText(bytes, view, i, end, field, out);
      else if (field === dataField) i = walkData(bytes, view, i, end, out);
      else i = walkTime(bytes, view, i, end, nowMs, out);
    }
    if (i < 0) return -1;
  }
  return endEnvelope(bytes, i, out);
}

/** The value of a string field. `at` is below `end`. */
function walkText(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  field: number,
  out: Envelope,
): number {
  const token = bytes[at]!;
  if (shapes[token] !== text) {
    refuse(out, textWrong[field]!);
    return skipMsgpackValue(bytes, at, end);
  }
  const textAt = at + 1 + sizes[token]!;
  if (textAt > end) return -1;
  const length = readCount(bytes, at);
  const next = textAt + length;
  if (next > end) return -1;
  if (length === 0 || length > lengthMax[field]!) refuse(out, textWrong[field]!);
  else if (!isUtf8View(view, bytes, textAt, next)) refuse(out, notUtf8);
  else setText(out, field, textAt, length);
  return next;
}

/** The value of `time`: a whole number in any form, a timestamp or an RFC 3339 string. */
function walkTime(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  nowMs: number,
  out: Envelope,
): number {
  const token = bytes[at]!;
  if (isNumber(token)) {
    const numberEnd = at + 1 + sizes[token]!;
    if (numberEnd > end) return -1;
    setTime(out, readNumber(bytes, at), nowMs);
    return numberEnd;
  }
  const next = skipMsgpackValue(bytes, at, end);
  if (next < 0) return -1;
  if (shapes[token] === text) {
    const textAt = at + 1 + sizes[token]!;
    if (!isUtf8View(view, bytes, textAt, next)) refuse(out, notUtf8);
    else setTime(out, parseTimeBytes(bytes, textAt, next), nowMs);
  } else if (shapes[token] === shapeExtension && isTimestamp(bytes, at)) {
    const ms = timestampSeconds(bytes, at) * 1000 + Math.floor(timestampNanos(bytes, at) / 1e6);
    if (Number.isNaN(ms)) refuse(out, timestampWrong);
    else setTime(out, ms, nowMs);
  } else refuse(out, timeWrong);
  return next;
}

/** Items left at each level around the current one; a map's count is even before a key. */
const outer = new Int32Array(depthMax + 1);

/** The value of `data`: a map whose whole content can be said in JSON. `at` is below `end`. */
function walkData(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  out: Envelope,
): number {
  if (shapes[bytes[at]!] !== map) {
    refuse(out, dataNotObject);
    return skipMsgpackValue(bytes, at, end);
  }
  let i = at;
  let depth = 0;
  let left = 1;
  // One bit a level, the lowest for the current one: set when it is a map.
  let maps = 0;
  for (;;) {
    if (i >= end) return -1;
    const token = bytes[i]!;
    const shape = shapes[token]!;
    // Nothing but text may be where a map has its keys.
    if ((maps & 1 & ~left) !== 0 && shape !== text) refuse(out, keyNotString);
    left--;
    if (shape === text) {
      i = walkString(bytes, view, i, end, out);
    } else if (shape === scalar) {
      i += 1 + sizes[token]!;
    } else if (shape === map || shape === array) {
      if (depth === depthMax) {
        refuse(out, dataTooDeep);
        i = skipMsgpackValue(bytes, i, end);
      } else {
        const contentAt = i + 1 + sizes[token]!;
        if (contentAt > end) return -1;
        const count = readCount(bytes, i);
        const items = shape === map ? count * 2 : count;
        if (contentAt + items > end) return -1;
        outer[depth++] = left;
        left = items;
        maps = (maps << 1) | (shape === map ? 1 : 0);
        i = contentAt;
      }
    } else i = walkOther(bytes, i, end, shape, out);
    if (i < 0 || i > end) return -1;
    while (left === 0) {
      left = outer[--depth]!;
      maps >>>= 1;
      if (depth === 0) {
        out.dataAt = at;
        out.dataBytes = i - at;
        return i;
      }
    }
  }
}

/** A string anywhere in `data`. */
function walkString(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  out: Envelope,
): number {
  const token = bytes[at]!;
  const textAt = token < 0xc0 ? at + 1 : at + 1 + sizes[token]!;
  if (textAt > end) return -1;
  const next = textAt + (token < 0xc0 ? token & 0x1f : readCount(bytes, at));
  if (next > end) return -1;
  if (!isUtf8View(view, bytes, textAt, next)) refuse(out, notUtf8);
  return next;
}

/** Floats, and the shapes that JSON has no word for. */
function walkOther(
  bytes: Uint8Array,
  at: number,
  end: number,
  shape: number,
  out: Envelope,
): number {
  if (shape === float) {
    const floatEnd = at + 1 + sizes[bytes[at]!]!;
    if (floatEnd > end) return -1;
    if (!isFiniteFloat(bytes, at)) refuse(out, notFinite);
    return floatEnd;
  }
  const next = skipMsgpackValue(bytes, at, end);
  if (next < 0) return -1;
  if (shape === shapeBinary) refuse(out, binaryValue);
  else if (!isTimestamp(bytes, at)) refuse(out, extensionValue);
  else if (Number.isNaN(timestampSeconds(bytes, at))) refuse(out, timestampWrong);
  return next;
}
