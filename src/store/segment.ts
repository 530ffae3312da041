/**
 * The file of a sealed segment: an LMDB environment that holds byte streams, each cut into values that
 * fill whole pages, under the key (stream u8, extent u32 big-endian). Written once under a name that
 * ends in `.tmp`, flushed, renamed; then read by every thread and never changed.
 *
 *     ┌ LMDB: tree pages and extents ───────────────────────────────┬ seal, whole pages ──────────────┐
 *     │ meta │ meta │ extent │ extent │ … │ leaf │ extent │ … │ root │ runs of tree pages, their crc32 │
 *     └──────┴──────┴────────┴────────┴───┴──────┴────────┴───┴──────┴─────────────────────────────────┘
 *
 * LMDB checks none of its own pages and would follow a damaged pointer out of its map, which ends the
 * process. So the tree's pages are checked before LMDB may open the file; what is in the extents
 * carries checksums of its own.
 */
import { closeSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { AppError } from '../std/errors.ts';
import { flush, readShared } from './environment.ts';
import { goOn } from './halt.ts';
import { checkTree, sealTree, takeRoom } from './tree.ts';

const pageBytes = 4096;
/** Extents put in one transaction: bounds LMDB's list of changed pages. */
const extentsPerCommit = 256;
/** What the tree itself may take in one transaction. */
const treeBytesMax = 128 * pageBytes;
/** Address space while a segment is written. */
const writeMapBytes = 2 ** 38;
const temporarySuffix = '.tmp';

function openFile(path: string, isNew: boolean, mapBytes: number): RootDatabase<Buffer, Buffer> {
  const options = {
    path,
    noSubdir: true,
    readOnly: !isNew,
    mapSize: mapBytes,
    maxReaders: 1024,
    pageSize: pageBytes,
    overlappingSync: false,
    // Nothing of a new file counts before it is flushed as a whole, at the end.
    noSync: isNew,
    noMetaSync: isNew,
    noMemInit: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    cache: false,
    compression: false,
    useVersions: false,
    eventTurnBatching: false,
    permissionsMode: 0o600,
  };
  return open<Buffer, Buffer>(options as Parameters<typeof open>[0] & { path: string });
}

function writeKey(key: Buffer, stream: number, extent: number): Buffer {
  key[0] = stream;
  key.writeUInt32BE(extent, 1);
  return key;
}

/** A stream being written: what has not filled an extent yet. */
interface OpenStream {
  bytes: number;
  readonly rest: Uint8Array;
}

/** Writes a segment's file. Synchronous; for a background thread. */
export class SegmentWriter {
  readonly #path: string;
  readonly #extentBytes: number;
  readonly #environment: RootDatabase<Buffer, Buffer>;
  readonly #descriptor: number;
  readonly #streams = new Map<number, OpenStream>();
  readonly #full: Buffer;
  readonly #fullKeys: [stream: number, extent: number][] = [];
  readonly #key = Buffer.alloc(5);
  #isClosed = false;

  /** @param path the name it will have. */
  constructor(path: string, extentBytes: number) {
    this.#path = path;
    this.#extentBytes = extentBytes;
    this.#full = Buffer.allocUnsafeSlow(extentsPerCommit * extentBytes);
    removeSegmentFile(path + temporarySuffix);
    this.#environment = openFile(path + temporarySuffix, true, writeMapBytes);
    this.#descriptor = openSync(path + temporarySuffix, 'r+');
  }

  /** How many bytes a stream has. */
  bytesOf(stream: number): number {
    return this.#streams.get(stream)?.bytes ?? 0;
  }

  /**
   * Appends to a stream; returns where the bytes begin in it.
   *
   * @throws AppError `unavailable` when there is no room, or no time any more: then `abandon`.
   */
  append(stream: number, bytes: Uint8Array): number {
    goOn();
    const extentBytes = this.#extentBytes;
    let open = this.#streams.get(stream);
    if (open === undefined) {
      open = { bytes: 0, rest: new Uint8Array(extentBytes) };
      this.#streams.set(stream, open);
    }
    const begin = open.bytes;
    for (let from = 0; from < bytes.length; ) {
      const at = open.bytes % extentBytes;
      const count = Math.min(extentBytes - at, bytes.length - from);
      const whole = from === 0 && count === bytes.length;
      open.rest.set(whole ? bytes : bytes.subarray(from, from + count), at);
      from += count;
      open.bytes += count;
      if (open.bytes % extentBytes === 0) {
        this.#put(stream, open.bytes / extentBytes - 1, open.rest);
      }
    }
    return begin;
  }

  #put(stream: number, extent: number, bytes: Uint8Array): void {
    this.#full.set(bytes, this.#fullKeys.length * this.#extentBytes);
    this.#fullKeys.push([stream, extent]);
    if (this.#fullKeys.length === extentsPerCommit) this.#commit(this.#extentBytes);
  }

  /** @param lastBytes the length of the last extent. */
  #commit(lastBytes: number): void {
    const extentBytes = this.#extentBytes;
    const last = this.#fullKeys.length - 1;
    try {
      takeRoom(this.#descriptor, this.#fullKeys.length * (extentBytes + pageBytes) + treeBytesMax);
      this.#environment.transactionSync(() => {
        for (const [i, [stream, extent]] of this.#fullKeys.entries()) {
          const bytes = i === last ? lastBytes : extentBytes;
          const value = this.#full.subarray(i * extentBytes, i * extentBytes + bytes);
          this.#environment.putSync(writeKey(this.#key, stream, extent), value);
        }
      });
    } catch (error) {
      throw this.#refusal(error);
    }
    this.#fullKeys.length = 0;
  }

  /** Makes it durable and gives it its name. @returns the file's size. */
  finish(): number {
    goOn();
    for (const [stream, { bytes, rest }] of this.#streams) {
      const restBytes = bytes % this.#extentBytes;
      if (this.#fullKeys.length > 0) this.#commit(this.#extentBytes);
      if (restBytes === 0) continue;
      // The only short values: each has a transaction of its own.
      this.#put(stream, Math.floor(bytes / this.#extentBytes), rest);
      this.#commit(restBytes);
    }
    const temporary = this.#path + temporarySuffix;
    try {
      this.#close();
      const bytes = sealTree(temporary);
      renameSync(temporary, this.#path);
      flush(dirname(this.#path));
      rmSync(`${temporary}-lock`, { force: true });
      return bytes;
    } catch (error) {
      throw this.#refusal(error);
    }
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    void this.#environment.close();
    closeSync(this.#descriptor);
  }

  /** Whatever the reason: nothing hangs on this file, so it may be tried again. */
  #refusal(cause: unknown): AppError {
    const reason = (cause as Error).message;
    const message = `a segment could not be written (${reason}): its events stay where they are`;
    return new AppError('unavailable', message, { cause });
  }

  /** Leaves nothing behind. */
  abandon(): void {
    this.#close();
    removeSegmentFile(this.#path + temporarySuffix);
  }
}

/** Removes a segment's file and its lock; nobody may be reading it. The directory is not flushed. */
export function removeSegmentFile(path: string): void {
  rmSync(path, { force: true });
  rmSync(`${path}-lock`, { force: true });
}

/** Reads a segment's file, on any thread. */
export class SegmentFile {
  readonly #environment: RootDatabase<Buffer, Buffer>;
  readonly #extentBytes: number;
  readonly #key = Buffer.alloc(5);

  private constructor(environment: RootDatabase<Buffer, Buffer>, extentBytes: number) {
    this.#environment = environment;
    this.#extentBytes = extentBytes;
  }

  /** @throws AppError `invalid` when the file is damaged or was never finished. */
  static open(path: string, extentBytes: number): SegmentFile {
    const bytes = checkTree(path);
    return new SegmentFile(openFile(path, false, bytes), extentBytes);
  }

  /** Bytes of a stream, valid until the next read on this thread; undefined when they are not there. */
  read(stream: number, at: number, length: number): Uint8Array | undefined {
    const extent = Math.floor(at / this.#extentBytes);
    const from = at - extent * this.#extentBytes;
    const first = this.#extent(stream, extent);
    if (first === undefined) return undefined;
    if (from + length <= first.length) return first.subarray(from, from + length);
    if (from >= first.length || length > 2 ** 30) return undefined;
    const bytes = Buffer.allocUnsafe(length);
    let have = first.copy(bytes, 0, from);
    for (let next = extent + 1; have < length; next++) {
      const value = this.#extent(stream, next);
      if (value === undefined || value.length === 0) return undefined;
      have += value.copy(bytes, have);
    }
    return bytes;
  }

  #extent(stream: number, extent: number): Buffer | undefined {
    // The library's buffer is longer than its `length` says; a view of it is a true array of bytes.
    return readShared(this.#environment, writeKey(this.#key, stream, extent))?.subarray(0);
  }

  async close(): Promise<void> {
    await this.#environment.close();
  }
}
