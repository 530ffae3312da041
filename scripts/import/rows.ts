/** Chooses the reader that turns a file's lines into rows. */
import { delimitedReader, fixedReader } from './delimited.ts';
import type { ImportMap } from './map.ts';
import { ndjsonReader } from './ndjson.ts';
import type { RowReader } from './row.ts';

/** The reader for a map's format. */
export function openRows(map: ImportMap): RowReader {
  switch (map.format) {
    case 'ndjson':
      return ndjsonReader(map.each);
    case 'fixed':
      return fixedReader(map);
    case 'delimited':
      return delimitedReader(map);
  }
}
