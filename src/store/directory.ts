/**
 * The data directory: its manifest, which fixes what can never change, and a lock, because two
 * processes that write one directory would destroy it.
 */
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { AppError } from '../std/errors.ts';
import type { Random } from '../std/random.ts';
import { flush, makeDirectory } from './environment.ts';
import { writeNote } from './note.ts';

const manifestFile = 'tapeline.json';
const lockFile = 'lock';

interface Manifest {
  readonly format: number;
  readonly shards: number;
  /** Seeds the hashes that route events; random, so that nobody can prepare colliding names. */
  readonly hashSeed: number;
}

export interface DataDirectory extends Manifest {
  readonly path: string;
  release(): void;
}

export interface DirectoryOptions {
  /** The version of the on-disk format that this program writes and reads. */
  readonly format: number;
  /** Undefined: what the directory has. */
  readonly shards: number | undefined;
  readonly shardsDefault: number;
  readonly random: Random;
}

/**
 * Opens or makes the data directory and locks it.
 *
 * @throws AppError `conflict` when another process has it or the number of shards differs, `invalid`
 * when it is not a data directory of ours.
 */
export function openDataDirectory(path: string, options: DirectoryOptions): DataDirectory {
  const directory = resolve(path);
  makeDirectory(directory);
  lock(directory);
  const release = (): void => rmSync(join(directory, lockFile), { force: true });
  try {
    const file = join(directory, manifestFile);
    const isNew = !existsSync(file);
    const manifest = isNew ? create(file, options) : check(file, options);
    flush(directory);
    flushAbove(directory);
    return { ...manifest, path: directory, release };
  } catch (error) {
    release();
    throw error;
  }
}

function create(
  file: string,
  { format, random, shards, shardsDefault }: DirectoryOptions,
): Manifest {
  const hashSeed = Buffer.from(random.bytes(4)).readUInt32LE(0);
  const manifest: Manifest = { format, shards: shards ?? shardsDefault, hashSeed };
  writeNote(file, manifest);
  return manifest;
}

function check(file: string, { format, shards }: DirectoryOptions): Manifest {
  let manifest: Manifest;
  try {
    manifest = JSON.parse(readFileSync(file, 'utf8')) as Manifest;
  } catch (cause) {
    throw new AppError('invalid', `${file} cannot be read`, { cause });
  }
  if (manifest.format !== format) {
    const message = `the data directory has format ${manifest.format}; this version reads ${format}`;
    throw new AppError('invalid', message);
  }
  if (shards !== undefined && shards !== manifest.shards) {
    const message = `the data directory was made with ${manifest.shards} shards, not ${shards}; the number cannot change`;
    throw new AppError('conflict', message);
  }
  return manifest;
}

/** An earlier start may have been killed before the directory's own name was durable. */
function flushAbove(directory: string): void {
  try {
    flush(join(directory, '..'));
  } catch (error) {
    // One that we may not list is not ours: whoever made it has to see to its names.
    if ((error as { code?: string }).code !== 'EACCES') throw error;
  }
}

function lock(directory: string): void {
  const file = join(directory, lockFile);
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const descriptor = openSync(file, 'wx', 0o600);
      writeSync(descriptor, `${process.pid} ${startOf(process.pid)}`);
      closeSync(descriptor);
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== 'EEXIST') throw error;
    }
    const holder = readLock(file);
    const [pid, start] = holder.split(' ');
    if (pid !== undefined && start !== '' && startOf(Number(pid)) === start) {
      throw new AppError('conflict', `the data directory ${directory} is in use by process ${pid}`);
    }
    takeAway(file, holder);
  }
  throw new AppError(
    'conflict',
    `the data directory ${directory} is being opened by another process`,
  );
}

function readLock(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Removes a lock whose holder is gone. By a new name first: another may have replaced it meanwhile. */
function takeAway(file: string, holder: string): void {
  const stale = `${file}.${process.pid}`;
  try {
    renameSync(file, stale);
  } catch {
    return;
  }
  if (readLock(stale) === holder) rmSync(stale, { force: true });
  else renameSync(stale, file);
}

/** When a process started (so that a new one with an old number is not taken for it); '' if gone. */
function startOf(pid: number): string {
  try {
    process.kill(pid, 0);
  } catch {
    return '';
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 'alive';
  } catch {
    return 'alive';
  }
}
