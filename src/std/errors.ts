/**
 * The two kinds of failure. A programmer's error is an assertion: the thread dies and the process
 * with it. An operating error is an `AppError` with a code from the closed list below, which clients
 * may rely on; never match on message text.
 */

/** Every stable code a client can meet. Adding one is an API change; removing one never happens. */
export const errorCodes = [
  'unauthorized',
  'forbidden',
  'not_found',
  'cursor_expired',
  'malformed',
  'unsupported_media_type',
  'too_large',
  'invalid',
  'conflict',
  'rate_limited',
  'overloaded',
  'unavailable',
  'internal',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** An operating error: expected to happen, answered with its code. */
export class AppError extends Error {
  readonly code: ErrorCode;
  /** Seconds after which a retry is worth it; set for rate_limited, overloaded and unavailable. */
  readonly retryAfterSeconds: number | undefined;
  /** Set for cursor_expired: the earliest cursor still held. */
  readonly earliest: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; retryAfterSeconds?: number; earliest?: string } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.earliest = options.earliest;
  }
}
