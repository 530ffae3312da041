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
  /** A stream on which nothing is heard for this long, comments included, is replaced. Default 30,000. */
  readonly silenceMs?: number;
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

const silenceMsUsual = 30_000;

/** Notices that a connection went dead without saying so, and ends it. */
class Silence {
  isTooLong = false;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #stopWatch: () => void;
  #heardAt: number;
  #isResting = false;

  constructor(clock: Clock, silenceMs: number, outer: AbortSignal | undefined) {
    this.#clock = clock;
    this.#outer = outer;
    this.#heardAt = clock.monotonicMs();
    this.#stopWatch = clock.every(silenceMs / 4, () => {
      if (this.#isResting || clock.monotonicMs() - this.#heardAt <= silenceMs) return;
      this.isTooLong = true;
      this.#stop.abort();
    });
    if (outer?.aborted) this.#stop.abort();
    outer?.addEventListener('abort', this.#abort);
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  readonly #abort = (): void => this.#stop.abort();

  /** The caller has an event, and may take all the time there is. */
  rest(): void {
    this.#isResting = true;
  }

  /** Something came, or the caller asks for more. */
  broken(): void {
    this.#isResting = false;
    this.#heardAt = this.#clock.monotonicMs();
  }

  async *heard(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.broken();
      yield chunk;
    }
  }

  end(): void {
    this.#stopWatch();
    this.#outer?.removeEventListener('abort', this.#abort);
    this.#stop.abort();
  }
}

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
    const silence = new Silence(clock, query.silenceMs ?? silenceMsUsual, signal);
    try {
      const headers = from === undefined ? {} : resumeHeaders(from);
      const filters = { from, customer, type, channel };
      const more = { headers, signal: silence.signal };
      const response = await ask('GET', '/v1/live/sse', filters, undefined, more);
      for await (const { id, event, data } of readSse(silence.heard(response.body!))) {
        attempts = 0;
        if (id !== '') from = id;
        if (event === 'event' && data !== undefined) {
          silence.rest();
          yield { cursor: id, event: JSON.parse(data) as StoredEvent };
          silence.broken();
        }
      }
      error = new ClientError('unreachable', 'the live stream ended');
    } catch (cause) {
      error = silence.isTooLong
        ? new ClientError('unreachable', 'nothing was heard on the live stream', { cause })
        : ended(cause);
    } finally {
      silence.end();
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
