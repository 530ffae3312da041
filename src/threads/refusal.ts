/** Errors lose their class between threads; the code is what counts. */
import { AppError, type ErrorCode } from '../std/errors.ts';
import type { Log } from '../std/log.ts';
import type { ThreadError } from './messages.ts';

/** Codes that a read in the pool may end with. */
const expected: readonly ErrorCode[] = ['invalid', 'cursor_expired'];

export function threadErrorOf(error: unknown, log: Log): ThreadError {
  const { code, message } = error as { code?: unknown; message: string };
  if (error instanceof AppError) return { code: error.code, message };
  const known = expected.find((each) => each === code);
  if (known === undefined) log.error('a request failed', { message });
  return { code: known ?? 'internal', message };
}
