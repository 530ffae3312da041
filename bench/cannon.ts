/**
 * The load generator for HTTP, a process of its own: autocannon, one request at a time on every
 * connection. Requests are built once and patched in place before each is sent: another customer,
 * and in bodies another number in every id, so that ids are unique.
 */
import autocannon from 'autocannon';
import { seededRandom } from '../src/std/random.ts';
import { leave, readPlan, tell } from './child.ts';
import { Patch } from './patch.ts';
import { type Quantiles, quantiles, rounded } from './report.ts';

export interface CannonPlan {
  /** May hold a customer's name, which is then another one for every request. */
  readonly url: string;
  readonly key: string;
  /** Sent by POST as JSON; absent: GET. */
  readonly body?: string;
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

/** The part of autocannon's client that its types leave out: what it asks for the bytes of each request. */
interface CannonClient {
  getRequestBuffer(): Buffer;
}

const plan = readPlan<CannonPlan>();
const random = seededRandom(plan.seed);
const tally = { requests: 0, answered: 0, failures: 0 };

const anyCustomer = (): number => random.below(plan.customers);

/**
 * A request is patched while none of its connection is under way, so its bytes are free. Where the client
 * asks for them, not at its event: a second listener makes every one of its events dearer.
 */
function patchRequests(client: CannonClient): void {
  const plain = client.getRequestBuffer;
  let patch: Patch | undefined;
  client.getRequestBuffer = () => {
    const bytes = plain.call(client);
    patch ??= new Patch(bytes);
    patch.write(bytes, tally.requests++, anyCustomer);
    return bytes;
  };
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
