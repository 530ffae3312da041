/**
 * Walking MessagePack bytes without building anything: `skip…` and `read…` take the position of a
 * value's first byte. -1 or undefined means that the bytes are not well-formed from there on.
 *
 * Every container's header is held against the bytes that are left (an item has at least one), so a
 * header that claims billions of items costs nothing, and no header makes anything grow.
 */

/** What a first byte announces. */
export const shapeScalar = 0;
export const shapeText = 1;
export const shapeMap = 2;
export const shapeArray = 3;
export const shapeFloat = 4;
export const shapeBinary = 5;
export const shapeExtension = 6;
export const shapeNone = 7;

/** Shape by first byte. */
export const shapeOf = new Uint8Array(256);
/** Bytes after the first that hold the value (scalars, floats) or its length (all others). */
export const sizeOf = new Uint8Array(256);

function describe(first: number, last: number, shape: number, sizes: readonly number[]): void {
  for (let byte = first; byte <= last; byte++) {
    shapeOf[byte] = shape;
    sizeOf[byte] = sizes[byte - first] ?? 0;
  }
}
describe(0x80, 0x8f, shapeMap, []);
describe(0x90, 0x9f, shapeArray, []);
describe(0xa0, 0xbf, shapeText, []);
describe(0xc1, 0xc1, shapeNone, []);
describe(0xc4, 0xc6, shapeBinary, [1, 2, 4]);
describe(0xc7, 0xc9, shapeExtension, [1, 2, 4]);
describe(0xca, 0xcb, shapeFloat, [4, 8]);
describe(0xcc, 0xd3, shapeScalar, [1, 2, 4, 8, 1, 2, 4, 8]);
describe(0xd4, 0xd8, shapeExtension, []);
describe(0xd9, 0xdb, shapeText, [1, 2, 4]);
describe(0xdc, 0xdd, shapeArray, [2, 4]);
describe(0xde, 0xdf, shapeMap, [2, 4]);

/** A big-endian unsigned integer of 1, 2 or 4 bytes. */
export function readSize(bytes: Uint8Array, at: number, size: number): number {
  if (size === 1) return bytes[at]!;
  if (size === 2) return (bytes[at]! << 8) | bytes[at + 1]!;
  return readUint32(bytes, at);
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) >>> 0;
}

export function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/**
 * The count in the header of a text, map, array, binary or extension value whose first byte is at
 * `at` (for extensions: bytes of content, the type byte not included). The header is complete.
 */
export function readCount(bytes: Uint8Array, at: number): number {
  const token = bytes[at]!;
  const size = sizeOf[token]!;
  if (size !== 0) return readSize(bytes, at + 1, size);
  if (token < 0xa0) return token & 0x0f;
  return token < 0xc0 ? token & 0x1f : 1 << (token - 0xd4);
}

/** Skips one value of any type and depth. Text is not checked here. */
export function skipMsgpackValue(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  let left = 1;
  while (left > 0) {
    if (i + left > end) return -1;
    const token = bytes[i]!;
    const shape = shapeOf[token]!;
    const contentAt = i + 1 + sizeOf[token]!;
    if (contentAt > end || shape === shapeNone) return -1;
    left--;
    if (shape === shapeScalar || shape === shapeFloat) {
      i = contentAt;
      continue;
    }
    const count = readCount(bytes, i);
    i = contentAt;
    if (shape === shapeMap) left += 2 * count;
    else if (shape === shapeArray) left += count;
    else i += shape === shapeExtension ? count + 1 : count;
  }
  return i <= end ? i : -1;
}

/** The count of the array at `at` and where its first item is; undefined when no array is there. */
export function readMsgpackArrayHeader(
  bytes: Uint8Array,
  at: number,
  end: number,
): { count: number; next: number } | undefined {
  if (at >= end || shapeOf[bytes[at]!] !== shapeArray) return undefined;
  const next = at + 1 + sizeOf[bytes[at]!]!;
  return next > end ? undefined : { count: readCount(bytes, at), next };
}

/**
 * The non-negative integer at `at`, in any of the integer forms or as a float without a fraction
 * (encoders in JavaScript write large integers so); undefined when there is none that is exact.
 */
export function readMsgpackUint(
  bytes: Uint8Array,
  at: number,
  end: number,
): { value: number; next: number } | undefined {
  if (at >= end) return undefined;
  const token = bytes[at]!;
  const next = at + 1 + sizeOf[token]!;
  if (next > end || !isNumber(token)) return undefined;
  const value = readNumber(bytes, at);
  return Number.isSafeInteger(value) && value >= 0 ? { value: value + 0, next } : undefined;
}

/** Whether a value that begins with `token` is a number. */
export function isNumber(token: number): boolean {
  return token < 0x80 || token >= 0xe0 || (token >= 0xca && token <= 0xd3);
}

const floatWords = new Int32Array(2);
const floatDouble = new Float64Array(floatWords.buffer);
const floatSingle = new Float32Array(floatWords.buffer);

/** The complete number at `at`; 64-bit integers beyond 2^53 are rounded. */
export function readNumber(bytes: Uint8Array, at: number): number {
  const token = bytes[at]!;
  switch (token) {
    case 0xca:
      floatWords[0] = readInt32(bytes, at + 1);
      return floatSingle[0]!;
    case 0xcb:
      // Little-endian, as every platform that Node runs lmdb on.
      floatWords[1] = readInt32(bytes, at + 1);
      floatWords[0] = readInt32(bytes, at + 5);
      return floatDouble[0]!;
    case 0xcc:
    case 0xcd:
    case 0xce:
      return readSize(bytes, at + 1, sizeOf[token]!);
    case 0xcf:
      return readUint32(bytes, at + 1) * 0x1_0000_0000 + readUint32(bytes, at + 5);
    case 0xd0:
      return (bytes[at + 1]! << 24) >> 24;
    case 0xd1:
      return (readSize(bytes, at + 1, 2) << 16) >> 16;
    case 0xd2:
      return readInt32(bytes, at + 1);
    case 0xd3:
      return readInt32(bytes, at + 1) * 0x1_0000_0000 + readUint32(bytes, at + 5);
    default:
      return token < 0x80 ? token : token - 0x100;
  }
}

/** Whether the complete float at `at` is neither NaN nor infinite. */
export function isFiniteFloat(bytes: Uint8Array, at: number): boolean {
  const exponent = bytes[at] === 0xca ? 0x80 : 0xf0;
  return (bytes[at + 1]! & 0x7f) !== 0x7f || (bytes[at + 2]! & exponent) !== exponent;
}

/** Seconds of 0000-01-01 and of the end of 9999, since 1970. */
const timestampSecondsMin = -62_167_219_200;
const timestampSecondsMax = 253_402_300_799;

/** Whether the complete extension value at `at` is of type -1. */
export function isTimestamp(bytes: Uint8Array, at: number): boolean {
  return bytes[at + 1 + sizeOf[bytes[at]!]!] === 0xff;
}

/**
 * Seconds since 1970 of the complete timestamp at `at`, floored; NaN when it is of no known length,
 * has more than 999,999,999 nanoseconds or lies outside the years 0000 to 9999.
 */
export function timestampSeconds(bytes: Uint8Array, at: number): number {
  const contentAt = at + 2 + sizeOf[bytes[at]!]!;
  const nanos = timestampNanos(bytes, at);
  if (!(nanos <= 999_999_999)) return Number.NaN;
  let seconds: number;
  switch (readCount(bytes, at)) {
    case 4:
      seconds = readUint32(bytes, contentAt);
      break;
    case 8:
      seconds = (bytes[contentAt + 3]! & 3) * 0x1_0000_0000 + readUint32(bytes, contentAt + 4);
      break;
    default:
      seconds = readInt32(bytes, contentAt + 4) * 0x1_0000_0000 + readUint32(bytes, contentAt + 8);
  }
  return seconds >= timestampSecondsMin && seconds <= timestampSecondsMax ? seconds : Number.NaN;
}

/** Nanoseconds after those seconds; NaN when the timestamp is of no known length. */
export function timestampNanos(bytes: Uint8Array, at: number): number {
  const contentAt = at + 2 + sizeOf[bytes[at]!]!;
  switch (readCount(bytes, at)) {
    case 4:
      return 0;
    case 8:
      return readUint32(bytes, contentAt) >>> 2;
    case 12:
      return readUint32(bytes, contentAt);
    default:
      return Number.NaN;
  }
}
