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

/** How a number is written: in so many digits, with leading zeros. */
interface Digits {
  readonly count: number;
  readonly radix: number;
}

const ofNumber: Digits = { count: numberDigits, radix: 16 };
const ofCustomer: Digits = { count: customerDigits, radix: 10 };

/** Writes a number below 2^31: small integers all the way, since this runs for every request. */
function writeDigits(bytes: Buffer, place: number, { count, radix }: Digits, value: number): void {
  let rest = value | 0;
  for (let at = place + count - 1; at >= place; at--) {
    const digit = rest % radix;
    bytes[at] = digit < 10 ? 0x30 + digit : 0x57 + digit;
    rest = (rest / radix) | 0;
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
    for (const place of this.#ids) writeDigits(bytes, place, ofNumber, number);
    for (const place of this.#customers) writeDigits(bytes, place, ofCustomer, customer());
    for (const place of this.#times) writeTime(bytes, place);
  }
}
