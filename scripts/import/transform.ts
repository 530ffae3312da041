/** Turns rows into events as a map says. Everything is looked up once; a row costs only its steps. */
import type { Event } from '../../src/client/types.ts';
import { compileMapping, Refused } from '../../src/event/mapping.ts';
import type { ImportMap } from './map.ts';
import type { Row, RowReader } from './row.ts';

/** Makes the event of a row; `idOf` is used when the map has no id of its own. */
export type Transform = (row: Row, idOf: (row: Row) => string) => Event | Refused;

const required: ReadonlySet<string> = new Set(['id', 'customer', 'type']);

/** Compiles a map for a file. @throws MapError when a template, pattern or column is wrong */
export function compile(map: ImportMap, reader: Pick<RowReader, 'find'>): Transform {
  const unknown = new Set(map.unknown ?? []);
  if (map.format !== 'ndjson') unknown.add('');
  const mapping = compileMapping<Row>(map.event, {
    find(name) {
      const found = reader.find(name);
      return (row) => {
        const value = found(row);
        return typeof value === 'string' && unknown.has(value) ? undefined : value;
      };
    },
    pattern: (source) => new RegExp(source, 'u'),
    write: (value) => JSON.stringify(value),
    required,
  });
  const hasId = map.event.id !== undefined;
  return (row, idOf) => {
    if (row.problem !== undefined) return new Refused(row.problem);
    const event = mapping(row);
    if (event instanceof Refused) return event;
    return (hasId ? event : { id: idOf(row), ...event }) as unknown as Event;
  };
}
