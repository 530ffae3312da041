/** The hot log of a shard: blocks in commit order, checked whenever they are read. */

import type { Metrics } from '../std/metrics.ts';
import { BlockLog, type LogBlock, type LogFaults } from '../store/log.ts';
import { Block } from './block.ts';

/** Whose `#last` is still true: the store's read buffer is one for all the logs of a thread. */
let lastReader: HotLog | undefined;

export class HotLog {
  readonly #log: BlockLog;
  readonly #metrics: Metrics;
  /** The block read last; its bytes live in the store's read buffer until any log's next read. */
  #last: Block | undefined;

  private constructor(log: BlockLog, metrics: Metrics) {
    this.#log = log;
    this.#metrics = metrics;
  }

  /** Thread: the shard's own. */
  static openWriter(path: string, metrics: Metrics, faults: LogFaults = {}): HotLog {
    return new HotLog(BlockLog.openWriter(path, faults), metrics);
  }

  /** Any thread, once the writer has opened it. */
  static openReader(path: string, metrics: Metrics): HotLog {
    return new HotLog(BlockLog.openReader(path), metrics);
  }

  /** @see BlockLog.commit */
  commit(blocks: readonly LogBlock[]): Promise<void> {
    return this.#log.commit(blocks);
  }

  /**
   * A published block; undefined when it is damaged. Valid until the next read on this thread. The
   * thread's snapshot can be older than the block: then it is renewed.
   */
  block(stamp: number): Block | undefined {
    if (lastReader === this && this.#last?.stamp === stamp) return this.#last;
    lastReader = this;
    this.#last = undefined;
    let bytes = this.#log.read(stamp);
    if (bytes === undefined) {
      this.#log.refresh();
      bytes = this.#log.read(stamp);
    }
    const block = bytes === undefined ? undefined : Block.open(bytes, stamp);
    if (block === undefined) this.#metrics.add('blocks_damaged_total', 1);
    this.#last = block;
    return block;
  }

  /** Every block in commit order; damaged ones are counted and reported. */
  forEach(visit: (block: Block) => void, damaged: (stamp: number) => void): void {
    lastReader = undefined;
    this.#log.forEach((stamp, bytes) => {
      const block = Block.open(bytes, stamp);
      if (block !== undefined) visit(block);
      else {
        this.#metrics.add('blocks_damaged_total', 1);
        damaged(stamp);
      }
    });
  }

  async close(): Promise<void> {
    if (lastReader === this) lastReader = undefined;
    this.#last = undefined;
    await this.#log.close();
  }
}
