/**
 * Live subscribers and the publisher they listen to, a process of its own, so that one clock times
 * both: an event's way is from the sending of its frame to each subscriber. Every message is checked
 * (`heard.ts`); one in some is timed.
 */
import { leave, readPlan, tell } from './child.ts';
import { customerName, encodeFrames, hashFrames } from './frames.ts';
import { Heard, type HeardPlan } from './heard.ts';
import { giveUp, Lane } from './lane.ts';
import { type Quantiles, quantiles, rounded } from './report.ts';
import { type BenchSocket, openSocket } from './socket.ts';

export interface ListenPlan extends HeardPlan {
  readonly port: number;
  readonly writeKey: string;
  readonly readKey: string;
  /** Of the frames the first so many: their messages are checked, but not timed nor counted in rates. */
  readonly warmupFrames: number;
  /** Events a second; absent: as fast as the window allows. */
  readonly rate?: number;
  readonly seed: number;
}

export interface ListenFigures {
  readonly events: number;
  readonly messages: number;
  /** Of these, after the warm-up. */
  readonly measuredMessages: number;
  readonly messagesPerSecond: number;
  readonly eventsPerSecond: number;
  /** Messages that came again; allowed, but a subscriber that stays connected should see none. */
  readonly repeated: number;
  readonly seconds: number;
  /** From the sending of an event's frame to a subscriber. */
  readonly latencyMs: Quantiles;
  /** From the frame's receipt to a subscriber; negative when the subscriber was first. */
  readonly afterReceiptMs: Quantiles;
  /** From an event's frame being sent to its receipt: what of the way the disk takes. */
  readonly receiptMs: Quantiles;
  /** What this process itself needs, publishing included. */
  readonly listenerMicrosPerMessage: number;
  readonly work: string;
}

export type ListenMessage =
  | { readonly kind: 'measuring' }
  | { readonly kind: 'done'; readonly figures: ListenFigures };

/** Frames encoded before the start; with batches of 100 each customer is in them equally often. */
const framePool = 250;
const samplesMax = 200_000;
const silenceMsMax = 20_000;

class Audience {
  readonly #plan: ListenPlan;
  readonly #heard: Heard;
  readonly #unmeasured: number;
  readonly #stride: number;
  readonly #sentMs: Float64Array;
  readonly #receiptMs: Float64Array;
  /** Of one message in `#stride`: its frame, and when it came. */
  readonly #sampleFrame: Uint32Array;
  readonly #sampleMs: Float64Array;
  #messages = 0;
  #repeated = 0;
  #firstMs = 0;
  #lastMs = 0;
  #cpuBefore = process.cpuUsage();
  #complete!: () => void;
  readonly complete = new Promise<void>((resolve) => {
    this.#complete = resolve;
  });

  constructor(plan: ListenPlan) {
    this.#plan = plan;
    this.#heard = new Heard(plan);
    const expected = this.#heard.expected * plan.subscribers;
    this.#unmeasured = Math.round((expected * plan.warmupFrames) / plan.frames);
    const measured = expected - this.#unmeasured;
    this.#stride = Math.ceil(measured / samplesMax);
    const samples = Math.floor(measured / this.#stride);
    this.#sampleFrame = new Uint32Array(samples);
    this.#sampleMs = new Float64Array(samples);
    this.#sentMs = new Float64Array(plan.frames);
    this.#receiptMs = new Float64Array(plan.frames);
  }

  open(): Promise<BenchSocket[]> {
    const { follows, port, readKey, subscribers } = this.#plan;
    const sockets = Array.from({ length: subscribers }, (_, n) => {
      const names = Array.from({ length: follows }, (_, k) => customerName(n * follows + k));
      const query = names.map((name) => `customer=${name}`).join('&');
      return openSocket({
        port,
        key: readKey,
        path: `/v1/live${query === '' ? '' : '?'}${query}`,
        onMessage: (bytes, at) => this.#take(n, bytes, at),
        onLost: giveUp,
      });
    });
    return Promise.all(sockets);
  }

  sent(frame: number, atMs: number): void {
    this.#sentMs[frame] = atMs;
  }

  receipt(frame: number): void {
    this.#receiptMs[frame] = performance.now();
  }

  #take(subscriber: number, bytes: Buffer, at: number): void {
    const frame = this.#frameOf(subscriber, bytes, at);
    if (frame === undefined) {
      this.#repeated += 1;
      return;
    }
    this.#messages += 1;
    const measured = this.#messages - this.#unmeasured;
    if (measured > 0 && measured % this.#stride === 0) {
      const sample = measured / this.#stride - 1;
      this.#sampleFrame[sample] = frame;
      this.#sampleMs[sample] = performance.now();
    }
    if (measured === 0) this.begin();
    if (this.#heard.isComplete) {
      this.#lastMs = performance.now();
      this.#complete();
    }
  }

  #frameOf(subscriber: number, bytes: Buffer, at: number): number | undefined {
    try {
      return this.#heard.take(subscriber, bytes, at);
    } catch (error) {
      return giveUp((error as Error).message);
    }
  }

  /** From here on the work is measured. */
  begin(): void {
    this.#firstMs = performance.now();
    this.#cpuBefore = process.cpuUsage();
    tell({ kind: 'measuring' });
  }

  /** Ends the run when nothing has come for long. */
  watch(): NodeJS.Timeout {
    let before = -1;
    return setInterval(() => {
      const expected = this.#heard.expected * this.#plan.subscribers;
      if (this.#messages === before) giveUp(`${before} of ${expected} messages came`);
      before = this.#messages;
    }, silenceMsMax);
  }

  figures(): Omit<ListenFigures, 'work'> {
    const { batch, frames, warmupFrames } = this.#plan;
    const seconds = (this.#lastMs - this.#firstMs) / 1000;
    const { system, user } = process.cpuUsage(this.#cpuBefore);
    const measuredMessages = this.#messages - this.#unmeasured;
    const since = (fromMs: Float64Array): number[] =>
      Array.from(this.#sampleMs, (atMs, n) => atMs - fromMs[this.#sampleFrame[n]!]!);
    const receiptMs = Array.from(this.#receiptMs, (atMs, n) => atMs - this.#sentMs[n]!);
    return {
      events: frames * batch,
      messages: this.#messages,
      measuredMessages,
      messagesPerSecond: Math.round(measuredMessages / seconds),
      eventsPerSecond: Math.round(((frames - warmupFrames) * batch) / seconds),
      repeated: this.#repeated,
      seconds,
      latencyMs: quantiles(since(this.#sentMs)),
      afterReceiptMs: quantiles(since(this.#receiptMs)),
      receiptMs: quantiles(receiptMs.slice(warmupFrames)),
      listenerMicrosPerMessage: rounded((system + user) / measuredMessages),
    };
  }
}

/** Sends every frame, at the plan's rate. Resolves when all are acknowledged. */
async function publish(plan: ListenPlan, lane: Lane, audience: Audience): Promise<void> {
  const startMs = performance.now();
  const intervalMs = plan.rate === undefined ? 0 : (plan.batch / plan.rate) * 1000;
  for (let n = 0; n < plan.frames || !lane.isQuiet; ) {
    const now = performance.now();
    const dueMs = plan.rate === undefined ? now : startMs + n * intervalMs;
    const isDue = n < plan.frames && dueMs <= now;
    if (isDue && lane.send(plan.firstNumber + n, dueMs, Date.now())) {
      audience.sent(n, dueMs);
      n += 1;
    } else await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const plan = readPlan<ListenPlan>();
const audience = new Audience(plan);
const pool = Math.min(plan.frames, framePool);
const frames = encodeFrames({ ...plan, protocol: 'msgpack', shape: 'cart', frames: pool });
const work = hashFrames(frames);
const lane = new Lane({
  port: plan.port,
  key: plan.writeKey,
  protocol: 'msgpack',
  window: 64,
  frames,
  onReceipt: (receipt, sent) => {
    if (receipt.accepted !== plan.batch) giveUp('the server did not accept every event');
    audience.receipt(sent.number - plan.firstNumber);
  },
});
const sockets = await audience.open();
await lane.open();
if (plan.warmupFrames === 0) audience.begin();
const watch = audience.watch();
await Promise.all([publish(plan, lane, audience), audience.complete]);
clearInterval(watch);
tell({ kind: 'done', figures: { ...audience.figures(), work } });
lane.close();
for (const socket of sockets) socket.end();
leave();
