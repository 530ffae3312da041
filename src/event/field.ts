/**
 * The eight top-level fields of an event, told apart by the bytes of their keys, and what happens
 * to an envelope as they are found. Shared by both walkers, so that the same event meets the same
 * verdict in either encoding.
 */
import {
  channelBytesMax,
  customerBytesMax,
  type Envelope,
  eventBytesMax,
  extraBase,
  idBytesMax,
  previousBytesMax,
  type Rejection,
  reservedNamePrefix,
  reservedTypePrefix,
  sourceBytesMax,
  timeAheadMsMax,
  typeBytesMax,
} from './envelope.ts';
import {
  customerMissing,
  customerReserved,
  previousReserved,
  timeTooEarly,
  timeTooLate,
  timeWrong,
  tooLarge,
  typeMissing,
  typeReserved,
} from './refusal.ts';

/**
 * Field numbers: the strings come first. They have names of their own in this file because what is
 * exported is read through a cell at every use, while a private constant is folded into the code.
 */
const id = 0;
const customer = 1;
const previous = 2;
const type = 3;
const channel = 4;
const source = 5;
const time = 6;
const data = 7;
const unknown = -1;

/** Below it are the string fields. */
export const fieldTime = time;
export const fieldData = data;
/** No field of an event. */
export const fieldUnknown = unknown;

/** By field number: the most bytes a string field may have, as UTF-8. */
export const textBytesMax = Int32Array.of(
  idBytesMax,
  customerBytesMax,
  previousBytesMax,
  typeBytesMax,
  channelBytesMax,
  sourceBytesMax,
);

const typePrefix = Buffer.from(reservedTypePrefix, 'latin1');
const namePrefix = Buffer.from(reservedNamePrefix, 'latin1');

/** The first and the last four bytes of a key, overlapping if it is short, tell it from others. */
function wordOf(text: string): number {
  return Buffer.from(text, 'latin1').readInt32LE();
}
const wordData = wordOf('data');
const wordTime = wordOf('time');
const wordType = wordOf('type');
const wordSour = wordOf('sour');
const wordUrce = wordOf('urce');
const wordChan = wordOf('chan');
const wordNnel = wordOf('nnel');
const wordCust = wordOf('cust');
const wordOmer = wordOf('omer');
const wordPrev = wordOf('prev');
const wordIous = wordOf('ious');
const halfId = 0x6469;

/** Which field the key of `length` bytes at `at` names. */
export function fieldOfKey(view: DataView, at: number, length: number): number {
  if (length === 2) return view.getUint16(at, true) === halfId ? id : unknown;
  if (length < 4 || length > 8) return unknown;
  const first = view.getInt32(at, true);
  const last = view.getInt32(at + length - 4, true);
  switch (length) {
    case 4:
      if (first === wordType) return type;
      if (first === wordTime) return time;
      return first === wordData ? data : unknown;
    case 6:
      return first === wordSour && last === wordUrce ? source : unknown;
    case 7:
      return first === wordChan && last === wordNnel ? channel : unknown;
    case 8:
      if (first === wordCust && last === wordOmer) return customer;
      return first === wordPrev && last === wordIous ? previous : unknown;
    default:
      return unknown;
  }
}

/** Makes an envelope ready for the event that starts at `at`. */
export function beginEnvelope(out: Envelope, at: number): void {
  out.start = at;
  out.end = at;
  out.idAt = -1;
  out.idBytes = 0;
  out.customerAt = -1;
  out.customerBytes = 0;
  out.previousAt = -1;
  out.previousBytes = 0;
  out.typeAt = -1;
  out.typeBytes = 0;
  out.channelAt = -1;
  out.channelBytes = 0;
  out.sourceAt = -1;
  out.sourceBytes = 0;
  out.dataAt = -1;
  out.dataBytes = 0;
  out.time = Number.NaN;
  out.extraBytes = 0;
  out.rejection = undefined;
}

/** Notes why the event is refused; the first problem found stands. */
export function refuse(out: Envelope, rejection: Rejection): void {
  if (out.rejection === undefined) out.rejection = rejection;
}

/** Notes where a string field is, once its type and length are known to be right. */
export function setText(out: Envelope, field: number, at: number, length: number): void {
  switch (field) {
    case id:
      out.idAt = at;
      out.idBytes = length;
      break;
    case customer:
      out.customerAt = at;
      out.customerBytes = length;
      break;
    case previous:
      out.previousAt = at;
      out.previousBytes = length;
      break;
    case type:
      out.typeAt = at;
      out.typeBytes = length;
      break;
    case channel:
      out.channelAt = at;
      out.channelBytes = length;
      break;
    default:
      out.sourceAt = at;
      out.sourceBytes = length;
  }
}

/** Checks and notes the time; `value` is epoch milliseconds or NaN when it was no time at all. */
export function setTime(out: Envelope, value: number, nowMs: number): void {
  if (!Number.isInteger(value)) refuse(out, timeWrong);
  else if (value < 0) refuse(out, timeTooEarly);
  else if (value > nowMs + timeAheadMsMax) refuse(out, timeTooLate);
  // Adding zero turns a negative zero into zero.
  else out.time = value + 0;
}

/** Ends the event at `end` with the checks that need all of it; returns `end`. */
export function endEnvelope(bytes: Uint8Array, end: number, out: Envelope): number {
  out.end = end;
  if (out.rejection !== undefined) return end;
  if (end - out.start > eventBytesMax) out.rejection = tooLarge;
  else if (out.customerAt < 0) out.rejection = customerMissing;
  else if (out.typeAt < 0) out.rejection = typeMissing;
  else out.rejection = reservedIn(bytes, out);
  return end;
}

/** The type comes first: events of the server's own, which may have it, may be about its own names. */
function reservedIn(bytes: Uint8Array, out: Envelope): Rejection | undefined {
  const { customerAt, customerBytes, previousAt, previousBytes, typeAt, typeBytes } = out;
  if (beginsWith(typePrefix, bytes, out, typeAt, typeBytes)) return typeReserved;
  if (beginsWith(namePrefix, bytes, out, customerAt, customerBytes)) return customerReserved;
  if (previousAt < 0) return undefined;
  return beginsWith(namePrefix, bytes, out, previousAt, previousBytes)
    ? previousReserved
    : undefined;
}

function beginsWith(
  prefix: Uint8Array,
  bytes: Uint8Array,
  { extra }: Envelope,
  place: number,
  length: number,
): boolean {
  if (length < prefix.length) return false;
  const holder = place >= extraBase ? extra : bytes;
  const at = place >= extraBase ? place - extraBase : place;
  for (let i = 0; i < prefix.length; i++) {
    if (holder[at + i] !== prefix[i]) return false;
  }
  return true;
}
