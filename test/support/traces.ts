/** Looks for bytes in everything that a data directory holds, compressed or not. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { SegmentFile } from '../../src/store/segment.ts';
import { extentBytes, itemHeaderBytes, stream } from '../../src/tape/layout.ts';

const itemStreams = [
  stream.frames,
  stream.blocks,
  stream.idFilter,
  stream.customerFilter,
  stream.summary,
  stream.head,
];

/** Where any of `texts` is found: files of the directory as they are, and what is deflated in segments. */
export async function traces(directory: string, texts: readonly string[]): Promise<string[]> {
  for (;;) {
    try {
      return await look(directory, texts);
    } catch (error) {
      // A file was renamed or removed meanwhile: what it held may stand in one that was not listed.
      if ((error as { code?: string }).code !== 'ENOENT') throw error;
    }
  }
}

async function look(directory: string, texts: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  const search = (where: string, bytes: Uint8Array): void => {
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (const text of texts) if (all.includes(text)) found.push(`${text} in ${where}`);
  };
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    search(path, readFileSync(path));
    if (!/segment-.*\.mdb$/.test(path)) continue;
    for (const content of await contentsIfThere(path)) search(`${path}, inflated`, content);
  }
  return found;
}

/** A file that is removed while it is opened fails in ways of the library's own. */
async function contentsIfThere(path: string): Promise<Uint8Array[]> {
  try {
    return await contents(path);
  } catch (error) {
    // Says ENOENT if that is why.
    statSync(path);
    throw error;
  }
}

/** Everything in the items of a segment, inflated. */
async function contents(path: string): Promise<Uint8Array[]> {
  const file = SegmentFile.open(path, extentBytes);
  const all: Uint8Array[] = [];
  for (const number of itemStreams) {
    for (let at = 0; ; ) {
      const header = file.read(number, at, itemHeaderBytes);
      if (header === undefined) break;
      const view = new DataView(header.buffer, header.byteOffset, header.length);
      const [bytes, rawBytes] = [view.getUint32(0, true), view.getUint32(4, true)];
      const stored = Uint8Array.from(file.read(number, at + itemHeaderBytes, bytes)!);
      all.push(bytes === rawBytes ? stored : inflateRawSync(stored));
      at += itemHeaderBytes + bytes;
    }
  }
  await file.close();
  return all;
}

/** Files of a directory that are removed and that a process has open or mapped all the same. */
export function lingering(processId: number, directory: string): string[] {
  const open = readdirSync(`/proc/${processId}/fd`).flatMap((number) => {
    try {
      return [readlinkSync(`/proc/${processId}/fd/${number}`)];
    } catch {
      return [];
    }
  });
  const mapped = readFileSync(`/proc/${processId}/maps`, 'utf8').split('\n');
  return [...open, ...mapped].filter(
    (name) => name.includes(directory) && name.endsWith(' (deleted)'),
  );
}
