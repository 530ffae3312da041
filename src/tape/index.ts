/**
 * The reverse index of one part of the hot log, in shared memory: one writer (the shard's thread), readers on any
 * thread without a message or a lock.
 *
 *     heads[customerHash & mask] ─▶ customer ─next─▶ customer ─▶ …        hash → customer
 *                                      │ newest
 *                                      ▼
 *                                   entry ─previous─▶ entry ─previous─▶ 0   newest arrival first
 *                                     │ block
 *                                     ▼
 *                                   stamp, first entry                     where the bytes are
 *
 * Customers and entries count from 1; 0 ends a chain. An entry's ordinal in its block is its number
 * less the block's first. `latest` is the newest time among an entry and all older ones of its
 * customer: a scan by time may stop there despite late events. Two customers with one hash share a
 * chain; readers compare bytes. Chains instead of open addressing: nothing is ever rehashed (no
 * stall), and a failed commit is taken back by popping, newest first.
 *
 * Only entries up to `published` are durable; readers skip the others, which stand at the head of
 * their chains. `generation` is odd while entries are being taken back: readers then look again.
 */
import { assert } from '../std/assert.ts';
import {
  type ColumnMemory,
  type ColumnType,
  growColumns,
  reserveBytes,
  reserveColumns,
  viewColumn,
} from './columns.ts';
import { IdTable } from './ids.ts';
import type { TypeSet } from './typeset.ts';

const entryTypes = {
  previous: 'u32',
  block: 'u32',
  typeHash: 'u16',
  time: 'f64',
  latest: 'f64',
} as const satisfies Record<string, ColumnType>;
const blockTypes = { stamp: 'f64', first: 'u32' } as const satisfies Record<string, ColumnType>;
/**
 * Customers are met at random, so what is needed together lies together, in one cache line.
 *
 *     customer, 24 bytes   0 hash u32 │ 4 newest u32 │ 8 next u32 │ 12 spare │ 16 latest f64
 */
const customerTypes = { words: 'u32' } as const satisfies Record<string, ColumnType>;
const customerWords = 6;
const customer = { hash: 0, newest: 1, next: 2 } as const;
const customerLatest = 2;
const customerDoubles = 3;

/** Positions in the shared head. */
const head = { published: 0, publishedBlocks: 1, generation: 2 } as const;
const headWords = 4;

/**
 * Lookups that are warmed at once, a power of two: enough for the processor to wait for many lines together, few enough that
 * their lines and pages are still at hand when they are looked up.
 */
export const warmMax = 256;
/** The most events one part can index (26 bytes shared and 8 private each, as they come; 24 a customer). */
export const entriesMax = 2 ** 23;
/** About as many as a part holds events when it is sealed: what fits the caches is looked up fast. */
const customerBuckets = 2 ** 20;

/** Handles of one shard's index; pass it to every thread. */
export interface IndexMemory {
  readonly head: SharedArrayBuffer;
  readonly heads: SharedArrayBuffer;
  readonly entries: ColumnMemory<keyof typeof entryTypes>;
  readonly blocks: ColumnMemory<keyof typeof blockTypes>;
  readonly customers: ColumnMemory<keyof typeof customerTypes>;
}

export function reserveIndex(): IndexMemory {
  return {
    head: new SharedArrayBuffer(headWords * 4),
    heads: reserveBytes(customerBuckets * 4),
    entries: reserveColumns(entryTypes, entriesMax),
    blocks: reserveColumns(blockTypes, entriesMax),
    customers: reserveColumns(customerTypes, entriesMax * customerWords),
  };
}

/** What readers and the writer have in common: the columns as far as they have been looked at. */
class IndexViews {
  protected readonly memory: IndexMemory;
  protected readonly headWords: Int32Array;
  protected readonly heads: Uint32Array;
  previous = new Uint32Array(0);
  block = new Uint32Array(0);
  typeHash = new Uint16Array(0);
  time = new Float64Array(0);
  latest = new Float64Array(0);
  stamp = new Float64Array(0);
  first = new Uint32Array(0);
  protected customers = new Uint32Array(0);
  /** Rows that every view of the set covers; a view can be older than its neighbour. */
  protected entryRows = 0;
  protected blockRows = 0;
  protected customerRows = 0;

  constructor(memory: IndexMemory) {
    this.memory = memory;
    this.headWords = new Int32Array(memory.head);
    this.heads = viewColumn(memory.heads, 'u32');
    this.look();
  }

  protected look(): void {
    const { entries, blocks, customers } = this.memory;
    this.previous = viewColumn(entries.previous, 'u32');
    this.block = viewColumn(entries.block, 'u32');
    this.typeHash = viewColumn(entries.typeHash, 'u16');
    this.time = viewColumn(entries.time, 'f64');
    this.latest = viewColumn(entries.latest, 'f64');
    this.stamp = viewColumn(blocks.stamp, 'f64');
    this.first = viewColumn(blocks.first, 'u32');
    this.customers = viewColumn(customers.words, 'u32');
    this.entryRows = Math.min(
      this.previous.length,
      this.block.length,
      this.typeHash.length,
      this.time.length,
      this.latest.length,
    );
    this.blockRows = Math.min(this.stamp.length, this.first.length);
    this.customerRows = Math.floor(this.customers.length / customerWords);
  }
}

/** Reads an index from any thread. Numbers it returns stay valid: published entries never change. */
export class IndexReader extends IndexViews {
  /** How many entries (1…) are durable. */
  published(): number {
    const count = Atomics.load(this.headWords, head.published);
    if (count >= this.entryRows) this.look();
    return count;
  }

  /** How many blocks (1…) are durable. Read after `published`, it covers at least those entries. */
  publishedBlocks(): number {
    const count = Atomics.load(this.headWords, head.publishedBlocks);
    if (count >= this.blockRows) this.look();
    return count;
  }

  /** The customer's newest durable entry by arrival, or 0. The hash may be another's: compare bytes. */
  newestEntry(customerHash: number): number {
    for (;;) {
      const generation = Atomics.load(this.headWords, head.generation);
      const published = this.published();
      // Its block's row can lie beyond what this thread has looked at, too.
      this.publishedBlocks();
      const entry = this.#follow(customerHash, published);
      const unchanged = Atomics.load(this.headWords, head.generation) === generation;
      if (unchanged && (generation & 1) === 0) return entry;
    }
  }

  #follow(customerHash: number, published: number): number {
    let found = Atomics.load(this.heads, customerHash & (customerBuckets - 1));
    if (found >= this.customerRows) this.look();
    while (found !== 0 && this.customers[found * customerWords + customer.hash] !== customerHash) {
      found = this.customers[found * customerWords + customer.next]!;
    }
    if (found === 0) return 0;
    let entry = Atomics.load(this.customers, found * customerWords + customer.newest);
    if (entry >= this.entryRows) this.look();
    while (entry > published) entry = this.previous[entry]!;
    return entry;
  }

  /** Whether a durable block may have an event of one of these types; false is certain. */
  mayHave(block: number, types: TypeSet): boolean {
    const blocks = this.publishedBlocks();
    const published = this.published();
    const first = this.first[block]!;
    const end = block < blocks ? this.first[block + 1]! : published + 1;
    // Blocks are published a moment before their entries.
    if (block > blocks || end <= first) return true;
    for (let entry = first; entry < end; entry++) {
      if (types.has(this.typeHash[entry]!)) return true;
    }
    return false;
  }

  /** An upper bound for the times of the customer's events, or -Infinity when there are none. */
  latestOf(customerHash: number): number {
    const entry = this.newestEntry(customerHash);
    return entry === 0 ? Number.NEGATIVE_INFINITY : this.latest[entry]!;
  }

  /** The first durable block whose stamp is at least `stamp`, or `publishedBlocks() + 1`. */
  blockFrom(stamp: number): number {
    let low = 1;
    let high = this.publishedBlocks() + 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.stamp[middle]! < stamp) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Writes an index. Thread: the shard's own. */
export class IndexWriter extends IndexViews {
  #entryCount = 0;
  #blockCount = 0;
  #customerCount = 0;
  /** The newest time of each customer, over the memory of `customers`. */
  #latestOf = new Float64Array(0);
  readonly #found = new Uint32Array(warmMax);
  readonly ids = new IdTable(entriesMax);
  /** Keeps the reads of `warm` from being optimised away. */
  warmth = 0;

  /** Empties the index, for another part. No reader is in it: see `epochs.ts`. */
  reset(): void {
    this.publish(0, 0);
    this.#entryCount = 0;
    this.#blockCount = 0;
    this.#customerCount = 0;
    this.heads.fill(0);
    this.ids.reset();
  }

  get entryCount(): number {
    return this.#entryCount;
  }

  get blockCount(): number {
    return this.#blockCount;
  }

  get publishedCount(): number {
    return this.headWords[head.published]!;
  }

  /** Makes room for `more` entries; false when the index is full. */
  reserve(more: number): boolean {
    const rows = Math.max(this.#entryCount, this.#blockCount) + more + 2;
    if (rows > entriesMax) return false;
    this.ids.reserve(rows);
    if (rows <= Math.min(this.entryRows, this.customerRows, this.blockRows)) return true;
    const { entries, blocks, customers } = this.memory;
    const room =
      growColumns(entries, entryTypes, rows) &&
      growColumns(customers, customerTypes, rows * customerWords) &&
      growColumns(blocks, blockTypes, rows);
    this.look();
    this.#latestOf = viewColumn(customers.words, 'f64');
    return room;
  }

  /** Opens block number `blockCount + 1`; its stamp is set when it is committed. */
  openBlock(): number {
    this.#blockCount += 1;
    this.first[this.#blockCount] = this.#entryCount + 1;
    this.stamp[this.#blockCount] = Number.POSITIVE_INFINITY;
    return this.#blockCount;
  }

  setStamp(block: number, stamp: number): void {
    this.stamp[block] = stamp;
  }

  /**
   * Touches what the next `count` (≤ `warmMax`) lookups will need. Each is a cache miss; here they do
   * not depend on each other, so the processor waits for many at once.
   */
  warm(customerHashes: Uint32Array, idHashes: Uint32Array, count: number): void {
    const found = this.#found;
    let warmth = 0;
    for (let i = 0; i < count; i++) {
      found[i] = this.heads[customerHashes[i]! & (customerBuckets - 1)]!;
    }
    this.ids.warm(idHashes, count);
    for (let i = 0; i < count; i++) warmth ^= this.customers[found[i]! * customerWords]!;
    this.warmth = warmth;
  }

  /** Adds one entry to the open block. `reserve` has been called. */
  append(customerHash: number, idHash: number, typeHash: number, time: number): void {
    const entry = ++this.#entryCount;
    const found = this.#customer(customerHash);
    const newestAt = found * customerWords + customer.newest;
    const latestAt = found * customerDoubles + customerLatest;
    this.previous[entry] = this.customers[newestAt]!;
    this.block[entry] = this.#blockCount;
    this.typeHash[entry] = typeHash;
    this.time[entry] = time;
    const latest = Math.max(this.#latestOf[latestAt]!, time);
    this.latest[entry] = latest;
    this.#latestOf[latestAt] = latest;
    this.ids.add(entry, idHash);
    // A reader that sees the entry must see its `previous` too, on processors that reorder stores.
    Atomics.store(this.customers, newestAt, entry);
  }

  /** The stamp of the oldest block with an event of that hash; Infinity when there is none, or none written. */
  firstStampOf(customerHash: number): number {
    let found = this.heads[customerHash & (customerBuckets - 1)]!;
    while (found !== 0 && this.customers[found * customerWords + customer.hash] !== customerHash) {
      found = this.customers[found * customerWords + customer.next]!;
    }
    let first = Number.POSITIVE_INFINITY;
    let entry = found === 0 ? 0 : this.customers[found * customerWords + customer.newest]!;
    for (; entry !== 0; entry = this.previous[entry]!) first = this.stamp[this.block[entry]!]!;
    return first;
  }

  #customer(customerHash: number): number {
    const bucket = customerHash & (customerBuckets - 1);
    let found = this.heads[bucket]!;
    while (found !== 0) {
      if (this.customers[found * customerWords + customer.hash] === customerHash) return found;
      found = this.customers[found * customerWords + customer.next]!;
    }
    found = ++this.#customerCount;
    const at = found * customerWords;
    this.customers[at + customer.hash] = customerHash;
    this.customers[at + customer.next] = this.heads[bucket]!;
    this.customers[at + customer.newest] = 0;
    this.#latestOf[found * customerDoubles + customerLatest] = Number.NEGATIVE_INFINITY;
    Atomics.store(this.heads, bucket, found);
    return found;
  }

  /** Everything up to entry `entries` and block `blocks` is durable: let readers see it. */
  publish(entries: number, blocks: number): void {
    Atomics.store(this.headWords, head.publishedBlocks, blocks);
    Atomics.store(this.headWords, head.published, entries);
  }

  /**
   * Takes back every entry that is not published, newest first.
   *
   * @param customerHashOf the customer hash of an entry that is being taken back.
   */
  takeBack(customerHashOf: (entry: number) => number): void {
    Atomics.add(this.headWords, head.generation, 1);
    const published = this.publishedCount;
    for (let entry = this.#entryCount; entry > published; entry--) {
      this.ids.pop(entry);
      const customerHash = customerHashOf(entry);
      const found = this.#customer(customerHash);
      const previous = this.previous[entry]!;
      Atomics.store(this.customers, found * customerWords + customer.newest, previous);
      const latest = previous === 0 ? Number.NEGATIVE_INFINITY : this.latest[previous]!;
      this.#latestOf[found * customerDoubles + customerLatest] = latest;
      if (previous === 0) this.#dropCustomer(found, customerHash);
    }
    this.#entryCount = published;
    this.#blockCount = this.headWords[head.publishedBlocks]!;
    Atomics.add(this.headWords, head.generation, 1);
  }

  #dropCustomer(found: number, customerHash: number): void {
    const bucket = customerHash & (customerBuckets - 1);
    assert(this.heads[bucket] === found, 'customers are dropped newest first');
    Atomics.store(this.heads, bucket, this.customers[found * customerWords + customer.next]!);
    this.#customerCount -= 1;
  }
}
