/**
 * The words of the client library: what a program sends, what it learns, and how it can fail. Shapes
 * are those of the wire, so that nothing is renamed between the documentation and the code.
 */
import type { ErrorCode } from '../std/errors.ts';

/** An event as a program sends it. `undefined` fields are not sent. */
export interface Event {
  /** With `customer`, the idempotency key. Absent: the client makes one, so that a resend is safe. */
  readonly id?: string | undefined;
  readonly customer: string;
  /** Another identity of the same customer: an IP, a cookie, a temporary id. */
  readonly previous?: string | undefined;
  readonly type: string;
  /** Epoch milliseconds or RFC 3339; absent: the time of receipt. */
  readonly time?: number | string | undefined;
  readonly channel?: string | undefined;
  readonly source?: string | undefined;
  readonly data?: object | undefined;
}

/** An event as it is read back: `time` and `received` are epoch milliseconds. */
export interface StoredEvent {
  readonly id: string;
  readonly customer: string;
  readonly previous?: string;
  readonly type: string;
  readonly time: number;
  readonly channel?: string;
  readonly source?: string;
  readonly data?: Record<string, unknown>;
  readonly received: number;
  readonly cursor: string;
}

/** One event the server refused; `index` counts from 0 within what was sent. */
export interface Refusal {
  readonly index: number;
  readonly id?: string;
  readonly code: string;
  readonly message: string;
}

/** What became of a send. Everything accepted, and every duplicate, is durable. */
export interface Receipt {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: readonly Refusal[];
  /** Of those accepted and the duplicates: kept apart by the taxonomy; stored with a flag. */
  readonly quarantined?: number;
  readonly flagged?: number;
}

/**
 * The codes of the server, and the client's own: `unreachable` (nobody answers, or no longer),
 * `window_exceeded` (closed with 4008), `protocol` (the other side speaks something else), `closed`
 * (this client was closed).
 */
export type ClientErrorCode = ErrorCode | 'unreachable' | 'window_exceeded' | 'protocol' | 'closed';

/** Every failure of the client library. Match on `code`, never on the message. */
export class ClientError extends Error {
  readonly code: ClientErrorCode;
  /** The HTTP status or WebSocket close code, when there was one. */
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ClientErrorCode,
    message: string,
    options: { status?: number; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ClientError';
    this.code = code;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** How events are written on the wire. */
export type WireEncoding = 'msgpack' | 'json';

/** One open connection, as little of it as the client needs. */
export interface Socket {
  /** A string goes out as a text frame, bytes as a binary frame. */
  send(frame: string | Uint8Array): void;
  /** Starts an orderly close; `closed` follows. */
  close(): void;
  /** Drops the connection at once; `closed` follows. */
  terminate(): void;
}

export interface SocketHandlers {
  message(data: string | Uint8Array): void;
  /** Called once, whether or not the connection was ever open. */
  closed(reason: SocketEnd): void;
}

export interface SocketEnd {
  /** The WebSocket close code; 1006 when the connection was lost or never made. */
  readonly code: number;
  readonly message: string;
  /** The HTTP status with which the upgrade was refused, where the platform tells. */
  readonly status?: number;
}

export interface SocketTarget {
  /** A ws:// or wss:// address, without credentials. */
  readonly url: string;
  readonly protocol: string;
  readonly key: string;
}

/** How connections are made: `nodeSocket` in Node, `browserSocket` in browsers, a fake in tests. */
export type OpenSocket = (target: SocketTarget, handlers: SocketHandlers) => Socket;
