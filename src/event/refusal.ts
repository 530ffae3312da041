/**
 * Every reason the walkers refuse an event for, as constants: refusing builds nothing either. The
 * code is what clients may rely on; the message is for people.
 */
import {
  channelBytesMax,
  customerBytesMax,
  dataDepthMax,
  eventBytesMax,
  idBytesMax,
  previousBytesMax,
  type Rejection,
  reservedNamePrefix,
  reservedTypePrefix,
  sourceBytesMax,
  typeBytesMax,
} from './envelope.ts';

function invalid(message: string): Rejection {
  return Object.freeze({ code: 'invalid', message });
}

export const notAnObject = invalid('an event must be an object');
export const unknownField = invalid('unknown top-level field; put your own fields under data');
export const escapedKey = invalid('top-level keys must be written without escapes');
export const keyNotString = invalid('the keys of a map must be strings');
export const dataNotObject = invalid('data must be an object');
export const dataTooDeep = invalid(`data may be at most ${dataDepthMax} levels deep`);
export const timeWrong = invalid('time must be an RFC 3339 string or integer epoch milliseconds');
export const timeTooEarly = invalid('time must not be before 1970');
export const timeTooLate = invalid('time must be at most one day ahead of the server');
export const typeReserved = invalid(`type must not begin with ${reservedTypePrefix}`);
export const customerReserved = invalid(`customer must not begin with ${reservedNamePrefix}`);
export const previousReserved = invalid(`previous must not begin with ${reservedNamePrefix}`);
export const customerMissing = invalid('customer is required');
export const typeMissing = invalid('type is required');
export const loneSurrogate = invalid('a lone surrogate cannot be written as UTF-8');
export const notFinite = invalid('NaN and infinite numbers cannot be expressed as JSON');
export const binaryValue = invalid('binary values cannot be expressed as JSON');
export const extensionValue = invalid(
  'extension types other than the timestamp are not understood',
);
export const timestampWrong = invalid('a timestamp must lie in the years 0000 to 9999');

export const tooLarge: Rejection = Object.freeze({
  code: 'too_large',
  message: `an event may be at most ${eventBytesMax} bytes`,
});
export const notUtf8: Rejection = Object.freeze({
  code: 'malformed',
  message: 'strings must be valid UTF-8',
});

function wrongText(name: string, bytesMax: number): Rejection {
  return invalid(`${name} must be a string of 1 to ${bytesMax} bytes`);
}

/** By field number (see field.ts): a string field of the wrong type or length. */
export const textWrong: readonly Rejection[] = [
  wrongText('id', idBytesMax),
  wrongText('customer', customerBytesMax),
  wrongText('previous', previousBytesMax),
  wrongText('type', typeBytesMax),
  wrongText('channel', channelBytesMax),
  wrongText('source', sourceBytesMax),
];

/** By field number: a top-level key that was there before. */
export const fieldRepeated: readonly Rejection[] = [
  'id',
  'customer',
  'previous',
  'type',
  'channel',
  'source',
  'time',
  'data',
].map((name) => invalid(`${name} may not be given twice`));
