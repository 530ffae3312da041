/**
 * Quotas: how much a workspace or a key may send in a second. A member that is absent falls back (a
 * workspace's to the setting of the server, a key's to none); null means unlimited, whatever the
 * setting says. Kept as sent; `Limit` is what holds.
 *
 *     quota of the workspace ─┐
 *                             ├─▶ limits of a key: both hold, each with a bucket of its own
 *     quota of the key ───────┘
 */
import { AppError } from '../std/errors.ts';

export interface Quota {
  readonly eventsPerSecond?: number | null;
  readonly bytesPerSecond?: number | null;
}

export const quotaEventsMin = 1;
export const quotaEventsMax = 1_000_000_000;
/** Below that, an event of the largest size would have to be waited for by the minute. */
export const quotaBytesMin = 1024;
export const quotaBytesMax = 1_000_000_000_000;

/** A quota in force: the rates, and where in the shared buckets they are counted. */
export interface Limit {
  /** The id of a workspace or of a key. */
  readonly owner: string;
  readonly slot: number;
  readonly eventsPerSecond: number | undefined;
  readonly bytesPerSecond: number | undefined;
}

/** Each slot has two buckets. */
export const bucketsPerSlot = 2;

/** @throws AppError invalid, naming the member. */
export function checkQuota(quota: Quota): void {
  const check = (member: keyof Quota, least: number, most: number): void => {
    const value = quota[member];
    if (value === undefined || value === null) return;
    if (Number.isInteger(value) && value >= least && value <= most) return;
    throw new AppError(
      'invalid',
      `quota.${member} must be null or a whole number from ${least} to ${most}`,
    );
  };
  check('eventsPerSecond', quotaEventsMin, quotaEventsMax);
  check('bytesPerSecond', quotaBytesMin, quotaBytesMax);
}

/** The rates that hold, `fallback` where the quota says nothing; undefined when nothing is limited. */
export function ratesOf(
  quota: Quota | undefined,
  fallback: Quota,
): Pick<Limit, 'eventsPerSecond' | 'bytesPerSecond'> | undefined {
  const rate = (member: keyof Quota): number | undefined => {
    const own = quota?.[member];
    return (own === undefined ? fallback[member] : own) ?? undefined;
  };
  const eventsPerSecond = rate('eventsPerSecond');
  const bytesPerSecond = rate('bytesPerSecond');
  if (eventsPerSecond === undefined && bytesPerSecond === undefined) return undefined;
  return { eventsPerSecond, bytesPerSecond };
}
