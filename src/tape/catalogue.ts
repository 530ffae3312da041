/**
 * The catalogue of a shard: which parts and segments its tape consists of, in stamp order. Written by
 * the shard's thread into shared memory; any thread reads it without a message.
 *
 *     segments, oldest first │ parts, oldest first; the last one is being written
 */

/** A part of the hot log. Its blocks have stamps from `first` up to the next part's. */
export interface PartEntry {
  readonly number: number;
  /** Which of the shard's index memories holds its index. */
  readonly slot: number;
  readonly first: number;
}

/** A sealed segment: it stands for the stamps `first` … `last`. */
export interface SegmentEntry {
  readonly file: string;
  readonly first: number;
  readonly last: number;
  readonly events: number;
  /** Event times; readers skip a segment that cannot hold what they look for. */
  readonly timeMin: number;
  readonly timeMax: number;
}

/** Up to this stamp events of a workspace may have been dropped, because their retention was over. */
export type DroppedUpTo = readonly [workspace: number, stamp: number];

export interface Catalogue {
  readonly segments: readonly SegmentEntry[];
  readonly parts: readonly PartEntry[];
  readonly dropped: readonly DroppedUpTo[];
}

export const emptyCatalogue: Catalogue = { segments: [], parts: [], dropped: [] };
