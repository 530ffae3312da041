/**
 * `Tail`: events in commit order from a position, across the shards it is given. The blocks of the
 * shards are merged by stamp up to the horizon, so that every reader and every replay sees one order.
 * Catch-up and live are the same call.
 */

import type { Block } from './block.ts';
import type { Position } from './cursor.ts';
import { TapeEvent } from './event.ts';
import { blockBytes, ordinalMax } from './layout.ts';
import type { ShardReader } from './shardreader.ts';
import type { Tape } from './tape.ts';
import type { TypeSet } from './typeset.ts';

/** Asked with what a row tells at once. */
export type Wants = (workspace: number, customerHash: number, typeHash: number) => boolean;

/** Blocks that are passed over in one go. */
const passedMax = 256;

export class Tail {
  readonly #tape: Tape;
  readonly #shards: readonly ShardReader[];
  /** Per shard, the stamp of a block that was found and may still lie ahead. */
  readonly #next: number[];
  readonly #owned: boolean;
  /** For the block that is visited, when it is copied. */
  #room = new Uint8Array(0);
  #stamp: number;
  #ordinal: number;

  /**
   * @param shards numbers of the shards to read; a single customer's tape needs only its own.
   * @param owned whoever visits reads other things meanwhile: a block is copied before its first event that
   * is wanted, since the store has one buffer for all that a thread reads.
   */
  constructor(tape: Tape, shards: readonly number[], position: Position, owned = false) {
    this.#owned = owned;
    this.#tape = tape;
    this.#shards = shards.map((number) => tape.shards[number]!);
    this.#next = shards.map(() => -1);
    this.#stamp = position.stamp;
    this.#ordinal = position.ordinal;
  }

  /** Everything up to here has been visited. */
  get position(): Position {
    return { stamp: this.#stamp, ordinal: this.#ordinal };
  }

  /**
   * Visits the rest of the next block that is not behind the position nor past `horizon`.
   *
   * @param visit returns false to stop; the event it refused is then the next one. An event is valid
   * for the call only.
   * @param wants asked first, with what a row tells at once: spares an event that nobody wants.
   * @param types all that `wants` can want, if that is known: blocks without any are passed over by what the
   * index of a part tells, and are not read.
   * @returns false when there is nothing more up to the horizon.
   */
  visitBlock(
    horizon: number,
    visit: (event: TapeEvent) => boolean,
    wants: Wants = anyone,
    types?: TypeSet,
  ): boolean {
    this.#tape.enter();
    try {
      return this.#visit(horizon, visit, wants, types);
    } finally {
      this.#tape.leave();
    }
  }

  #visit(
    horizon: number,
    visit: (event: TapeEvent) => boolean,
    wants: Wants,
    types: TypeSet | undefined,
  ): boolean {
    let passed = 0;
    for (;;) {
      const nearest = this.#nearestShard(horizon);
      if (nearest === -1) return false;
      const shard = this.#shards[nearest]!;
      const stamp = this.#next[nearest]!;
      if (types === undefined || shard.mayHave(stamp, types)) {
        return this.#visitBlock(shard, stamp, visit, wants);
      }
      this.#moveTo(stamp, ordinalMax);
      if (++passed === passedMax) return true;
    }
  }

  #visitBlock(
    shard: ShardReader,
    stamp: number,
    visit: (event: TapeEvent) => boolean,
    wants: Wants,
  ): true {
    let block = shard.block(stamp);
    let isOwn = !this.#owned;
    const records = block?.records ?? 0;
    const { erased } = this.#tape;
    for (
      let ordinal = stamp === this.#stamp ? this.#ordinal + 1 : 0;
      ordinal < records;
      ordinal++
    ) {
      if (!block!.isWanted(ordinal, wants)) continue;
      if (block!.isErased(ordinal)) continue;
      if (!erased.isEmpty && erased.hides(block!, ordinal)) continue;
      if (!isOwn) block = this.#copyOf(block!);
      isOwn = true;
      if (!visit(new TapeEvent(block!, ordinal))) {
        if (ordinal > 0) this.#moveTo(stamp, ordinal - 1);
        return true;
      }
    }
    this.#moveTo(stamp, ordinalMax);
    return true;
  }

  #copyOf(block: Block): Block {
    const { length } = block.bytes;
    if (length > this.#room.length) this.#room = new Uint8Array(Math.max(length, blockBytes));
    return block.copyTo(this.#room);
  }

  /** Jumps to the horizon when nothing before it is left to visit. */
  settleAt(horizon: number): void {
    if (horizon > this.#stamp) this.#moveTo(horizon, ordinalMax);
  }

  #moveTo(stamp: number, ordinal: number): void {
    this.#stamp = stamp;
    this.#ordinal = ordinal;
  }

  /** Number of the shard whose next block comes first; -1 when none is left up to the horizon. */
  #nearestShard(horizon: number): number {
    let found = -1;
    let nearest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#shards.length; i++) {
      const stamp = this.#nextStamp(i, this.#shards[i]!);
      if (stamp > horizon || stamp >= nearest) continue;
      nearest = stamp;
      found = i;
    }
    return found;
  }

  /** The stamp of the first block of a shard that still has something to visit, or infinity. */
  #nextStamp(i: number, shard: ShardReader): number {
    const known = this.#next[i]!;
    if (known !== Number.POSITIVE_INFINITY && !this.#isBehind(known)) return known;
    const isDone = this.#ordinal >= ordinalMax;
    const next = shard.nextStamp(isDone ? this.#stamp + 1 : this.#stamp);
    this.#next[i] = next;
    return next;
  }

  #isBehind(stamp: number): boolean {
    return stamp < this.#stamp || (stamp === this.#stamp && this.#ordinal >= ordinalMax);
  }
}

function anyone(): boolean {
  return true;
}
