/**
 * Writing JSON as bytes, into one buffer per thread that is turned into a string once, at the end:
 * JSON text as it was sent, UTF-8 spans as strings, and MessagePack values as the JSON that they
 * stand for.
 *
 *     beginText();  write…();  write…();  const json = endText();     or endBytes()
 *
 * Not re-entrant: nothing else may begin in between.
 */
import {
  readCount,
  readInt32,
  readNumber,
  readUint32,
  shapeArray,
  shapeExtension,
  shapeFloat,
  shapeMap,
  shapeOf,
  shapeText,
  sizeOf,
  timestampNanos,
  timestampSeconds,
} from './pack.ts';

/** Bytes in a string that JSON wants escaped: 1, or the letter of the short escape. */
const escapeOf = new Uint8Array(256).fill(1, 0, 0x20);
for (const [byte, letter] of [
  [0x08, 'b'],
  [0x09, 't'],
  [0x0a, 'n'],
  [0x0c, 'f'],
  [0x0d, 'r'],
  [0x22, '"'],
  [0x5c, '\\'],
] as const) {
  escapeOf[byte] = letter.charCodeAt(0);
}
const hexDigits = Buffer.from('0123456789abcdef', 'latin1');

let sink: Buffer = Buffer.allocUnsafeSlow(64 * 1024);
let length = 0;
/** Every byte written, or-ed: below 0x80 as long as the text is ASCII. */
let high = 0;

export function beginText(): void {
  length = 0;
  high = 0;
}

/** The text written since `beginText`. */
export function endText(): string {
  return sink.toString(high < 0x80 ? 'latin1' : 'utf8', 0, length);
}

/** The same as UTF-8, the caller's own. */
export function endBytes(): Uint8Array {
  return Uint8Array.prototype.slice.call(sink, 0, length);
}

/** How many bytes have been written since `beginText`. */
export function bytesWritten(): number {
  return length;
}

function reserve(bytes: number): void {
  if (length + bytes <= sink.length) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(sink.length * 2, length + bytes));
  larger.set(sink.subarray(0, length));
  sink = larger;
}

export function writeByte(byte: number): void {
  reserve(1);
  sink[length++] = byte;
}

/** From here on the engine's copy is faster than a loop. */
const longSpanBytes = 64;

/** Writes `bytes[at, end)` as they are. */
export function writeBytes(bytes: Uint8Array, at: number, end: number): void {
  const count = end - at;
  reserve(count);
  if (count >= longSpanBytes) sink.set(bytes.subarray(at, end), length);
  else for (let i = 0; i < count; i++) sink[length + i] = bytes[at + i]!;
  length += count;
}

/** Writes over two bytes at `at`, big-endian, which were written since `beginText`. */
export function overwriteUint8(at: number, value: number): void {
  sink[at] = value;
}

export function overwriteUint16(at: number, value: number): void {
  sink[at] = value >>> 8;
  sink[at + 1] = value & 0xff;
}

/** Writes text that is known to be ASCII. */
export function writeAscii(text: string): void {
  reserve(text.length);
  for (let i = 0; i < text.length; i++) sink[length + i] = text.charCodeAt(i);
  length += text.length;
}

/** Writes any text that has no lone surrogates. */
export function writeText(text: string): void {
  reserve(3 * text.length);
  length += sink.write(text, length, 'utf8');
  high |= 0x80;
}

/** Ten to the seventh: what is left of a safe integer above it, and below it, fits 31 bits. */
const tenMillion = 10_000_000;

/**
 * Writes an integer from 0 to 2^53 - 1, such as a time. Without a string: they are long and differ.
 * The halves are 32-bit integers all the way: a remainder of doubles takes ten times as long.
 */
export function writeInteger(value: number): void {
  reserve(16);
  const top = Math.floor(value / tenMillion);
  let digits = 1;
  for (let power = 10; power <= value; power *= 10) digits += 1;
  const at = length + digits;
  if (top === 0) writeDigits(at, length, value | 0);
  else {
    writeDigits(at, at - 7, (value - top * tenMillion) | 0);
    // At most 2^53 / 10^7 < 2^30.
    writeDigits(at - 7, length, top | 0);
  }
  length = at;
}

/** Fills `sink[start, end)` with the last decimal digits of a 31-bit integer. */
function writeDigits(end: number, start: number, value: number): void {
  const target = sink;
  let rest = value;
  for (let at = end - 1; at >= start; at--) {
    const next = (rest / 10) | 0;
    target[at] = 0x30 + (rest - next * 10);
    rest = next;
  }
}

/** 36 to the fifth: a safe integer above its square, and each part below, fits 31 bits. */
const base36Part = 60_466_176;
const base36PartDigits = 5;
const base36Digits = Buffer.from('0123456789abcdefghijklmnopqrstuvwxyz', 'latin1');

/** Writes an integer from 0 to 2^53 - 1 as `toString(36)` does, which is slow past 31 bits. */
export function writeBase36(value: number): void {
  reserve(16);
  let digits = 1;
  for (let power = 36; power <= value; power *= 36) digits += 1;
  const start = length;
  let at = start + digits;
  length = at;
  let rest = value;
  while (at > start) {
    const high = Math.floor(rest / base36Part);
    const next = Math.max(start, at - base36PartDigits);
    writeBase36Digits(at, next, (rest - high * base36Part) | 0);
    at = next;
    rest = high;
  }
}

function writeBase36Digits(end: number, start: number, value: number): void {
  const target = sink;
  let rest = value;
  for (let at = end - 1; at >= start; at--) {
    const next = (rest / 36) | 0;
    target[at] = base36Digits[rest - next * 36]!;
    rest = next;
  }
}

/** Writes the UTF-8 in `bytes[at, end)` as a JSON string. */
export function writeString(bytes: Uint8Array, at: number, end: number): void {
  reserve(6 * (end - at) + 2);
  const target = sink;
  let to = length;
  let seen = 0;
  target[to++] = 0x22;
  for (let i = at; i < end; i++) {
    const byte = bytes[i]!;
    const letter = escapeOf[byte]!;
    if (letter === 0) {
      seen |= byte;
      target[to++] = byte;
      continue;
    }
    target[to++] = 0x5c;
    if (letter !== 1) target[to++] = letter;
    else {
      target[to++] = 0x75;
      target[to++] = 0x30;
      target[to++] = 0x30;
      target[to++] = hexDigits[byte >> 4]!;
      target[to++] = hexDigits[byte & 15]!;
    }
  }
  target[to++] = 0x22;
  high |= seen;
  length = to;
}

/** Writes the JSON text `bytes[at, end)` on one line: a line end in JSON is always mere space. */
export function writeJson(bytes: Uint8Array, at: number, end: number): void {
  reserve(end - at);
  const target = sink;
  let to = length;
  let seen = 0;
  for (let i = at; i < end; i++) {
    const byte = bytes[i]!;
    seen |= byte;
    target[to++] = byte === 0x0a || byte === 0x0d ? 0x20 : byte;
  }
  high |= seen;
  length = to;
}

/**
 * Writes the MessagePack value at `at` as JSON; it must have been accepted by the walker, so that
 * the recursion is bounded. Returns the position after it.
 */
export function writeMsgpack(bytes: Uint8Array, at: number): number {
  const token = bytes[at]!;
  const shape = shapeOf[token]!;
  const contentAt = at + 1 + sizeOf[token]!;
  switch (shape) {
    case shapeText: {
      const end = contentAt + readCount(bytes, at);
      writeString(bytes, contentAt, end);
      return end;
    }
    case shapeMap: {
      const count = readCount(bytes, at);
      let next = contentAt;
      writeAscii('{');
      for (let n = 0; n < count; n++) {
        if (n > 0) writeAscii(',');
        next = writeMsgpack(bytes, next);
        writeAscii(':');
        next = writeMsgpack(bytes, next);
      }
      writeAscii('}');
      return next;
    }
    case shapeArray: {
      const count = readCount(bytes, at);
      let next = contentAt;
      writeAscii('[');
      for (let n = 0; n < count; n++) {
        if (n > 0) writeAscii(',');
        next = writeMsgpack(bytes, next);
      }
      writeAscii(']');
      return next;
    }
    case shapeExtension:
      writeAscii(timestampText(bytes, at));
      return contentAt + 1 + readCount(bytes, at);
    case shapeFloat:
      writeAscii(String(readNumber(bytes, at)));
      return contentAt;
    default:
      writeAscii(scalarText(bytes, at));
      return contentAt;
  }
}

/** The JSON of a nil, a boolean or an integer, to the last digit. */
function scalarText(bytes: Uint8Array, at: number): string {
  switch (bytes[at]) {
    case 0xc0:
      return 'null';
    case 0xc2:
      return 'false';
    case 0xc3:
      return 'true';
    case 0xcf:
    case 0xd3: {
      const value = readNumber(bytes, at);
      if (Number.isSafeInteger(value)) return String(value);
      const top = bytes[at] === 0xcf ? readUint32(bytes, at + 1) : readInt32(bytes, at + 1);
      return ((BigInt(top) << 32n) + BigInt(readUint32(bytes, at + 5))).toString();
    }
    default:
      return String(readNumber(bytes, at));
  }
}

/** A timestamp as an RFC 3339 string in quotes: milliseconds, or up to nine digits if finer. */
function timestampText(bytes: Uint8Array, at: number): string {
  const nanos = timestampNanos(bytes, at);
  const second = new Date(timestampSeconds(bytes, at) * 1000).toISOString().slice(0, 19);
  const digits = String(nanos)
    .padStart(9, '0')
    .replace(/0{1,6}$/, '');
  return `"${second}.${digits}Z"`;
}
