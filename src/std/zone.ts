/**
 * The local clock of an IANA zone (`Europe/Berlin`): what it shows at an instant, daylight saving and all.
 * Asking `Intl` costs microseconds, so the distance to UTC is kept by the quarter of an hour: no zone has
 * changed it at another moment since 1972.
 */

/** Local days, and with them weeks and months, begin with one. */
export const quarterMs = 15 * 60 * 1000;
const minuteMs = 60 * 1000;
const dayMs = 24 * 60 * minuteMs;
/** Distances that a thread keeps, over all zones. */
const keptMax = 20_000;

const formats = new Map<string, Intl.DateTimeFormat>();
const kept = new Map<string, Map<number, number>>();
const counted = { distances: 0 };

/** Whether there is such a zone: an IANA name, or `UTC`. */
export function isZone(name: string): boolean {
  // Node also takes offsets (`+01:00`), which know no daylight saving.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

/** What the zone's clock is ahead of UTC at an instant, in milliseconds. @throws RangeError no such zone. */
export function zoneOffsetMs(zone: string, at: number): number {
  const quarter = Math.floor(at / quarterMs);
  const known = kept.get(zone)?.get(quarter);
  if (known !== undefined) return known;
  if (counted.distances >= keptMax) {
    kept.clear();
    counted.distances = 0;
  }
  const found = measure(zone, quarter * quarterMs);
  const own = kept.get(zone) ?? new Map<number, number>();
  kept.set(zone, own.set(quarter, found));
  counted.distances++;
  return found;
}

/** Minutes since local midnight as the clock shows them, 0–1439. */
export function minuteOfDay(zone: string, at: number): number {
  const local = at + zoneOffsetMs(zone, at);
  return Math.floor((((local % dayMs) + dayMs) % dayMs) / minuteMs);
}

/** The local day, counted from 1970-01-01. */
export function localDay(zone: string, at: number): number {
  return Math.floor((at + zoneOffsetMs(zone, at)) / dayMs);
}

/** The local week, from Monday on. */
export function localWeek(zone: string, at: number): number {
  // 1970-01-01 was a Thursday.
  return Math.floor((localDay(zone, at) + 3) / 7);
}

/** The local month, counted from January of year 0. */
export function localMonth(zone: string, at: number): number {
  const local = new Date(localDay(zone, at) * dayMs);
  return local.getUTCFullYear() * 12 + local.getUTCMonth();
}

function measure(zone: string, at: number): number {
  const shown = new Map<string, number>();
  for (const { type, value } of formatOf(zone).formatToParts(at)) shown.set(type, Number(value));
  const part = (type: string): number => shown.get(type) ?? 0;
  const local = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second'),
  );
  return local - at;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'iso8601',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formats.set(zone, format);
  return format;
}
