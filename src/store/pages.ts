/**
 * Checks the pages of an environment before LMDB may open it. LMDB checks none of them: it would follow a damaged
 * pointer, or one past the end of a file that was cut, out of its map, which ends the process; or write over pages
 * that are in use. What is in the values has checksums of its own.
 *
 * Everything that a read or a commit can reach is walked (`page.ts` has the layout of a page):
 *
 *     meta   24 magic u32 │ 28 version u32 │ 48 tree of free pages │ 96 tree of the content │ 144 last page u64 │ 152 transaction u64
 *     tree   0 page bytes u32 │ 4 flags u16 │ 6 depth u16 │ 32 entries u64 │ 40 root u64
 *
 * A commit writes the root of the content and, of the two metas, that of its number's last bit. Where the write of a meta fails, LMDB puts
 * back its old number and leaves the new roots there, so nothing is known of the older one but that number.
 *
 * Costs a read of 4 KiB for each page of the trees, some hundred and sixty values.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { AppError } from '../std/errors.ts';
import {
  childOf,
  Damage,
  entriesOf,
  flagsOf,
  headBytes,
  keyOf,
  must,
  ownPages,
  pageBytes,
  pageFlags,
  u64,
  valueAt,
  viewOf,
} from './page.ts';

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

/** Whether values are ever replaced or removed: LMDB then goes by what stands in the heads of their pages, so those are read too. */
export type Values = 'kept' | 'freed';

/** What may be done with an environment: where only the lists of free pages are damaged, all of it can be read. */
export type Fitness = 'writable' | 'readable';

/** @throws AppError `invalid` when it is damaged. */
export function checkPages(path: string, values: Values): Fitness {
  const descriptor = openSync(path, 'r');
  try {
    return new Pages(descriptor, values).check();
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    throw new AppError('invalid', `${path} is damaged (${error.message}): restore it from a copy`);
  } finally {
    closeSync(descriptor);
  }
}

/** A page still to be walked, how deep in its tree it is, and what no key in it is less than. */
interface Wanted {
  readonly number: number;
  readonly depth: number;
  readonly low: Buffer | undefined;
}

/** Where in the file. */
interface Value {
  readonly at: number;
  readonly bytes: number;
}

/** One of the two trees. */
interface Tree {
  readonly root: number;
  readonly depth: number;
  readonly entries: number;
  readonly isContent: boolean;
}

class Pages {
  readonly #descriptor: number;
  readonly #values: Values;
  readonly #count: number;
  readonly #page = Buffer.alloc(pageBytes);
  readonly #view = viewOf(this.#page);
  /** A bit for each page of the file that is known what for: a meta, of a tree, free. */
  readonly #used: Uint8Array;
  #lastUsed = 1;
  #lastPage = 0;
  #transaction = 0;

  constructor(descriptor: number, values: Values) {
    this.#descriptor = descriptor;
    this.#values = values;
    this.#count = Math.floor(fstatSync(descriptor).size / pageBytes);
    this.#used = new Uint8Array((this.#count >> 3) + 1);
    this.#used[0] = 3;
  }

  check(): Fitness {
    must(this.#count >= 2, 'it is cut');
    const [first, second] = [this.#meta(0), this.#meta(1)];
    const [even, odd] = [u64(first, transactionAt), u64(second, transactionAt)];
    must(even === odd ? even === 0 : Math.abs(even - odd) === 1, 'its two heads are apart');
    const meta = even < odd ? second : first;
    this.#lastPage = u64(meta, lastPageAt);
    this.#transaction = u64(meta, transactionAt);
    must(this.#lastPage < this.#count + unwrittenMax, 'its end is not where it should be');
    this.#walk(meta, 'content');
    must(this.#lastUsed <= this.#lastPage, 'a page lies behind the last one');
    return this.#isFreeWhole(meta) ? 'writable' : 'readable';
  }

  #isFreeWhole(meta: DataView): boolean {
    try {
      for (const value of this.#walk(meta, 'free')) this.#checkFree(value);
      return this.#lastUsed <= this.#lastPage;
    } catch (error) {
      if (error instanceof Damage) return false;
      throw error;
    }
  }

  #read(number: number): DataView {
    const have = readSync(this.#descriptor, this.#page, 0, pageBytes, number * pageBytes);
    must(have === pageBytes, 'it is cut');
    return this.#view;
  }

  #meta(number: number): DataView {
    this.#read(number);
    const meta = viewOf(Buffer.from(this.#page));
    const isMeta = (flagsOf(meta) & pageFlags.meta) !== 0;
    must(isMeta && meta.getUint32(headBytes, true) === magic, 'it does not begin as a store does');
    must(meta.getUint32(headBytes + 4, true) === version, 'it is of another version');
    must(meta.getUint32(treesAt.free, true) === pageBytes, 'its pages have another size');
    const isKnown = (meta.getUint16(treesAt.free + 4, true) & ~environmentFlags) === integerKeys;
    must(isKnown, 'its free pages are unknown');
    must(meta.getUint16(treesAt.content + 4, true) === 0, 'its content is of another kind');
    const transaction = u64(meta, transactionAt);
    must(transaction === 0 || transaction % 2 === number, 'a head is not where it should be');
    return meta;
  }

  /** Takes pages for a tree, each once. @returns the first. */
  #use(first: number, pages: number): number {
    must(first >= 2 && pages >= 1 && first + pages <= this.#count, 'a page lies outside');
    this.#mark(first, pages);
    this.#lastUsed = Math.max(this.#lastUsed, first + pages - 1);
    return first;
  }

  #mark(first: number, pages: number): void {
    const end = Math.min(first + pages, this.#count);
    for (let number = first; number < end; number++) {
      const bit = 1 << (number & 7);
      must((this.#used[number >> 3]! & bit) === 0, 'a page is used twice');
      this.#used[number >> 3]! |= bit;
    }
  }

  /** Every page of a tree, in the order of its keys. @returns where the values are in the file, of free pages. */
  #walk(meta: DataView, name: keyof typeof treesAt): Value[] {
    const values: Value[] = [];
    if (isEmpty(meta, name)) return values;
    const tree = treeOf(meta, name);
    const wanted: Wanted[] = [{ number: this.#use(tree.root, 1), depth: 1, low: undefined }];
    let before: Buffer | undefined;
    let count = 0;
    for (let next = wanted.pop(); next !== undefined; next = wanted.pop()) {
      const page = this.#read(next.number);
      const transaction = u64(page, 8);
      // Every commit writes the root of the content.
      const isOfCommit =
        tree.isContent && next.depth === 1
          ? transaction === this.#transaction
          : transaction <= this.#transaction;
      must(u64(page, 0) === next.number && isOfCommit, 'a page is not the one it should be');
      const isLeaf = next.depth === tree.depth;
      must(
        flagsOf(page) === (isLeaf ? pageFlags.leaf : pageFlags.branch),
        'a page is of another kind',
      );
      const entries = entriesOf(page, isLeaf);
      if (isLeaf) {
        count += entries.length;
        before = this.#checkKeys(tree, entries, next.low, before);
        for (const at of entries) {
          const value = this.#value(at, next.number, tree);
          if (!tree.isContent) values.push(value);
        }
      } else wanted.push(...this.#children(entries, next).reverse());
    }
    must(count === tree.entries, 'entries are missing');
    return values;
  }

  #children(entries: readonly number[], { depth, low }: Wanted): Wanted[] {
    must(entries.length >= 2, 'a branch is too short');
    return entries.map((at, n) => ({
      number: this.#use(childOf(this.#view, at), 1),
      depth: depth + 1,
      // The first key of a branch says nothing.
      low: n === 0 ? low : Buffer.from(keyOf(this.#view, at)),
    }));
  }

  /** Each key is greater than the one before it, and none less than the branch says. @returns the last one. */
  #checkKeys(
    { isContent }: Tree,
    entries: readonly number[],
    low: Buffer | undefined,
    before: Buffer | undefined,
  ): Buffer {
    const compare = isContent ? Buffer.compare : compareNumbers;
    let last = before;
    if (last !== undefined && low !== undefined) {
      must(compare(last, low) < 0, 'keys are not where their branch says');
    }
    for (const [n, at] of entries.entries()) {
      const key = keyOf(this.#view, at);
      must(isContent ? key.length > 0 : this.#isPast(key), 'a key is damaged');
      must(
        n > 0 || low === undefined || compare(low, key) <= 0,
        'keys are not where their branch says',
      );
      must(last === undefined || compare(last, key) < 0, 'keys are not in order');
      last = key;
    }
    return Buffer.from(last!);
  }

  /** Free pages stand under the number of the transaction that freed them. */
  #isPast(key: Buffer): boolean {
    if (key.length !== 8) return false;
    const number = key.readBigUInt64LE();
    return number > 0n && number <= BigInt(this.#transaction);
  }

  /** Where in the file the value of a leaf's entry is. What its own pages hold is not read: it may be the whole file. */
  #value(at: number, number: number, { isContent }: Tree): Value {
    const page = this.#view;
    const bytes = page.getUint32(at, true);
    const flags = page.getUint16(at + 4, true);
    const from = valueAt(page, at);
    if (flags === 0) return { at: number * pageBytes + from, bytes };
    const transaction = u64(page, from + 8);
    must(flags === ownPages && transaction <= this.#transaction, 'a value is of another kind');
    const pages = u64(page, from + 16);
    must(pages * pageBytes >= bytes + headBytes, 'a value is longer than its pages');
    const first = this.#use(u64(page, from), pages);
    if (this.#values === 'freed' || !isContent) this.#checkOwn(first, transaction, pages);
    return { at: first * pageBytes + headBytes, bytes };
  }

  #checkOwn(first: number, transaction: number, pages: number): void {
    const bytes = Buffer.alloc(headBytes);
    readSync(this.#descriptor, bytes, 0, headBytes, first * pageBytes);
    const head = viewOf(bytes);
    const isIt = u64(head, 0) === first && u64(head, 8) === transaction;
    must(isIt && flagsOf(head) === pageFlags.own, 'a value is not in its pages');
    must(head.getUint32(20, true) === pages, 'a value has other pages');
  }

  /** How many numbers follow, then those of free pages; less than zero: how many pages the next number stands for. */
  #checkFree({ at, bytes }: Value): void {
    const list = Buffer.alloc(bytes);
    must(bytes >= 8 && readSync(this.#descriptor, list, 0, bytes, at) === bytes, 'it is cut');
    const count = Number(list.readBigUInt64LE(0));
    must(count * 8 + 8 <= bytes, 'a list of free pages is cut');
    let pages = 1;
    for (let n = 1; n <= count; n++) {
      const number = Number(list.readBigInt64LE(n * 8));
      if (number > 0) {
        must(number + pages - 1 <= this.#lastPage, 'a free page lies outside');
        this.#mark(number, pages);
        pages = 1;
      } else {
        must(pages === 1, 'a list of free pages is damaged');
        // 0: nothing stands there any more.
        pages = Math.max(1, -number);
      }
    }
    must(pages === 1, 'a list of free pages is damaged');
  }
}

function isEmpty(meta: DataView, name: keyof typeof treesAt): boolean {
  return meta.getBigUint64(treesAt[name] + 40, true) === noRoot;
}

function treeOf(meta: DataView, name: keyof typeof treesAt): Tree {
  const at = treesAt[name];
  return {
    root: u64(meta, at + 40),
    depth: meta.getUint16(at + 6, true),
    entries: u64(meta, at + 32),
    isContent: name === 'content',
  };
}

/** The library's own keys are numbers of the machine. */
function compareNumbers(a: Buffer, b: Buffer): number {
  must(a.length === 8 && b.length === 8, 'a key is damaged');
  const [one, other] = [a.readBigUInt64LE(), b.readBigUInt64LE()];
  return Number(one > other) - Number(one < other);
}
