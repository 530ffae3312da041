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
  /** Blocks that this thread has found whole: a log's blocks never change, so once is enough. */
  readonly #whole = new StampSet();

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
    const block = bytes === undefined ? undefined : this.#open(bytes, stamp);
    if (block === undefined) this.#metrics.add('blocks_damaged_total', 1);
    this.#last = block;
    this.#lastRead = readsSoFar();
    return block;
  }

  #open(bytes: Uint8Array, stamp: number): Block | undefined {
    if (this.#whole.has(stamp)) return Block.reopen(bytes);
    const block = Block.open(bytes, stamp);
    if (block !== undefined) this.#whole.add(stamp);
    return block;
  }

  /**
   * Every block in commit order; damaged ones are counted and reported.
   * @param damaged `stamp`: as the block says itself where it is whole, or else as its key says, which may be anything.
   */
  forEach(visit: (block: Block) => void, damaged: (stamp: number) => void): void {
    this.#log.forEach((stamp, bytes) => {
      const block = Block.open(bytes, stamp);
      if (block !== undefined) visit(block);
      else {
        this.#metrics.add('blocks_damaged_total', 1);
        damaged(Block.stampIn(bytes) ?? stamp);
      }
    });
  }

  async close(): Promise<void> {
    this.#last = undefined;
    await this.#log.close();
  }
}

const stampsPerPage = 32 * 1024;

/** Stamps of one log: they lie close together, so a bit for each. */
class StampSet {
  readonly #pages = new Map<number, Uint8Array>();

  has(stamp: number): boolean {
    const at = stamp % stampsPerPage;
    const page = this.#pages.get((stamp - at) / stampsPerPage);
    return page !== undefined && (page[at >> 3]! & (1 << (at & 7))) !== 0;
  }

  add(stamp: number): void {
    const at = stamp % stampsPerPage;
    const number = (stamp - at) / stampsPerPage;
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = new Uint8Array(stampsPerPage / 8);
      this.#pages.set(number, page);
    }
    page[at >> 3]! |= 1 << (at & 7);
  }
}
