/**
 * What is read back: the JSON of a stored event, of its data, and single envelope fields. A stored
 * payload is what a client sent, verbatim; it is walked again here, which is cheaper than to build
 * an object.
 */
import { assert } from '../std/assert.ts';
import { type Encoding, Envelope, encodingJson, extraBase } from './envelope.ts';
import { walkJsonEvent } from './json.ts';
import { walkMsgpackEvent } from './msgpack.ts';
import {
  beginText,
  endText,
  writeAscii,
  writeBase36,
  writeInteger,
  writeJson,
  writeMsgpack,
  writeString,
} from './transcode.ts';

/** The envelope's fields that are text. */
export type FieldName = 'id' | 'customer' | 'previous' | 'type' | 'channel' | 'source';

/** A stored event: its payload `bytes[payloadAt, payloadEnd)`, and what the server knows of it. */
export interface RenderedSource {
  readonly bytes: Uint8Array;
  readonly payloadAt: number;
  readonly payloadEnd: number;
  readonly encoding: Encoding;
  readonly time: number;
  readonly received: number;
  /** Its position in commit order; with its time it makes the cursor, as `formatCursor` writes it. */
  readonly stamp: number;
  readonly ordinal: number;
  /** Why the taxonomy flagged it. */
  readonly flagged?: string | undefined;
  /** Set when the server made the id. */
  readonly madeId: string | undefined;
}

/** What `reopen` found, until the next. */
export const found = new Envelope();

/** Finds the fields of a payload that was accepted, whenever that was. */
export function reopen(bytes: Uint8Array, at: number, end: number, encoding: Encoding): Envelope {
  const walk = encoding === encodingJson ? walkJsonEvent : walkMsgpackEvent;
  const next = walk(bytes, at, end, Number.POSITIVE_INFINITY, found);
  assert(next === end, 'a stored payload is exactly one event');
  return found;
}

/**
 * JSON text of any value that the MessagePack walker accepts: integers to the last digit, floats as
 * `JSON.stringify` writes them, timestamps as RFC 3339 strings of milliseconds, or of up to nine
 * digits when they are finer. `bytes[at, end)` is one whole value.
 */
export function jsonOfMsgpack(bytes: Uint8Array, at: number, end: number): string {
  beginText();
  const next = writeMsgpack(bytes, at);
  assert(next === end, 'a value ends where its bytes end');
  return endText();
}

/** The event as the API reads it back, on one line. */
export function renderEvent(source: RenderedSource): string {
  beginText();
  writeEvent(source);
  return endText();
}

/** Writes the same to the text that was begun. */
export function writeEvent(source: RenderedSource): void {
  const { bytes, encoding } = source;
  const event = reopen(bytes, source.payloadAt, source.payloadEnd, encoding);
  if (event.idAt >= 0) writeField('{"id":', bytes, event.idAt, event.idBytes);
  else {
    writeAscii('{"id":"');
    writeAscii(source.madeId!);
    writeAscii('"');
  }
  writeField(',"customer":', bytes, event.customerAt, event.customerBytes);
  writeField(',"previous":', bytes, event.previousAt, event.previousBytes);
  writeField(',"type":', bytes, event.typeAt, event.typeBytes);
  writeAscii(',"time":');
  writeInteger(source.time);
  writeField(',"channel":', bytes, event.channelAt, event.channelBytes);
  writeField(',"source":', bytes, event.sourceAt, event.sourceBytes);
  if (event.dataAt >= 0) {
    writeAscii(',"data":');
    writeData(bytes, event, encoding);
  }
  writeAscii(',"received":');
  writeInteger(source.received);
  if (source.flagged !== undefined) {
    const flagged = Buffer.from(source.flagged);
    writeAscii(',"flagged":');
    writeString(flagged, 0, flagged.length);
  }
  writeAscii(',"cursor":"');
  writeBase36(source.stamp);
  writeAscii('.');
  writeBase36(source.ordinal);
  writeAscii('.');
  writeBase36(source.time);
  writeAscii('"}');
}

/** JSON text of `data` on one line, or undefined when the event has none. */
export function renderData(
  bytes: Uint8Array,
  payloadAt: number,
  payloadEnd: number,
  encoding: Encoding,
): string | undefined {
  const event = reopen(bytes, payloadAt, payloadEnd, encoding);
  if (event.dataAt < 0) return undefined;
  beginText();
  writeData(bytes, event, encoding);
  return endText();
}

/** One envelope field, decoded; undefined when the event has none. */
export function fieldText(
  bytes: Uint8Array,
  payloadAt: number,
  payloadEnd: number,
  encoding: Encoding,
  field: FieldName,
): string | undefined {
  const event = reopen(bytes, payloadAt, payloadEnd, encoding);
  switch (field) {
    case 'id':
      return textAt(bytes, event.idAt, event.idBytes);
    case 'customer':
      return textAt(bytes, event.customerAt, event.customerBytes);
    case 'previous':
      return textAt(bytes, event.previousAt, event.previousBytes);
    case 'type':
      return textAt(bytes, event.typeAt, event.typeBytes);
    case 'channel':
      return textAt(bytes, event.channelAt, event.channelBytes);
    case 'source':
      return textAt(bytes, event.sourceAt, event.sourceBytes);
  }
}

function textAt(bytes: Uint8Array, at: number, length: number): string | undefined {
  if (at < 0) return undefined;
  const source = at >= extraBase ? found.extra : bytes;
  const from = at >= extraBase ? at - extraBase : at;
  return Buffer.from(source.buffer, source.byteOffset + from, length).toString('utf8');
}

function writeField(key: string, bytes: Uint8Array, at: number, length: number): void {
  if (at < 0) return;
  writeAscii(key);
  if (at >= extraBase) writeString(found.extra, at - extraBase, at - extraBase + length);
  else writeString(bytes, at, at + length);
}

function writeData(bytes: Uint8Array, event: Envelope, encoding: Encoding): void {
  if (encoding === encodingJson) writeJson(bytes, event.dataAt, event.dataAt + event.dataBytes);
  else writeMsgpack(bytes, event.dataAt);
}
