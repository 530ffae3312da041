/** Where in commit order an instant is: so that a reader of the last month need not read the years before. */
import { earliest, type Position } from './cursor.ts';
import { ordinalMax } from './layout.ts';
import type { ShardReader } from './shardreader.ts';
import type { Tape } from './tape.ts';

/** How far apart the clocks of commits can be that follow each other: blocks are searched by their time. */
const slackMs = 10_000;

/**
 * A position with everything that was committed at or after an instant behind it, and little else.
 *
 * @param received epoch milliseconds.
 */
export function positionSince(tape: Tape, received: number): Position {
  tape.enter();
  try {
    const horizon = tape.horizon();
    const firsts = tape.shards.map((shard) => firstStampSince(shard, received - slackMs, horizon));
    const first = Math.min(horizon + 1, ...firsts);
    return first <= 1 ? earliest : { stamp: first - 1, ordinal: ordinalMax };
  } finally {
    tape.leave();
  }
}

/** By halves: a shard writes one block after the other, and its clock goes forward. Infinite: there is none. */
function firstStampSince(shard: ShardReader, received: number, horizon: number): number {
  let found = Number.POSITIVE_INFINITY;
  let low = 0;
  let high = horizon;
  while (low <= high) {
    const middle = Math.floor((low + high) / 2);
    const stamp = shard.nextStamp(middle);
    if (stamp > high) {
      high = middle - 1;
      continue;
    }
    const block = shard.block(stamp);
    // Of one that is damaged nothing is known; to begin before it is never wrong.
    const isLater = block === undefined || block.records === 0 || block.receivedOf(0) >= received;
    if (isLater) {
      found = stamp;
      high = middle - 1;
    } else low = stamp + 1;
  }
  return found;
}
