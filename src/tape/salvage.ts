/** What can still be told of a part whose file cannot be opened: its blocks are looked for page by page. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { headBytes, inlineValuesOf, pageBytes, viewOf } from '../store/page.ts';
import { Block } from './block.ts';
import { blockHeaderBytes, formatVersion, header } from './layout.ts';
import type { StampRange } from './upkeep.ts';

/** No block is larger: one event, and its extra bytes. */
const blockBytesMax = 256 * 1024;

/**
 * The stamps of the whole blocks in a part, committed or not; undefined when there is none. Nothing of them is served:
 * what a failed commit left behind cannot be told from what was acknowledged.
 *
 * @param stampMax what is greater is no stamp: an event may hold what looks like a block.
 */
export function salvageStamps(path: string, stampMax: number): StampRange | undefined {
  const descriptor = openSync(path, 'r');
  try {
    let first = Number.POSITIVE_INFINITY;
    let last = 0;
    const { size } = fstatSync(descriptor);
    const page = Buffer.alloc(pageBytes);
    for (let at = 0; at < size; at += pageBytes) {
      page.fill(0);
      readSync(descriptor, page, 0, pageBytes, at);
      // A value with pages of its own begins behind the head of the first; a small one lies in a leaf.
      for (const within of [headBytes, ...inlineValuesOf(viewOf(page))]) {
        const stamp = stampAt(descriptor, at + within, page.subarray(within));
        if (stamp === undefined || stamp > stampMax) continue;
        first = Math.min(first, stamp);
        last = Math.max(last, stamp);
      }
    }
    return last === 0 ? undefined : { first, last };
  } finally {
    closeSync(descriptor);
  }
}

/** The stamp of the whole block at `at` of the file, if there is one. @param start what is there, as far as its page goes. */
function stampAt(descriptor: number, at: number, start: Buffer): number | undefined {
  if (start.length < blockHeaderBytes || start[header.version] !== formatVersion) return undefined;
  const bytes = start.readUInt32LE(header.bytes);
  if (bytes < blockHeaderBytes || bytes > blockBytesMax) return undefined;
  const whole = Buffer.alloc(bytes);
  if (readSync(descriptor, whole, 0, bytes, at) < bytes) return undefined;
  return Block.stampIn(whole);
}
