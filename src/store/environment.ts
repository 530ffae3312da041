/**
 * Opens LMDB environments, all with the same options. The only importer of lmdb is this room.
 *
 * Why these options: `overlappingSync: false` makes a transaction visible only once it is flushed, so
 * nobody can read (or acknowledge) what a power cut could take back, and a failed flush aborts the
 * transaction instead of publishing pages that never reached the disk. Values are raw bytes: nothing
 * is encoded, compressed, versioned or cached inside the library.
 */
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { open, type RootDatabase } from 'lmdb';

export type Environment = RootDatabase<Buffer, Buffer>;

/**
 * Opens or creates the environment in the file `path`.
 *
 * @param mapBytes address space, the most the file can grow to; reserved, not used.
 * One thread may write it; any thread of the process may open it to read.
 */
export function openEnvironment(path: string, mapBytes: number): Environment {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const options = {
    path,
    noSubdir: true,
    mapSize: mapBytes,
    maxDbs: 8,
    maxReaders: 1024,
    pageSize: 4096,
    overlappingSync: false,
    noSync: false,
    noMetaSync: false,
    mapAsync: false,
    useWritemap: false,
    remapChunks: false,
    noMemInit: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    cache: false,
    compression: false,
    useVersions: false,
    dupSort: false,
    eventTurnBatching: true,
    commitDelay: 0,
    permissionsMode: 0o600,
  };
  return open<Buffer, Buffer>(options as Parameters<typeof open>[0] & { path: string });
}

/** Makes a new file's directory entry durable; LMDB flushes the file but never its directory. */
export function flushDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
