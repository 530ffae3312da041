/**
 * Strict UTF-8 over spans of bytes, without decoding: overlong forms, surrogates and anything above
 * U+10FFFF are refused, as the WHATWG decoder in fatal mode refuses them. The JSON walker comes here
 * only when it met a byte of 0x80 or more.
 */

const highBits = 0x8080_8080 | 0;

let viewed: Uint8Array = new Uint8Array(0);
let view: DataView = new DataView(viewed.buffer);

/**
 * A view of the same memory with the same positions. It is kept until another array is asked for,
 * because a batch is one array and making a view costs about as much as walking an event.
 */
export function viewOf(bytes: Uint8Array): DataView {
  if (bytes !== viewed) {
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    viewed = bytes;
  }
  return view;
}

/** True when `bytes[at, end)` is well-formed UTF-8. */
export function isUtf8Span(bytes: Uint8Array, at: number, end: number): boolean {
  return isUtf8View(viewOf(bytes), bytes, at, end);
}

/** `isUtf8Span` for hot loops: `view` is `viewOf(bytes)`. ASCII is decided four bytes at a time. */
export function isUtf8View(view: DataView, bytes: Uint8Array, at: number, end: number): boolean {
  let high = 0;
  const last = end - 4;
  if (last >= at) {
    for (let i = at; i < last; i += 4) high |= view.getInt32(i, true);
    // The last four overlap with what was seen rather than be looked at one by one.
    high |= view.getInt32(last, true);
  } else for (let i = at; i < end; i++) high |= bytes[i]!;
  return (high & highBits) === 0 || isWideSpan(bytes, at, end);
}

function isWideSpan(bytes: Uint8Array, at: number, end: number): boolean {
  let i = at;
  while (i < end) {
    if (bytes[i]! < 0x80) {
      i++;
      continue;
    }
    i = skipWideChar(bytes, i, end);
    if (i < 0) return false;
  }
  return true;
}

/** Skips one character whose first byte is 0x80 or more; -1 when it is not well-formed. */
export function skipWideChar(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at]!;
  if (lead < 0xe0) {
    return lead >= 0xc2 && at + 1 < end && isContinuation(bytes[at + 1]!) ? at + 2 : -1;
  }
  if (lead < 0xf0) {
    if (at + 2 >= end) return -1;
    const second = bytes[at + 1]!;
    // E0 starts at U+0800, and ED stops before the surrogates.
    const lowest = lead === 0xe0 ? 0xa0 : 0x80;
    const highest = lead === 0xed ? 0x9f : 0xbf;
    if (second < lowest || second > highest) return -1;
    return isContinuation(bytes[at + 2]!) ? at + 3 : -1;
  }
  if (lead > 0xf4 || at + 3 >= end) return -1;
  const second = bytes[at + 1]!;
  // F0 starts at U+10000, and F4 stops at U+10FFFF.
  const lowest = lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return -1;
  return isContinuation(bytes[at + 2]!) && isContinuation(bytes[at + 3]!) ? at + 4 : -1;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** Writes one code point (not a surrogate) at `at`, which has room for 4 bytes; returns the end. */
export function writeCodePoint(target: Uint8Array, at: number, point: number): number {
  if (point < 0x80) {
    target[at] = point;
    return at + 1;
  }
  if (point < 0x800) {
    target[at] = 0xc0 | (point >> 6);
    target[at + 1] = 0x80 | (point & 0x3f);
    return at + 2;
  }
  if (point < 0x10000) {
    target[at] = 0xe0 | (point >> 12);
    target[at + 1] = 0x80 | ((point >> 6) & 0x3f);
    target[at + 2] = 0x80 | (point & 0x3f);
    return at + 3;
  }
  target[at] = 0xf0 | (point >> 18);
  target[at + 1] = 0x80 | ((point >> 12) & 0x3f);
  target[at + 2] = 0x80 | ((point >> 6) & 0x3f);
  target[at + 3] = 0x80 | (point & 0x3f);
  return at + 4;
}
