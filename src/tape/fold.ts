/**
 * Folding: rows of 32-bit words, transposed, each less the one of the row before. Neighbouring rows
 * are much alike, so most of it becomes zeros: it deflates to half and in a fraction of the time.
 * Words are in the machine's order, which is little-endian wherever Node runs.
 */
import { assert } from '../std/assert.ts';
import { header, rowBytes } from './layout.ts';

let scratch = new Uint32Array(64 * 1024);
assert(new Uint8Array(Uint32Array.of(1).buffer)[0] === 1, 'the machine is little-endian');

function words(bytes: Uint8Array, at: number, count: number): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset + at, count);
}

function scratchOf(source: Uint32Array): Uint32Array {
  if (scratch.length < source.length) scratch = new Uint32Array(source.length * 2);
  scratch.set(source);
  return scratch;
}

/** Folds `rows` rows of `size` bytes at `at`, a multiple of 4, in place. */
export function fold(bytes: Uint8Array, at: number, rows: number, size: number): void {
  const width = size / 4;
  const target = words(bytes, at, rows * width);
  const source = scratchOf(target);
  let to = 0;
  for (let column = 0; column < width; column++) {
    let before = 0;
    for (let from = column; to < (column + 1) * rows; from += width) {
      const word = source[from]!;
      target[to] = word - before;
      before = word;
      to += 1;
    }
  }
}

/** Takes `fold` back. */
export function unfold(bytes: Uint8Array, at: number, rows: number, size: number): void {
  const width = size / 4;
  const target = words(bytes, at, rows * width);
  const source = scratchOf(target);
  let from = 0;
  for (let column = 0; column < width; column++) {
    let word = 0;
    for (let to = column; from < (column + 1) * rows; to += width) {
      word = (word + source[from]!) | 0;
      target[to] = word;
      from += 1;
    }
  }
}

/** Calls `visit` for each block of a frame: where it begins, and its length. False: it is no frame. */
export function eachBlock(
  frame: Uint8Array,
  visit: (view: DataView, at: number, bytes: number) => void,
): boolean {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  for (let at = 0; at < frame.length; ) {
    if (at + 32 > frame.length) return false;
    const bytes = view.getUint32(at + header.bytes, true);
    const table = view.getUint32(at + header.tableAt, true);
    const records = view.getUint16(at + header.records, true);
    if (bytes < 32 || at + bytes > frame.length || table % 8 !== 0) return false;
    if (table + records * rowBytes > bytes) return false;
    visit(view, at, bytes);
    at += (bytes + 7) & ~7;
  }
  return true;
}

export function foldBlock(frame: Uint8Array, view: DataView, at: number): void {
  const records = view.getUint16(at + header.records, true);
  fold(frame, at + view.getUint32(at + header.tableAt, true), records, rowBytes);
}

export function unfoldBlock(frame: Uint8Array, view: DataView, at: number): void {
  const records = view.getUint16(at + header.records, true);
  unfold(frame, at + view.getUint32(at + header.tableAt, true), records, rowBytes);
}
