/** What can still be told of a part whose file cannot be opened: its blocks are looked for page by page. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { Block } from './block.ts';
import { blockHeaderBytes, formatVersion, header } from './layout.ts';
import type { StampRange } from './upkeep.ts';

const pageBytes = 4096;
/** Before a value with pages of its own. */
const pageHeadBytes = 24;
/** No block is larger: one event, and its extra bytes. */
const blockBytesMax = 256 * 1024;

/**
 * The stamps of the whole blocks in a part, committed or not; undefined when there is none. Nothing of them is served:
 * what a failed commit left behind cannot be told from what was acknowledged.
 */
export function salvageStamps(path: string): StampRange | undefined {
  const descriptor = openSync(path, 'r');
  try {
    let first = Number.POSITIVE_INFINITY;
    let last = 0;
    const { size } = fstatSync(descriptor);
    for (let at = pageHeadBytes; at < size; at += pageBytes) {
      const stamp = stampAt(descriptor, at);
      if (stamp === undefined) continue;
      first = Math.min(first, stamp);
      last = Math.max(last, stamp);
    }
    return last === 0 ? undefined : { first, last };
  } finally {
    closeSync(descriptor);
  }
}

const head = Buffer.alloc(blockHeaderBytes);

/** The stamp of the whole block at `at`, if there is one. */
function stampAt(descriptor: number, at: number): number | undefined {
  if (readSync(descriptor, head, 0, blockHeaderBytes, at) < blockHeaderBytes) return undefined;
  const bytes = head.readUInt32LE(header.bytes);
  const isPlausible = head[header.version] === formatVersion && bytes <= blockBytesMax;
  if (!isPlausible || bytes < blockHeaderBytes) return undefined;
  const whole = Buffer.alloc(bytes);
  if (readSync(descriptor, whole, 0, bytes, at) < bytes) return undefined;
  const stamp = head.readDoubleLE(header.stamp);
  return Block.open(whole, stamp) && stamp;
}
