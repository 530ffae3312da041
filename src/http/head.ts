/**
 * The head of a request, copied out while uWebSockets.js still lets us: its request object is gone
 * after the first `await`. Repeated framing headers are found here, because the parser below us
 * accepts them and a proxy in front may read them differently (request smuggling).
 */
import type { HttpRequest } from 'uWebSockets.js';

export interface Head {
  /** Lower case. */
  readonly method: string;
  /** The raw query, without `?`; empty if none. */
  readonly query: string;
  readonly authorization: string;
  readonly contentType: string;
  readonly contentEncoding: string;
  /** Bytes; undefined when not sent (no body, or chunked). */
  readonly contentLength: number | undefined;
  /** What the answer may be written in. */
  readonly accept: string;
  readonly origin: string;
  readonly lastEventId: string;
  /** What a preflight asks to be allowed: `Access-Control-Request-Headers`. */
  readonly wantedHeaders: string;
  /** What a sender of webhooks asks to be allowed, with OPTIONS. */
  readonly webhookOrigin: string;
  readonly webhookRate: string;
  /** There is a header that only CloudEvents in binary mode have. */
  readonly isCloudEvent: boolean;
  readonly acceptEncoding: string;
  readonly ifNoneMatch: string;
  readonly websocketKey: string;
  readonly websocketProtocol: string;
  readonly websocketExtensions: string;
  /** Why the request may not be served at all. */
  readonly fault: string | undefined;
}

/** Headers that may appear once only: a bit for each that was seen. */
const seenHost = 1;
const seenContentLength = 2;
const seenTransferEncoding = 4;
const seenAuthorization = 8;

class Found implements Head {
  readonly method: string;
  readonly query: string;
  authorization = '';
  contentType = '';
  contentEncoding = '';
  contentLength: number | undefined = undefined;
  accept = '';
  origin = '';
  lastEventId = '';
  wantedHeaders = '';
  webhookOrigin = '';
  webhookRate = '';
  isCloudEvent = false;
  acceptEncoding = '';
  ifNoneMatch = '';
  websocketKey = '';
  websocketProtocol = '';
  websocketExtensions = '';
  fault: string | undefined = undefined;
  seen = 0;

  constructor(req: HttpRequest) {
    this.method = req.getMethod();
    // Against its type, undefined when the URL has no `?`.
    this.query = req.getQuery() ?? '';
  }

  /** Takes over one header. A plain switch: this runs for every header of every request. */
  take(name: string, value: string): void {
    switch (name) {
      case 'host':
        this.#once(seenHost, name);
        break;
      case 'authorization':
        this.#once(seenAuthorization, name);
        this.authorization = value;
        break;
      case 'content-type':
        this.contentType = value;
        break;
      case 'content-encoding':
        this.contentEncoding = listed(this.contentEncoding, value);
        break;
      case 'transfer-encoding':
        this.#once(seenTransferEncoding, name);
        break;
      case 'content-length':
        this.#once(seenContentLength, name);
        this.#takeLength(value);
        break;
      case 'accept':
        this.accept = listed(this.accept, value);
        break;
      case 'origin':
        this.origin = value;
        break;
      case 'ce-specversion':
        this.isCloudEvent = true;
        break;
      case 'access-control-request-headers':
        this.wantedHeaders = value;
        break;
      case 'webhook-request-origin':
        this.webhookOrigin = value;
        break;
      case 'webhook-request-rate':
        this.webhookRate = value;
        break;
      case 'last-event-id':
        this.lastEventId = value;
        break;
      case 'accept-encoding':
        this.acceptEncoding = listed(this.acceptEncoding, value);
        break;
      case 'if-none-match':
        this.ifNoneMatch = listed(this.ifNoneMatch, value);
        break;
      case 'sec-websocket-key':
        this.websocketKey = value;
        break;
      case 'sec-websocket-protocol':
        this.websocketProtocol = listed(this.websocketProtocol, value);
        break;
      case 'sec-websocket-extensions':
        this.websocketExtensions = listed(this.websocketExtensions, value);
        break;
    }
  }

  #takeLength(value: string): void {
    if (!/^\d{1,15}$/.test(value)) this.fault ??= 'content-length is not a number';
    this.contentLength = Number(value);
  }

  #once(bit: number, name: string): void {
    if ((this.seen & bit) !== 0) this.fault ??= `the ${name} header may appear once only`;
    this.seen |= bit;
  }
}

/** A header that may come in several lines is one list. */
function listed(earlier: string, value: string): string {
  return earlier === '' ? value : `${earlier}, ${value}`;
}

/** The head being read: one callback serves all requests, since each is read in one go. */
let reading: Found;
const takeHeader = (name: string, value: string): void => reading.take(name, value);
const twoLengths = seenContentLength | seenTransferEncoding;

/** Reads everything needed of `req`; synchronous, to be called first in a uWS callback. */
export function readHead(req: HttpRequest): Head {
  const head = new Found(req);
  reading = head;
  req.forEach(takeHeader);
  if ((head.seen & twoLengths) === twoLengths) {
    head.fault ??= 'content-length and transfer-encoding exclude each other';
  }
  return head;
}

/** Every header by its name in lower case; repeated ones as a list. For requests that are rare. */
export function readHeaders(req: HttpRequest): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  req.forEach((name, value) => {
    headers.set(name, listed(headers.get(name) ?? '', value));
  });
  return headers;
}

/** The media type without its parameters, lower case: `application/json; charset=utf-8` → `application/json`. */
export function mediaType(contentType: string): string {
  const semicolon = contentType.indexOf(';');
  return (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
}

/** Whether an Accept header names this type, and does not rule it out. */
export function accepts(accept: string, type: string): boolean {
  if (!accept.includes(type)) return false;
  return accept.split(',').some((range) => {
    return mediaType(range) === type && !/;\s*q=0(\.0*)?\s*(;|$)/i.test(range);
  });
}
