/**
 * Quiet hours: local times of the day at which nobody is bothered. From the first minute on, up to but not
 * with the last; over midnight when the end is before the beginning. What is decided meanwhile is not put
 * off but left undone: the moment it was for has passed when they are over.
 */
import { minuteOfDay } from '../../std/zone.ts';

export interface QuietHours {
  /** Minutes since local midnight, 0–1439. */
  readonly fromMinute: number;
  readonly toMinute: number;
  /** IANA name; undefined: the customer's own, or UTC. */
  readonly zone: string | undefined;
}

/** @param customerZone undefined when it is not known. */
export function isQuiet(
  { fromMinute, toMinute, zone }: QuietHours,
  at: number,
  customerZone: string | undefined,
): boolean {
  const minute = minuteOfDay(zone ?? customerZone ?? 'UTC', at);
  return fromMinute <= toMinute
    ? fromMinute <= minute && minute < toMinute
    : minute >= fromMinute || minute < toMinute;
}
