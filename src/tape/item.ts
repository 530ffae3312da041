/** Items: checked and mostly deflated pieces of a segment's streams (`layout.ts`). */
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { SegmentFile, SegmentWriter } from '../store/segment.ts';
import { item, itemHeaderBytes, itemVersion } from './layout.ts';

/** What a damaged length may make a reader allocate. */
const rawBytesMax = 2 ** 28;
/** Level 1 halves the time of the default for a tenth more bytes. */
const deflateLevel = 1;

/** What zlib hands over at a time: about what a frame or a block becomes. */
const outputBytes = 16 * 1024;

const name = Buffer.alloc(8);

function checksum(header: Uint8Array, stored: Uint8Array, called: number): number {
  name.writeDoubleLE(called);
  const facts = crc32(header.subarray(item.version, itemHeaderBytes), crc32(header.subarray(0, 8)));
  return crc32(stored, crc32(name, facts));
}

/** Appends `raw` to a stream as the item `called`; returns where it begins. */
export function writeItem(
  file: SegmentWriter,
  stream: number,
  raw: Uint8Array,
  called: number,
): number {
  const deflated = deflateRawSync(raw, { level: deflateLevel, chunkSize: outputBytes });
  return writeStored(file, stream, deflated.length < raw.length ? deflated : raw, raw, called);
}

/** The same for what would not get any smaller. */
export function writeRawItem(
  file: SegmentWriter,
  stream: number,
  raw: Uint8Array,
  called: number,
): number {
  return writeStored(file, stream, raw, raw, called);
}

function writeStored(
  file: SegmentWriter,
  stream: number,
  stored: Uint8Array,
  raw: Uint8Array,
  called: number,
): number {
  const header = Buffer.alloc(itemHeaderBytes);
  header.writeUInt32LE(stored.length, item.bytes);
  header.writeUInt32LE(raw.length, item.rawBytes);
  header[item.version] = itemVersion;
  header[item.stream] = stream;
  header.writeUInt32LE(checksum(header, stored, called), item.crc);
  const at = file.append(stream, header);
  file.append(stream, stored);
  return at;
}

/** The item at `[at, end)` as it is stored, header and all; undefined when it is damaged. */
export function readStored(
  file: SegmentFile,
  stream: number,
  at: number,
  end: number,
  called: number,
): Uint8Array | undefined {
  if (!(at >= 0 && end - at >= itemHeaderBytes)) return undefined;
  const bytes = file.read(stream, at, end - at);
  if (bytes === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(item.bytes, true) !== bytes.length - itemHeaderBytes) return undefined;
  if (bytes[item.version] !== itemVersion || bytes[item.stream] !== stream) return undefined;
  const crc = checksum(bytes, bytes.subarray(itemHeaderBytes), called);
  return view.getUint32(item.crc, true) === crc ? bytes : undefined;
}

/** The content of the item at `[at, end)`, the caller's own; undefined when it is damaged. */
export function readItem(
  file: SegmentFile,
  stream: number,
  at: number,
  end: number,
  called: number,
): Uint8Array | undefined {
  const bytes = readStored(file, stream, at, end, called);
  if (bytes === undefined) return undefined;
  const rawBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(item.rawBytes, true);
  const stored = bytes.subarray(itemHeaderBytes);
  if (rawBytes === stored.length) return Uint8Array.prototype.slice.call(stored);
  if (rawBytes > rawBytesMax) return undefined;
  try {
    const raw = inflateRawSync(stored, { chunkSize: Math.max(64, rawBytes + 1) });
    return raw.length === rawBytes ? raw : undefined;
  } catch {
    return undefined;
  }
}
