/**
 * Times as clients write them, RFC 3339, to epoch milliseconds, without `Date`:
 *
 *     2024-02-29T23:59:59.123456+02:00
 *     year-month-day, `T`, `t` or a space, time, any number of fraction digits, `Z`, `z` or ±hh:mm
 *
 * Fractions are floored to milliseconds. The calendar is the real one. A leap second is accepted
 * where one can be, at 23:59:60 UTC, and is the second after it, as on every POSIX clock.
 */

const daysPerMonth = Uint8Array.of(0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31);

/** RFC 3339 to epoch milliseconds; NaN when it is anything else. */
export function parseTime(text: string): number {
  const bytes = Buffer.from(text, 'utf8');
  return parseTimeBytes(bytes, 0, bytes.length);
}

/** `parseTime` over the UTF-8 bytes `[at, end)`. */
export function parseTimeBytes(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 20) return Number.NaN;
  const days = parseDate(bytes, at);
  const divider = bytes[at + 10];
  const hour = twoDigits(bytes, at + 11);
  const minute = twoDigits(bytes, at + 14);
  const second = twoDigits(bytes, at + 17);
  if (divider !== 0x54 && divider !== 0x74 && divider !== 0x20) return Number.NaN;
  if (bytes[at + 13] !== 0x3a || bytes[at + 16] !== 0x3a) return Number.NaN;
  if (Number.isNaN(days) || hour > 23 || minute > 59 || second > 60) return Number.NaN;
  let i = at + 19;
  let fractionMs = 0;
  if (bytes[i] === 0x2e) {
    const digitsAt = ++i;
    let weight = 100;
    for (; i < end && isDigit(bytes[i]!); i++) {
      if (weight >= 1) fractionMs += (bytes[i]! - 0x30) * weight;
      weight = Math.trunc(weight / 10);
    }
    if (i === digitsAt) return Number.NaN;
  }
  const offsetMinutes = parseOffset(bytes, i, end);
  if (Number.isNaN(offsetMinutes)) return Number.NaN;
  const utcMinutes = days * 1440 + hour * 60 + minute - offsetMinutes;
  if (second === 60 && (utcMinutes + 1) % 1440 !== 0) return Number.NaN;
  return utcMinutes * 60_000 + second * 1000 + fractionMs;
}

/** Days since 1970-01-01 of the ten bytes `YYYY-MM-DD`, or NaN. */
function parseDate(bytes: Uint8Array, at: number): number {
  const year = twoDigits(bytes, at) * 100 + twoDigits(bytes, at + 2);
  const month = twoDigits(bytes, at + 5);
  const day = twoDigits(bytes, at + 8);
  if (bytes[at + 4] !== 0x2d || bytes[at + 7] !== 0x2d) return Number.NaN;
  if (year > 9999 || month < 1 || month > 12 || day < 1) return Number.NaN;
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (day > daysPerMonth[month]! + (isLeap && month === 2 ? 1 : 0)) return Number.NaN;
  return daysOf(year, month, day);
}

/** Counts from 1 March, so that the leap day is the last of its year (H. Hinnant's calendar). */
function daysOf(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** Minutes east of UTC, from `Z` or `±hh:mm` filling `[at, end)` exactly; NaN otherwise. */
function parseOffset(bytes: Uint8Array, at: number, end: number): number {
  if (end - at === 1) return (bytes[at]! | 0x20) === 0x7a ? 0 : Number.NaN;
  if (end - at !== 6 || bytes[at + 3] !== 0x3a) return Number.NaN;
  const hours = twoDigits(bytes, at + 1);
  const minutes = twoDigits(bytes, at + 4);
  if (hours > 23 || minutes > 59) return Number.NaN;
  if (bytes[at] === 0x2b) return hours * 60 + minutes;
  return bytes[at] === 0x2d ? -(hours * 60 + minutes) : Number.NaN;
}

/** Two decimal digits as a number; when they are not digits, one that no limit lets through. */
function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - 0x30;
  const ones = bytes[at + 1]! - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : 1_000_000;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
