/**
 * Replies: what a handler returns, how an error becomes one, and how bytes reach the socket. Every
 * write is corked, and a large body goes out in pieces that fit the cork buffer: this build of
 * uWebSockets.js loses the rest of a larger write when a slow reader makes the flush fail.
 */

import { unreachable } from '../std/assert.ts';
import { AppError, type ErrorCode } from '../std/errors.ts';
import type { Log } from '../std/log.ts';
import { pieceBytesMax } from '../streams/pieces.ts';
import type { Exchange } from './exchange.ts';

export type Headers = readonly (readonly [name: string, value: string])[];

export interface Reply {
  readonly status: number;
  readonly body: string | Uint8Array;
  /** Content-Type; empty for a reply without a body. */
  readonly type: string;
  /** Cache-Control; `no-store` when absent. */
  readonly cache?: string;
  readonly headers?: Headers;
  /**
   * No headers but Content-Type and `headers`: for what is sent by the million and nobody could keep or
   * mistake, as the answer to a POST.
   */
  readonly isTerse?: boolean;
  /** Ends the connection after the reply. */
  readonly close?: boolean;
}

export const msgpackType = 'application/msgpack';
export const jsonType = 'application/json; charset=utf-8';

/** A JSON reply from a value. */
export function jsonReply(status: number, value: unknown): Reply {
  return { status, body: JSON.stringify(value), type: jsonType };
}

/** A JSON reply from text that is JSON already. */
export function textReply(status: number, body: string | Uint8Array): Reply {
  return { status, body, type: jsonType };
}

export const emptyReply: Reply = { status: 204, body: '', type: '' };

/** The one place where codes become statuses. */
export function statusOf(code: ErrorCode): number {
  switch (code) {
    case 'malformed':
      return 400;
    case 'unauthorized':
      return 401;
    case 'forbidden':
      return 403;
    case 'not_found':
      return 404;
    case 'conflict':
      return 409;
    case 'cursor_expired':
      return 410;
    case 'too_large':
      return 413;
    case 'unsupported_media_type':
      return 415;
    case 'invalid':
      return 422;
    case 'rate_limited':
      return 429;
    case 'internal':
      return 500;
    case 'overloaded':
    case 'unavailable':
      return 503;
    default:
      return unreachable(code);
  }
}

/**
 * The reply for a failure. What is not an `AppError` is a bug: logged with its stack, answered as
 * `internal` without any detail.
 */
export function errorReply(error: unknown, log: Log): Reply {
  if (!(error instanceof AppError) || error.code === 'internal') {
    log.error('request failed', { error: error instanceof Error ? error.stack : String(error) });
    const hidden = { code: 'internal', message: 'internal error' };
    return jsonReply(500, { error: hidden });
  }
  const { code, earliest, message } = error;
  const shown = { code, message, ...(earliest !== undefined && { earliest }) };
  const reply = jsonReply(statusOf(code), { error: shown });
  if (code === 'unauthorized') return { ...reply, headers: [['WWW-Authenticate', 'Bearer']] };
  if (code === 'rate_limited' || code === 'overloaded' || code === 'unavailable') {
    const seconds = Math.max(1, Math.ceil(error.retryAfterSeconds ?? 1));
    return { ...reply, headers: [['Retry-After', String(seconds)]] };
  }
  return reply;
}

/** Adds headers to a reply. */
export function withHeaders(reply: Reply, headers: Headers): Reply {
  if (headers.length === 0) return reply;
  return { ...reply, headers: [...(reply.headers ?? []), ...headers] };
}

const reasons: Readonly<Record<number, string>> = {
  200: '200 OK',
  201: '201 Created',
  204: '204 No Content',
  302: '302 Found',
  304: '304 Not Modified',
  400: '400 Bad Request',
  401: '401 Unauthorized',
  403: '403 Forbidden',
  404: '404 Not Found',
  409: '409 Conflict',
  410: '410 Gone',
  413: '413 Content Too Large',
  415: '415 Unsupported Media Type',
  422: '422 Unprocessable Content',
  429: '429 Too Many Requests',
  500: '500 Internal Server Error',
  503: '503 Service Unavailable',
};

/** A string this short surely fits one piece, whatever its characters (3 bytes each at most). */
const shortCharsMax = 4096;

/**
 * Answers an exchange, once; does nothing if the client has gone or was answered.
 */
export function writeReply(exchange: Exchange, reply: Reply): void {
  if (exchange.aborted || exchange.answered) return;
  exchange.answered = true;
  exchange.countAnswer(reply.status);
  if (hasNoBody(reply) || exchange.head.method === 'head') {
    writeWhole(exchange, reply, undefined);
  } else if (typeof reply.body === 'string' && reply.body.length <= shortCharsMax) {
    writeWhole(exchange, reply, reply.body);
  } else {
    const bytes = typeof reply.body === 'string' ? Buffer.from(reply.body) : reply.body;
    if (bytes.length <= pieceBytesMax) writeWhole(exchange, reply, bytes);
    // Later, because a uWS callback is one cork of its own, and the pieces would share its buffer.
    else setImmediate(() => writePieces(exchange, reply, bytes));
  }
}

/** The headers of nearly every reply in one call: each call into uWS costs as much as a small reply. */
const jsonHeaders = `${jsonType}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff`;

function writeHeaders(exchange: Exchange, reply: Reply): void {
  const res = exchange.res;
  // It is 200 unless told.
  if (reply.status !== 200) res.writeStatus(reasons[reply.status] ?? String(reply.status));
  if (reply.isTerse === true) res.writeHeader('Content-Type', reply.type);
  else if (reply.type === jsonType && reply.cache === undefined) {
    res.writeHeader('Content-Type', jsonHeaders);
  } else {
    if (reply.type !== '') res.writeHeader('Content-Type', reply.type);
    res.writeHeader('Cache-Control', reply.cache ?? 'no-store');
    res.writeHeader('X-Content-Type-Options', 'nosniff');
  }
  for (const [name, value] of reply.headers ?? []) res.writeHeader(name, value);
}

function hasNoBody({ status }: Reply): boolean {
  return status === 204 || status === 304;
}

function writeWhole(exchange: Exchange, reply: Reply, body: string | Uint8Array | undefined): void {
  const { res } = exchange;
  const close = reply.close === true || exchange.closing();
  res.cork(() => {
    writeHeaders(exchange, reply);
    if (body !== undefined) res.end(body, close);
    else endWithoutBody(exchange, reply);
  });
  exchange.settle();
}

/**
 * The head alone. `endWithoutBody` takes no argument here: with a length, or an explicit undefined,
 * this build never counts the reply as complete. So it cannot end the connection either.
 */
function endWithoutBody(exchange: Exchange, reply: Reply): void {
  const { res } = exchange;
  if (reply.close === true) {
    res.end('', true);
    return;
  }
  if (exchange.closing()) res.writeHeader('Connection', 'close');
  if (!hasNoBody(reply)) {
    res.writeHeader('Content-Length', String(Buffer.byteLength(reply.body)));
  }
  res.endWithoutBody();
}

function writePieces(exchange: Exchange, reply: Reply, bytes: Uint8Array): void {
  if (exchange.aborted) return;
  const { res } = exchange;
  res.onWritable(() => pushPieces(exchange, bytes));
  res.cork(() => {
    writeHeaders(exchange, reply);
    if (reply.close === true || exchange.closing()) res.writeHeader('Connection', 'close');
    res.tryEnd(bytes.subarray(0, pieceBytesMax), bytes.length);
  });
  pushPieces(exchange, bytes);
}

/** Sends until the reader stops taking; uWS calls again when it takes more. */
function pushPieces(exchange: Exchange, bytes: Uint8Array): boolean {
  const { res } = exchange;
  let taken = true;
  let complete = false;
  while (taken && !complete && !exchange.aborted) {
    const at = res.getWriteOffset();
    res.cork(() => {
      [taken, complete] = res.tryEnd(bytes.subarray(at, at + pieceBytesMax), bytes.length);
    });
  }
  if (complete) exchange.settle();
  return taken;
}
