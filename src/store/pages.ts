/**
 * Checks the pages of an environment before LMDB may open it. LMDB checks none of them: it would follow a damaged
 * pointer, or one past the end of a file that was cut, out of its map, which ends the process; or write over pages
 * that are in use. What is in the values has checksums of its own.
 *
 * Everything that a read or a commit can reach is walked, as lmdb-js's LMDB lays it out, little-endian:
 *
 *     page   0 number u64 │ 8 transaction u64 │ 18 flags u16 │ 20 entries × 2 u16 │ 22 begin of the entries u16, less 24
 *            24 where each entry is, u16, less 24
 *     entry  0 size u32, or with the next u16 the child's number │ 4 flags u16 │ 6 key bytes u16 │ 8 key │ value
 *     value  of its own pages: first u64 │ transaction u64 │ pages u64
 *     meta   24 magic u32 │ 28 version u32 │ 48 tree of free pages │ 96 tree of the content │ 144 last page u64 │ 152 transaction u64
 *     tree   0 page bytes u32 │ 4 flags u16 │ 6 depth u16 │ 32 entries u64 │ 40 root u64
 *
 * Costs a read of 4 KiB for each page of the trees, some hundred and sixty values.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { AppError } from '../std/errors.ts';

const pageBytes = 4096;
const headBytes = 24;
const pageFlags = { branch: 1, leaf: 2, meta: 8 } as const;
const ownPages = 1;
const magic = 0xbeefc0de;
const version = 2;
/** The root of an empty tree: the greatest number of 64 bits. */
const noRoot = 2n ** 64n - 1n;
const treesAt = { free: 48, content: 96 } as const;
const lastPageAt = 144;
const transactionAt = 152;
/** A tree of whole numbers, and nothing else; beside it the library keeps two flags of the environment. */
const integerKeys = 8;
const environmentFlags = 0x4800;
/** Pages past the end of the file that a transaction may have taken and not written. */
const unwrittenMax = 2 ** 16;

class Damage extends Error {}

function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Damage(what);
}

/**
 * An empty file is whole: it is about to be made.
 *
 * @throws AppError `invalid` when it is damaged.
 */
export function checkPages(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    const bytes = fstatSync(descriptor).size;
    if (bytes > 0) new Pages(descriptor, bytes).check();
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    throw new AppError('invalid', `${path} is damaged (${error.message}): restore it from a copy`);
  } finally {
    closeSync(descriptor);
  }
}

/** A page still to be walked, and how deep in its tree it is. */
interface Wanted {
  readonly number: number;
  readonly depth: number;
}

/** Where in the file. */
interface Value {
  readonly at: number;
  readonly bytes: number;
}

class Pages {
  readonly #descriptor: number;
  readonly #count: number;
  readonly #page = Buffer.alloc(pageBytes);
  readonly #view = viewOf(this.#page);
  /** A bit for each page of the file that a tree has. */
  readonly #used: Uint8Array;
  #lastUsed = 1;
  #lastPage = 0;
  #transaction = 0;

  constructor(descriptor: number, bytes: number) {
    this.#descriptor = descriptor;
    this.#count = Math.floor(bytes / pageBytes);
    this.#used = new Uint8Array((this.#count >> 3) + 1);
  }

  check(): void {
    must(this.#count >= 2, 'it is cut');
    const [first, second] = [this.#meta(0), this.#meta(1)];
    // As the library chooses.
    const meta = u64(first, transactionAt) < u64(second, transactionAt) ? second : first;
    this.#lastPage = u64(meta, lastPageAt);
    this.#transaction = u64(meta, transactionAt);
    must(this.#lastPage < this.#count + unwrittenMax, 'its end is not where it should be');
    this.#walk(meta, treesAt.content);
    const free = this.#walk(meta, treesAt.free);
    must(this.#lastUsed <= this.#lastPage, 'a page lies behind the last one');
    for (const value of free) this.#checkFree(value);
  }

  #read(number: number): DataView {
    const have = readSync(this.#descriptor, this.#page, 0, pageBytes, number * pageBytes);
    must(have === pageBytes, 'it is cut');
    return this.#view;
  }

  #meta(number: number): DataView {
    this.#read(number);
    const meta = viewOf(Buffer.from(this.#page));
    const isMeta = (meta.getUint16(18, true) & pageFlags.meta) !== 0;
    must(isMeta && meta.getUint32(headBytes, true) === magic, 'it does not begin as a store does');
    must(meta.getUint32(headBytes + 4, true) === version, 'it is of another version');
    must(meta.getUint32(treesAt.free, true) === pageBytes, 'its pages have another size');
    const isKnown = (meta.getUint16(treesAt.free + 4, true) & ~environmentFlags) === integerKeys;
    must(isKnown, 'its free pages are unknown');
    must(meta.getUint16(treesAt.content + 4, true) === 0, 'its content is of another kind');
    return meta;
  }

  /** Marks pages as those of a tree, each once. @returns the first. */
  #use(first: number, pages: number): number {
    must(first >= 2 && pages >= 1 && first + pages <= this.#count, 'a page lies outside');
    for (let number = first; number < first + pages; number++) {
      must(!this.#isUsed(number), 'a page is used twice');
      this.#used[number >> 3]! |= 1 << (number & 7);
    }
    this.#lastUsed = Math.max(this.#lastUsed, first + pages - 1);
    return first;
  }

  #isUsed(number: number): boolean {
    return number < this.#count && (this.#used[number >> 3]! & (1 << (number & 7))) !== 0;
  }

  /** Every page of a tree, in the order of its keys. @returns where the values are in the file, of free pages. */
  #walk(meta: DataView, treeAt: number): Value[] {
    const values: Value[] = [];
    const depth = meta.getUint16(treeAt + 6, true);
    if (meta.getBigUint64(treeAt + 40, true) === noRoot) return values;
    const root = u64(meta, treeAt + 40);
    const isContent = treeAt === treesAt.content;
    const wanted: Wanted[] = [{ number: this.#use(root, 1), depth: 1 }];
    let before: Buffer | undefined;
    let count = 0;
    for (let next = wanted.pop(); next !== undefined; next = wanted.pop()) {
      const page = this.#read(next.number);
      const isIt = u64(page, 0) === next.number && u64(page, 8) <= this.#transaction;
      must(isIt, 'a page is not the one it should be');
      const isLeaf = next.depth === depth;
      const kind = isLeaf ? pageFlags.leaf : pageFlags.branch;
      must(page.getUint16(18, true) === kind, 'a page is of another kind');
      const entries = entriesOf(page);
      if (isLeaf) {
        count += entries.length;
        for (const at of entries) {
          const value = this.#value(at, next.number);
          if (!isContent) values.push(value);
        }
        // The library's own numbers are not in the order of their bytes.
        if (isContent) before = this.#checkOrder(entries, before);
      } else {
        must(entries.length >= 2, 'a branch is too short');
        const children = entries.map((at) => this.#use(childOf(page, at), 1));
        for (const number of children.reverse()) wanted.push({ number, depth: next.depth + 1 });
      }
    }
    must(count === u64(meta, treeAt + 32), 'entries are missing');
    return values;
  }

  /** Each key is greater than the one before it. @returns the last one. */
  #checkOrder(entries: readonly number[], before: Buffer | undefined): Buffer {
    const page = this.#page;
    let last = before;
    for (const at of entries) {
      const key = page.subarray(at + 8, at + 8 + this.#view.getUint16(at + 6, true));
      must(last === undefined || last.compare(key) < 0, 'keys are not in order');
      last = key;
    }
    return Buffer.from(last!);
  }

  /** Where in the file the value of a leaf's entry is. Its own pages are not read: they may be the whole file. */
  #value(at: number, number: number): Value {
    const page = this.#view;
    const bytes = page.getUint32(at, true);
    const flags = page.getUint16(at + 4, true);
    const from = at + 8 + page.getUint16(at + 6, true);
    if (flags === 0) {
      must(from + bytes <= pageBytes, 'a value lies outside');
      return { at: number * pageBytes + from, bytes };
    }
    const isOwn = flags === ownPages && from + 24 <= pageBytes;
    must(isOwn && u64(page, from + 8) <= this.#transaction, 'a value is of another kind');
    const pages = u64(page, from + 16);
    must(pages * pageBytes >= bytes + headBytes, 'a value is longer than its pages');
    return { at: this.#use(u64(page, from), pages) * pageBytes + headBytes, bytes };
  }

  /** How many numbers follow, then those of free pages; less than zero: how many pages a number stands for. */
  #checkFree({ at, bytes }: Value): void {
    const list = Buffer.alloc(bytes);
    must(bytes >= 8 && readSync(this.#descriptor, list, 0, bytes, at) === bytes, 'it is cut');
    const count = Number(list.readBigUInt64LE(0));
    must(count * 8 + 8 <= bytes, 'a list of free pages is cut');
    for (let n = 1; n <= count; n++) {
      const number = Number(list.readBigInt64LE(n * 8));
      must(Math.abs(number) <= this.#lastPage, 'a free page lies outside');
      must(number < 0 || !this.#isUsed(number), 'a free page is used');
    }
  }
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}

/** Past 2^53 not to the last digit: larger than any page all the same. */
function u64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}

/** Where in the page its entries are. */
function entriesOf(page: DataView): number[] {
  const count = page.getUint16(20, true) >> 1;
  const from = headBytes + page.getUint16(22, true);
  must(count > 0 && headBytes + 2 * count <= from, 'a page has no entries');
  const entries: number[] = [];
  for (let n = 0; n < count; n++) {
    const at = headBytes + page.getUint16(headBytes + 2 * n, true);
    must(at >= from && at + 8 <= pageBytes, 'an entry lies outside');
    must(at + 8 + page.getUint16(at + 6, true) <= pageBytes, 'a key lies outside');
    entries.push(at);
  }
  return entries;
}

function childOf(page: DataView, at: number): number {
  return page.getUint32(at, true) + page.getUint16(at + 4, true) * 2 ** 32;
}
