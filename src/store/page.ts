/**
 * One page of an environment, as lmdb-js's LMDB lays it out, little-endian:
 *
 *     page   0 number u64 │ 8 transaction u64 │ 18 flags u16 │ 20 entries × 2 u16 │ 22 begin of the entries u16, less 24
 *            24 where each entry is, u16, less 24
 *     entry  0 size u32, or with the next u16 the child's number │ 4 flags u16 │ 6 key bytes u16 │ 8 key │ value
 *     value  of its own pages: first u64 │ transaction u64 │ pages u64; they begin with a head: 18 flags u16 │ 20 pages u32
 */

export const pageBytes = 4096;
export const headBytes = 24;
export const pageFlags = { branch: 1, leaf: 2, own: 4, meta: 8 } as const;
/** Flags of an entry whose value has pages of its own, and what stands there instead. */
export const ownPages = 1;
const ownBytes = 24;

export class Damage extends Error {}

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Damage(what);
}

export function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}

/** Past 2^53 not to the last digit: larger than any page all the same. */
export function u64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}

export function flagsOf(page: DataView): number {
  return page.getUint16(18, true);
}

/** Where in the page its entries are: they fill it from their begin to its end. @throws Damage */
export function entriesOf(page: DataView, isLeaf: boolean): number[] {
  const count = page.getUint16(20, true) >> 1;
  const from = headBytes + page.getUint16(22, true);
  must(count > 0 && headBytes + 2 * count <= from, 'a page has no entries');
  const entries: number[] = [];
  let filled = from;
  for (let n = 0; n < count; n++) {
    const at = headBytes + page.getUint16(headBytes + 2 * n, true);
    must(at >= from && at + 8 <= pageBytes, 'an entry lies outside');
    const bytes = entryBytes(page, at, isLeaf);
    must(at + bytes <= pageBytes, 'an entry lies outside');
    entries.push(at);
    filled += bytes + (bytes & 1);
  }
  must(filled === pageBytes, 'entries do not fill their page');
  return entries;
}

function entryBytes(page: DataView, at: number, isLeaf: boolean): number {
  const bytes = 8 + page.getUint16(at + 6, true);
  if (!isLeaf) return bytes;
  return bytes + (page.getUint16(at + 4, true) === 0 ? page.getUint32(at, true) : ownBytes);
}

/** Valid as long as the page. */
export function keyOf(page: DataView, at: number): Buffer {
  const bytes = page.getUint16(at + 6, true);
  return Buffer.from(page.buffer, page.byteOffset + at + 8, bytes);
}

/** Where in the page the value of an entry is, or where it says which pages it has. */
export function valueAt(page: DataView, at: number): number {
  return at + 8 + page.getUint16(at + 6, true);
}

export function childOf(page: DataView, at: number): number {
  return page.getUint32(at, true) + page.getUint16(at + 4, true) * 2 ** 32;
}

/** Where values lie within a page of a leaf, as far as can be told when it is damaged. */
export function inlineValuesOf(page: DataView): number[] {
  if (flagsOf(page) !== pageFlags.leaf) return [];
  const values: number[] = [];
  const count = Math.min(page.getUint16(20, true) >> 1, (pageBytes - headBytes) >> 1);
  for (let n = 0; n < count; n++) {
    const at = headBytes + page.getUint16(headBytes + 2 * n, true);
    const value = at + 8 <= pageBytes ? valueAt(page, at) : pageBytes;
    if (value < pageBytes && page.getUint16(at + 4, true) === 0) values.push(value);
  }
  return values;
}
