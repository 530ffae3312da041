/**
 * Rows of columns: separated by a text, by runs of blanks, or by position. Quoting follows RFC 4180: a
 * quote opens a cell only at its beginning, a doubled quote is one, and a quoted cell may hold
 * separators and line ends, so a row may be several lines.
 */

import { MapError } from '../../src/event/mapping.ts';
import type { Line } from './lines.ts';
import type { FixedColumn, ImportMap } from './map.ts';
import type { Find, Row, RowReader } from './row.ts';

/** A quote that does not close within this many characters is taken for a mistake. */
const rowCharsMax = 1024 * 1024;

/** The cells of a row's text; a string says what is wrong; undefined: a quote is still open. */
type Cut = (text: string) => readonly string[] | string | undefined;

/** Reads separated columns; names come from the header or the map. */
export function delimitedReader(map: ImportMap): RowReader {
  return columnReader(cutOf(map), map);
}

/** Reads columns by position; a header, if there is one, is skipped. */
export function fixedReader(map: ImportMap): RowReader {
  const columns = (map.columns ?? []) as readonly FixedColumn[];
  const cut: Cut = (text) => columns.map(({ at, width }) => text.slice(at, at + width).trim());
  return columnReader(cut, { ...map, columns: columns.map(({ name }) => name) });
}

function cutOf({ separator = ',', quote }: ImportMap): Cut {
  if (separator === 'whitespace') return (text) => text.trim().split(/[ \t]+/);
  if (quote === '') return (text) => text.split(separator);
  return (text) => cutQuoted(text, separator, quote ?? '"');
}

function cutQuoted(
  text: string,
  separator: string,
  quote: string,
): readonly string[] | string | undefined {
  if (!text.includes(quote)) return text.split(separator);
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    if (text.startsWith(quote, at)) {
      const cell = quotedCell(text, at + 1, quote);
      if (cell === undefined) return undefined;
      cells.push(cell.value);
      at = cell.end;
      if (at < text.length && !text.startsWith(separator, at)) {
        return `column ${cells.length} goes on after its closing quote`;
      }
    } else {
      const end = text.indexOf(separator, at);
      cells.push(end < 0 ? text.slice(at) : text.slice(at, end));
      at = end < 0 ? text.length : end;
    }
    if (at >= text.length) return cells;
    at += separator.length;
    if (at === text.length) return [...cells, ''];
  }
}

function quotedCell(
  text: string,
  start: number,
  quote: string,
): { value: string; end: number } | undefined {
  let value = '';
  let at = start;
  for (;;) {
    const end = text.indexOf(quote, at);
    if (end < 0) return undefined;
    value += text.slice(at, end);
    if (!text.startsWith(quote, end + 1)) return { value, end: end + 1 };
    value += quote;
    at = end + 2;
  }
}

function columnReader(cut: Cut, map: ImportMap): RowReader {
  let names = map.columns as readonly string[] | undefined;
  let isHeaderDue = map.header ?? names === undefined;
  /** Lines of a row whose quote is still open. */
  let open: Line[] = [];
  let openChars = 0;

  const refuse = (lines: readonly Line[], problem: string): Row => ({
    line: lines[0]!.number,
    values: [],
    text: textOf(lines).slice(0, 1000),
    problem,
  });
  const take = (cells: readonly string[], lines: readonly Line[]): readonly Row[] => {
    if (isHeaderDue) {
      isHeaderDue = false;
      names ??= header(cells);
      return [];
    }
    if (cells.length === names!.length) {
      return [{ line: lines[0]!.number, values: cells, text: textOf(lines) }];
    }
    return [refuse(lines, `the row has ${cells.length} columns instead of ${names!.length}`)];
  };
  return {
    push(line) {
      if (open.length === 0 && line.problem === undefined && isBlank(line.text)) return [];
      open.push(line);
      openChars += line.text.length + 1;
      // A line without a quote cannot close one: do not read the whole row again for it.
      const isStillOpen = open.length > 1 && !line.text.includes(map.quote ?? '"');
      if (isStillOpen && line.problem === undefined && openChars <= rowCharsMax) return [];
      const bad = open.find(({ problem }) => problem !== undefined);
      const cells = bad === undefined ? cut(textOf(open)) : bad.problem!;
      if (cells === undefined && openChars <= rowCharsMax) return [];
      const lines = open;
      open = [];
      openChars = 0;
      if (typeof cells === 'object') return take(cells, lines);
      return [refuse(lines, cells ?? unclosed(lines))];
    },
    end: () => (open.length === 0 ? [] : [refuse(open, unclosed(open))]),
    find: (name) => findColumn(name, names ?? []),
  };
}

function header(cells: readonly string[]): readonly string[] {
  const names = cells.map((cell) => cell.trim());
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new MapError(`the header names "${twice}" twice`);
  return names;
}

function findColumn(name: string, names: readonly string[]): Find {
  const index = names.indexOf(name);
  if (index < 0) {
    throw new MapError(`there is no column "${name}"; the file has ${names.join(', ')}`);
  }
  return ({ values }) => (values as readonly string[])[index];
}

function unclosed(lines: readonly Line[]): string {
  return `a quote is not closed (lines ${lines[0]!.number} to ${lines.at(-1)!.number})`;
}

function isBlank(text: string): boolean {
  return text === '' || text === '\r' || text.trim() === '';
}

function textOf(lines: readonly Line[]): string {
  const text = lines.length === 1 ? lines[0]!.text : lines.map((line) => line.text).join('\n');
  return text.endsWith('\r') ? text.slice(0, -1) : text;
}
