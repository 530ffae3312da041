/**
 * When a webhook is tried again, and what its answer means. Purely a table:
 *
 *     2xx             delivered
 *     410             failed, and the endpoint is disabled
 *     429, 502, 504   tried again, and the endpoint rests meanwhile: others wait too
 *     anything else   tried again: 3xx (never followed), 4xx, 5xx, no answer at all
 *
 * An attempt is ten times at most, over some three days. `Retry-After` makes a wait longer, never shorter.
 */
import type { Random } from '../../std/random.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** Waits before each attempt, from the end of the one before. */
export const waitsMs: readonly number[] = [
  0,
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
];
export const attemptsMax = waitsMs.length;
/** A wait is longer by up to this part of it, so that what failed together does not come again together. */
export const jitterMax = 0.1;
/** A `Retry-After` of more counts as this much. */
export const retryAfterMsMax = 24 * hour;
/** How long an endpoint rests that says it is overloaded, and not for how long; doubled each time in a row. */
const restMs = second;
const restMsMax = 5 * minute;

/** What came back from one attempt. */
export type Answer =
  | { readonly status: number; readonly retryAfter?: string; readonly excerpt?: string }
  /** Nothing did. `final`: it never will, so it is not tried again. */
  | { readonly failure: string; readonly final?: boolean };

export type Verdict =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'failed'; readonly gone: boolean }
  /** `restMs`: nobody asks the endpoint for so long. */
  | { readonly kind: 'retry'; readonly waitMs: number; readonly restMs: number };

export interface Attempt {
  /** How many there have been, this one included: 1 … */
  readonly attempts: number;
  /** How many answers in a row said that the endpoint is overloaded, this one aside. */
  readonly overloads: number;
  readonly nowMs: number;
}

export function judge(answer: Answer, attempt: Attempt, random: Random): Verdict {
  if ('failure' in answer) {
    return answer.final === true ? { kind: 'failed', gone: false } : next(attempt, 0, 0, random);
  }
  const { status } = answer;
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  if (status === 410) return { kind: 'failed', gone: true };
  const asked = retryAfterMs(answer.retryAfter, attempt.nowMs);
  if (!isOverload(status)) return next(attempt, asked, 0, random);
  const rest = Math.min(restMs * 2 ** attempt.overloads, restMsMax);
  return next(attempt, asked, Math.max(asked, rest), random);
}

export function isOverload(status: number): boolean {
  return status === 429 || status === 502 || status === 504;
}

function next({ attempts }: Attempt, leastMs: number, rest: number, random: Random): Verdict {
  const wait = waitsMs[attempts];
  if (wait === undefined) return { kind: 'failed', gone: false };
  const jittered = Math.max(wait, leastMs) * (1 + jitterMax * random.next());
  return { kind: 'retry', waitMs: Math.ceil(jittered), restMs: rest };
}

/** Seconds or a date (RFC 9110, 10.2.3); 0 for anything else. */
export function retryAfterMs(text: string | undefined, nowMs: number): number {
  if (text === undefined) return 0;
  const ms = /^\s*\d{1,9}\s*$/.test(text) ? Number(text) * second : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, ms), retryAfterMsMax);
}
