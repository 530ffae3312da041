/** Runs text through the front half of an import: lines, rows, events. */

import { splitLines } from '../../scripts/import/lines.ts';
import { checkMap } from '../../scripts/import/map.ts';
import type { Row, RowReader } from '../../scripts/import/row.ts';
import { openRows } from '../../scripts/import/rows.ts';
import { compile } from '../../scripts/import/transform.ts';
import type { Event } from '../../src/client/types.ts';
import { Refused } from '../../src/event/mapping.ts';

/** A map with columns `a` and `b` and the given differences. */
export function mapOf(differences: object): unknown {
  const event = { customer: '{a}', type: 't' };
  return { name: 'm', format: 'delimited', columns: ['a', 'b'], event, ...differences };
}

export async function readRows(
  map: unknown,
  ...chunks: readonly (string | Uint8Array)[]
): Promise<{ rows: Row[]; reader: RowReader }> {
  const checked = checkMap(map);
  const reader = openRows(checked);
  const rows: Row[] = [];
  const bytes = (async function* () {
    for (const chunk of chunks) yield Buffer.from(chunk as Uint8Array);
  })();
  for await (const lines of splitLines(bytes, checked.encoding ?? 'utf-8')) {
    for (const line of lines) rows.push(...reader.push(line));
  }
  rows.push(...reader.end());
  return { rows, reader };
}

/** The cells of each row, or `line: problem` for one that has none. */
export async function readCells(
  map: unknown,
  ...chunks: readonly (string | Uint8Array)[]
): Promise<unknown[]> {
  const { rows } = await readRows(map, ...chunks);
  return rows.map(({ line, values, problem }) => (problem ? `${line}: ${problem}` : values));
}

/** The event of each row, or the reason for there being none. */
export async function readEvents(
  map: unknown,
  ...chunks: readonly (string | Uint8Array)[]
): Promise<(Event | string)[]> {
  const { rows, reader } = await readRows(map, ...chunks);
  if (rows.length === 0) return [];
  const transform = compile(checkMap(map), reader);
  return rows.map((row) => {
    const event = transform(
      row,
      ({ line, item }) => `id-${line}${item === undefined ? '' : `-${item}`}`,
    );
    return event instanceof Refused ? event.reason : event;
  });
}
