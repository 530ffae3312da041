/**
 * Splits bodies and frames into events and hands them to `Ingest`. What cannot be split is malformed
 * as a whole; an event that can be told from its neighbours is refused alone.
 */
import {
  batchEventsMax,
  Envelope,
  encodingJson,
  encodingMsgpack,
  eventBytesMax,
  type Rejection,
} from '../event/envelope.ts';
import { skipJsonSpace, walkJsonEvent } from '../event/json.ts';
import { readMsgpackArrayHeader, walkMsgpackEvent } from '../event/msgpack.ts';
import { AppError } from '../std/errors.ts';
import type { Batch } from './batch.ts';
import type { Ingest } from './ingest.ts';

export type BodyFormat = 'json' | 'ndjson' | 'msgpack';

const bracketOpen = 0x5b;
const bracketClose = 0x5d;
const comma = 0x2c;
const newline = 0x0a;

/** One per thread is enough: an event is done with before the next is walked. */
const envelope = new Envelope();

const lineMalformed: Rejection = Object.freeze({
  code: 'malformed',
  message: 'the line is not a JSON value',
});
const lineTooLarge: Rejection = Object.freeze({
  code: 'too_large',
  message: `an event may be at most ${eventBytesMax} bytes`,
});

/**
 * Reads a whole body into `batch`.
 *
 * @throws AppError `malformed`, or `too_large` when it holds more than `batchEventsMax` events; the
 * batch must then be abandoned.
 */
export function readBody(
  format: BodyFormat,
  bytes: Uint8Array,
  nowMs: number,
  ingest: Ingest,
  batch: Batch,
): void {
  switch (format) {
    case 'json':
      readJsonBody(bytes, nowMs, ingest, batch);
      break;
    case 'ndjson':
      readLines(bytes, nowMs, ingest, batch);
      break;
    case 'msgpack':
      readMsgpackBody(bytes, nowMs, ingest, batch);
      break;
  }
}

function readJsonBody(bytes: Uint8Array, nowMs: number, ingest: Ingest, batch: Batch): void {
  const end = bytes.length;
  const start = skipJsonSpace(bytes, 0, end);
  if (start === end) throw new AppError('malformed', 'the body is empty');
  let at: number;
  if (bytes[start] === bracketOpen) {
    at = readJsonArray(bytes, start, end, nowMs, ingest, batch);
  } else {
    at = walkJsonEvent(bytes, start, end, nowMs, envelope);
    if (at !== -1) ingest.add(batch, bytes, envelope, encodingJson);
  }
  if (at === -1) throw new AppError('malformed', 'the body is not valid JSON');
  if (skipJsonSpace(bytes, at, end) !== end) {
    throw new AppError('malformed', 'the body goes on after the JSON value');
  }
}

/** Reads the array at `at`; returns the position after it, or -1. */
export function readJsonArray(
  bytes: Uint8Array,
  at: number,
  end: number,
  nowMs: number,
  ingest: Ingest,
  batch: Batch,
): number {
  if (bytes[at] !== bracketOpen) return -1;
  let next = skipJsonSpace(bytes, at + 1, end);
  if (next < end && bytes[next] === bracketClose) return next + 1;
  for (;;) {
    next = walkJsonEvent(bytes, next, end, nowMs, envelope);
    if (next === -1) return -1;
    ingest.add(batch, bytes, envelope, encodingJson);
    checkCount(batch.events);
    next = skipJsonSpace(bytes, next, end);
    if (next >= end) return -1;
    const byte = bytes[next];
    if (byte === bracketClose) return next + 1;
    if (byte !== comma) return -1;
    next = skipJsonSpace(bytes, next + 1, end);
  }
}

/** One event a line; empty lines are passed over and not counted. */
function readLines(bytes: Uint8Array, nowMs: number, ingest: Ingest, batch: Batch): void {
  let lineStart = 0;
  while (lineStart < bytes.length) {
    let lineEnd = bytes.indexOf(newline, lineStart);
    if (lineEnd === -1) lineEnd = bytes.length;
    const start = skipJsonSpace(bytes, lineStart, lineEnd);
    if (start < lineEnd) {
      const next = walkJsonEvent(bytes, start, lineEnd, nowMs, envelope);
      const isWhole = next !== -1 && skipJsonSpace(bytes, next, lineEnd) === lineEnd;
      if (isWhole) ingest.add(batch, bytes, envelope, encodingJson);
      else if (lineEnd - start > eventBytesMax) ingest.reject(batch, lineTooLarge, undefined);
      else ingest.reject(batch, lineMalformed, undefined);
      checkCount(batch.events);
    }
    lineStart = lineEnd + 1;
  }
  if (batch.events === 0) throw new AppError('malformed', 'the body is empty');
}

function readMsgpackBody(bytes: Uint8Array, nowMs: number, ingest: Ingest, batch: Batch): void {
  const end = bytes.length;
  if (end === 0) throw new AppError('malformed', 'the body is empty');
  let at: number;
  if (isMsgpackArray(bytes[0]!)) {
    at = readMsgpackArray(bytes, 0, end, nowMs, ingest, batch);
  } else {
    at = walkMsgpackEvent(bytes, 0, end, nowMs, envelope);
    if (at !== -1) ingest.add(batch, bytes, envelope, encodingMsgpack);
  }
  if (at === -1) throw new AppError('malformed', 'the body is not valid MessagePack');
  if (at !== end) throw new AppError('malformed', 'the body goes on after the MessagePack value');
}

function isMsgpackArray(byte: number): boolean {
  return (byte & 0xf0) === 0x90 || byte === 0xdc || byte === 0xdd;
}

/** Reads the array at `at`; returns the position after it, or -1. */
export function readMsgpackArray(
  bytes: Uint8Array,
  at: number,
  end: number,
  nowMs: number,
  ingest: Ingest,
  batch: Batch,
): number {
  const array = readMsgpackArrayHeader(bytes, at, end);
  // Every event takes a byte at least: a larger count cannot be true.
  if (array === undefined || array.count > end - array.next) return -1;
  checkCount(array.count);
  let next = array.next;
  for (let i = 0; i < array.count; i++) {
    next = walkMsgpackEvent(bytes, next, end, nowMs, envelope);
    if (next === -1) return -1;
    ingest.add(batch, bytes, envelope, encodingMsgpack);
  }
  return next;
}

function checkCount(events: number): void {
  if (events > batchEventsMax) {
    throw new AppError('too_large', `a batch may hold at most ${batchEventsMax} events`);
  }
}
