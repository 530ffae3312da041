/** Times as files write them, read as epoch milliseconds. A time without a zone is taken as UTC. */

/** Reads one time; undefined when the text is not such a time. */
export type ReadTime = (text: string) => number | undefined;

type Part = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second' | 'fraction';

const isoPattern =
  /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)\s*(Z|z|[+-]\d{2}:?\d{2})?)?$/;

/**
 * Compiles a format: `iso`, `epoch-ms`, `epoch-s`, or a pattern of y, m, d, h, m, s and S.
 *
 * @throws RangeError when the pattern does not give a day.
 */
export function timeReader(format: string): ReadTime {
  if (format === 'iso') return readIso;
  if (format === 'epoch-ms') return (text) => readEpoch(text, 1);
  if (format === 'epoch-s') return (text) => readEpoch(text, 1000);
  const { pattern, parts } = compile(format);
  return (text) => {
    const match = pattern.exec(text);
    if (match === null) return undefined;
    const found: Partial<Record<Part, string>> = {};
    for (const [index, part] of parts.entries()) found[part] = match[index + 1]!;
    return utc(found);
  };
}

function readEpoch(text: string, unitMs: number): number | undefined {
  if (!/^-?\d{1,16}(\.\d+)?$/.test(text)) return undefined;
  return Math.round(Number(text) * unitMs);
}

function readIso(text: string): number | undefined {
  const match = isoPattern.exec(text.trim());
  if (match === null) return undefined;
  const [, day, clock = '00:00', zone = 'Z'] = match;
  const [year, month, date] = day!.split('-');
  if (utc({ year: year!, month: month!, day: date! }) === undefined) return undefined;
  const colon = zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase();
  const time = Date.parse(`${day}T${clock.replace(',', '.')}${colon}`);
  return Number.isNaN(time) ? undefined : time;
}

/** One letter takes one or two digits, more letters exactly as many; everything else stands for itself. */
function compile(format: string): { pattern: RegExp; parts: Part[] } {
  const parts: Part[] = [];
  const tokens = format.match(/([ydhmsSYDHM])\1*|[^ydhmsSYDHM]+/g) ?? [];
  const source = tokens.map((token) => {
    const part = partOf(token, parts);
    if (part === undefined) return token.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    if (parts.includes(part)) throw new RangeError(`time pattern "${format}" has two ${part}s`);
    parts.push(part);
    if (part === 'fraction') return '(\\d{1,9})';
    return token.length === 1 ? '(\\d{1,2})' : `(\\d{${token.length}})`;
  });
  for (const part of ['year', 'month', 'day'] as const) {
    if (!parts.includes(part)) throw new RangeError(`time pattern "${format}" has no ${part}`);
  }
  if (!/y{4}/i.test(format)) throw new RangeError(`time pattern "${format}" needs a yyyy`);
  return { pattern: new RegExp(`^${source.join('')}$`), parts };
}

function partOf(token: string, before: readonly Part[]): Part | undefined {
  switch (token[0]) {
    case 'y':
    case 'Y':
      return 'year';
    case 'd':
    case 'D':
      return 'day';
    case 'h':
    case 'H':
      return 'hour';
    case 's':
      return 'second';
    case 'S':
      return 'fraction';
    case 'm':
    case 'M':
      return before.includes('hour') ? 'minute' : 'month';
    default:
      return undefined;
  }
}

function utc(found: Partial<Record<Part, string>>): number | undefined {
  const { year, month, day, hour = '0', minute = '0', second = '0', fraction = '0' } = found;
  const ms = Math.floor(Number(`0.${fraction}`) * 1000);
  const time = Date.UTC(+year!, +month! - 1, +day!, +hour, +minute, +second, ms);
  const date = new Date(time);
  // Date.UTC carries over what does not exist, such as 30 February; such a time is refused instead.
  const isReal =
    date.getUTCFullYear() === +year! &&
    date.getUTCMonth() === +month! - 1 &&
    date.getUTCDate() === +day! &&
    date.getUTCHours() === +hour &&
    date.getUTCMinutes() === +minute &&
    date.getUTCSeconds() === +second;
  return isReal ? time : undefined;
}
