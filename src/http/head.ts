/**
 * The head of a request, copied out while uWebSockets.js still lets us: its request object is gone
 * after the first `await`. Repeated framing headers are found here, because the parser below us
 * accepts them and a proxy in front may read them differently (request smuggling).
 */
import type { HttpRequest } from 'uWebSockets.js';

export interface Head {
  /** Lower case. */
  readonly method: string;
  /** The path as sent, percent-encoded. */
  readonly url: string;
  /** The raw query, without `?`; empty if none. */
  readonly query: string;
  readonly authorization: string;
  readonly contentType: string;
  readonly contentEncoding: string;
  /** Bytes; undefined when not sent (no body, or chunked). */
  readonly contentLength: number | undefined;
  readonly origin: string;
  readonly lastEventId: string;
  readonly websocketKey: string;
  readonly websocketProtocol: string;
  readonly websocketExtensions: string;
  /** Why the request may not be served at all. */
  readonly fault: string | undefined;
}

/** Headers that may appear once only. */
const singles = new Set(['host', 'content-length', 'transfer-encoding', 'authorization']);
const wanted = new Set([
  ...singles,
  'content-type',
  'content-encoding',
  'origin',
  'last-event-id',
  'sec-websocket-key',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
]);

/** Reads everything needed of `req`; synchronous, to be called first in a uWS callback. */
export function readHead(req: HttpRequest): Head {
  const found = new Map<string, string>();
  let fault: string | undefined;
  req.forEach((name, value) => {
    if (!wanted.has(name)) return;
    const earlier = found.get(name);
    if (earlier === undefined) found.set(name, value);
    else if (singles.has(name)) fault ??= `the ${name} header may appear once only`;
    else found.set(name, `${earlier}, ${value}`);
  });
  const length = found.get('content-length');
  if (length !== undefined && !/^\d{1,15}$/.test(length))
    fault ??= 'content-length is not a number';
  if (length !== undefined && found.has('transfer-encoding')) {
    fault ??= 'content-length and transfer-encoding exclude each other';
  }
  return {
    method: req.getMethod(),
    url: req.getUrl(),
    // Against its type, undefined when the URL has no `?`.
    query: req.getQuery() ?? '',
    authorization: found.get('authorization') ?? '',
    contentType: found.get('content-type') ?? '',
    contentEncoding: found.get('content-encoding') ?? '',
    contentLength: length === undefined ? undefined : Number(length),
    origin: found.get('origin') ?? '',
    lastEventId: found.get('last-event-id') ?? '',
    websocketKey: found.get('sec-websocket-key') ?? '',
    websocketProtocol: found.get('sec-websocket-protocol') ?? '',
    websocketExtensions: found.get('sec-websocket-extensions') ?? '',
    fault,
  };
}

/** The media type without its parameters, lower case: `application/json; charset=utf-8` → `application/json`. */
export function mediaType(contentType: string): string {
  const semicolon = contentType.indexOf(';');
  return (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
}
