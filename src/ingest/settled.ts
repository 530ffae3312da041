/**
 * Pairs (customer, previous) that a front has looked up and of which nothing is left to be done: most
 * events with `previous` say what earlier ones have said. Pairs are of a scope: a workspace, and whether the
 * sender is trusted. A table of fixed size in typed arrays, four
 * places for each hash, compared byte by byte; made when the first pair comes.
 */
import type { Clock } from '../std/clock.ts';
import { hashWords } from '../std/hash.ts';
import type { Touched } from './touched.ts';

const bucketCount = 2 ** 15;
const ways = 4;
const places = bucketCount * ways;
/** Of both texts together; longer pairs are looked up every time. */
const pairBytesMax = 96;

/*
 * A look must touch as few lines and pages of memory as it can. A bucket is half a line of tags and numbers of
 * records, and records are given out one after the other, so that a few thousand pairs lie on a few pages. What a
 * look reads of a pair of up to 40 bytes that is in force is the first line of its record.
 *
 *     bucket, 32 bytes    4 times: 0 tag u32   4 number of the record u32
 *     record, 128 bytes   0 from f64   8 to f64   16 scope u32   20 lengths u8 u8   22 refused u8   24 the pair, rest zero
 *                         120 until f64
 */
const bucketWords = ways * 2;
const recordBytes = 128;
const scopeWord = 16 / 4;
const lengthsAt = 20;
const refusedAt = 22;
const pairWord = 24 / 4;
const untilAt = 120 / 8;
/**
 * The allocator gives out large memory 16 bytes behind the start of a line; from here on buckets and records begin
 * with one. Where it does not, a look costs a line more.
 */
const lineStart = 48;

export class SettledPairs {
  /** Two words for each place: a tag, odd, or 0 when it is free; and the number of its record. */
  #places = new Uint32Array(0);
  #records = 0;
  #bytes = new Uint8Array(0);
  #words = new Uint32Array(0);
  #numbers = new Float64Array(0);
  #next = 0;
  readonly #pair = new Uint8Array(pairBytesMax);
  readonly #pairWords = new Uint32Array(this.#pair.buffer);
  #pairBytes = 0;
  #customerBytes = 0;

  /** Forgets everything. */
  clear(): void {
    this.#places.fill(0);
    this.#records = 0;
  }

  /** Begins to name the pair that `find` and `add` are about: `bytes[at, at + length)` is the customer. */
  first(bytes: Uint8Array, at: number, length: number): void {
    this.#customerBytes = length;
    this.#pairBytes = 0;
    this.#append(bytes, at, length);
  }

  /** The rest of the pair. @returns false when it is too long for the table. */
  second(bytes: Uint8Array, at: number, length: number): boolean {
    this.#append(bytes, at, length);
    if (this.#pairBytes > pairBytesMax) return false;
    // Whole words are compared.
    for (let n = this.#pairBytes; (n & 3) !== 0; n++) this.#pair[n] = 0;
    return true;
  }

  /** Byte by byte: calls cost more than so few bytes. */
  #append(bytes: Uint8Array, at: number, length: number): void {
    const to = this.#pairBytes;
    this.#pairBytes += length;
    if (this.#pairBytes > pairBytesMax) return;
    for (let n = 0; n < length; n++) this.#pair[to + n] = bytes[at + n]!;
  }

  /** Why nothing is to be done for an event of that time; undefined: something may be. */
  find(scope: number, time: number, clock: Clock): 'inForce' | 'refused' | undefined {
    if (this.#records === 0) return undefined;
    const record = this.#recordOf(scope, this.#tag(scope));
    if (record < 0) return undefined;
    const at = (record * recordBytes) / 8;
    if (time < this.#numbers[at]! || time >= this.#numbers[at + 1]!) return undefined;
    if (this.#bytes[record * recordBytes + refusedAt] === 0) return 'inForce';
    return clock.now() < this.#numbers[at + untilAt]! ? 'refused' : undefined;
  }

  /** Whether a statement under way may move one of the two. */
  isTouched(workspace: number, touched: Touched): boolean {
    const [customer, both] = [this.#customerBytes, this.#pairBytes];
    return (
      touched.hasBytes(workspace, this.#pair, 0, customer) ||
      touched.hasBytes(workspace, this.#pair, customer, both - customer)
    );
  }

  /** For events of `[from, to)` nothing is to be done before `untilMs`: the pair was refused; Infinity: it is in force. */
  add(scope: number, span: { readonly from: number; readonly to: number }, untilMs: number): void {
    if (this.#places.length === 0) this.#open();
    const tag = this.#tag(scope);
    const known = this.#recordOf(scope, tag);
    const at = (known < 0 ? this.#makeRoom(tag) : known) * recordBytes;
    this.#words.set(this.#pairWords, at / 4 + pairWord);
    this.#words[at / 4 + scopeWord] = scope;
    this.#bytes[at + lengthsAt] = this.#customerBytes;
    this.#bytes[at + lengthsAt + 1] = this.#pairBytes;
    this.#bytes[at + refusedAt] = untilMs === Number.POSITIVE_INFINITY ? 0 : 1;
    this.#numbers[at / 8] = span.from;
    this.#numbers[at / 8 + 1] = span.to;
    this.#numbers[at / 8 + untilAt] = untilMs;
  }

  #open(): void {
    const buckets = new ArrayBuffer(lineStart + places * 8);
    const records = new ArrayBuffer(lineStart + places * recordBytes);
    this.#places = new Uint32Array(buckets, lineStart);
    this.#bytes = new Uint8Array(records, lineStart);
    this.#words = new Uint32Array(records, lineStart);
    this.#numbers = new Float64Array(records, lineStart);
  }

  #tag(scope: number): number {
    return (hashWords(this.#pairWords, wordsOf(this.#pairBytes), scope) | 1) >>> 0;
  }

  /** @returns -1 when the pair is not known. */
  #recordOf(scope: number, tag: number): number {
    const first = bucketOf(tag);
    for (let at = first; at < first + bucketWords; at += 2) {
      if (this.#places[at] !== tag) continue;
      const record = this.#places[at + 1]!;
      if (this.#isAt(record, scope)) return record;
    }
    return -1;
  }

  /** Gives the tag a place in its bucket: a free one, or any when none is. @returns the record of that place. */
  #makeRoom(tag: number): number {
    const first = bucketOf(tag);
    for (let at = first; at < first + bucketWords; at += 2) {
      if (this.#places[at] !== 0) continue;
      this.#places[at] = tag;
      this.#places[at + 1] = this.#records;
      return this.#records++;
    }
    const at = first + (this.#next++ % ways) * 2;
    this.#places[at] = tag;
    return this.#places[at + 1]!;
  }

  #isAt(record: number, scope: number): boolean {
    const at = record * recordBytes;
    if (this.#bytes[at + lengthsAt] !== this.#customerBytes) return false;
    if (this.#bytes[at + lengthsAt + 1] !== this.#pairBytes) return false;
    if (this.#words[at / 4 + scopeWord] !== scope) return false;
    const words = wordsOf(this.#pairBytes);
    const first = at / 4 + pairWord;
    for (let n = 0; n < words; n++) {
      if (this.#words[first + n] !== this.#pairWords[n]) return false;
    }
    return true;
  }
}

function wordsOf(bytes: number): number {
  return (bytes + 3) >>> 2;
}

/** The lowest bit of a tag says nothing. */
function bucketOf(tag: number): number {
  return ((tag >>> 1) % bucketCount) * bucketWords;
}
