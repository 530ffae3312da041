/**
 * Takes some events out of an encoded batch, byte for byte as they were encoded: what is sent again
 * must be the same event, and decoding could round its numbers.
 */
import type { Batch } from './wire.ts';

/**
 * A batch of the events at `indexes`, which ascend and count from 0, in that order.
 *
 * @throws RangeError when the batch has no such event.
 */
export function pick(batch: Batch, indexes: readonly number[]): Batch {
  const ends = batch.encoding === 'json' ? endsInText(batch.body) : endsInBytes(batch.body);
  const isInside = (index: number): boolean =>
    Number.isInteger(index) && index >= 0 && index < ends.length - 1;
  if (!indexes.every(isInside)) throw new RangeError('the batch has no such event');
  const events = indexes.length;
  if (batch.encoding === 'json') {
    const texts = indexes.map((index) => batch.body.slice(ends[index]! + 1, ends[index + 1]!));
    return { encoding: 'json', body: `[${texts.join(',')}]`, events };
  }
  const parts = indexes.map((index) => batch.body.subarray(ends[index]!, ends[index + 1]!));
  return { encoding: 'msgpack', body: arrayOf(parts), events };
}

/** Where the array's bracket and commas stand, and its closing bracket: an event lies between two. */
function endsInText(text: string): number[] {
  const ends: number[] = [];
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === '"') {
      at += 1;
      while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    } else if (char === '[' || char === '{') {
      depth += 1;
      if (depth === 1) ends.push(at);
    } else if (char === ']' || char === '}') {
      depth -= 1;
      if (depth === 0) ends.push(at);
    } else if (char === ',' && depth === 1) {
      ends.push(at);
    }
  }
  return ends;
}

/** Where the first event begins, and where each ends. */
function endsInBytes(body: Uint8Array): number[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const head = body[0] ?? 0xc0;
  let [count, at] = [0, 1];
  if (head >= 0x90 && head <= 0x9f) count = head & 0x0f;
  else if (head === 0xdc) [count, at] = [view.getUint16(1), 3];
  else if (head === 0xdd) [count, at] = [view.getUint32(1), 5];
  const ends = [at];
  while (ends.length <= count && at < body.length) {
    at = endOf(view, at);
    ends.push(at);
  }
  return ends;
}

/** Bytes that follow the head of a value of fixed size, ca to d8 (c7 to c9 are not among them). */
const fixedBytes = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17];

/** Where the value at `start` ends. Counts what is still to come, so that depth costs no stack. */
function endOf(view: DataView, start: number): number {
  let at = start;
  // `at += uint(n)` would forget the bytes that `uint` itself reads.
  const skip = (bytes: number): void => {
    at += bytes;
  };
  const uint = (bytes: number): number => {
    at += bytes;
    if (bytes === 1) return view.getUint8(at - 1);
    return bytes === 2 ? view.getUint16(at - 2) : view.getUint32(at - 4);
  };
  for (let values = 1; values > 0; values -= 1) {
    const head = uint(1);
    if (head <= 0x8f) values += head >= 0x80 ? 2 * (head & 0x0f) : 0;
    else if (head <= 0x9f) values += head & 0x0f;
    else if (head <= 0xbf) skip(head & 0x1f);
    else if (head >= 0xe0 || head <= 0xc3) continue;
    else if (head <= 0xc6) skip(uint(1 << (head - 0xc4)));
    else if (head <= 0xc9) skip(1 + uint(1 << (head - 0xc7)));
    else if (head <= 0xd8) skip(fixedBytes[head - 0xca]!);
    else if (head <= 0xdb) skip(uint(1 << (head - 0xd9)));
    else if (head <= 0xdd) values += uint(head === 0xdc ? 2 : 4);
    else values += 2 * uint(head === 0xde ? 2 : 4);
  }
  return at;
}

function arrayOf(parts: readonly Uint8Array[]): Uint8Array {
  const headBytes = 5;
  const body = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, headBytes));
  body[0] = 0xdd;
  new DataView(body.buffer).setUint32(1, parts.length);
  let at = headBytes;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}
