/**
 * Growable columns in shared memory. The writer grows a column; readers notice that theirs is short
 * and look again. Views have explicit lengths: length-tracking ones are several times slower.
 */

const columnTypes = {
  u16: Uint16Array,
  u32: Uint32Array,
  f64: Float64Array,
} as const;

export type ColumnType = keyof typeof columnTypes;

/** Memory of a named set of columns, all of the same length; structured-cloneable. */
export type ColumnMemory<Names extends string> = Readonly<Record<Names, SharedArrayBuffer>>;

/** Reserves address space for `rowsMax` rows; nothing is used until the writer grows. */
export function reserveColumns<Names extends string>(
  types: Readonly<Record<Names, ColumnType>>,
  rowsMax: number,
): ColumnMemory<Names> {
  const memory = {} as Record<Names, SharedArrayBuffer>;
  for (const name of Object.keys(types) as Names[]) {
    const maxByteLength = rowsMax * columnTypes[types[name]].BYTES_PER_ELEMENT;
    memory[name] = new SharedArrayBuffer(0, { maxByteLength });
  }
  return memory;
}

/** Zeros that take memory only where they are written; of a fixed length they might be written at once. */
export function reserveBytes(bytes: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(0, { maxByteLength: bytes });
  memory.grow(bytes);
  return memory;
}

/** A view of all that `memory` holds now. */
export function viewColumn<T extends ColumnType>(
  memory: SharedArrayBuffer,
  type: T,
): InstanceType<(typeof columnTypes)[T]> {
  const Column = columnTypes[type];
  const length = Math.floor(memory.byteLength / Column.BYTES_PER_ELEMENT);
  // Typed arrays over shared memory are typed as if over their own.
  const buffer = memory as unknown as ArrayBuffer;
  return new Column(buffer, 0, length) as InstanceType<(typeof columnTypes)[T]>;
}

/** Grows every column to hold at least `rows`, by half as much again; false when the reserve is full. */
export function growColumns<Names extends string>(
  memory: ColumnMemory<Names>,
  types: Readonly<Record<Names, ColumnType>>,
  rows: number,
): boolean {
  const target = Math.max(65_536, Math.ceil(rows * 1.5));
  for (const name of Object.keys(types) as Names[]) {
    const size = columnTypes[types[name]].BYTES_PER_ELEMENT;
    const column = memory[name];
    const bytes = Math.min(target * size, column.maxByteLength);
    if (bytes < rows * size) return false;
    if (bytes > column.byteLength) column.grow(bytes);
  }
  return true;
}
