/** What parts and segments have in common, as a reader of one shard meets them. */
import type { Block } from './block.ts';
import type { ScanBudget } from './budget.ts';
import type { EventPosition, Position } from './cursor.ts';
import type { TapeEvent } from './event.ts';
import type { TypeSet } from './typeset.ts';

/**
 * One customer hash's events in a source, newest first by (time, stamp, ordinal). Starts before the
 * first. Two customers can share a hash: compare bytes.
 */
export interface Run {
  /** Of the current event. */
  readonly time: number;
  readonly stamp: number;
  readonly ordinal: number;
  readonly typeHash: number;
  /** Moves to the next older one; false when there is none. */
  next(): boolean;
  /** Undefined when it is damaged. Valid until the next read on this thread. */
  event(): TapeEvent | undefined;
}

/** Which of a customer's events a run goes through. */
export interface RunBounds {
  /** Only events strictly before this one in the order of the tape. */
  readonly before: EventPosition | undefined;
  /** Epoch milliseconds, inclusive. A run may go on past `since`; it stops where it is cheap. */
  readonly since: number;
  readonly until: number;
}

/** A stretch of one shard's stamps: a part of the hot log, or a sealed segment. */
export interface Source {
  /** The stamps it stands for begin here. */
  readonly first: number;
  /** No event in it is newer. Infinity while it may grow. */
  readonly timeMax: number;
  /** An upper bound for the times of that hash's events in it; -Infinity when there are none. */
  latest(customerHash: number): number;
  /** Where the newest of that hash's events by commit is, or the source itself ends; undefined when it has none. */
  newestPosition(customerHash: number): Position | undefined;
  run(customerHash: number, bounds: RunBounds, budget: ScanBudget): Run;
  /**
   * Whether an event of that hash and one of these types lies in it after `since`. True also when `stepsMax` of
   * its events do not tell.
   */
  hasNewer(
    customerHash: number,
    since: Position,
    types: ReadonlySet<number>,
    stepsMax: number,
  ): boolean;
  /**
   * Nothing of that hash lies in it at or after `stamp` and before what is returned; Infinity when
   * nothing follows at all. Takes about `stepsMax` steps, then it is `stamp` itself.
   */
  firstStampOf(customerHash: number, stamp: number, stepsMax: number): number;
  /** The stamp of its first readable block at or after `stamp`, or Infinity. */
  nextStamp(stamp: number): number;
  /** Whether its block at `stamp` may have an event of one of these types; false is certain. Reads no block. */
  mayHave(stamp: number, types: TypeSet): boolean;
  /** Undefined when it is damaged. Valid until the next read on this thread. */
  block(stamp: number): Block | undefined;
  close(): Promise<void>;
}

/** For hashes that a source does not have. */
export const noRun: Run = {
  time: Number.NEGATIVE_INFINITY,
  stamp: 0,
  ordinal: 0,
  typeHash: 0,
  next: () => false,
  event: () => undefined,
};

/** One order of a segment: blocks by stamp, and records by their number. */
export interface CommitOrder {
  /** The first stamp of a block that is at least `stamp`, or infinity. */
  nextStamp(stamp: number): number;
  /** Undefined when it is damaged or not in here; the log of a part takes the one for the other. */
  block(stamp: number): Block | undefined;
  /** The record with a number in commit order. */
  recordAt(row: number): { block: Block; record: number } | undefined;
  close(): void | Promise<void>;
}

/** Where the table of customers says that a hash's events are. */
export interface CustomerPlace {
  readonly hash: number;
  readonly records: number;
  readonly lastBlock: number;
  readonly lastRow: number;
}

/** The other order: records by (customerHash, time, stamp, ordinal). */
export interface CustomerOrder {
  /** A hash's events before `position`, newest first. */
  runBefore(place: CustomerPlace, position: EventPosition): Run;
  close(): void;
}
