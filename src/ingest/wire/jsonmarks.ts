/**
 * Numbers that a double cannot hold, carried through `JSON.parse` as marked strings: it has no limit of
 * depth, and nor has anything here, so that what is nested too deep is for its own event to answer for.
 *
 *     {"n":12345678901234567890,"s":"␣…"} ─ marked ─▶ {"n":"␣12345678901234567890","s":"␣␣…"} ─ parse, unmarked ─▶ value
 */

/** Of the private use area, shown above as ␣; a string that begins with it gets another one in front. */
const mark = '\ue000';

/** Begins with the mark, as it is or escaped. */
const ownMark = /^"(?:\ue000|\\u[eE]000)/;

/** The text of a JSON value with its inexact numbers as marked strings. */
export function marked(text: string): string {
  let out = '';
  let copied = 0;
  for (let at = 0; at < text.length; ) {
    const first = text.charCodeAt(at);
    if (first === quote) {
      const end = stringEnd(text, at);
      if (ownMark.test(text.slice(at, at + 7)) && !isKey(text, end)) {
        out += `${text.slice(copied, at + 1)}${mark}`;
        copied = at + 1;
      }
      at = end;
    } else if (first === minus || isDigit(first)) {
      const end = numberEnd(text, at);
      const digits = text.slice(at, end);
      if (String(Number(digits)) !== digits) {
        out += `${text.slice(copied, at)}"${mark}${digits}"`;
        copied = end;
      }
      at = end;
    } else at += 1;
  }
  return out + text.slice(copied);
}

/** The value that was meant: `exact` makes what stands for a number. */
export function unmarked(value: unknown, exact: (digits: string) => unknown): unknown {
  const root = [value];
  const waiting: (object | null)[] = [root];
  for (let holder = waiting.pop(); holder !== undefined; holder = waiting.pop()) {
    if (holder === null) continue;
    const members = holder as Record<string, unknown>;
    for (const name of Object.keys(members)) {
      const member = members[name];
      if (typeof member === 'object') waiting.push(member);
      else if (typeof member === 'string' && member.startsWith(mark)) {
        const rest = member.slice(1);
        put(members, name, rest.startsWith(mark) ? rest : exact(rest));
      }
    }
  }
  return root[0];
}

/** Also where the name is `__proto__`. */
function put(members: Record<string, unknown>, name: string, value: unknown): void {
  const rules = { writable: true, enumerable: true, configurable: true };
  Object.defineProperty(members, name, { value, ...rules });
}

const quote = 0x22;
const minus = 0x2d;
const backslash = 0x5c;
const colon = 0x3a;

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Just past the string that begins at `at`. */
function stringEnd(text: string, at: number): number {
  let end = at + 1;
  for (; text.charCodeAt(end) !== quote; end++) {
    if (text.charCodeAt(end) === backslash) end += 1;
  }
  return end + 1;
}

/** Just past the number that begins at `at`. */
function numberEnd(text: string, at: number): number {
  let end = at + 1;
  while (/[\d.eE+-]/.test(text.charAt(end))) end += 1;
  return end;
}

/** Whether the string that ends at `end` is the name of a member. */
function isKey(text: string, end: number): boolean {
  let at = end;
  while (text.charCodeAt(at) <= 0x20) at += 1;
  return text.charCodeAt(at) === colon;
}
