/**
 * The envelope: what the server must know of an event, found by the byte walkers without building an
 * object. One `Envelope` is reused for every event of a thread; it holds positions into the bytes as
 * they were sent. Limits of the contract live here.
 */

export const eventBytesMax = 32 * 1024;
export const batchEventsMax = 10_000;
export const batchBytesMax = 16 * 1024 * 1024;
export const dataDepthMax = 32;
export const idBytesMax = 256;
export const customerBytesMax = 256;
export const previousBytesMax = 256;
export const typeBytesMax = 128;
export const channelBytesMax = 64;
export const sourceBytesMax = 256;
/** An event may claim to be at most this far ahead of the server's clock. */
export const timeAheadMsMax = 24 * 60 * 60 * 1000;
/** Types with this prefix are made by the server alone. */
export const reservedTypePrefix = 'tapeline.';
/** Customers with this prefix are the server's own: what it says of no customer stands on their tapes. */
export const reservedNamePrefix = 'tapeline:';

/** How a payload is written; the value is stored on disk: DO NOT RENUMBER. */
export const encodingJson = 0;
export const encodingMsgpack = 1;
export type Encoding = typeof encodingJson | typeof encodingMsgpack;

/**
 * A field whose sent form is not its UTF-8 bytes (a JSON string with escapes) is decoded into
 * `Envelope.extra`; its position is then `extraBase` + the offset there.
 */
export const extraBase = 0x4000_0000;
export const extraBytesMax = 2048;

/** A field that is absent has position -1. `time` is NaN when absent. */
export class Envelope {
  /** The whole event: `[start, end)` in the walked bytes. */
  start = 0;
  end = 0;
  idAt = -1;
  idBytes = 0;
  customerAt = -1;
  customerBytes = 0;
  previousAt = -1;
  previousBytes = 0;
  typeAt = -1;
  typeBytes = 0;
  channelAt = -1;
  channelBytes = 0;
  sourceAt = -1;
  sourceBytes = 0;
  /** The raw value of `data` as sent (JSON text or a MessagePack map). */
  dataAt = -1;
  dataBytes = 0;
  /** Epoch milliseconds, NaN when absent. */
  time = Number.NaN;
  readonly extra: Uint8Array = new Uint8Array(extraBytesMax);
  extraBytes = 0;
  /** Why the event is refused; undefined when it is fine. */
  rejection: Rejection | undefined = undefined;
}

/** A refusal of one event: constants, so that refusing builds nothing either. */
export interface Rejection {
  readonly code: 'invalid' | 'too_large' | 'malformed' | 'unavailable';
  readonly message: string;
}
