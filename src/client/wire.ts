/**
 * The two subprotocols of `/v1/ingest`, as bytes: batches out, receipts in.
 *
 *     tapeline.json      {"seq":7,"events":[…]}            text frame
 *     tapeline.msgpack   92 │ ce seq <4b> │ array of maps   binary frame, one batch
 *
 * A batch is encoded once, without its `seq`, so that it can be sent again under another one.
 */
import { Packr, Unpackr } from 'msgpackr';
import { marksOf } from './marks.ts';
import { ClientError, type Event, type Receipt, type Refusal, type WireEncoding } from './types.ts';

/** Encoded events, ready to be framed; make one with `encodeBatch` or from bytes of your own. */
export type Batch =
  | { readonly encoding: 'json'; readonly body: string; readonly events: number }
  | { readonly encoding: 'msgpack'; readonly body: Uint8Array; readonly events: number };

/** What the server says, told apart. */
export type ServerMessage =
  | { readonly kind: 'hello'; readonly limits: Limits }
  | { readonly kind: 'ack'; readonly seq: number; readonly receipt: Receipt }
  | { readonly kind: 'nack'; readonly seq: number; readonly error: ClientError };

/** The window the server grants one connection. */
export interface Limits {
  readonly frames: number;
  readonly bytes: number;
  readonly frameBytesMax: number;
}

// `skipValues` is missing from the package's types. Undefined members are left out, as JSON does.
const packing = {
  useRecords: false,
  variableMapSize: true,
  skipValues: [undefined],
  encodeUndefinedAsNil: true,
};
const packr = new Packr(packing);
const unpackr = new Unpackr({
  useRecords: false,
  structuredClone: false,
  mapsAsObjects: true,
  int64AsType: 'number',
});
const textBytes = new TextEncoder();
const headBytes = 6;

/** Encodes events as they are: nothing is checked here, the server refuses by index. */
export function encodeBatch(encoding: WireEncoding, events: readonly Event[]): Batch {
  return encoding === 'json'
    ? { encoding, body: JSON.stringify(events), events: events.length }
    : { encoding, body: packr.pack(events), events: events.length };
}

/** The frame of a batch under `seq` (1 to 2^32 - 1). Copies the body, so a batch may be sent twice at once. */
export function frameOf(batch: Batch, seq: number): string | Uint8Array {
  if (batch.encoding === 'json') return `{"seq":${seq},"events":${batch.body}}`;
  const frame = new Uint8Array(headBytes + batch.body.length);
  frame[0] = 0x92;
  frame[1] = 0xce;
  new DataView(frame.buffer).setUint32(2, seq);
  frame.set(batch.body, headBytes);
  return frame;
}

/** What the frame of this batch counts towards the window: its payload and the longest head of a WebSocket frame. */
export function frameBytesOf(batch: Batch): number {
  const frameHeadBytes = 14;
  if (batch.encoding === 'msgpack') return batch.body.length + headBytes + frameHeadBytes;
  const wrapperBytes = '{"seq":4294967295,"events":}'.length;
  return textBytes.encode(batch.body).length + wrapperBytes + frameHeadBytes;
}

/** @throws ClientError `protocol` when the message is none of the three. */
export function readMessage(data: string | Uint8Array): ServerMessage {
  const message = decode(data);
  if (typeof message['hello'] === 'number') {
    const frames = positive(message['window']);
    const bytes = positive(message['windowBytes']);
    const frameBytesMax = positive(message['frameBytesMax']);
    return {
      kind: 'hello',
      limits: { frames, bytes, frameBytesMax: Math.min(frameBytesMax, bytes) },
    };
  }
  if (typeof message['ack'] === 'number') {
    const receipt = {
      accepted: Number(message['accepted']),
      duplicates: Number(message['duplicates']),
      rejected: (message['rejected'] ?? []) as readonly Refusal[],
      ...marksOf([message]),
    };
    return { kind: 'ack', seq: message['ack'], receipt };
  }
  if (typeof message['nack'] === 'number') {
    const error = (message['error'] ?? {}) as Record<string, unknown>;
    const retryAfterMs = error['retryAfterMs'];
    const options = typeof retryAfterMs === 'number' ? { retryAfterMs } : {};
    const code = String(error['code'] ?? 'internal') as ClientError['code'];
    const text = String(error['message'] ?? code);
    return { kind: 'nack', seq: message['nack'], error: new ClientError(code, text, options) };
  }
  throw new ClientError('protocol', 'the server sent a message of an unknown kind');
}

function decode(data: string | Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = typeof data === 'string' ? JSON.parse(data) : unpackr.unpack(data);
  } catch (cause) {
    throw new ClientError('protocol', 'the server sent a message that cannot be read', { cause });
  }
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new ClientError('protocol', 'the server sent a message that is not a map');
}

function positive(value: unknown): number {
  if (typeof value === 'number' && value > 0) return value;
  throw new ClientError('protocol', 'the server did not say how large its window is');
}
