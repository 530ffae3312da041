/**
 * Stored events as MessagePack, for readers that ask for it: the same fields as in JSON, in the same
 * order. What was sent as MessagePack is copied; JSON is transcoded, numbers to the last
 * digit where MessagePack has a form for them.
 *
 *     beginText();  writePacked…();  write…();  const bytes = endBytes();
 */
import { assert } from '../std/assert.ts';
import { encodingMsgpack, extraBase } from './envelope.ts';
import { readCount, sizeOf, skipMsgpackValue } from './pack.ts';
import { skipSpace, stringEnd, valueEnd } from './path.ts';
import { found, type RenderedSource, reopen } from './render.ts';
import {
  bytesWritten,
  overwriteUint8,
  overwriteUint16,
  writeAscii,
  writeBase36,
  writeByte,
  writeBytes,
} from './transcode.ts';

const fixMap = 0x80;
const fixText = 0xa0;
const nil = 0xc0;
const float64 = 0xcb;
const uint64 = 0xcf;
const int64 = 0xd3;
const text8 = 0xd9;
const array16 = 0xdc;
const map16 = 0xde;
const text16 = 0xda;
const text32 = 0xdb;

/** Names of fields as they are written, head and all. */
const keyOf = (name: string): Buffer => Buffer.from([fixText | name.length, ...Buffer.from(name)]);
const idKey = keyOf('id');
const customerKey = keyOf('customer');
const previousKey = keyOf('previous');
const typeKey = keyOf('type');
const timeKey = keyOf('time');
const channelKey = keyOf('channel');
const sourceKey = keyOf('source');
const dataKey = keyOf('data');
const receivedKey = keyOf('received');
const flaggedKey = keyOf('flagged');
const cursorKey = keyOf('cursor');

const scratch = new DataView(new ArrayBuffer(8));
const scratchBytes = new Uint8Array(scratch.buffer);

/** The event as the API reads it back, as a map. */
export function writePackedEvent(source: RenderedSource): void {
  if (source.encoding === encodingMsgpack && writeAsSent(source)) return;
  writeByField(source);
}

/**
 * Nearly every event that was sent as MessagePack: its map copied in one go, its time overwritten by
 * the integer that it is, and what the server knows of it added. False when it has another form.
 */
function writeAsSent(source: RenderedSource): boolean {
  const { bytes, madeId, payloadAt, payloadEnd } = source;
  // An event has a few members, whatever form its map has.
  const members = readCount(bytes, payloadAt);
  const membersAt = payloadAt + 1 + sizeOf[bytes[payloadAt]!]!;
  const timeAt = findTime(bytes, membersAt, payloadEnd);
  if (timeAt > 0 && !isOfEightBytes(bytes[timeAt]!)) return false;
  const added = addedBy(source) + (timeAt < 0 ? 1 : 0) + (madeId === undefined ? 0 : 1);
  writeByte(fixMap | (members + added));
  const start = bytesWritten();
  writeBytes(bytes, membersAt, payloadEnd);
  if (timeAt < 0) {
    writeKey(timeKey);
    writePackedInteger(source.time);
  } else overwriteUint64(start + timeAt - membersAt, source.time);
  if (madeId !== undefined) {
    writeKey(idKey);
    writePackedText(madeId);
  }
  writeReceived(source);
  return true;
}

/** Where the value of `time` is among the members `[at, end)` of an event's map; -1: it has none. */
function findTime(bytes: Uint8Array, at: number, end: number): number {
  const [head, t, i, m, e] = timeKey;
  for (let next = at; next < end; ) {
    const isTime =
      bytes[next] === head &&
      bytes[next + 1] === t &&
      bytes[next + 2] === i &&
      bytes[next + 3] === m &&
      bytes[next + 4] === e;
    const valueAt = isTime ? next + timeKey.length : skipMsgpackValue(bytes, next, end);
    if (isTime) return valueAt;
    next = skipMsgpackValue(bytes, valueAt, end);
  }
  return -1;
}

function isOfEightBytes(token: number): boolean {
  return token === float64 || token === uint64 || token === int64;
}

function overwriteUint64(at: number, value: number): void {
  const high = Math.floor(value / 2 ** 32);
  const low = value >>> 0;
  overwriteUint8(at, uint64);
  for (let i = 0; i < 4; i++) {
    overwriteUint8(at + 1 + i, (high >>> (24 - 8 * i)) & 0xff);
    overwriteUint8(at + 5 + i, (low >>> (24 - 8 * i)) & 0xff);
  }
}

function writeByField(source: RenderedSource): void {
  const { bytes, encoding } = source;
  const event = reopen(bytes, source.payloadAt, source.payloadEnd, encoding);
  // Besides: id, customer, type and time.
  let fields = 4 + addedBy(source);
  for (const at of [event.previousAt, event.channelAt, event.sourceAt, event.dataAt]) {
    if (at >= 0) fields += 1;
  }
  writeByte(fixMap | fields);
  if (event.idAt >= 0) writeField(idKey, bytes, event.idAt, event.idBytes);
  else {
    writeKey(idKey);
    writePackedText(source.madeId!);
  }
  writeField(customerKey, bytes, event.customerAt, event.customerBytes);
  writeField(previousKey, bytes, event.previousAt, event.previousBytes);
  writeField(typeKey, bytes, event.typeAt, event.typeBytes);
  writeKey(timeKey);
  writePackedInteger(source.time);
  writeField(channelKey, bytes, event.channelAt, event.channelBytes);
  writeField(sourceKey, bytes, event.sourceAt, event.sourceBytes);
  if (event.dataAt >= 0) {
    writeKey(dataKey);
    const end = event.dataAt + event.dataBytes;
    if (encoding === encodingMsgpack) writeBytes(bytes, event.dataAt, end);
    else
      writePackedJson(
        Buffer.from(bytes.buffer, bytes.byteOffset).toString('utf8', event.dataAt, end),
      );
  }
  writeReceived(source);
}

/** How many members `writeReceived` writes. */
function addedBy({ flagged }: RenderedSource): number {
  return flagged === undefined ? 2 : 3;
}

function writeReceived(source: RenderedSource): void {
  writeKey(receivedKey);
  writePackedInteger(source.received);
  if (source.flagged !== undefined) {
    writeKey(flaggedKey);
    writePackedText(source.flagged);
  }
  writeKey(cursorKey);
  writeCursor(source);
}

function writeKey(key: Uint8Array): void {
  writeBytes(key, 0, key.length);
}

function writeField(name: Uint8Array, bytes: Uint8Array, at: number, length: number): void {
  if (at < 0) return;
  writeKey(name);
  writeTextHead(length);
  if (at >= extraBase) writeBytes(found.extra, at - extraBase, at - extraBase + length);
  else writeBytes(bytes, at, at + length);
}

/** At most 11 + 4 + 11 characters and two dots: its length is known when it is written. */
function writeCursor({ ordinal, stamp, time }: RenderedSource): void {
  const at = bytesWritten();
  writeByte(0);
  writeBase36(stamp);
  writeAscii('.');
  writeBase36(ordinal);
  writeAscii('.');
  writeBase36(time);
  overwriteUint8(at, fixText | (bytesWritten() - at - 1));
}

function writeTextHead(bytes: number): void {
  if (bytes < 32) writeByte(fixText | bytes);
  else if (bytes < 256) {
    writeByte(text8);
    writeByte(bytes);
  } else if (bytes < 65_536) {
    writeByte(text16);
    writeByte(bytes >>> 8);
    writeByte(bytes & 0xff);
  } else {
    writeByte(text32);
    scratch.setUint32(0, bytes);
    writeBytes(scratchBytes, 0, 4);
  }
}

/** Writes any text. */
export function writePackedText(text: string): void {
  const bytes = Buffer.byteLength(text);
  writeTextHead(bytes);
  if (bytes === text.length) writeAscii(text);
  else writeBytes(Buffer.from(text), 0, bytes);
}

export function writePackedNil(): void {
  writeByte(nil);
}

/** Writes a map or array of up to 65,535 whose size is not known yet; returns where it goes. */
export function beginPacked(kind: 'array' | 'map'): number {
  writeByte(kind === 'array' ? array16 : map16);
  const at = bytesWritten();
  writeByte(0);
  writeByte(0);
  return at;
}

export function endPacked(at: number, count: number): void {
  overwriteUint16(at, count);
}

/** Writes well-formed JSON text of at most 32 KiB, whose depth is bounded. */
export function writePackedJson(json: string): void {
  const end = writeJsonAt(json, skipSpace(json, 0));
  assert(skipSpace(json, end) >= json.length, 'a value ends where its text ends');
}

/** Returns the position after the value. */
function writeJsonAt(json: string, at: number): number {
  switch (json[at]) {
    case '"': {
      const end = stringEnd(json, at);
      writePackedText(JSON.parse(json.slice(at, end)) as string);
      return end;
    }
    case '{':
      return writeObject(json, at);
    case '[':
      return writeArray(json, at);
    default: {
      const end = valueEnd(json, at);
      writeScalar(json.slice(at, end));
      return end;
    }
  }
}

function writeObject(json: string, objectAt: number): number {
  const sizeAt = beginPacked('map');
  let count = 0;
  let at = skipSpace(json, objectAt + 1);
  for (; json[at] !== '}'; count++) {
    at = skipSpace(json, writeJsonAt(json, at));
    at = skipSpace(json, writeJsonAt(json, skipSpace(json, at + 1)));
    if (json[at] === ',') at = skipSpace(json, at + 1);
  }
  endPacked(sizeAt, count);
  return at + 1;
}

function writeArray(json: string, arrayAt: number): number {
  const sizeAt = beginPacked('array');
  let count = 0;
  let at = skipSpace(json, arrayAt + 1);
  for (; json[at] !== ']'; count++) {
    at = skipSpace(json, writeJsonAt(json, at));
    if (json[at] === ',') at = skipSpace(json, at + 1);
  }
  endPacked(sizeAt, count);
  return at + 1;
}

function writeScalar(text: string): void {
  switch (text) {
    case 'null':
      writeByte(nil);
      break;
    case 'false':
      writeByte(0xc2);
      break;
    case 'true':
      writeByte(0xc3);
      break;
    default:
      writeNumber(text);
  }
}

/** Integers of 64 bits are exact; other numbers become doubles, and texts when they are past all doubles. */
function writeNumber(text: string): void {
  const isInteger = /^-?\d+$/.test(text) && text !== '-0';
  const number = Number(text);
  if (isInteger && Number.isSafeInteger(number)) writePackedInteger(number);
  else if (isInteger && fits64(BigInt(text))) {
    const exact = BigInt(text);
    scratch.setBigUint64(0, BigInt.asUintN(64, exact));
    writeScratch(exact < 0n ? int64 : uint64, 0);
  } else if (Number.isFinite(number)) {
    scratch.setFloat64(0, number);
    writeScratch(float64, 0);
  } else writePackedText(text);
}

function fits64(exact: bigint): boolean {
  return exact >= -(2n ** 63n) && exact < 2n ** 64n;
}

/** Writes a safe integer in its shortest form. */
function writePackedInteger(value: number): void {
  scratch.setInt32(0, Math.floor(value / 2 ** 32));
  scratch.setUint32(4, value >>> 0);
  if (value >= 0) {
    if (value < 2 ** 7) writeByte(value);
    else if (value < 2 ** 8) writeScratch(0xcc, 7);
    else if (value < 2 ** 16) writeScratch(0xcd, 6);
    else if (value < 2 ** 32) writeScratch(0xce, 4);
    else writeScratch(uint64, 0);
  } else if (value >= -(2 ** 5)) writeByte(value & 0xff);
  else if (value >= -(2 ** 7)) writeScratch(0xd0, 7);
  else if (value >= -(2 ** 15)) writeScratch(0xd1, 6);
  else if (value >= -(2 ** 31)) writeScratch(0xd2, 4);
  else writeScratch(int64, 0);
}

/** Writes a token and the last bytes of the eight. */
function writeScratch(token: number, from: number): void {
  writeByte(token);
  writeBytes(scratchBytes, from, 8);
}
