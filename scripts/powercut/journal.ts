/**
 * Reads the journal that the shim wrote: the system calls of one server, in the order in which they
 * ended. A record, little-endian (shim/shim.h, `struct record`):
 *
 *     0 magic u32 │ 4 kind u16 │ 6 flags u16 │ 8 start u64 │ 16 end u64 │ 24 inode u64 │ 32 offset u64
 *     40 pathBytes u32 │ 44 otherBytes u32 │ 48 dataBytes u64 │ 56 path │ other path │ data
 */
import { readFileSync } from 'node:fs';

const kinds = [
  '',
  'open',
  'write',
  'truncate',
  'flush',
  'rename',
  'unlink',
  'mkdir',
  'rmdir',
  'map',
  'send',
  'unsupported',
] as const;
const magic = 0x74756374;
const headerBytes = 56;
const flag = { synchronous: 1, directory: 2, emptied: 4 } as const;

/** One call. Times are nanoseconds of the machine's monotonic clock, exact below 104 days. */
export interface Call {
  readonly kind: Exclude<(typeof kinds)[number], ''>;
  readonly start: number;
  readonly end: number;
  readonly inode: number;
  /** Where a write begins, the size after a truncation, or the peer's port of a send. */
  readonly offset: number;
  readonly path: string;
  /** The new name of a rename. */
  readonly other: string;
  readonly data: Buffer;
  /** A write to a descriptor with O_DSYNC. */
  readonly isSynchronous: boolean;
  /** A flush of a directory. */
  readonly isDirectory: boolean;
  /** Opened with O_TRUNC. */
  readonly isEmptied: boolean;
}

/** @throws when the server made a call that is not modelled, or the journal is cut off. */
export function readJournal(file: string): Call[] {
  const bytes = readFileSync(file);
  const calls: Call[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < headerBytes || bytes.readUInt32LE(at) !== magic) {
      throw new Error(`the journal is damaged at byte ${at}`);
    }
    const pathAt = at + headerBytes;
    const otherAt = pathAt + bytes.readUInt32LE(at + 40);
    const dataAt = otherAt + bytes.readUInt32LE(at + 44);
    const end = dataAt + Number(bytes.readBigUInt64LE(at + 48));
    const kind = kinds[bytes.readUInt16LE(at + 4)];
    if (kind === undefined || kind === '') throw new Error('the journal has an unknown record');
    const flags = bytes.readUInt16LE(at + 6);
    const path = bytes.toString('utf8', pathAt, otherAt);
    if (kind === 'unsupported') throw new Error(`the server called ${path}, which is not modelled`);
    calls.push({
      kind,
      start: Number(bytes.readBigUInt64LE(at + 8)),
      end: Number(bytes.readBigUInt64LE(at + 16)),
      inode: Number(bytes.readBigUInt64LE(at + 24)),
      offset: Number(bytes.readBigUInt64LE(at + 32)),
      path,
      other: bytes.toString('utf8', otherAt, dataAt),
      data: bytes.subarray(dataAt, end),
      isSynchronous: (flags & flag.synchronous) !== 0,
      isDirectory: (flags & flag.directory) !== 0,
      isEmptied: (flags & flag.emptied) !== 0,
    });
    at = end;
  }
  return calls.sort((a, b) => a.end - b.end);
}
