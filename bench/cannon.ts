/**
 * The load generator for HTTP, a process of its own: autocannon, one request at a time on every
 * connection. Requests are built once and patched in place before each is sent: another customer,
 * and in bodies another number in every id, so that ids are unique.
 */
import autocannon from 'autocannon';
import { seededRandom } from '../src/std/random.ts';
import { leave, readPlan, tell } from './child.ts';
import { customerDigits, numberDigits } from './frames.ts';
import { type Quantiles, quantiles, rounded } from './report.ts';

export interface CannonPlan {
  /** May hold a customer's name, which is then another one for every request. */
  readonly url: string;
  readonly key: string;
  /** Sent by POST as JSON; absent: GET. */
  readonly body?: string;
  /** Requests a second, evenly over the connections; absent: as many as are answered. */
  readonly rate?: number;
  /** Every answer must be this. */
  readonly answer?: string;
  readonly connections: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
  readonly customers: number;
  readonly seed: number;
}

export interface CannonFigures {
  readonly requestsPerSecond: number;
  readonly answerMs: Quantiles;
  /** Of the whole run, warm-up included. Unanswered ones at the end of a round are cut off. */
  readonly requests: number;
  readonly answered: number;
  readonly failures: number;
  readonly generatorMicrosPerRequest: number;
}

export type CannonMessage =
  | { readonly kind: 'measuring' }
  | { readonly kind: 'measured' }
  | { readonly kind: 'done'; readonly figures: CannonFigures };

/** The part of autocannon's client that its types leave out. */
interface CannonClient {
  getRequestBuffer(): Buffer;
  on(event: 'request', run: () => void): void;
}

const plan = readPlan<CannonPlan>();
const random = seededRandom(plan.seed);
const tally = { requests: 0, answered: 0, failures: 0 };

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

/** A request is patched while none of its connection is under way, so its bytes are free. */
function patchRequests(client: CannonClient): void {
  let places: { ids: Int32Array; customers: Int32Array; times: Int32Array } | undefined;
  client.on('request', () => {
    const bytes = client.getRequestBuffer();
    places ??= {
      ids: placesAfter(bytes, 'evt-'),
      customers: placesAfter(bytes, 'customer-'),
      times: placesAfter(bytes, '"time":'),
    };
    const number = tally.requests++;
    for (const place of places.ids) writeDigits(bytes, place, ofNumber, number);
    for (const place of places.customers) {
      writeDigits(bytes, place, ofCustomer, random.below(plan.customers));
    }
    for (const place of places.times) writeTime(bytes, place);
  });
}

/** One round of load; what is under way at its end is cut off. */
async function fire(seconds: number): Promise<{ answerMs: number[]; seconds: number }> {
  const answerMs: number[] = [];
  const startMs = performance.now();
  let lastMs = startMs;
  const options: autocannon.Options = {
    url: plan.url,
    connections: plan.connections,
    duration: seconds,
    sampleInt: Math.min(1000, seconds * 500),
    // Cloned before every request, which is dear for an object: there is no context.
    initialContext: 1 as unknown as object,
    headers: {
      authorization: `Bearer ${plan.key}`,
      ...(plan.body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    setupClient: (client) => patchRequests(client as unknown as CannonClient),
    ...(plan.body === undefined ? {} : { method: 'POST' as const, body: plan.body }),
    ...(plan.answer === undefined ? {} : { expectBody: plan.answer }),
    ...(plan.rate === undefined ? {} : { overallRate: plan.rate }),
  };
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(options, (error, figures) => {
      if (error) reject(error as Error);
      else resolve(figures);
    });
    run.on('response', (_client, _status, _bytes, responseMs) => {
      lastMs = performance.now();
      answerMs.push(responseMs);
    });
  });
  tally.answered += answerMs.length;
  tally.failures += result.errors + result.non2xx + result.mismatches;
  return { answerMs, seconds: (lastMs - startMs) / 1000 };
}

if (plan.warmupSeconds > 0) await fire(plan.warmupSeconds);
tell({ kind: 'measuring' });
const cpuBefore = process.cpuUsage();
let round = await fire(plan.seconds);
// A short run on a busy machine may end before anything was answered.
while (round.answerMs.length === 0) round = await fire(plan.seconds);
const { answerMs, seconds } = round;
const cpu = process.cpuUsage(cpuBefore);
tell({ kind: 'measured' });
const figures: CannonFigures = {
  requestsPerSecond: Math.round(answerMs.length / seconds),
  answerMs: quantiles(answerMs),
  ...tally,
  generatorMicrosPerRequest: rounded((cpu.user + cpu.system) / Math.max(1, answerMs.length)),
};
tell({ kind: 'done', figures });
leave();
