/**
 * Frames for the WebSocket door, encoded before a run starts and patched in place for every send: the
 * frame's number goes into each event's id (so that ids are unique), its time into each event, its
 * seq into the head. The mask key is 0, so the payload is its own masked form.
 *
 *     ┌ head ─────────────┬ seq ┬ event ────────────────────────┬ event ─────┐
 *     │ 0x82 length mask=0 │     │ id "evt-<frame>-<n>" … time … │ …          │
 *     └───────────────────┴─────┴───────────────────────────────┴────────────┘
 */
import { createHash } from 'node:crypto';
import { pack } from 'msgpackr';
import { type Random, seededRandom } from '../src/std/random.ts';

export type Protocol = 'msgpack' | 'json';

export interface FramePlan {
  readonly protocol: Protocol;
  /** `cart`: one shape of about 157 bytes in MessagePack. `desk`: the ten-row view's event types. */
  readonly shape: 'cart' | 'desk';
  /** Events in a frame, 1…10,000. */
  readonly batch: number;
  readonly customers: number;
  readonly frames: number;
  readonly seed: number;
  /** Part of the customers whose events name a cookie as `previous`, 0…1. */
  readonly links?: number;
  /** False: they say it in `data`, where it means nothing. */
  readonly isLinkSaid?: boolean;
  /** How many identities each customer sends under, in turn at random; its own events link the others. */
  readonly identities?: number;
  /** Only every `of`th customer, counted from `from`; absent: all of them. */
  readonly share?: { readonly of: number; readonly from: number };
}

/** Bytes that are ready to go but for the number and the time of this sending. */
export interface Template {
  readonly bytes: Buffer;
  /** Where the frame's number goes: 8 hexadecimal digits, in every event. */
  readonly numberAt: Int32Array;
  /** Where the time goes: 8 bytes, big-endian, or 13 digits in JSON. */
  readonly timeAt: Int32Array;
}

export interface Frame extends Template {
  readonly seqAt: number;
}

export interface BenchEvent {
  readonly id: string;
  readonly customer: string;
  readonly previous?: string;
  readonly type: string;
  readonly time: number;
  readonly channel: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export const numberDigits = 8;
export const customerDigits = 6;
const seqDigits = 10;
/** Of so many customers in a row the first ones are those with links. */
const linkedOf = 100;
/** Stands for the time until it is patched: 13 digits, as every time these 200 years. */
const someTimeMs = 1_111_111_111_111;

export function customerName(n: number): string {
  return `customer-${String(n).padStart(customerDigits, '0')}`;
}

/** Whose an event is: the customer itself, which names another identity, or one of the others. */
function whose(
  customer: string,
  identities: number,
  random: Random,
): Pick<BenchEvent, 'customer' | 'previous'> {
  if (identities === 1) return { customer };
  const other = `cookie:${1 + random.below(identities - 1)}-of-${customer}`;
  return random.below(identities) === 0 ? { customer, previous: other } : { customer: other };
}

/** All frames of a plan; the same plan gives the same bytes. */
export function encodeFrames(plan: FramePlan): Frame[] {
  const encode = plan.protocol === 'json' ? jsonFrame : msgpackFrame;
  return makeBatches(plan).map(encode);
}

/** One batch as an HTTP body: an array, or a single event when the batch is one. */
export function encodeBody(plan: Omit<FramePlan, 'frames' | 'protocol'>): string {
  const [batch] = makeBatches({ ...plan, frames: 1 });
  return JSON.stringify(plan.batch === 1 ? batch![0] : batch);
}

/** The batches themselves, for those who encode them in their own way. */
export function makeBatches(plan: Omit<FramePlan, 'protocol'>): BenchEvent[][] {
  const { of, from } = plan.share ?? { of: 1, from: 0 };
  const random = seededRandom(plan.seed + from);
  const customers = shuffledForEver(Math.floor(plan.customers / of), random);
  const make = plan.shape === 'cart' ? cartEvent : deskEvent;
  return Array.from({ length: plan.frames }, () =>
    Array.from({ length: plan.batch }, (_, n) => {
      const id = `evt-${'0'.repeat(numberDigits)}-${String(n).padStart(4, '0')}`;
      const number = customers() * of + from;
      const customer = customerName(number);
      const owner = whose(customer, plan.identities ?? 1, random);
      const event = { id, ...owner, time: someTimeMs, ...make(random) };
      const isLinked = number % linkedOf < (plan.links ?? 0) * linkedOf;
      if (!isLinked) return event;
      const previous = `cookie:of-${customer}`;
      if (plan.isLinkSaid ?? true) return { ...event, previous };
      return { ...event, data: { ...event.data, previous } };
    }),
  );
}

/** Names the work: equal hashes mean that the same bytes were sent, ids and times aside. */
export function hashFrames(frames: readonly Frame[]): string {
  return hashBytes(frames.map(({ bytes }) => bytes));
}

export function hashBytes(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 12);
}

/** Every number below `count` once in random order, then again in another order, and so on. */
function shuffledForEver(count: number, random: Random): () => number {
  const numbers = Uint32Array.from({ length: count }, (_, n) => n);
  let left = 0;
  return () => {
    if (left === 0) left = count;
    const chosen = random.below(left);
    left -= 1;
    const number = numbers[chosen]!;
    numbers[chosen] = numbers[left]!;
    numbers[left] = number;
    return number;
  };
}

type EventBody = Omit<BenchEvent, 'id' | 'customer' | 'time'>;

/** The types of the shape `cart`. */
export const cartTypes = ['Add To Cart', 'Page Viewed', 'Cart Viewed', 'Link Opened'];
const cartChannels = ['web', 'app', 'pos', 'ivr'];

function cartEvent(random: Random): EventBody {
  return {
    type: cartTypes[random.below(cartTypes.length)]!,
    channel: cartChannels[random.below(cartChannels.length)]!,
    data: {
      SKU: `sku-${String(random.below(100_000)).padStart(5, '0')}`,
      quantity: 1 + random.below(9),
      price: 0.99 + random.below(10_000),
      page: '/cart/checkout',
    },
  };
}

const words = ['late', 'parcel', 'refund', 'thanks', 'blue', 'size', 'order', 'again', 'where'];

function sentence(random: Random): string {
  return Array.from({ length: 8 }, () => words[random.below(words.length)]!).join(' ');
}

const deskEvents: readonly [string, string, (random: Random) => Record<string, unknown>][] = [
  ['Profile', 'web', (r) => ({ Name: `Ann ${r.below(999)}`, City: 'Oakland', Phone: '555-0100' })],
  ['Add To Cart', 'web', (r) => ({ SKU: `sku-${r.below(100_000)}`, price: 19.99 })],
  ['Purchased', 'web', (r) => ({ Product: `product ${r.below(10_000)}`, amount: r.below(500) })],
  ['Click', 'web', (r) => ({ 'Page-Title': `Page ${r.below(1000)}`, position: r.below(20) })],
  ['Call Wrap', 'voice', (r) => ({ reason: sentence(r), seconds: r.below(900) })],
  ['Email Received', 'email', (r) => ({ Subject: 'Your order', Text: sentence(r) })],
  ['Chat Wrap', 'chat', (r) => ({ Transcript: sentence(r), seconds: r.below(900) })],
  ['Login', 'web', () => ({ device: 'phone' })],
];

function deskEvent(random: Random): EventBody {
  const [type, channel, data] = deskEvents[random.below(deskEvents.length)]!;
  return { type, channel, data: data(random) };
}

function webSocketHead(opcode: number, bytes: number): Buffer {
  const head = Buffer.alloc(14);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(bytes), 2);
  return head;
}

function msgpackFrame(events: readonly BenchEvent[]): Frame {
  const start = Buffer.from([
    0x92,
    0xce,
    0,
    0,
    0,
    0,
    0xdc,
    events.length >> 8,
    events.length & 255,
  ]);
  const parts = events.map((event) => pack({ ...event, time: BigInt(event.time) }));
  const payload = Buffer.concat([start, ...parts]);
  const bytes = Buffer.concat([webSocketHead(2, payload.length), payload]);
  const firstAt = bytes.length - payload.length + start.length;
  return { bytes, seqAt: firstAt - 7, ...findPatches(bytes, firstAt, parts, 'time', 1) };
}

function jsonFrame(events: readonly BenchEvent[]): Frame {
  const start = Buffer.from(`{"seq":${' '.repeat(seqDigits)},"events":[`);
  const parts = events.map((event, n) => {
    return Buffer.from(JSON.stringify(event) + (n + 1 === events.length ? ']}' : ','));
  });
  const payload = Buffer.concat([start, ...parts]);
  const bytes = Buffer.concat([webSocketHead(1, payload.length), payload]);
  const headBytes = bytes.length - payload.length;
  const patches = findPatches(bytes, headBytes + start.length, parts, '"time":', 0);
  return { bytes, seqAt: headBytes + '{"seq":'.length, ...patches };
}

/** Looks in each event for its id, and for its time: `gap` bytes after the text `timeMark`. */
function findPatches(
  bytes: Buffer,
  firstAt: number,
  parts: readonly Buffer[],
  timeMark: string,
  gap: number,
): Pick<Frame, 'numberAt' | 'timeAt'> {
  const numberAt = new Int32Array(parts.length);
  const timeAt = new Int32Array(parts.length);
  let at = firstAt;
  for (const [n, part] of parts.entries()) {
    numberAt[n] = bytes.indexOf('evt-', at) + 4;
    timeAt[n] = bytes.indexOf(timeMark, at) + timeMark.length + gap;
    at += part.length;
  }
  return { numberAt, timeAt };
}

const digits = Buffer.alloc(16);

/** Makes a frame ready to send. Its bytes must not be waiting in a socket any more. */
export function patchFrame(
  frame: Frame,
  protocol: Protocol,
  { number, seq, timeMs }: { number: number; seq: number; timeMs: number },
): void {
  patchTemplate(frame, protocol, { number, timeMs });
  if (protocol === 'json') {
    frame.bytes.write(String(seq).padStart(seqDigits), frame.seqAt, 'latin1');
  } else frame.bytes.writeUInt32BE(seq, frame.seqAt);
}

/** As `patchFrame`, for what has no seq. */
export function patchTemplate(
  { bytes, numberAt, timeAt }: Template,
  protocol: Protocol,
  { number, timeMs }: { number: number; timeMs: number },
): void {
  digits.write(number.toString(16).padStart(numberDigits, '0'), 0, 'latin1');
  copyToAll(bytes, numberAt, numberDigits);
  if (protocol === 'json') {
    digits.write(String(timeMs), 0, 'latin1');
    copyToAll(bytes, timeAt, 13);
  } else {
    digits.writeBigInt64BE(BigInt(timeMs));
    copyToAll(bytes, timeAt, 8);
  }
}

/** Byte by byte: calls cost more than so few bytes. */
function copyToAll(bytes: Buffer, places: Int32Array, count: number): void {
  for (let n = 0; n < places.length; n++) {
    const at = places[n]!;
    for (let k = 0; k < count; k++) bytes[at + k] = digits[k]!;
  }
}
