/** When a message of Segment or RudderStack occurred, by the server's clock. */
import { timeAheadMsMax } from '../../event/envelope.ts';
import { parseTime } from '../../event/time.ts';
import { numberOf } from './json.ts';
import type { WireEvent } from './store.ts';

/**
 * A client's clock that differs by no more is taken for right: what is left is the time a request takes,
 * and an event that is sent again keeps its time to the millisecond.
 */
export const skewMsMin = 1_000;
/** The same for a resend: some libraries leave the time of the first sending in it, and wait for minutes. */
export const resendSkewMsMin = 300_000;

export interface When {
  /** Undefined when the time of receipt has to do. */
  readonly time: number | undefined;
  /** The client's clock was wrong, and the time is not the one that was sent. */
  readonly isShifted: boolean;
}

/**
 * When it occurred, by the server's clock: what the client says plus what its clock, told by `sentAt`, is
 * behind. A `timestamp` beside an `originalTimestamp` has been put right already. A time that cannot be
 * read, or that an event may not have, counts as absent: the sender will not send it again.
 */
export function timeOf(
  message: Readonly<Record<string, unknown>>,
  { isResend = false, nowMs }: { readonly isResend?: boolean; readonly nowMs: number },
): When {
  const given = readTime(message['timestamp']);
  const original = readTime(message['originalTimestamp']);
  const occurred = given ?? original;
  const sent = readTime(message['sentAt']);
  const skew = sent === undefined ? 0 : nowMs - sent;
  const isCorrected = given !== undefined && original !== undefined;
  const isRight = isCorrected || Math.abs(skew) <= (isResend ? resendSkewMsMin : skewMsMin);
  if (occurred === undefined) return { time: undefined, isShifted: false };
  const time = isRight ? occurred : occurred + skew;
  const isPossible = time >= 0 && time <= nowMs + timeAheadMsMax;
  return isPossible ? { time, isShifted: !isRight } : { time: undefined, isShifted: true };
}

/** RFC 3339, or epoch milliseconds. */
function readTime(value: unknown): number | undefined {
  const time = typeof value === 'string' ? parseTime(value) : numberOf(value);
  return time === undefined || !Number.isSafeInteger(time) ? undefined : time;
}

/** As programs write a time; with other digits or another zone a text says more than the tape does. */
export function isTimeText(value: unknown, time: WireEvent['time']): boolean {
  if (typeof time !== 'number') return false;
  const text = new Date(time).toISOString();
  return value === text || value === text.replace('.000Z', 'Z');
}
