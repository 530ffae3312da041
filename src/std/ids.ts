/** UUIDv7: 48 bits of time, then randomness. https://www.rfc-editor.org/rfc/rfc9562#section-5.7 */
import type { Random } from './random.ts';

const hex = Buffer.from('0123456789abcdef');

/** Random bytes are drawn in bulk: one system call for 256 ids. */
const drawn: { bytes: Uint8Array; at: number } = { bytes: new Uint8Array(0), at: 0 };

/** Writes the 36 ASCII bytes of a new id to `target`. */
export function uuidv7Bytes(nowMs: number, random: Random, target: Uint8Array): void {
  if (drawn.at + 10 > drawn.bytes.length) {
    drawn.bytes = random.bytes(2560);
    drawn.at = 0;
  }
  const high = Math.floor(nowMs / 65536);
  const low = nowMs % 65536;
  let at = 0;
  const put = (byte: number): void => {
    if (at === 8 || at === 13 || at === 18 || at === 23) target[at++] = 0x2d;
    target[at++] = hex[byte >> 4]!;
    target[at++] = hex[byte & 15]!;
  };
  put((high >>> 24) & 255);
  put((high >>> 16) & 255);
  put((high >>> 8) & 255);
  put(high & 255);
  put(low >> 8);
  put(low & 255);
  for (let i = 0; i < 10; i++) {
    let byte = drawn.bytes[drawn.at++]!;
    if (i === 0) byte = 0x70 | (byte & 15);
    if (i === 2) byte = 0x80 | (byte & 63);
    put(byte);
  }
}
