/**
 * Rows: what one event is made of, whatever the format of the file. A reader takes lines and gives
 * rows, and says how a name in a template finds its value in a row.
 */
import type { Line } from './lines.ts';

export interface Row {
  /** The line it begins on, from 1. */
  readonly line: number;
  /** The item within the line, from 0, where a line holds several. */
  readonly item?: number;
  /** What `find` looks into. */
  readonly values: unknown;
  /** As it stands in the file, for reports. */
  readonly text: string;
  /** Why no event can be made of it. */
  readonly problem?: string;
}

/** Finds one value in a row; undefined when it is not there. */
export type Find = (row: Row) => unknown;

export interface RowReader {
  /** Adds a line; returns the rows it completes. @throws MapError when the header does not fit */
  push(line: Line): readonly Row[];
  /** Returns what an unfinished line leaves behind. */
  end(): readonly Row[];
  /** How `name` is found. Call after the first row. @throws MapError when the file has no such column */
  find(name: string): Find;
}
