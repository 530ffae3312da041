/**
 * Indexing a part: the first of the two steps from a part to a segment. Its events are sorted, their bytes
 * stay in the log; so it costs a fraction of sealing, frees the memory of the part's index, and a restart
 * need not read the log again.
 */
import { join } from 'node:path';
import { goOn } from '../store/halt.ts';
import { BlockLog } from '../store/log.ts';
import { Block } from './block.ts';
import { type Composer, composing, IndexComposer } from './compose.ts';
import type { IndexJob, SegmentFacts } from './job.ts';
import { partFile, row, rowBytes } from './layout.ts';
import { orderByKey } from './order.ts';
import { idCheckOf } from './route.ts';

/**
 * Makes the index of a job's part. Synchronous, for a background thread; nobody writes the part.
 *
 * @returns undefined when there is no event in it.
 * @throws AppError `unavailable` when there is no room.
 */
export function indexLog(job: IndexJob): SegmentFacts | undefined {
  return composing(new IndexComposer(job), (composer) => {
    const { blocks, postings, tally } = composer;
    const ids = new Ids(job.eventsMax);
    const damaged = eachBlock(job, (block) => {
      ids.add(block);
      blocks.add(block);
      postings.add(block);
      for (let record = 0; record < block.records; record++) tally.add(block, record);
    });
    return ids.count === 0 ? undefined : composer.finish(ids.write(composer), damaged);
  });
}

/** Visits the blocks with events; how many were damaged. */
function eachBlock(job: IndexJob, visit: (block: Block) => void): number {
  let damaged = 0;
  const log = BlockLog.openReader(join(job.directory, partFile(job.shard, job.part)));
  try {
    log.forEach((stamp, bytes) => {
      goOn();
      // The library's buffer is longer than its `length` says; a view of it is a true array.
      const block = Block.open(bytes.subarray(0, bytes.length), stamp);
      if (block === undefined) damaged += 1;
      else if (block.records > 0) visit(block);
    });
  } finally {
    void log.close();
  }
  return damaged;
}

/** The hash of each event's id, and what its customer's is checked by, in commit order. */
class Ids {
  readonly #hashes: Uint32Array;
  readonly #checks: Uint32Array;
  count = 0;

  constructor(eventsMax: number) {
    this.#hashes = new Uint32Array(eventsMax);
    this.#checks = new Uint32Array(eventsMax);
  }

  add({ records, tableAt, view }: Block): void {
    let at = tableAt;
    for (let record = 0; record < records; record++, at += rowBytes) {
      this.#checks[this.count] = idCheckOf(view.getUint32(at + row.customerHash, true));
      this.#hashes[this.count++] = view.getUint32(at + row.idHash, true);
    }
  }

  write(composer: Composer): ReturnType<Composer['ids']> {
    const ids = composer.ids(this.count);
    const order = orderByKey(this.#hashes, this.count);
    for (let i = 0; i < this.count; i++) {
      ids.add(this.#hashes[i]!, order[i]!, this.#checks[order[i]!]!);
    }
    return ids;
  }
}
