/** Durations as definitions write them: `30s`, `5m`, `12h`, `7d`, `2w`. */

const unitMs: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60 * 1000,
  h: 60 * 60 * 1000,
  d: 24 * 60 * 60 * 1000,
  w: 7 * 24 * 60 * 60 * 1000,
};
const pattern = /^([1-9][0-9]{0,11})([smhdw])$/;

/** In milliseconds; NaN when it is not written so. */
export function parseDuration(text: string): number {
  const match = pattern.exec(text);
  return match === null ? Number.NaN : Number(match[1]) * unitMs[match[2]!]!;
}
