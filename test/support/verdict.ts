/**
 * What an event's verdict should be, worked out the slow and plain way from the contract: decode to
 * objects, then check the objects. Shares nothing with the walkers but the numbers of the contract.
 */
import { formatCursor } from '../../src/tape/cursor.ts';
import { type Tree, treeJson, treeProblem, unpackTree } from './tree.ts';

export interface Verdict {
  /** The bytes cannot be decoded at all. */
  readonly isMalformed: boolean;
  readonly rejection?: string | undefined;
  /** How the event is read back, when it is accepted. */
  readonly rendered?: string | undefined;
  readonly id?: string | undefined;
}

/** One top-level entry: what is wrong with its key, or its name, and its value. */
interface Entry {
  readonly keyProblem?: string | undefined;
  readonly key: string;
  readonly value: Value;
}

/** A decoded value: what the rules need to know of it, whatever the encoding. */
export interface Value {
  readonly kind: 'text' | 'number' | 'map' | 'other';
  readonly text?: string | undefined;
  /** Bytes of the text as UTF-8, as sent. */
  readonly textBytes?: number;
  readonly textProblem?: string | undefined;
  /** A number, or the milliseconds of a timestamp. */
  readonly number?: number | undefined;
  readonly numberProblem?: string | undefined;
  /** The first thing in a map that `data` may not hold. */
  readonly dataProblem?: string | undefined;
  /** The value as the server gives it back. */
  readonly json: string;
}

export const received = 1_763_740_000_123;
export const place = { stamp: 7_000_000_123, ordinal: 41 };
const malformed: Verdict = { isMalformed: true };
const dayMs = 24 * 60 * 60 * 1000;
const textMax: Record<string, number> = {
  id: 256,
  customer: 256,
  previous: 256,
  type: 128,
  channel: 64,
  source: 256,
};

/** RFC 3339 by a regular expression and `Date`; NaN when it is something else. */
export function referenceTime(text: string): number {
  const parts =
    /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/.exec(
      text,
    );
  if (parts === null) return Number.NaN;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as number[];
  const date = new Date(0);
  date.setUTCFullYear(year!, month! - 1, day!);
  if (date.getUTCMonth() !== month! - 1 || date.getUTCDate() !== day!) return Number.NaN;
  const offset = Number(parts[9] ?? 0) * 60 + Number(parts[10] ?? 0);
  if (hour! > 23 || minute! > 59 || second! > 60) return Number.NaN;
  if (Number(parts[9] ?? 0) > 23 || Number(parts[10] ?? 0) > 59) return Number.NaN;
  date.setUTCHours(hour!, minute! - (parts[8] === '-' ? -offset : offset));
  const isDayEnd = date.getUTCHours() === 23 && date.getUTCMinutes() === 59;
  if (second === 60 && !isDayEnd) return Number.NaN;
  return date.getTime() + second! * 1000 + Number((parts[7] ?? '').padEnd(3, '0').slice(0, 3));
}

function textProblem(key: string, value: Value): string | undefined {
  const max = textMax[key]!;
  const wrong = `${key} must be a string of 1 to ${max} bytes`;
  if (value.kind !== 'text' || value.textBytes! < 1 || value.textBytes! > max) return wrong;
  return value.textProblem;
}

function timeOf(value: Value): number | string {
  const wrong = 'time must be an RFC 3339 string or integer epoch milliseconds';
  if (value.kind === 'text') {
    if (value.textProblem === 'strings must be valid UTF-8') return value.textProblem;
    const parsed = referenceTime(value.text!);
    return Number.isNaN(parsed) ? wrong : parsed;
  }
  if (value.numberProblem !== undefined) return value.numberProblem;
  return value.kind === 'number' && Number.isInteger(value.number) ? value.number! + 0 : wrong;
}

function timeProblem(value: Value, nowMs: number): string | undefined {
  const time = timeOf(value);
  if (typeof time === 'string') return time;
  if (time < 0) return 'time must not be before 1970';
  return time > nowMs + dayMs ? 'time must be at most one day ahead of the server' : undefined;
}

function entryProblem(entry: Entry, seen: Set<string>, nowMs: number): string | undefined {
  if (entry.keyProblem !== undefined) return entry.keyProblem;
  const { key, value } = entry;
  const isKnown = Object.hasOwn(textMax, key) || key === 'time' || key === 'data';
  if (!isKnown) return 'unknown top-level field; put your own fields under data';
  if (seen.has(key)) return `${key} may not be given twice`;
  seen.add(key);
  if (key === 'time') return timeProblem(value, nowMs);
  if (key === 'data') {
    return value.kind === 'map' ? value.dataProblem : 'data must be an object';
  }
  return textProblem(key, value);
}

function judge(entries: readonly Entry[] | undefined, bytes: number, nowMs: number): Verdict {
  if (entries === undefined) {
    return { isMalformed: false, rejection: 'an event must be an object' };
  }
  const seen = new Set<string>();
  const problems = entries.map((entry) => entryProblem(entry, seen, nowMs));
  const find = (key: string): Value | undefined =>
    entries.find((entry) => entry.keyProblem === undefined && entry.key === key)?.value;
  if (bytes > 32_768) problems.push('an event may be at most 32768 bytes');
  if (find('customer') === undefined) problems.push('customer is required');
  if (find('type') === undefined) problems.push('type is required');
  if (find('type')?.text?.startsWith('tapeline.')) {
    problems.push('type must not begin with tapeline.');
  }
  for (const name of ['customer', 'previous']) {
    if (find(name)?.text?.startsWith('tapeline:')) {
      problems.push(`${name} must not begin with tapeline:`);
    }
  }
  const id = find('id');
  const idText = id !== undefined && textProblem('id', id) === undefined ? id.text : undefined;
  const rejection = problems.find((problem) => problem !== undefined);
  if (rejection !== undefined) return { isMalformed: false, rejection, id: idText };
  const time = find('time') === undefined ? received : timeOf(find('time')!);
  const parts = [`"id":${JSON.stringify(idText ?? 'made')}`];
  for (const key of ['customer', 'previous', 'type', 'time', 'channel', 'source', 'data']) {
    const value = find(key);
    if (key === 'time') parts.push(`"time":${time}`);
    else if (key === 'data' && value !== undefined) parts.push(`"data":${value.json}`);
    else if (value !== undefined) parts.push(`"${key}":${JSON.stringify(value.text)}`);
  }
  parts.push(
    `"received":${received}`,
    `"cursor":"${formatCursor(place.stamp, place.ordinal, Number(time))}"`,
  );
  return { isMalformed: false, rendered: `{${parts.join(',')}}`, id: idText };
}

/** The verdict on JSON: `JSON.parse` of strictly decoded text, and a scan for what that drops. */
export function judgeJson(bytes: Uint8Array, nowMs: number): Verdict {
  let text: string;
  try {
    // JSON.parse refuses a byte order mark, so the decoder must not swallow it.
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    JSON.parse(text);
  } catch {
    return malformed;
  }
  const event = text.trim();
  const entries = event[0] === '{' ? jsonEntries(event) : undefined;
  return judge(entries, Buffer.byteLength(event), nowMs);
}

/** Top-level entries of text that is known to be a well-formed object. */
function jsonEntries(text: string): Entry[] {
  const entries: Entry[] = [];
  let depth = 0;
  let deepest = 0;
  let rawKey: string | undefined;
  let valueAt = -1;
  for (const match of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/gs)) {
    const token = match[0];
    if (token === '}' || token === ']') depth--;
    if (rawKey !== undefined && (depth === 0 || (depth === 1 && token === ','))) {
      entries.push(jsonEntry(rawKey, text.slice(valueAt, match.index), deepest));
      rawKey = undefined;
    } else if (depth === 1 && rawKey === undefined && token[0] === '"') {
      rawKey = token;
      valueAt = -1;
      deepest = 0;
    } else if (depth === 1 && token === ':' && valueAt < 0) valueAt = match.index + 1;
    if (token === '{' || token === '[') deepest = Math.max(deepest, depth++);
  }
  return entries;
}

function jsonEntry(rawKey: string, rawValue: string, depth: number): Entry {
  const value: unknown = JSON.parse(rawValue);
  const keyProblem = rawKey.includes('\\')
    ? 'top-level keys must be written without escapes'
    : undefined;
  const json = rawValue.trim().replace(/[\n\r]/g, ' ');
  const key = JSON.parse(rawKey) as string;
  if (typeof value === 'string') {
    const lone = /\p{Surrogate}/u.exec(value);
    const max = textMax[key] ?? 0;
    // The first problem counts: too long before the lone surrogate, or the lone surrogate.
    const isLone = lone !== null && Buffer.byteLength(value.slice(0, lone.index)) <= max;
    const textBytes = isLone ? 1 : Buffer.byteLength(value);
    const problem = isLone ? 'a lone surrogate cannot be written as UTF-8' : undefined;
    return {
      keyProblem,
      key,
      value: { kind: 'text', text: value, textBytes, textProblem: problem, json },
    };
  }
  if (typeof value === 'number')
    return { keyProblem, key, value: { kind: 'number', number: value, json } };
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return { keyProblem, key, value: { kind: 'other', json } };
  }
  const dataProblem = depth > 32 ? 'data may be at most 32 levels deep' : undefined;
  return { keyProblem, key, value: { kind: 'map', dataProblem, json } };
}

/** The verdict on MessagePack, by a decoder that builds everything. */
export function judgeMsgpack(bytes: Uint8Array, nowMs: number): Verdict {
  const tree = unpackTree(bytes);
  if (tree === undefined) return malformed;
  if (tree.kind !== 'map') return judge(undefined, bytes.length, nowMs);
  const entries = tree.entries.map(([key, value]): Entry => {
    const keyProblem = key.kind !== 'text' ? 'the keys of a map must be strings' : undefined;
    const name = key.kind === 'text' ? key.text : '';
    const badKey = key.kind === 'text' && key.isBad ? 'strings must be valid UTF-8' : undefined;
    return { keyProblem: keyProblem ?? badKey, key: name, value: msgpackValue(value) };
  });
  return judge(entries, bytes.length, nowMs);
}

function msgpackValue(tree: Tree): Value {
  switch (tree.kind) {
    case 'text':
      return {
        kind: 'text',
        text: tree.text,
        textBytes: tree.bytes,
        textProblem: tree.isBad ? 'strings must be valid UTF-8' : undefined,
        json: '',
      };
    case 'integer':
    case 'float':
      return { kind: 'number', number: Number(tree.number), json: '' };
    case 'timestamp':
      return {
        kind: 'number',
        number: Number(tree.nanos / 1_000_000n) - (tree.nanos % 1_000_000n < 0n ? 1 : 0),
        numberProblem: tree.isBad ? 'a timestamp must lie in the years 0000 to 9999' : undefined,
        json: '',
      };
    case 'map': {
      const dataProblem = treeProblem(tree, 1);
      return { kind: 'map', dataProblem, json: dataProblem === undefined ? treeJson(tree) : '' };
    }
    default:
      return { kind: 'other', json: '' };
  }
}
