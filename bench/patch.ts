/** What differs from one request to the next is written into its bytes: a number, a customer, the time. */
import { customerDigits, numberDigits } from './frames.ts';

/** Where `mark` occurs: what is patched comes right after it. */
function placesAfter(bytes: Buffer, mark: string): Int32Array {
  const places: number[] = [];
  for (let at = bytes.indexOf(mark); at !== -1; at = bytes.indexOf(mark, at + 1)) {
    places.push(at + mark.length);
  }
  return Int32Array.from(places);
}

/** Writes `count` digits, with leading zeros, of a number below 2^31: small integers all the way, since this runs for every request. */
function writeHex(bytes: Buffer, place: number, count: number, value: number): void {
  for (let at = place + count - 1, rest = value | 0; at >= place; at--, rest >>>= 4) {
    const digit = rest & 15;
    bytes[at] = digit < 10 ? 0x30 + digit : 0x57 + digit;
  }
}

function writeDecimal(bytes: Buffer, place: number, count: number, value: number): void {
  let rest = value | 0;
  for (let at = place + count - 1; at >= place; at--) {
    const tens = (rest / 10) | 0;
    bytes[at] = 0x30 + rest - tens * 10;
    rest = tens;
  }
}

/** The digits of the time, the same for all requests of a millisecond. */
const timeDigits = Buffer.alloc(13);
let timeMs = 0;

function writeTime(bytes: Buffer, place: number): void {
  const now = Date.now();
  if (now !== timeMs) timeDigits.write(String(now), 'latin1');
  timeMs = now;
  for (let i = 0; i < timeDigits.length; i++) bytes[place + i] = timeDigits[i]!;
}

/** The places of one request's bytes; a copy of them has the same. */
export class Patch {
  readonly #ids: Int32Array;
  readonly #customers: Int32Array;
  readonly #times: Int32Array;

  constructor(bytes: Buffer) {
    this.#ids = placesAfter(bytes, 'evt-');
    this.#customers = placesAfter(bytes, 'customer-');
    this.#times = placesAfter(bytes, '"time":');
  }

  /** Makes it the request of this number. Draws a customer for each place where one is named. */
  write(bytes: Buffer, number: number, customer: () => number): void {
    const ids = this.#ids;
    const customers = this.#customers;
    const times = this.#times;
    for (let n = 0; n < ids.length; n++) writeHex(bytes, ids[n]!, numberDigits, number);
    for (let n = 0; n < customers.length; n++) {
      writeDecimal(bytes, customers[n]!, customerDigits, customer());
    }
    for (let n = 0; n < times.length; n++) writeTime(bytes, times[n]!);
  }
}
