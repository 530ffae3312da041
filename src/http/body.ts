/**
 * Request bodies. uWebSockets.js has no limit of its own and lends each chunk for the length of a
 * callback only, so bytes are counted and copied here as they arrive.
 */

import type { Shares } from '../ingest/shares.ts';
import { AppError } from '../std/errors.ts';
import type { Exchange } from './exchange.ts';
import { mediaType } from './head.ts';
import type { Traffic } from './traffic.ts';

/**
 * A refused body up to this size is swallowed, so that the client can read why; beyond it we hang up.
 * The answer waits for its end: given earlier, it would be lost with a connection that closes after it.
 */
const swallowBytesMax = 64 * 1024 * 1024;

/** What to do with the rest of a refused body. */
export function mustClose(exchange: Exchange): boolean {
  return (exchange.head.contentLength ?? 0) > swallowBytesMax;
}

/** Reads a body nobody wants, then calls `done` once. To be called synchronously in the uWS callback. */
export function swallowBody(exchange: Exchange, done: () => void): void {
  if (exchange.head.fault !== undefined || mustClose(exchange)) {
    done();
    return;
  }
  let bytes = 0;
  let isDone = false;
  exchange.res.onData((lent, isLast) => {
    bytes += lent.byteLength;
    if (isDone || !(isLast || bytes > swallowBytesMax)) return;
    isDone = true;
    done();
  });
}

export interface BodyRules {
  readonly bytesMax: number;
  /** The receiver is done with the bytes when it returns: they are only lent. */
  readonly borrows: boolean;
}

/**
 * Receives a whole body. To be called synchronously in the uWS callback, or the bytes are lost.
 * Calls `done` at most once, never when the client goes away first.
 * @param done gets the bytes, or an AppError too_large or overloaded. They are the receiver's own,
 *   unless it `borrows`.
 */
export function receiveBody(
  exchange: Exchange,
  traffic: Traffic,
  { borrows, bytesMax }: BodyRules,
  done: (body: Uint8Array | AppError) => void,
): void {
  if ((exchange.head.contentLength ?? 0) > bytesMax) {
    swallowBody(exchange, () => done(tooLarge(bytesMax)));
    return;
  }
  let reception: Reception | undefined;
  exchange.res.onData((lent, isLast) => {
    // Nearly every body comes in one piece; the others are counted and kept.
    if (reception === undefined && isLast && lent.byteLength <= bytesMax) {
      if (!exchange.aborted) done(new Uint8Array(borrows ? lent : lent.slice(0)));
      return;
    }
    reception ??= new Reception(exchange, traffic, bytesMax, done);
    reception.take(lent, isLast);
  });
}

/** A body on its way, in several pieces or too large. */
class Reception {
  readonly #receiving: Shares;
  readonly #workspace: number;
  readonly #bytesMax: number;
  readonly #done: (body: Uint8Array | AppError) => void;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #isDone = false;
  #refusal: AppError | undefined;
  #swallowedBytes = 0;

  constructor(
    exchange: Exchange,
    traffic: Traffic,
    bytesMax: number,
    done: (body: Uint8Array | AppError) => void,
  ) {
    this.#receiving = traffic.receiving;
    this.#workspace = exchange.workspace;
    this.#bytesMax = bytesMax;
    this.#done = done;
    exchange.onGone = () => {
      this.#isDone = true;
      this.#forget();
    };
  }

  take(lent: ArrayBuffer, isLast: boolean): void {
    if (this.#isDone) return;
    if (this.#bytes + lent.byteLength > this.#bytesMax) this.#refuse(tooLarge(this.#bytesMax));
    if (this.#refusal !== undefined) {
      this.#swallowedBytes += lent.byteLength;
      if (isLast || this.#swallowedBytes > swallowBytesMax) this.#finish(this.#refusal);
      return;
    }
    // The last piece is let go of at once, and need not fit.
    if (!isLast && this.#receiving.isOver(this.#workspace, lent.byteLength)) {
      this.#refuse(tooMuch());
      return;
    }
    const chunk = new Uint8Array(lent.slice(0));
    this.#bytes += chunk.length;
    this.#receiving.take(this.#workspace, chunk.length);
    this.#chunks.push(chunk);
    if (isLast) this.#finish(joined(this.#chunks, this.#bytes));
  }

  #refuse(error: AppError): void {
    this.#refusal ??= error;
    this.#forget();
  }

  #finish(body: Uint8Array | AppError): void {
    this.#isDone = true;
    this.#forget();
    this.#done(body);
  }

  #forget(): void {
    this.#receiving.give(this.#workspace, this.#bytes);
    this.#bytes = 0;
    this.#chunks = [];
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a body as JSON.
 * @throws AppError unsupported_media_type, malformed.
 */
export function parseJson(body: Uint8Array, contentType: string): unknown {
  if (mediaType(contentType) !== 'application/json') {
    throw new AppError('unsupported_media_type', 'send Content-Type: application/json');
  }
  try {
    return JSON.parse(strictUtf8.decode(body)) as unknown;
  } catch (cause) {
    throw new AppError('malformed', 'the body is not JSON in UTF-8', { cause });
  }
}

/**
 * How events lie in a body that is JSON or NDJSON; clients that can only send text say `text/plain`.
 * @throws AppError unsupported_media_type.
 */
export function jsonFormOf(contentType: string): 'json' | 'ndjson' {
  switch (mediaType(contentType)) {
    case 'application/json':
    case 'text/plain':
      return 'json';
    case 'application/x-ndjson':
      return 'ndjson';
    default:
      throw new AppError(
        'unsupported_media_type',
        'Content-Type must be application/json or application/x-ndjson',
      );
  }
}

function joined(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function tooLarge(bytesMax: number): AppError {
  return new AppError('too_large', `the body may have at most ${bytesMax} bytes`);
}

function tooMuch(): AppError {
  return new AppError('overloaded', 'too many bodies are being received; send again', {
    retryAfterSeconds: 1,
  });
}
