/** JSON lines, each one event or, with a path, an array of events. */
import type { Line } from './lines.ts';
import type { Find, Row, RowReader } from './row.ts';

/** What the values of a row are here. */
interface Nested {
  readonly item: unknown;
  readonly line: unknown;
}

/** Sixteen digits in a row may be a number that does not fit a double: then look closely. */
const longNumber = /\d{16}/;

/** Reads JSON lines; `each` is the dotted path of an array whose items are the events. */
export function ndjsonReader(each: string | undefined): RowReader {
  return {
    push(line) {
      if (line.problem !== undefined) return [{ ...row(line, undefined), problem: line.problem }];
      if (line.text.trim() === '') return [];
      const parsed = parse(line.text);
      if (typeof parsed === 'string') return [{ ...row(line, undefined), problem: parsed }];
      const { value } = parsed;
      if (each === undefined) return [row(line, { item: value, line: value })];
      const items = dig(value, each.split('.'));
      if (!Array.isArray(items)) {
        return [{ ...row(line, undefined), problem: `${each} is not an array` }];
      }
      return items.map((item: unknown, index) => ({
        line: line.number,
        item: index,
        values: { item, line: value } satisfies Nested,
        text: JSON.stringify(item),
      }));
    },
    end: () => [],
    find: findNested,
  };
}

function row(line: Line, values: Nested | undefined): Row {
  return { line: line.number, values, text: line.text };
}

function findNested(name: string): Find {
  const isOfLine = name.startsWith('^');
  const path = (isOfLine ? name.slice(1) : name).split('.');
  return ({ values }) => {
    const { item, line } = values as Nested;
    return dig(isOfLine ? line : item, path);
  };
}

function dig(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string, unknown>)[step];
  }
  return at;
}

/** The value, or why there is none: numbers that would lose digits are not let through in silence. */
function parse(text: string): { value: unknown } | string {
  let isInexact = false;
  const watch = (_: string, value: unknown): unknown => {
    if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
      isInexact = true;
    }
    return value;
  };
  try {
    const value: unknown = longNumber.test(text) ? JSON.parse(text, watch) : JSON.parse(text);
    return isInexact
      ? 'a number is too large to be carried exactly: write it as a string'
      : { value };
  } catch (error) {
    return `the line is not JSON: ${(error as Error).message}`;
  }
}
