/**
 * Threads that write segments give up when they are told to, and only then they are ended. Ended within a call of
 * the library they would leave its lock taken, for which whoever lets go of their environments waits forever, the
 * process at its exit too; or the library, unable to throw, would abort the process.
 *
 * One word of shared memory: any thread may set it, and those that write look at it between two writes.
 */
import { AppError } from '../std/errors.ts';

export function createHaltMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(4);
}

/** What is written by threads that heed this memory is given up from now on, within a second or so. */
export function halt(memory: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(memory), 0, 1);
}

/** This thread's. */
let word = new Int32Array(createHaltMemory());

/** From now on this thread gives up when the memory says so. */
export function heed(memory: SharedArrayBuffer): void {
  word = new Int32Array(memory);
}

/** @throws AppError `unavailable` when what is being written is to be given up. */
export function goOn(): void {
  if (Atomics.load(word, 0) === 0) return;
  throw new AppError('unavailable', 'the server is shutting down', { retryAfterSeconds: 1 });
}
