/**
 * What live subscribers have got of the events they follow. Every message is checked, in place and
 * without decoding it: an event of this run, of a customer that its subscriber follows. Each subscriber
 * has a count of its own, so that one's missing event is not made up for by another's.
 *
 *     {"cursor":"…","event":{"id":"evt-<frame>-<event>","customer":"customer-<number>",…
 */
import { customerDigits, numberDigits } from './frames.ts';

export interface HeardPlan {
  readonly subscribers: number;
  readonly customers: number;
  /** How many customers each follows, one subscriber's after the other's; 0: everyone's events. */
  readonly follows: number;
  readonly frames: number;
  /** Events in a frame. */
  readonly batch: number;
  readonly firstNumber: number;
}

const cursorAt = '{"cursor":"'.length;
const quote = 0x22;
const toId = '","event":{"id":"evt-'.length;
const eventDigits = 4;
const toEvent = numberDigits + '-'.length;
const toCustomer = toEvent + eventDigits + '","customer":"customer-'.length;

export class Heard {
  /** What each subscriber has to get. */
  readonly expected: number;
  readonly #plan: HeardPlan;
  readonly #events: number;
  /** A bit for every event, by subscriber. */
  readonly #seen: Uint8Array[];
  readonly #counts: Uint32Array;
  #incomplete: number;

  constructor(plan: HeardPlan) {
    const { batch, customers, follows, frames, subscribers } = plan;
    this.#plan = plan;
    this.#events = frames * batch;
    this.expected = follows === 0 ? this.#events : (this.#events * follows) / customers;
    if (!Number.isInteger(this.expected)) throw new Error('some customers would occur more often');
    this.#seen = Array.from({ length: subscribers }, () => new Uint8Array((this.#events >> 3) + 1));
    this.#counts = new Uint32Array(subscribers);
    this.#incomplete = subscribers;
  }

  /** Whether every subscriber has got everything. */
  get isComplete(): boolean {
    return this.#incomplete === 0;
  }

  /**
   * Takes a message: the frame of its event, counted from 0, or undefined when this subscriber has
   * had the event before.
   * @throws Error when it is none that this subscriber should get.
   */
  take(subscriber: number, bytes: Buffer, at: number): number | undefined {
    const { batch, firstNumber } = this.#plan;
    let idAt = at + cursorAt;
    while (bytes[idAt] !== quote) idAt += 1;
    idAt += toId;
    const frame = digitsAt(bytes, idAt, numberDigits, 16) - firstNumber;
    const event = frame * batch + digitsAt(bytes, idAt + toEvent, eventDigits, 10);
    // Written so that what is no number fails too.
    if (!(event >= 0 && event < this.#events)) throw new Error(`an event ${event} of another run`);
    this.#checkCustomer(subscriber, digitsAt(bytes, idAt + toCustomer, customerDigits, 10));
    const seen = this.#seen[subscriber]!;
    const bit = 1 << (event & 7);
    if ((seen[event >> 3]! & bit) !== 0) return undefined;
    seen[event >> 3]! |= bit;
    const count = this.#counts[subscriber]! + 1;
    this.#counts[subscriber] = count;
    if (count > this.expected) throw new Error(`subscriber ${subscriber} got more than it follows`);
    if (count === this.expected) this.#incomplete -= 1;
    return frame;
  }

  #checkCustomer(subscriber: number, customer: number): void {
    const { customers, follows } = this.#plan;
    const first = subscriber * follows;
    const end = follows === 0 ? customers : first + follows;
    if (customer >= first && customer < end) return;
    throw new Error(`subscriber ${subscriber} got an event of customer ${customer}`);
  }
}

function digitsAt(bytes: Buffer, at: number, count: number, radix: number): number {
  let value = 0;
  for (let n = at; n < at + count; n++) {
    const byte = bytes[n]!;
    value = value * radix + (byte < 0x3a ? byte - 0x30 : byte - 0x57);
  }
  return value;
}
