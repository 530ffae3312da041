/**
 * The reverse index of a hot log, in shared memory: one writer (the shard's thread), readers on any
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
  growPrivate,
  reserveColumns,
  viewColumn,
} from './columns.ts';

const entryTypes = {
  previous: 'u32',
  block: 'u32',
  typeHash: 'u16',
  time: 'f64',
  latest: 'f64',
} as const satisfies Record<string, ColumnType>;
const blockTypes = { stamp: 'f64', first: 'u32' } as const satisfies Record<string, ColumnType>;
const customerTypes = { hash: 'u32', newest: 'u32', next: 'u32' } as const satisfies Record<
  string,
  ColumnType
>;

/** Positions in the shared head. */
const head = { published: 0, publishedBlocks: 1, generation: 2 } as const;
const headWords = 4;

/** The most events one hot log can index (28 bytes of shared memory each, as they come). */
export const entriesMax = 2 ** 26;
const customerBuckets = 2 ** 20;
const idBuckets = 2 ** 22;

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
    heads: new SharedArrayBuffer(customerBuckets * 4),
    entries: reserveColumns(entryTypes, entriesMax),
    blocks: reserveColumns(blockTypes, entriesMax),
    customers: reserveColumns(customerTypes, entriesMax),
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
  customerHash = new Uint32Array(0);
  newest = new Uint32Array(0);
  next = new Uint32Array(0);
  /** Rows that every view of the set covers; a view can be older than its neighbour. */
  protected entryRows = 0;
  protected blockRows = 0;
  protected customerRows = 0;

  constructor(memory: IndexMemory) {
    this.memory = memory;
    this.headWords = new Int32Array(memory.head);
    this.heads = new Uint32Array(memory.heads);
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
    this.customerHash = viewColumn(customers.hash, 'u32');
    this.newest = viewColumn(customers.newest, 'u32');
    this.next = viewColumn(customers.next, 'u32');
    this.entryRows = Math.min(
      this.previous.length,
      this.block.length,
      this.typeHash.length,
      this.time.length,
      this.latest.length,
    );
    this.blockRows = Math.min(this.stamp.length, this.first.length);
    this.customerRows = Math.min(this.customerHash.length, this.newest.length, this.next.length);
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
    let customer = Atomics.load(this.heads, customerHash & (customerBuckets - 1));
    if (customer >= this.customerRows) this.look();
    while (customer !== 0 && this.customerHash[customer] !== customerHash) {
      customer = this.next[customer]!;
    }
    if (customer === 0) return 0;
    let entry = Atomics.load(this.newest, customer);
    if (entry >= this.entryRows) this.look();
    while (entry > published) entry = this.previous[entry]!;
    return entry;
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
  #idHash = new Uint32Array(0);
  #idNext = new Uint32Array(0);
  readonly #idHeads = new Uint32Array(idBuckets);

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
    if (rows > this.#idHash.length) {
      this.#idHash = growPrivate(this.#idHash, rows);
      this.#idNext = growPrivate(this.#idNext, rows);
    }
    if (rows <= Math.min(this.entryRows, this.customerRows, this.blockRows)) return true;
    const { entries, blocks, customers } = this.memory;
    const room =
      growColumns(entries, entryTypes, rows) &&
      growColumns(customers, customerTypes, rows) &&
      growColumns(blocks, blockTypes, rows);
    this.look();
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

  /** Adds one entry to the open block. `reserve` has been called. */
  append(customerHash: number, idHash: number, typeHash: number, time: number): void {
    const entry = ++this.#entryCount;
    const customer = this.#customer(customerHash);
    const previous = this.newest[customer]!;
    this.previous[entry] = previous;
    this.block[entry] = this.#blockCount;
    this.typeHash[entry] = typeHash;
    this.time[entry] = time;
    const older = previous === 0 ? time : this.latest[previous]!;
    this.latest[entry] = Math.max(older, time);
    const bucket = idHash & (idBuckets - 1);
    this.#idHash[entry] = idHash;
    this.#idNext[entry] = this.#idHeads[bucket]!;
    this.#idHeads[bucket] = entry;
    Atomics.store(this.newest, customer, entry);
  }

  #customer(customerHash: number): number {
    const bucket = customerHash & (customerBuckets - 1);
    let customer = this.heads[bucket]!;
    while (customer !== 0) {
      if (this.customerHash[customer] === customerHash) return customer;
      customer = this.next[customer]!;
    }
    customer = ++this.#customerCount;
    this.customerHash[customer] = customerHash;
    this.next[customer] = this.heads[bucket]!;
    this.newest[customer] = 0;
    Atomics.store(this.heads, bucket, customer);
    return customer;
  }

  /** The newest entry with this id hash that is older than `before` (0: any), or 0. Compare bytes. */
  findId(idHash: number, before: number): number {
    let entry = before === 0 ? this.#idHeads[idHash & (idBuckets - 1)]! : this.#idNext[before]!;
    while (entry !== 0 && this.#idHash[entry] !== idHash) entry = this.#idNext[entry]!;
    return entry;
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
      const bucket = this.#idHash[entry]! & (idBuckets - 1);
      assert(this.#idHeads[bucket] === entry, 'entries are taken back newest first');
      this.#idHeads[bucket] = this.#idNext[entry]!;
      const customerHash = customerHashOf(entry);
      const customer = this.#customer(customerHash);
      const previous = this.previous[entry]!;
      Atomics.store(this.newest, customer, previous);
      if (previous === 0) this.#dropCustomer(customer, customerHash);
    }
    this.#entryCount = published;
    this.#blockCount = this.headWords[head.publishedBlocks]!;
    Atomics.add(this.headWords, head.generation, 1);
  }

  #dropCustomer(customer: number, customerHash: number): void {
    const bucket = customerHash & (customerBuckets - 1);
    assert(this.heads[bucket] === customer, 'customers are dropped newest first');
    Atomics.store(this.heads, bucket, this.next[customer]!);
    this.#customerCount -= 1;
  }
}
