/** A part of the hot log, as its shard writes it. Thread: the shard's own. */
import type { PartLimits } from '../config.ts';
import type { HotLog } from './hotlog.ts';
import type { IndexWriter } from './index.ts';
import type { RecentPart } from './recentids.ts';

/**
 * A part that spans so many stamps, those of all shards while it was written, is full: with an index none has 2^32. No
 * part has ever been open for longer.
 */
export const partStampsMax = 2 ** 30;

export class Part {
  readonly number: number;
  readonly slot: number;
  readonly log: HotLog;
  readonly index: IndexWriter;
  /** Where its ids are looked for first. */
  readonly recent: RecentPart;
  /** Stamps of its first and last durable block; 0 while there is none. */
  first = 0;
  last = 0;
  bytes = 0;
  /** When its first block was begun. */
  openedMs = 0;
  /** When it was closed, on the monotonic clock. */
  closedMs = 0;

  constructor(
    number: number,
    slot: number,
    { index, log, recent }: { log: HotLog; index: IndexWriter; recent: RecentPart },
  ) {
    this.number = number;
    this.slot = slot;
    this.log = log;
    this.index = index;
    this.recent = recent;
  }

  /** It takes no more: events, bytes, age or stamps are used up. @param now epoch milliseconds. */
  isFull(limits: PartLimits, now: number): boolean {
    if (this.last === 0) return false;
    return (
      this.index.entryCount >= limits.events ||
      this.bytes >= limits.bytes ||
      this.last - this.first >= partStampsMax ||
      now - this.openedMs >= limits.ageMs
    );
  }
}
