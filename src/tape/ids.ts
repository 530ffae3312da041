/**
 * The ids of one part, private to its shard's thread: has an event with this id come before?
 *
 *     heads[idHash] ─▶ entry ─next─▶ entry ─▶ 0        newest first; hashes find, bytes decide
 *
 * Asked only for ids that `recentids.ts` does not rule out. Chains instead of open addressing: nothing
 * is ever rehashed, and a failed commit is taken back by popping, newest first.
 */
import { assert } from '../std/assert.ts';
import {
  type ColumnType,
  growColumns,
  reserveBytes,
  reserveColumns,
  viewColumn,
} from './columns.ts';

/** An id of an entry, 8 bytes, in one cache line: 0 hash u32 │ 4 next u32. */
const idTypes = { words: 'u32' } as const satisfies Record<string, ColumnType>;
const id = { hash: 0, next: 1 } as const;
const idWords = 2;

/** About as many as a part holds events when it is sealed: what fits the caches is looked up fast. */
const buckets = 2 ** 20;

export class IdTable {
  readonly #memory;
  #ids = new Uint32Array(0);
  readonly #heads = viewColumn(reserveBytes(buckets * 4), 'u32');
  /** Keeps the reads of `warm` from being optimised away. */
  warmth = 0;

  constructor(entriesMax: number) {
    this.#memory = reserveColumns(idTypes, entriesMax * idWords);
  }

  reset(): void {
    this.#heads.fill(0);
  }

  /** Makes room for entries up to `rows`. */
  reserve(rows: number): void {
    if (rows * idWords <= this.#ids.length) return;
    growColumns(this.#memory, idTypes, rows * idWords);
    this.#ids = viewColumn(this.#memory.words, 'u32');
  }

  /** Touches what the next `count` additions will need, which waits for many cache misses at once. */
  warm(idHashes: Uint32Array, count: number): void {
    let warmth = 0;
    for (let i = 0; i < count; i++) warmth ^= this.#heads[idHashes[i]! & (buckets - 1)]!;
    this.warmth = warmth;
  }

  add(entry: number, idHash: number): void {
    const bucket = idHash & (buckets - 1);
    this.#ids[entry * idWords + id.hash] = idHash;
    this.#ids[entry * idWords + id.next] = this.#heads[bucket]!;
    this.#heads[bucket] = entry;
  }

  /** Takes the newest entry back. */
  pop(entry: number): void {
    const bucket = this.#ids[entry * idWords + id.hash]! & (buckets - 1);
    assert(this.#heads[bucket] === entry, 'entries are taken back newest first');
    this.#heads[bucket] = this.#ids[entry * idWords + id.next]!;
  }

  /** The newest entry with this id hash that is older than `before` (0: any), or 0. Compare bytes. */
  find(idHash: number, before: number): number {
    const ids = this.#ids;
    let entry =
      before === 0 ? this.#heads[idHash & (buckets - 1)]! : ids[before * idWords + id.next]!;
    while (entry !== 0 && ids[entry * idWords + id.hash] !== idHash) {
      entry = ids[entry * idWords + id.next]!;
    }
    return entry;
  }
}
