/** Writes items in every form that JSON and MessagePack allow, chosen at random. */
import type { Random } from '../../src/std/random.ts';
import { type Item, isList } from './events.ts';

const shortEscapes: Record<string, string> = {
  '"': '\\"',
  '\\': '\\\\',
  '/': '\\/',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

function space(random: Random): string {
  return random.below(8) === 0 ? [' ', '\n', '\t', '\r\n', '  '][random.below(5)]! : '';
}

function jsonString(text: string, random: Random): string {
  const escapesOften = random.below(6) === 0;
  let written = '"';
  for (const char of text) {
    const unit = char.charCodeAt(0);
    const isLone = char.length === 1 && unit >= 0xd800 && unit < 0xe000;
    const mustEscape = unit < 0x20 || char === '"' || char === '\\' || isLone;
    if (!mustEscape && !(escapesOften && random.below(3) === 0)) written += char;
    else if (shortEscapes[char] !== undefined && random.below(2) === 0)
      written += shortEscapes[char];
    else {
      for (let n = 0; n < char.length; n++) {
        const hex = char.charCodeAt(n).toString(16).padStart(4, '0');
        written += `\\u${random.below(2) === 0 ? hex : hex.toUpperCase()}`;
      }
    }
  }
  return `${written}"`;
}

/** JSON with random spaces and escapes. A key of an object that is no string is written as one. */
export function encodeJson(item: Item, random: Random): Buffer {
  const parts: Buffer[] = [];
  const put = (text: string): void => {
    parts.push(Buffer.from(text, 'utf8'));
  };
  const write = (value: Item, isTop: boolean): void => {
    put(space(random));
    if (typeof value === 'string') put(jsonString(value, random));
    else if (typeof value === 'bigint') put(value.toString());
    else if (value === null || typeof value !== 'object') put(JSON.stringify(value));
    else if (isList(value)) {
      put('[');
      for (const [index, element] of value.entries()) {
        if (index > 0) put(',');
        write(element, false);
      }
      put(`${space(random)}]`);
    } else if ('raw' in value) parts.push(Buffer.from(value.raw));
    else {
      put('{');
      for (const [index, [key, member]] of value.entries.entries()) {
        if (index > 0) put(',');
        // An escape in a top-level key is refused, so most have none.
        const isPlain = isTop && random.below(30) !== 0;
        const name = isPlain ? JSON.stringify(String(key)) : jsonString(String(key), random);
        put(`${space(random)}${name}${space(random)}:`);
        write(member, false);
      }
      put(`${space(random)}}`);
    }
    put(space(random));
  };
  write(item, true);
  return Buffer.concat(parts);
}

/** A header whose count takes the fewest bytes, or sometimes more than it needs. */
function header(
  count: number,
  small: [number, number] | undefined,
  wide: number[],
  random: Random,
): Buffer {
  const isWasteful = random.below(10) === 0;
  if (small !== undefined && count <= small[1] && !isWasteful) return Buffer.of(small[0] + count);
  for (const [index, token] of wide.entries()) {
    if (token === 0) continue;
    const size = 2 ** index;
    if (count >= 2 ** (size * 8) || (isWasteful && size < 4 && random.below(2) === 0)) continue;
    const bytes = Buffer.alloc(1 + size);
    bytes[0] = token;
    bytes.writeUIntBE(count, 1, size);
    return bytes;
  }
  throw new Error('no header holds the count');
}

function float(value: number, random: Random): Buffer {
  const isSingle = Math.fround(value) === value && random.below(2) === 0;
  const bytes = Buffer.alloc(isSingle ? 5 : 9);
  bytes[0] = isSingle ? 0xca : 0xcb;
  if (isSingle) bytes.writeFloatBE(value, 1);
  else bytes.writeDoubleBE(value, 1);
  return bytes;
}

function integer(value: bigint, random: Random): Buffer {
  if (value >= -32n && value < 128n && random.below(4) !== 0) {
    return Buffer.of(Number(BigInt.asUintN(8, value)));
  }
  for (let index = random.below(4); ; index = (index + 1) % 4) {
    const bits = 8 * 2 ** index;
    const isUnsigned = BigInt.asUintN(bits, value) === value;
    const isSigned = BigInt.asIntN(bits, value) === value;
    if (!isUnsigned && !isSigned) continue;
    const bytes = Buffer.alloc(9);
    bytes.writeBigUInt64BE(BigInt.asUintN(64, value), 1);
    const start = 8 - bits / 8;
    bytes[start] = (isUnsigned ? 0xcc : 0xd0) + index;
    return bytes.subarray(start);
  }
}

/** MessagePack with headers and numbers of any width that holds them. */
export function encodeMsgpack(item: Item, random: Random): Buffer {
  if (item === null) return Buffer.of(0xc0);
  if (typeof item === 'boolean') return Buffer.of(item ? 0xc3 : 0xc2);
  if (typeof item === 'bigint') return integer(item, random);
  if (typeof item === 'number') {
    const isInteger = Number.isSafeInteger(item) && !Object.is(item, -0);
    return isInteger && random.below(4) !== 0 ? integer(BigInt(item), random) : float(item, random);
  }
  if (typeof item === 'string') {
    const text = Buffer.from(item, 'utf8');
    return Buffer.concat([header(text.length, [0xa0, 31], [0xd9, 0xda, 0xdb], random), text]);
  }
  if (!isList(item) && 'raw' in item) return Buffer.from(item.raw);
  const items = isList(item) ? item : item.entries.flat();
  const count = isList(item) ? items.length : items.length / 2;
  const small: [number, number] = isList(item) ? [0x90, 15] : [0x80, 15];
  const wide = isList(item) ? [0, 0xdc, 0xdd] : [0, 0xde, 0xdf];
  const parts = (items as readonly Item[]).map((part) => encodeMsgpack(part, random));
  return Buffer.concat([header(count, small, wide, random), ...parts]);
}
