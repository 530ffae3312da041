/** CRC-32C, the checksum of Kafka's batches, eight bytes a step: Node has only the other one. */

const polynomial = 0x82f63b78;
const steps = 8;
/** `steps` tables of 256: the n-th is for a byte that n zero bytes follow. */
const tables = makeTables();

function makeTables(): Uint32Array {
  const made = new Uint32Array(steps * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    made[byte] = crc;
  }
  for (let at = 256; at < made.length; at++) {
    const before = made[at - 256]!;
    made[at] = made[before & 255]! ^ (before >>> 8);
  }
  return made;
}

export function crc32c(bytes: Uint8Array, from = 0, end = bytes.length): number {
  const table = tables;
  let crc = -1;
  let at = from;
  for (const last = end - steps; at <= last; at += steps) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      table[0x700 | (crc & 255)]! ^
      table[0x600 | ((crc >>> 8) & 255)]! ^
      table[0x500 | ((crc >>> 16) & 255)]! ^
      table[0x400 | (crc >>> 24)]! ^
      table[0x300 | bytes[at + 4]!]! ^
      table[0x200 | bytes[at + 5]!]! ^
      table[0x100 | bytes[at + 6]!]! ^
      table[bytes[at + 7]!]!;
  }
  for (; at < end; at++) crc = table[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
