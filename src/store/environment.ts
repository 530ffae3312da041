/**
 * Opens LMDB environments, all with the same options. The only importer of lmdb is this room.
 *
 * Why these options: `overlappingSync: false` makes a transaction visible only once it is flushed, so
 * nobody can read (or acknowledge) what a power cut could take back, and a failed flush aborts the
 * transaction instead of publishing pages that never reached the disk. Values are raw bytes: nothing
 * is encoded, compressed, versioned or cached inside the library.
 */
import {
  close,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';

import { dirname, join, resolve } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { AppError } from '../std/errors.ts';
import { checkPages, type Values } from './pages.ts';

export type Environment = RootDatabase<Buffer, Buffer>;

/**
 * Opens the environment in the file `path` to write it, and makes it if it is not there. A new one is
 * complete and flushed before it gets its name: a power cut leaves none, or one that opens. What a
 * killed process left in the kernel's memory, content and names, is flushed before anyone relies on it.
 *
 * @param mapBytes address space, the most the file can grow to; reserved, not used.
 * @throws AppError `invalid` when it is there and damaged.
 */
export function openToWrite(path: string, mapBytes: number, values: Values): Environment {
  const directory = dirname(path);
  makeDirectory(directory);
  const environment = existsSync(path)
    ? openFlushed(path, mapBytes, values)
    : createEnvironment(path, mapBytes);
  flush(directory);
  return environment;
}

function openFlushed(path: string, mapBytes: number, values: Values): Environment {
  flush(path);
  const fitness = checkPages(path, values);
  return fitness === 'writable' ? openEnvironment(path, mapBytes) : refill(path, mapBytes);
}

/**
 * Writes what an environment holds into a new one, which takes its place: a commit to the old one would go by its
 * damaged lists of free pages, and write over pages that are in use. The library itself is known to have damaged them.
 *
 * @throws AppError `unavailable` when there is no room.
 */
function refill(path: string, mapBytes: number): Environment {
  if (!hasRoom(dirname(path), statSync(path).size)) throw noRoom();
  const fresh = `${path}.new`;
  removeEnvironment(fresh);
  const from = openEnvironment(path, mapBytes, true);
  const to = openEnvironment(fresh, mapBytes);
  let rows: [key: Buffer, value: Buffer][] = [];
  let bytes = 0;
  const write = (): void => {
    to.transactionSync(() => {
      for (const [key, value] of rows) to.putSync(key, value);
    });
    rows = [];
    bytes = 0;
  };
  for (const { key, value } of from.getRange({ snapshot: false })) {
    noteRead();
    rows.push([Buffer.from(key), Buffer.from(value)]);
    bytes += value.length;
    if (bytes >= refillBytes || rows.length === refillRows) write();
  }
  write();
  void from.close();
  flush(fresh);
  takePlace(fresh, path);
  return to;
}

function createEnvironment(path: string, mapBytes: number): Environment {
  // The library writes into a map of its lock file: with no room for that, the process would end.
  if (roomBytes(dirname(path)) < roomBytesMin) throw noRoom();
  const fresh = `${path}.new`;
  for (const leftover of [fresh, `${fresh}-lock`]) rmSync(leftover, { force: true });
  const environment = openEnvironment(fresh, mapBytes);
  flush(fresh);
  takePlace(fresh, path);
  return environment;
}

/** The library knows its files by device and inode: whoever opens the name meets the new one. */
function takePlace(fresh: string, path: string): void {
  renameSync(`${fresh}-lock`, `${path}-lock`);
  renameSync(fresh, path);
}

/**
 * Puts a new environment in the place of the one at `path`: complete and flushed before it gets the name.
 * Threads that have the old one open keep reading what they have.
 *
 * @param fill writes its content; what it throws leaves the old one in its place.
 */
export async function replaceEnvironment(
  path: string,
  mapBytes: number,
  fill: (environment: Environment) => Promise<void>,
): Promise<Environment> {
  const fresh = `${path}.new`;
  removeEnvironment(fresh);
  const environment = openEnvironment(fresh, mapBytes);
  try {
    await fill(environment);
    flush(fresh);
  } catch (error) {
    await environment.close();
    removeEnvironment(fresh);
    throw error;
  }
  takePlace(fresh, path);
  flush(dirname(path));
  return environment;
}

/** Opens an environment, on any thread of the process, after its writer has opened it. */
export function openToRead(path: string, mapBytes: number): Environment {
  return openEnvironment(path, mapBytes);
}

function openEnvironment(path: string, mapBytes: number, readOnly = false): Environment {
  const options = {
    path,
    noSubdir: true,
    readOnly,
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
    // What a commit knows of free pages is read anew by the next: carried on, it comes to be wrong (src/README.md).
    maxFreeSpaceToRetain: 1,
    encoding: 'binary',
    keyEncoding: 'binary',
    cache: false,
    compression: false,
    useVersions: false,
    dupSort: false,
    // Its batch around every turn has a promise that nobody can catch when a commit fails.
    eventTurnBatching: false,
    commitDelay: 0,
    permissionsMode: 0o600,
  };
  return open<Buffer, Buffer>(options as Parameters<typeof open>[0] & { path: string });
}

/** Written in one transaction when an environment is filled anew. */
const refillRows = 1000;
const refillBytes = 16 * 1024 * 1024;
/** What a commit writes at most besides its own bytes: pages of the tree, of free space, and the meta page. */
const roomBytesMin = 4 * 1024 * 1024;

/**
 * Makes the changes of `write`, some `bytes` in all, in one transaction of the environment in `directory`. Resolves when they are
 * flushed, rejects when none of them is stored. Bytes must not change until then: the library reads them from another thread.
 *
 * Where room would run out nothing is begun. The library survives a refused write, but tells of it with a text that can be
 * longer than the memory it takes for it, which is worse than a refusal that comes a little early.
 *
 * @throws AppError `unavailable` when there is no room (worth trying again); anything else means
 * that the device or the library failed, and the process must not go on: no room for a meta page too.
 */
export async function commitChanges(
  environment: Environment,
  directory: string,
  bytes: number,
  write: () => Iterable<Promise<unknown>>,
): Promise<void> {
  if (roomBytes(directory) < bytes + roomBytesMin) throw noRoom();
  try {
    const done = environment.batch(() => {
      // Each change has a promise that fails with the batch: told once is enough.
      for (const change of write()) change.catch(() => undefined);
    });
    if ((await done) !== true) throw new Error('the transaction was refused');
    await environment.flushed;
  } catch (error) {
    const refusal = refusalOf(await causeOf(error), directory);
    if (refusal instanceof AppError) checkUsable(environment);
    throw refusal;
  }
}

function noRoom(cause?: unknown): AppError {
  return new AppError('unavailable', 'there is no room to write', { cause });
}

/**
 * After a failed write of a meta page the library gives the environment up: it reads nothing more,
 * and the next commit would never end. A read tells at once, and nobody has to wait for that.
 */
function checkUsable(environment: Environment): void {
  environment.resetReadTxn();
  environment.doesExist(Buffer.of(0));
}

/** The library rejects with an error that holds a promise of the real one. */
async function causeOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<never> };
  return commitError === undefined ? error : commitError.catch((cause: unknown) => cause);
}

/** EFBIG, ENOSPC, EDQUOT on Linux, and MDB_MAP_FULL. */
const noRoomCodes: ReadonlySet<unknown> = new Set([27, 28, 122, -30792]);

/** What the library makes of a short write, which is what a disk that fills up answers first. */
const ioErrorCode = 5;

/** What the memory holds that the library takes for its text about a refused write, which may be longer. */
const textBytesMax = 103;

/** It has written over something else: the process would end of that some time. */
function isOverrun({ message = '' }: { message?: string }): boolean {
  const text = /Attempting to write page.*/.exec(message)?.[0] ?? '';
  return text.length > textBytesMax;
}

/** No room is an operating error; the rest is not ours to survive. */
export function refusalOf(cause: unknown, directory: string): unknown {
  const { code } = cause as { code?: unknown };
  if (isOverrun(cause as Error)) return cause;
  const isShortWrite = code === ioErrorCode && roomBytes(directory) < roomBytesMin;
  if (!noRoomCodes.has(code) && !isShortWrite) return cause;
  return noRoom(cause);
}

/** What the files of `directory` may still grow by: the disk ends somewhere, and so may a file (`ulimit -f`). */
function roomBytes(directory: string): number {
  const free = freeBytes(directory);
  const limit = isFileLimited ? fileBytesMax() : Number.POSITIVE_INFINITY;
  if (limit === Number.POSITIVE_INFINITY) return free;
  const sizes = readdirSync(directory).map((file) => statSync(join(directory, file)).size);
  return Math.min(free, limit - Math.max(0, ...sizes));
}

/** The size that this process may give a file. */
function fileBytesMax(): number {
  const file = '/proc/self/limits';
  const limits = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return Number(/^Max file size +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
}

/** Whether the process was started with such a limit: if so it is read anew each time, since it may be raised. */
const isFileLimited = fileBytesMax() !== Number.POSITIVE_INFINITY;

/** What this process may still write to the disk that holds `directory`. */
export function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

let reads = 0;

/** How many values this thread has read: the bytes of all but the last are overwritten. */
export function readsSoFar(): number {
  return reads;
}

/** A value was read in some other way than by `readShared`. */
export function noteRead(): void {
  reads += 1;
}

/** Reads a value into the buffer that the library has for this thread: valid until the next read. */
export function readShared(environment: Environment, key: Buffer): Buffer | undefined {
  reads += 1;
  return environment.getBinaryFast(key);
}

/**
 * Keeps the space of files that are about to be removed. Whoever closes a large file last gives its pages and
 * blocks back, which takes 50 to 150 ms: let go of here, that is a thread of the system's pool.
 *
 * What cannot be opened is not held.
 *
 * @returns lets go, of one after the other, for commits need that pool; resolves when that is done.
 */
export function holdFiles(paths: readonly string[]): () => Promise<void> {
  const held = paths.flatMap(tryToOpen);
  return async () => {
    for (const descriptor of held) {
      await new Promise<void>((done) => close(descriptor, () => done()));
    }
  };
}

function tryToOpen(path: string): [number] | [] {
  try {
    return [openSync(path, 'r')];
  } catch {
    return [];
  }
}

/** Whether there is room for so many bytes in a directory. */
export function hasRoom(directory: string, bytes: number): boolean {
  return roomBytes(directory) >= bytes + roomBytesMin;
}

/** Removes an environment's files. Threads that have it open keep reading what they have. */
export function removeEnvironment(path: string): void {
  rmSync(path, { force: true });
  rmSync(`${path}-lock`, { force: true });
}

/** Makes a directory and what is missing above it; the new names are durable. */
export function makeDirectory(path: string): void {
  const directory = resolve(path);
  const first = mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  let made = directory;
  for (flush(dirname(made)); made !== resolve(first); flush(dirname(made))) made = dirname(made);
}

/** Makes a file's content durable, or a directory's names; LMDB flushes files but no directory. */
export function flush(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
