/** What the makers of segments are asked, and what they answer; it crosses threads. */

import type { DroppedUpTo } from './catalogue.ts';

/** The rules that concern one job: see `gone.ts`. */
export interface JobRules {
  readonly seed: number;
  readonly erased: readonly ErasedCustomer[];
  readonly cuts: readonly Cut[];
  /** Set when the job may meet events of deleted workspaces. */
  readonly workspaces: { readonly living: readonly number[]; readonly next: number } | undefined;
}

/** Of this workspace everything is gone that was received before, or has at most that stamp. */
export interface Cut {
  readonly workspace: number;
  readonly receivedFrom: number;
  readonly stampUpTo: number;
}

/**
 * Of what was sent under this identity everything with a stamp up to `upTo` is gone; with `from` or `to`,
 * what occurred then (`to` itself not): an identity that several customers had is erased with one of them.
 */
export interface ErasedCustomer {
  readonly workspace: number;
  readonly customerHash: number;
  /** See `digestOf`. */
  readonly digest: string;
  readonly upTo: number;
  /** Epoch milliseconds. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** What whoever asked for a segment learns of it. */
export interface SegmentFacts {
  /** Its name in the shard's directory. */
  readonly file: string;
  readonly events: number;
  /** The file's size. */
  readonly bytes: number;
  readonly sentBytes: number;
  readonly first: number;
  readonly last: number;
  readonly timeMin: number;
  readonly timeMax: number;
  readonly receivedMin: number;
  readonly receivedMax: number;
  readonly generation: number;
  /** Pieces of what it was made of that could not be read: what was in them is not in here. */
  readonly damaged: number;
  /** Up to which stamps events were left out because their retention was over, as far as is known. */
  readonly dropped: readonly DroppedUpTo[];
}

/** Whether a record is to be left out: erased or expired. Asked for each record, so it must be fast. */
export interface Gone {
  (record: GoneRecord): boolean;
  /** Asked first, if it is there: false spares describing a record. */
  concerns?(workspace: number, customerHash: number): boolean;
}

export interface GoneRecord {
  readonly workspace: number;
  readonly customerHash: number;
  readonly stamp: number;
  readonly received: number;
  readonly time: number;
  customer(): Uint8Array;
}

/** Where a new segment goes, and the stamps it stands for. */
export interface SegmentJob {
  /** The data directory. */
  readonly directory: string;
  readonly shard: number;
  readonly first: number;
  readonly last: number;
  readonly generation: number;
  /** As a job crosses threads; whoever carries it out makes `isGone` of them (`perform.ts`). */
  readonly rules?: JobRules | undefined;
  readonly isGone?: Gone | undefined;
  /** Up to which stamp cuts took something of a workspace; filled while `isGone` is asked. */
  readonly dropped?: Map<number, number> | undefined;
}

/** Makes the index of a part, which stays where it is. */
export interface IndexJob extends SegmentJob {
  readonly part: number;
  /** The part holds so many at most. */
  readonly eventsMax: number;
}

/** Makes a segment from parts of the hot log. */
export interface SealJob extends SegmentJob {
  /** Numbers of the parts, in order. */
  readonly parts: readonly number[];
  /** How many events are in them, where that is known. */
  readonly events?: number;
}

/** Makes one segment from several, or from one without what is gone. */
export interface MergeJob extends SegmentJob {
  /** File names in the shard's directory, in the order of their stamps. */
  readonly segments: readonly string[];
}
