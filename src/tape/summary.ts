/** What a segment says of itself: bounds and counts, for retention, reports and the choice of merges. */

import type { DroppedUpTo } from './catalogue.ts';

/** Counts of events by the time they occurred, in units of `unitMs` (coarser when there are many). */
export interface TimeCounts {
  readonly unitMs: number;
  /** Pairs of (time ÷ unitMs, events), by time. */
  readonly counts: readonly (readonly [unit: number, events: number])[];
}

export interface Count {
  events: number;
  /** As sent: payloads without what the server adds. */
  bytes: number;
}

export interface TypeSummary extends Count {
  readonly workspace: number;
  /** Undefined: all the types past `typesMax`. */
  readonly type: string | undefined;
}

export interface WorkspaceSummary extends Count {
  readonly workspace: number;
  receivedMin: number;
  receivedMax: number;
  firstStamp: number;
  lastStamp: number;
}

export interface SegmentBounds {
  readonly version: number;
  readonly events: number;
  readonly sentBytes: number;
  /** The stamps it stands for, first and last. */
  readonly first: number;
  readonly last: number;
  readonly generation: number;
  readonly timeMin: number;
  readonly timeMax: number;
  readonly receivedMin: number;
  readonly receivedMax: number;
}

export interface SegmentSummary extends SegmentBounds {
  readonly workspaces: readonly WorkspaceSummary[];
  readonly types: readonly TypeSummary[];
  readonly minutes: TimeCounts;
  /** Up to which stamps events of its workspaces, and older ones, are gone: their retention was over. */
  readonly dropped?: readonly DroppedUpTo[];
}
