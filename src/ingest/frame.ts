/**
 * WebSocket frames: `{"seq":7,"events":[…]}` or `[7, [event, …]]`. A frame that cannot be read is
 * answered by the seq it names, or by 0.
 */
import { readJsonString, skipJsonSpace, skipJsonValue } from '../event/json.ts';
import { readMsgpackArrayHeader, readMsgpackUint } from '../event/msgpack.ts';
import { AppError } from '../std/errors.ts';
import type { Batch } from './batch.ts';
import { readJsonArray, readMsgpackArray } from './body.ts';
import type { Ingest } from './ingest.ts';

/** `problem` is set when the frame cannot be read; `seq` is 0 when it names none. */
export interface FrameResult {
  readonly seq: number;
  readonly problem: string | undefined;
}

/** Reads a text frame into `batch`, which must be abandoned if there is a problem. */
export function readJsonFrame(
  bytes: Uint8Array,
  nowMs: number,
  ingest: Ingest,
  batch: Batch,
): FrameResult {
  const state = { seq: 0, hasEvents: false };
  let problem: string | undefined;
  try {
    problem = walkJsonFrame(bytes, nowMs, ingest, batch, state);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    problem = error.message;
  }
  // It may stand behind what was wrong: many encoders sort the keys, so that events come first.
  const seq = problem !== undefined && state.seq === 0 ? frameSeq(bytes, false) : state.seq;
  return { seq, problem };
}

const notFrame = 'a frame must be {"seq":n,"events":[…]}';

function walkJsonFrame(
  bytes: Uint8Array,
  nowMs: number,
  ingest: Ingest,
  batch: Batch,
  state: { seq: number; hasEvents: boolean },
): string | undefined {
  const end = bytes.length;
  let at = skipJsonSpace(bytes, 0, end);
  if (bytes[at] !== 0x7b) return notFrame;
  at = skipJsonSpace(bytes, at + 1, end);
  for (;;) {
    const key = readJsonString(bytes, at, end);
    if (key === undefined) return notFrame;
    at = skipJsonSpace(bytes, key.next, end);
    if (bytes[at] !== 0x3a) return notFrame;
    at = skipJsonSpace(bytes, at + 1, end);
    if (key.text === 'seq' && state.seq === 0) {
      const next = skipJsonValue(bytes, at, end);
      if (next === -1) return notFrame;
      const seq = Number(Buffer.from(bytes.buffer, bytes.byteOffset + at, next - at).toString());
      if (!isSeq(seq)) return seqWrong;
      state.seq = seq;
      at = next;
    } else if (key.text === 'events' && !state.hasEvents) {
      state.hasEvents = true;
      at = readJsonArray(bytes, at, end, nowMs, ingest, batch);
      if (at === -1) return 'the events of the frame are not a valid JSON array';
    } else return notFrame;
    at = skipJsonSpace(bytes, at, end);
    if (bytes[at] === 0x7d) break;
    if (bytes[at] !== 0x2c) return notFrame;
    at = skipJsonSpace(bytes, at + 1, end);
  }
  if (skipJsonSpace(bytes, at + 1, end) !== end) return 'the frame goes on after its end';
  if (state.seq === 0) return seqWrong;
  return state.hasEvents ? undefined : notFrame;
}

/** The seq that a frame names, without reading its events where it comes first; 0 if there is none. */
export function frameSeq(bytes: Uint8Array, isMsgpack: boolean): number {
  if (isMsgpack) {
    const array = readMsgpackArrayHeader(bytes, 0, bytes.length);
    const seq = array && readMsgpackUint(bytes, array.next, bytes.length);
    return seq !== undefined && isSeq(seq.value) ? seq.value : 0;
  }
  let at = skipJsonSpace(bytes, 0, bytes.length);
  if (bytes[at++] !== 0x7b) return 0;
  while (at < bytes.length) {
    const key = readJsonString(bytes, skipJsonSpace(bytes, at, bytes.length), bytes.length);
    if (key === undefined) return 0;
    const colon = skipJsonSpace(bytes, key.next, bytes.length);
    if (bytes[colon] !== 0x3a) return 0;
    const value = skipJsonSpace(bytes, colon + 1, bytes.length);
    const next = skipJsonValue(bytes, value, bytes.length);
    if (next === -1) return 0;
    if (key.text === 'seq') {
      const seq = Number(Buffer.from(bytes.subarray(value, next)).toString('latin1'));
      return isSeq(seq) ? seq : 0;
    }
    at = skipJsonSpace(bytes, next, bytes.length) + 1;
  }
  return 0;
}

/** Reads a binary frame into `batch`, which must be abandoned if there is a problem. */
export function readMsgpackFrame(
  bytes: Uint8Array,
  nowMs: number,
  ingest: Ingest,
  batch: Batch,
): FrameResult {
  const end = bytes.length;
  const array = readMsgpackArrayHeader(bytes, 0, end);
  if (array?.count !== 2) return { seq: 0, problem: 'a frame must be [seq, [event, …]]' };
  const seq = readMsgpackUint(bytes, array.next, end);
  if (seq === undefined || !isSeq(seq.value)) return { seq: 0, problem: seqWrong };
  try {
    const next = readMsgpackArray(bytes, seq.next, end, nowMs, ingest, batch);
    if (next === end) return { seq: seq.value, problem: undefined };
    const problem =
      next === -1
        ? 'the events of the frame are not a valid MessagePack array'
        : 'the frame goes on after its end';
    return { seq: seq.value, problem };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { seq: seq.value, problem: error.message };
  }
}

const seqWrong = 'seq must be a positive integer';

function isSeq(seq: number): boolean {
  return Number.isSafeInteger(seq) && seq > 0;
}
