/** In which segments of a shard an id is looked for, and when. */
import type { RecentPart } from './recentids.ts';

/**
 * Of the newest sealed events of a shard, so many are known by id alone: their filters are in memory,
 * 2 bytes each. Older ones are looked at when an event's own time allows it, or when it has none.
 */
export const idAloneEventsMax = 100_000_000;

/** What has to be known of a segment. */
interface Known {
  readonly entry: { readonly events: number };
  readonly recent?: RecentPart | undefined;
}

/** All newest first. */
export interface IdLookups<Segment extends Known> {
  /** Parts with an index whose ids are in `recentids.ts`. */
  readonly indexed: readonly Segment[];
  /** All others, each asked by its own filter. */
  readonly filtered: readonly { readonly each: Segment; readonly isIdAlone: boolean }[];
}

/** @param segments oldest first. */
export function lookupsOf<Segment extends Known>(segments: readonly Segment[]): IdLookups<Segment> {
  const newestFirst = segments.toReversed();
  let events = 0;
  return {
    indexed: newestFirst.filter(({ recent }) => recent !== undefined),
    filtered: newestFirst.flatMap((each) => {
      events += each.entry.events;
      return each.recent ? [] : [{ each, isIdAlone: events <= idAloneEventsMax }];
    }),
  };
}
