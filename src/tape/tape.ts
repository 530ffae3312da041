/**
 * The tape as a reader sees it: every shard's parts and segments, opened on this thread. There are two
 * ways to read, and only two: `scan` (one customer, newest first) and `Tail` (commit order, from a
 * position). Nothing here sends a message or waits.
 */
import type { Metrics } from '../std/metrics.ts';
import { earliest, type Position } from './cursor.ts';
import { createEpochMemory, ReaderEpoch } from './epochs.ts';
import { type ErasedCustomers, RulesReader } from './gone.ts';
import { reserveIndex } from './index.ts';
import { ordinalMax } from './layout.ts';
import { aloneOn, type MemberSource, type Membership } from './members.ts';
import { createPublishedMemory, type PublishedMemory } from './published.ts';
import { customerHashOf, shardOf } from './route.ts';
import { type ShardMemory, ShardReader } from './shardreader.ts';
import { createStampMemory, Stamps } from './stamps.ts';

/** Parts of one shard that can be open at a time: the one being written and those not sealed yet. */
export const partsMax = 32;

/** Everything a thread needs to read the tape; structured-cloneable. */
export interface TapeMemory {
  readonly directory: string;
  readonly hashSeed: number;
  readonly stamps: SharedArrayBuffer;
  readonly epochs: SharedArrayBuffer;
  /** What is gone: see `gone.ts`. */
  readonly rules: PublishedMemory;
  readonly rulesTime: SharedArrayBuffer;
  readonly shards: readonly ShardMemory[];
}

export function createTapeMemory(directory: string, shards: number, hashSeed: number): TapeMemory {
  return {
    directory,
    hashSeed,
    stamps: createStampMemory(shards),
    epochs: createEpochMemory(),
    rules: createPublishedMemory(),
    rulesTime: new SharedArrayBuffer(8),
    shards: Array.from({ length: shards }, () => ({
      slots: Array.from({ length: partsMax }, reserveIndex),
      catalogue: createPublishedMemory(),
    })),
  };
}

export class Tape {
  readonly shards: readonly ShardReader[];
  readonly #memory: TapeMemory;
  readonly #stamps: Stamps;
  readonly #epoch: ReaderEpoch;
  readonly #rules: RulesReader;
  readonly #members: MemberSource | undefined;
  /** The greatest stamp issued when the last read began; NaN when not all up to it was settled. */
  #settledAt = Number.NaN;
  #membersVersion = -1;
  #revision = 0;
  #layout = 0;

  /**
   * Call when every shard's writer is open.
   * @param members absent: every customer is alone on its tape.
   */
  constructor(memory: TapeMemory, metrics: Metrics, members?: MemberSource) {
    this.#members = members;
    this.#memory = memory;
    this.#stamps = new Stamps(memory.stamps);
    this.#epoch = new ReaderEpoch(memory.epochs);
    this.#rules = new RulesReader(memory);
    this.shards = memory.shards.map(
      (shard, number) => new ShardReader(number, memory.directory, shard, metrics),
    );
    this.refresh();
  }

  /** Lets go of files that are no longer part of the tape; a thread that seldom reads calls it now and then. */
  refresh(): void {
    this.enter();
    this.leave();
  }

  /** Begins a read, which must not wait for anything: what can be read now stays until `leave`. */
  enter(): void {
    if (!this.#epoch.enter()) return;
    try {
      this.#follow();
    } catch (error) {
      this.#layout += 1;
      this.#revision += 1;
      this.leave();
      throw error;
    }
  }

  #follow(): void {
    const issued = this.#stamps.issued();
    const isSettled = this.#stamps.horizon() >= issued;
    // Rules first: one is taken back only when the catalogues name nothing that it could hide.
    let isOther = this.#rules.refresh();
    this.#members?.refresh();
    // Others make it follow, too: that it does now says nothing.
    const version = this.#members?.version ?? 0;
    if (version !== this.#membersVersion) isOther = true;
    this.#membersVersion = version;
    for (const shard of this.shards) if (shard.refresh()) isOther = true;
    if (isOther) this.#layout += 1;
    if (isOther || issued !== this.#settledAt) this.#revision += 1;
    this.#settledAt = isSettled ? issued : Number.NaN;
  }

  /**
   * The same as long as no read on this thread can find anything else than before: no events have come,
   * nothing is gone, nobody's identities have changed. As of the beginning of the last read.
   */
  get revision(): number {
    return this.#revision;
  }

  /** The same as long as nothing but events has come. As of the beginning of the last read. */
  get layout(): number {
    return this.#layout;
  }

  /**
   * Where the newest event of each of these customers is in what may grow (`earliest`: there is none). While
   * `layout` is the same, another place whenever events of theirs have come.
   */
  grownTo(customerHashes: readonly number[]): readonly Position[] {
    return customerHashes.map((hash) => {
      return this.shards[this.shardNumber(hash)]!.newestGrown(hash) ?? earliest;
    });
  }

  /**
   * Whether an event of a customer and of one of these types has come after `since`. True also when so many may
   * have that telling would take more than `stepsMax` steps in one file. As of the beginning of the last read.
   */
  hasComeSince(
    customerHash: number,
    since: Position,
    types: ReadonlySet<number>,
    stepsMax: number,
  ): boolean {
    const shard = this.shards[this.shardNumber(customerHash)]!;
    return shard.hasNewer(customerHash, since, types, stepsMax);
  }

  /** The customers of whom something is to be hidden. Follows the rules when a read begins. */
  get erased(): ErasedCustomers {
    return this.#rules.erased;
  }

  /** Events of a workspace received before this are past their retention and not read any more. */
  receivedFrom(workspace: number): number {
    return this.#rules.receivedFrom(workspace);
  }

  /**
   * The stamp up to which events of a workspace may have been dropped, of these customers or of all;
   * 0: none was.
   */
  droppedUpTo(workspace: number, customerHashes: readonly number[]): number {
    this.enter();
    const shards =
      customerHashes.length === 0
        ? this.shards
        : customerHashes.map((hash) => this.shards[this.shardNumber(hash)]!);
    this.leave();
    return Math.max(...shards.map((shard) => shard.droppedUpTo(workspace)));
  }

  /**
   * The stamp up to which events were dropped that a stream of these customers (or all) would have
   * read after `from`; undefined when it misses none. A stream from the very beginning takes what
   * there is.
   */
  missedSince(
    from: Position,
    workspace: number,
    customerHashes: readonly number[],
  ): number | undefined {
    if (from.stamp === earliest.stamp && from.ordinal === earliest.ordinal) return undefined;
    const dropped = this.droppedUpTo(workspace, customerHashes);
    if (dropped === 0) return undefined;
    const isPast = from.stamp > dropped || (from.stamp === dropped && from.ordinal >= ordinalMax);
    return isPast ? undefined : dropped;
  }

  /** Which rules `erased` speaks of. */
  get rulesVersion(): number {
    return this.#rules.rules.version;
  }

  leave(): void {
    this.#epoch.leave();
  }

  /** The stamp up to which commit order is settled: all of it can be read, nothing will be added. */
  horizon(): number {
    return this.#stamps.horizon();
  }

  /** A live stream that starts here misses nothing that is not on the tape now. */
  now(): Position {
    return { stamp: this.horizon(), ordinal: ordinalMax };
  }

  /**
   * No receipt that was given so far is of a later stamp than this. A shard's receipts follow its own commits
   * and do not wait for the commits of others, so the horizon tells it only where there is a single shard.
   */
  told(): number {
    return this.shards.length === 1 ? this.horizon() : this.issued();
  }

  /** The greatest stamp that was ever issued; no cursor of ours lies beyond it. */
  issued(): number {
    return this.#stamps.issued();
  }

  /**
   * Where a reader of these customers' events in commit order may begin instead of `from`: nothing of
   * theirs lies between. Follows at most `stepsMax` index entries of each.
   */
  skipTo(customerHashes: readonly number[], from: Position, stepsMax: number): Position {
    this.enter();
    // Taken first: what is committed later lies beyond it.
    let start: Position = this.now();
    for (const hash of customerHashes) {
      for (const source of this.shards[this.shardNumber(hash)]!.sources) {
        if (source.first > start.stamp) break;
        const stamp = source.firstStampOf(hash, from.stamp, stepsMax);
        if (stamp === Number.POSITIVE_INFINITY) continue;
        if (stamp <= start.stamp) start = { stamp: stamp - 1, ordinal: ordinalMax };
        break;
      }
    }
    this.leave();
    return start.stamp < from.stamp ? from : start;
  }

  /**
   * Where the newest durable event of a customer is, about (of several identities, the sum of where
   * theirs are); undefined when there is none. With the same members it changes with every new event of
   * the customer and never comes back to what it was; it may change oftener (customers that share a
   * hash, parts that are sealed). What is taken away does not change it.
   */
  latestPosition(workspace: number, customer: string): Position | undefined {
    this.enter();
    let [stamp, ordinal, found] = [0, 0, 0];
    const { members } = this.membersOf(workspace, customer);
    // Each position only grows, so their sum tells when one of them has.
    for (const { hash } of members) {
      const newest = this.shards[this.shardNumber(hash)]!.newestPosition(hash);
      if (newest === undefined) continue;
      found += 1;
      stamp += newest.stamp;
      ordinal += newest.ordinal;
    }
    this.leave();
    return found === 0 ? undefined : { stamp, ordinal };
  }

  /** Whose events make up a customer's tape. Within a read it is as of the read's beginning. */
  membersOf(workspace: number, customer: string): Membership {
    if (this.#members !== undefined) return this.#members.membersOf(workspace, customer);
    const bytes = Buffer.from(customer, 'utf8');
    return aloneOn(bytes, this.customerHash(workspace, bytes));
  }

  /** The hashes that a customer's events are found by. */
  hashesOf(workspace: number, customer: string): readonly number[] {
    this.enter();
    const { members } = this.membersOf(workspace, customer);
    this.leave();
    return [...new Set(members.map(({ hash }) => hash))];
  }

  /** The data directory's own. */
  get hashSeed(): number {
    return this.#memory.hashSeed;
  }

  customerHash(workspace: number, customer: Uint8Array): number {
    return customerHashOf(this.#memory.hashSeed, workspace, customer, 0, customer.length);
  }

  shardNumber(customerHash: number): number {
    return shardOf(customerHash, this.shards.length);
  }

  async close(): Promise<void> {
    for (const shard of this.shards) await shard.close();
    this.#epoch.close();
  }
}
