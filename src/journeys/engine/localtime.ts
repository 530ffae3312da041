/** The next time that a local clock shows an hour and a minute. */
import { localDay, zoneOffsetMs } from '../../std/zone.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

export interface LocalTime {
  readonly hour: number;
  readonly minute: number;
  /** IANA name. */
  readonly zone: string;
}

/**
 * The first instant after `after` at which the zone's clock shows that time. Where it is skipped (clocks go
 * forward) the instant at which they do; where it comes twice (clocks go back) the first of the two.
 */
export function nextLocalTime(wanted: LocalTime, after: number): number {
  const today = localDay(wanted.zone, after);
  for (let day = today; ; day++) {
    const at = instantOf(wanted, day);
    if (at > after) return at;
  }
}

function instantOf({ hour, minute, zone }: LocalTime, day: number): number {
  const shown = day * dayMs + (hour * 60 + minute) * minuteMs;
  // The clock's distance to UTC well before and well after: one of them holds, or the time is skipped.
  const before = zoneOffsetMs(zone, shown - zoneOffsetMs(zone, shown - dayMs) - dayMs / 4);
  const behind = zoneOffsetMs(zone, shown - zoneOffsetMs(zone, shown + dayMs) + dayMs / 4);
  const fits = [before, behind]
    .map((offset) => shown - offset)
    .filter((at) => at + zoneOffsetMs(zone, at) === shown);
  if (fits.length > 0) return Math.min(...fits);
  return changeBetween(zone, shown - behind, shown - before);
}

/** When the distance to UTC changes between two instants of which only the second has the later one. */
function changeBetween(zone: string, from: number, to: number): number {
  let [low, high] = [from, to];
  const target = zoneOffsetMs(zone, to);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (zoneOffsetMs(zone, middle) === target) high = middle;
    else low = middle;
  }
  return high;
}
