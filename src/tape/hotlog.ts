/** The hot log of a shard: blocks in commit order, checked whenever they are read. */

import type { Metrics } from '../std/metrics.ts';
import { readsSoFar } from '../store/environment.ts';
import { BlockLog, type LogBlock, type LogFaults } from '../store/log.ts';
import { Block } from './block.ts';

export class HotLog {
  readonly #log: BlockLog;
  readonly #metrics: Metrics;
  /** The block read last; its bytes live in the store's read buffer until the thread's next read. */
  #last: Block | undefined;
  #lastRead = -1;

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
    if (this.#last?.stamp === stamp && this.#lastRead === readsSoFar()) return this.#last;
    this.#last = undefined;
    let bytes = this.#log.read(stamp);
    if (bytes === undefined) {
      this.#log.refresh();
      bytes = this.#log.read(stamp);
    }
    const block = bytes === undefined ? undefined : Block.open(bytes, stamp);
    if (block === undefined) this.#metrics.add('blocks_damaged_total', 1);
    this.#last = block;
    this.#lastRead = readsSoFar();
    return block;
  }

  /** Every block in commit order; damaged ones are counted and reported. */
  forEach(visit: (block: Block) => void, damaged: (stamp: number) => void): void {
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
    this.#last = undefined;
    await this.#log.close();
  }
}
