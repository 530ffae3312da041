/**
 * The tape as a reader sees it: every shard's index and log, opened on this thread. There are two ways
 * to read, and only two: `scan` (one customer, newest first) and `Tail` (commit order, from a
 * position). Nothing here sends a message or waits.
 */
import { join } from 'node:path';
import type { Metrics } from '../std/metrics.ts';
import type { Position } from './cursor.ts';
import { HotLog } from './hotlog.ts';
import { type IndexMemory, IndexReader, reserveIndex } from './index.ts';
import { hotLogFile, ordinalMax } from './layout.ts';
import { customerHashOf, shardOf } from './route.ts';
import { createStampMemory, Stamps } from './stamps.ts';

/** Everything a thread needs to read the tape; structured-cloneable. */
export interface TapeMemory {
  readonly directory: string;
  readonly hashSeed: number;
  readonly stamps: SharedArrayBuffer;
  readonly shards: readonly IndexMemory[];
}

export function createTapeMemory(directory: string, shards: number, hashSeed: number): TapeMemory {
  return {
    directory,
    hashSeed,
    stamps: createStampMemory(shards),
    shards: Array.from({ length: shards }, reserveIndex),
  };
}

/** One shard, opened to read. */
export interface ShardReader {
  readonly index: IndexReader;
  readonly log: HotLog;
}

export class Tape {
  readonly shards: readonly ShardReader[];
  readonly #memory: TapeMemory;
  readonly #stamps: Stamps;

  /** Call when every shard's writer is open. */
  constructor(memory: TapeMemory, metrics: Metrics) {
    this.#memory = memory;
    this.#stamps = new Stamps(memory.stamps);
    this.shards = memory.shards.map((index, number) => ({
      index: new IndexReader(index),
      log: HotLog.openReader(join(memory.directory, hotLogFile(number)), metrics),
    }));
  }

  /** The stamp up to which commit order is settled: all of it can be read, nothing will be added. */
  horizon(): number {
    return this.#stamps.horizon();
  }

  /** A live stream that starts here misses nothing that is not on the tape now. */
  now(): Position {
    return { stamp: this.horizon(), ordinal: ordinalMax };
  }

  /** The greatest stamp that was ever issued; no cursor of ours lies beyond it. */
  issued(): number {
    return this.#stamps.issued();
  }

  /**
   * Where a reader of these customers' events in commit order may begin instead of `from`: nothing of
   * theirs lies between. Follows at most `stepsMax` index entries; then it is `from`.
   */
  skipTo(customerHashes: readonly number[], from: Position, stepsMax: number): Position {
    // Taken first: what is committed later lies beyond it.
    let start: Position = this.now();
    let steps = 0;
    for (const hash of customerHashes) {
      const { index } = this.shards[this.shardNumber(hash)]!;
      for (let entry = index.newestEntry(hash); entry !== 0; entry = index.previous[entry]!) {
        const number = index.block[entry]!;
        const stamp = index.stamp[number]!;
        const ordinal = entry - index.first[number]!;
        if (stamp < from.stamp || (stamp === from.stamp && ordinal <= from.ordinal)) break;
        if (++steps > stepsMax) return from;
        if (stamp <= start.stamp) start = { stamp: stamp - 1, ordinal: ordinalMax };
      }
    }
    return start.stamp < from.stamp ? from : start;
  }

  customerHash(workspace: number, customer: Uint8Array): number {
    return customerHashOf(this.#memory.hashSeed, workspace, customer, 0, customer.length);
  }

  shardNumber(customerHash: number): number {
    return shardOf(customerHash, this.shards.length);
  }

  async close(): Promise<void> {
    for (const { log } of this.shards) await log.close();
  }
}
