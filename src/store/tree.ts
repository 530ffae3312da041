/**
 * The seal behind a segment's LMDB pages: which of its pages are the tree's, and their checksum.
 *
 *     runs × (first page u32, pages u32) │ padding │ runs u32 │ pages of LMDB u32 │ crc32 u32 │ magic u32
 *                                                    └────────── the last 16 bytes of the file ─────────┘
 *
 * The checksum covers the tree's pages in order, then the runs and the two counts. Everything is
 * little-endian and fills whole pages. Page headers are those of lmdb-js's LMDB, 24 bytes: 16 is
 * spare, 18 flags u16, 20 pages u32 of a value that has pages of its own.
 */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { crc32 } from 'node:zlib';
import { AppError } from '../std/errors.ts';

const pageBytes = 4096;
const endBytes = 16;
const magic = 0x4c414553;
const flagsAt = 18;
const overflowAt = 20;
const flagOverflow = 4;

/** In a meta page: the number of the last page in use, u64. */
const lastPageAt = 144;

/** How many pages of a file are LMDB's; it must not be committing. */
function countPages(descriptor: number): number {
  const meta = Buffer.alloc(pageBytes);
  const lastPages = [0, 1].map((number) => {
    readSync(descriptor, meta, 0, pageBytes, number * pageBytes);
    return Number(meta.readBigUInt64LE(lastPageAt));
  });
  return Math.max(...lastPages) + 1;
}

const zeros = Buffer.alloc(256 * pageBytes);

/**
 * Takes the room that LMDB will need for `bytes` more. A write of its own that fails ends the process:
 * the library composes the message in too small a buffer.
 *
 * @throws when there is no room.
 */
export function takeRoom(descriptor: number, bytes: number): void {
  const target = countPages(descriptor) * pageBytes + bytes;
  for (let at = fstatSync(descriptor).size; at < target; ) {
    at += writeSync(descriptor, zeros, 0, Math.min(zeros.length, target - at), at);
  }
}

/** Seals and flushes a file that LMDB has closed. @returns its size. */
export function sealTree(path: string): number {
  const descriptor = openSync(path, 'r+');
  try {
    const pages = countPages(descriptor);
    ftruncateSync(descriptor, pages * pageBytes);
    const { crc, runs } = findTree(descriptor, pages);
    const bytes = Math.ceil((runs.length * 4 + endBytes) / pageBytes) * pageBytes;
    const seal = Buffer.alloc(bytes);
    for (const [i, word] of runs.entries()) seal.writeUInt32LE(word, i * 4);
    const end = bytes - endBytes;
    seal.writeUInt32LE(runs.length / 2, end);
    seal.writeUInt32LE(pages, end + 4);
    seal.writeUInt32LE(crc32(seal.subarray(0, end + 8), crc), end + 8);
    seal.writeUInt32LE(magic, end + 12);
    for (let done = 0; done < bytes; ) {
      done += writeSync(descriptor, seal, done, bytes - done, pages * pageBytes + done);
    }
    fsyncSync(descriptor);
    return pages * pageBytes + bytes;
  } finally {
    closeSync(descriptor);
  }
}

/** The pages that are not a value's own. */
function findTree(descriptor: number, pages: number): { runs: number[]; crc: number } {
  const page = Buffer.alloc(pageBytes);
  const runs: number[] = [];
  let crc = 0;
  for (let number = 0; number < pages; ) {
    const have = readSync(descriptor, page, 0, pageBytes, number * pageBytes);
    page.fill(0, have);
    const isOverflow = number > 1 && (page.readUInt16LE(flagsAt) & flagOverflow) !== 0;
    if (isOverflow) {
      number += Math.max(1, page.readUInt32LE(overflowAt));
      continue;
    }
    crc = crc32(page, crc);
    const last = runs.length - 2;
    if (last >= 0 && runs[last]! + runs[last + 1]! === number) runs[last + 1]! += 1;
    else runs.push(number, 1);
    number += 1;
  }
  return { runs, crc };
}

/**
 * Checks a file's tree before LMDB may open it.
 *
 * @returns the file's size.
 * @throws AppError `invalid` when it is damaged.
 */
export function checkTree(path: string): number {
  const descriptor = openSync(path, 'r');
  try {
    const size = fstatSync(descriptor).size;
    if (isWhole(descriptor, size)) return size;
  } finally {
    closeSync(descriptor);
  }
  throw new AppError('invalid', `${path} is damaged or not a segment: restore it from a copy`);
}

function isWhole(descriptor: number, size: number): boolean {
  if (size % pageBytes !== 0 || size < 3 * pageBytes) return false;
  const end = Buffer.alloc(endBytes);
  readSync(descriptor, end, 0, endBytes, size - endBytes);
  if (end.readUInt32LE(12) !== magic) return false;
  const pages = end.readUInt32LE(4);
  const sealBytes = size - pages * pageBytes;
  if (sealBytes < end.readUInt32LE(0) * 8 + endBytes || sealBytes > size) return false;
  const seal = Buffer.alloc(sealBytes);
  readSync(descriptor, seal, 0, sealBytes, pages * pageBytes);
  let crc = 0;
  let page = Buffer.alloc(pageBytes);
  for (let i = 0; i < end.readUInt32LE(0); i++) {
    const first = seal.readUInt32LE(i * 8);
    const bytes = seal.readUInt32LE(i * 8 + 4) * pageBytes;
    if (first * pageBytes + bytes > pages * pageBytes) return false;
    if (page.length < bytes) page = Buffer.alloc(bytes);
    if (readSync(descriptor, page, 0, bytes, first * pageBytes) !== bytes) return false;
    crc = crc32(page.subarray(0, bytes), crc);
  }
  return crc32(seal.subarray(0, sealBytes - 8), crc) === end.readUInt32LE(8);
}
