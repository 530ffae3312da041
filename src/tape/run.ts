/** A run: what one customer's events look like in any source of a tape, hot or sealed. */
import type { TapeEvent } from './event.ts';

/**
 * The events of one customer hash in one source, newest first by (time, stamp, ordinal). It starts
 * before the first: call `next`. Two customers can have one hash: whoever reads compares bytes.
 */
export interface Run {
  /** Of the event that `next` has moved to. */
  readonly time: number;
  readonly stamp: number;
  readonly ordinal: number;
  readonly typeHash: number;
  /** Moves to the next older event; false when there is none. */
  next(): boolean;
  /** The event itself; undefined when it is damaged. Valid until the next read on this thread. */
  event(): TapeEvent | undefined;
}
