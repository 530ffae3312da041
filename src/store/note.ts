/** A small JSON file that is replaced as a whole: a power cut leaves the old one or the new one. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { AppError } from '../std/errors.ts';
import { flush, refusalOf } from './environment.ts';

/** Undefined when there is none. @throws AppError `invalid` when it cannot be read. */
export function readNote(file: string): unknown {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new AppError('invalid', `${file} cannot be read: restore it from a copy`, { cause });
  }
}

/**
 * Content first, then the name, then the directory.
 * @throws AppError `unavailable` when there is no room.
 */
export function writeNote(file: string, value: unknown): void {
  const temporary = `${file}.new`;
  try {
    const descriptor = openSync(temporary, 'w', 0o600);
    writeSync(descriptor, `${JSON.stringify(value, undefined, 2)}\n`);
    fsyncSync(descriptor);
    closeSync(descriptor);
    renameSync(temporary, file);
    flush(dirname(file));
  } catch (error) {
    throw refusalOf(error, dirname(file));
  }
}
