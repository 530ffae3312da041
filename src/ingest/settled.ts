/**
 * Pairs (customer, previous) that a front has looked up and of which nothing is left to be done: most
 * events with `previous` say what earlier ones have said. Pairs are of a scope: a workspace, and whether the
 * sender is trusted. A table of fixed size in typed arrays, four
 * places for each hash, compared byte by byte; made when the first pair comes.
 */
import type { Clock } from '../std/clock.ts';
import { hashBytes } from '../std/hash.ts';
import type { Touched } from './touched.ts';

const buckets = 2 ** 15;
const ways = 4;
const places = buckets * ways;
/** Of both texts together; longer pairs are looked up every time. */
const pairBytesMax = 88;

export class SettledPairs {
  #bytes = new Uint8Array(0);
  #scopes = new Uint32Array(0);
  /** Of the customer, and of both. */
  #lengths = new Uint8Array(0);
  #from = new Float64Array(0);
  #to = new Float64Array(0);
  #until = new Float64Array(0);
  #next = 0;
  readonly #pair = new Uint8Array(pairBytesMax);
  #pairBytes = 0;
  #customerBytes = 0;

  /** Forgets everything. */
  clear(): void {
    this.#until.fill(0);
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
    return this.#pairBytes <= pairBytesMax;
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
    if (this.#until.length === 0) return undefined;
    const first = this.#bucket(scope);
    for (let place = first; place < first + ways; place++) {
      if (!this.#isAt(place, scope)) continue;
      if (time < this.#from[place]! || time >= this.#to[place]!) return undefined;
      const until = this.#until[place]!;
      if (until === Number.POSITIVE_INFINITY) return 'inForce';
      return clock.now() < until ? 'refused' : undefined;
    }
    return undefined;
  }

  /** Whether a statement under way may move one of the two. */
  isTouched(workspace: number, touched: Touched): boolean {
    const [customer, both] = [this.#customerBytes, this.#pairBytes];
    return (
      touched.hasBytes(workspace, this.#pair, 0, customer) ||
      touched.hasBytes(workspace, this.#pair, customer, both - customer)
    );
  }

  /** For events of `[from, to)` nothing is to be done before `untilMs`. */
  add(scope: number, span: { readonly from: number; readonly to: number }, untilMs: number): void {
    if (this.#until.length === 0) this.#open();
    const first = this.#bucket(scope);
    let place = first + (this.#next++ % ways);
    for (let at = first; at < first + ways; at++) if (this.#isAt(at, scope)) place = at;
    this.#bytes.set(this.#pair.subarray(0, this.#pairBytes), place * pairBytesMax);
    this.#scopes[place] = scope;
    this.#lengths[place * 2] = this.#customerBytes;
    this.#lengths[place * 2 + 1] = this.#pairBytes;
    this.#from[place] = span.from;
    this.#to[place] = span.to;
    this.#until[place] = untilMs;
  }

  #open(): void {
    this.#bytes = new Uint8Array(places * pairBytesMax);
    this.#scopes = new Uint32Array(places);
    this.#lengths = new Uint8Array(places * 2);
    this.#from = new Float64Array(places);
    this.#to = new Float64Array(places);
    this.#until = new Float64Array(places);
  }

  #bucket(scope: number): number {
    return (hashBytes(this.#pair, 0, this.#pairBytes, scope) % buckets) * ways;
  }

  #isAt(place: number, scope: number): boolean {
    if (this.#lengths[place * 2 + 1] !== this.#pairBytes) return false;
    if (this.#lengths[place * 2] !== this.#customerBytes) return false;
    if (this.#scopes[place] !== scope) return false;
    const at = place * pairBytesMax;
    for (let n = 0; n < this.#pairBytes; n++) {
      if (this.#bytes[at + n] !== this.#pair[n]) return false;
    }
    return true;
  }
}
