/**
 * Request bodies. uWebSockets.js has no limit of its own and lends each chunk for the length of a
 * callback only, so bytes are counted and copied here as they arrive.
 */
import { AppError } from '../std/errors.ts';
import type { Exchange } from './exchange.ts';
import { mediaType } from './head.ts';
import { receivingBytesMax, type Traffic } from './traffic.ts';

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

/**
 * Receives a whole body. To be called synchronously in the uWS callback, or the bytes are lost.
 * Calls `done` at most once, never when the client goes away first.
 * @param done gets the bytes, or an AppError too_large or overloaded. They are the receiver's own,
 *   unless it `borrows`: then it must be done with them when it returns.
 */
export function receiveBody(
  exchange: Exchange,
  traffic: Traffic,
  { borrows, bytesMax }: { borrows: boolean; bytesMax: number },
  done: (body: Uint8Array | AppError) => void,
): void {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let isDone = false;
  let refusal: AppError | undefined;
  let swallowedBytes = 0;
  const finish = (body: Uint8Array | AppError): void => {
    if (isDone) return;
    isDone = true;
    traffic.receivingBytes -= bytes;
    chunks.length = 0;
    done(body);
  };
  const refuse = (error: AppError): void => {
    refusal = error;
    traffic.receivingBytes -= bytes;
    bytes = 0;
    chunks.length = 0;
  };
  if ((exchange.head.contentLength ?? 0) > bytesMax) {
    swallowBody(exchange, () => finish(tooLarge(bytesMax)));
    return;
  }
  exchange.onGone = () => {
    if (!isDone) traffic.receivingBytes -= bytes;
    isDone = true;
  };
  exchange.res.onData((lent, isLast) => {
    if (isDone) return;
    if (refusal === undefined && bytes + lent.byteLength > bytesMax) refuse(tooLarge(bytesMax));
    if (refusal !== undefined) {
      swallowedBytes += lent.byteLength;
      if (isLast || swallowedBytes > swallowBytesMax) finish(refusal);
      return;
    }
    if (isLast && chunks.length === 0) {
      finish(new Uint8Array(borrows ? lent : lent.slice(0)));
      return;
    }
    const chunk = new Uint8Array(lent.slice(0));
    bytes += chunk.length;
    traffic.receivingBytes += chunk.length;
    chunks.push(chunk);
    if (isLast) finish(joined(chunks, bytes));
    else if (traffic.receivingBytes > receivingBytesMax) refuse(tooMuch());
  });
}

/**
 * Reads a body as JSON.
 * @throws AppError unsupported_media_type, malformed.
 */
export function parseJson(body: Uint8Array, contentType: string): unknown {
  if (mediaType(contentType) !== 'application/json') {
    throw new AppError('unsupported_media_type', 'send Content-Type: application/json');
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown;
  } catch (cause) {
    throw new AppError('malformed', 'the body is not JSON in UTF-8', { cause });
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
