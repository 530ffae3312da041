/** Follows `/v1/live/sse`: reconnects with the last id it has seen, so that no event is skipped. */
import type { Clock } from '../std/clock.ts';
import type { Ask } from './ask.ts';
import { readSse } from './sse.ts';
import { ClientError, type StoredEvent } from './types.ts';

/** `from` is `now` (default), `earliest` or a cursor; filters are and-ed, their values or-ed. */
export interface LiveQuery {
  readonly from?: string;
  readonly customer?: readonly string[];
  readonly type?: readonly string[];
  readonly channel?: readonly string[];
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
  /** Told whenever the stream was lost and is about to be resumed. */
  readonly retrying?: (error: ClientError, delayMs: number) => void;
}

/** `cursor` resumes right after `event`. */
export interface LiveEvent {
  readonly cursor: string;
  readonly event: StoredEvent;
}

const backoffMsMin = 100;
const backoffMsMax = 5_000;
const retried: ReadonlySet<string> = new Set([
  'unreachable',
  'unavailable',
  'overloaded',
  'rate_limited',
  'internal',
]);

/**
 * Yields live events for ever. After a lost stream it resumes from the last id; if none was seen yet,
 * from where it first asked. Returns when `signal` aborts.
 *
 * @throws ClientError for refusals that would only be repeated (401, 403, 410, 422).
 */
export async function* followLive(
  ask: Ask,
  clock: Clock,
  query: LiveQuery,
): AsyncGenerator<LiveEvent> {
  const { signal, retrying, customer, type, channel } = query;
  let from = query.from;
  let attempts = 0;
  while (!signal?.aborted) {
    let error: ClientError;
    try {
      const headers = from === undefined ? {} : resumeHeaders(from);
      const filters = { from, customer, type, channel };
      const more = { headers, ...(signal && { signal }) };
      const response = await ask('GET', '/v1/live/sse', filters, undefined, more);
      for await (const { id, event, data } of readSse(response.body!)) {
        attempts = 0;
        if (id !== '') from = id;
        if (event === 'event' && data !== undefined) {
          yield { cursor: id, event: JSON.parse(data) as StoredEvent };
        }
      }
      error = new ClientError('unreachable', 'the live stream ended');
    } catch (cause) {
      error = ended(cause);
    }
    if (signal?.aborted) return;
    if (!retried.has(error.code)) throw error;
    const delayMs = error.retryAfterMs ?? Math.min(backoffMsMax, backoffMsMin * 2 ** attempts);
    attempts += 1;
    retrying?.(error, delayMs);
    await pause(clock, delayMs, signal);
  }
}

function resumeHeaders(from: string): Record<string, string> {
  return from === 'now' || from === 'earliest' ? {} : { 'last-event-id': from };
}

/** A failure in the middle of a stream is a lost connection, whatever the platform calls it. */
function ended(cause: unknown): ClientError {
  if (cause instanceof ClientError) return cause;
  if (cause instanceof SyntaxError) {
    return new ClientError('protocol', 'the live stream sent an event that is not JSON', { cause });
  }
  return new ClientError('unreachable', 'the live stream was cut off', { cause });
}

function pause(clock: Clock, delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = clock.after(delayMs, finish);
    signal?.addEventListener('abort', finish);
  });
}
