/**
 * The load generator for the WebSocket door, a process of its own (see `child.ts`): frames encoded
 * before the start, a window of unacknowledged frames on every connection, rates counted from
 * receipts only.
 *
 *     encode ─▶ connect ─▶ link ─▶ warm up ─▶ measure ─▶ stop sending ─▶ wait for every receipt ─▶ figures
 *
 * Where customers have links, every frame is sent and answered once before the warm-up: from then on
 * all links are in force, and what is measured is events that say again what holds.
 */
import { leave, readPlan, tell } from './child.ts';
import { encodeFrames, type Frame, type FramePlan, hashFrames } from './frames.ts';
import { Lane, type Receipt, type Sent } from './lane.ts';
import { type Quantiles, quantiles } from './report.ts';

export interface LoadPlan extends Omit<FramePlan, 'frames'> {
  readonly port: number;
  readonly key: string;
  readonly connections: number;
  /** About how many events to encode before the start; they are sent over and over with new ids. */
  readonly poolEvents: number;
  /** Unacknowledged frames on a connection; the server's own limits hold too. */
  readonly window: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
  /** Send exactly this many frames instead, as fast as they go. */
  readonly framesMax?: number;
  /** Events a second offered, whatever the server does; absent: as fast as the window allows. */
  readonly rate?: number;
  /** Number of the first frame: ids are unique when the ranges of two loads do not overlap. */
  readonly firstNumber?: number;
  /** With `framesMax`: the events' times are spread over so long before now. */
  readonly spreadMs?: number;
}

export interface LoadFigures {
  readonly eventsPerSecond: number;
  readonly seconds: number;
  /** Of the whole run, warm-up included. */
  readonly sent: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly nacks: number;
  readonly bytesPerEvent: number;
  readonly receiptMs: Quantiles;
  readonly generatorMicrosPerEvent: number;
  readonly work: string;
}

/** What the generator tells while it runs. */
export type LoadMessage =
  | { readonly kind: 'linking' }
  | { readonly kind: 'linked'; readonly events: number }
  | { readonly kind: 'measuring' }
  | { readonly kind: 'measured' }
  | { readonly kind: 'progress'; readonly atMs: number; readonly acked: number }
  | { readonly kind: 'done'; readonly figures: LoadFigures };

const progressMs = 100;

class Load {
  readonly #plan: LoadPlan;
  readonly #lanes: readonly Lane[];
  readonly #frames: readonly Frame[];
  readonly #work: string;
  readonly #latencies: number[] = [];
  readonly #tally = { sent: 0, accepted: 0, duplicates: 0, rejected: 0, nacks: 0 };
  readonly #startMs = performance.now();
  #state: 'linking' | 'warming' | 'measuring' | 'draining' = 'warming';
  #measureStart = { ms: 0, cpuMicros: 0 };
  #measured = { events: 0, seconds: 0, cpuMicros: 0 };
  #frameCount = 0;
  #nextLane = 0;
  /** The first frame that is due at a rate, and when. */
  #firstDue = 0;
  #firstDueMs = 0;
  #drained!: () => void;
  #linked: () => void = () => undefined;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    const perLane = framesPerLane(plan);
    this.#frames = encodeFrames({ ...plan, frames: perLane * plan.connections });
    this.#work = hashFrames(this.#frames);
    const onReceipt = (receipt: Receipt, sent: Sent): void => this.#count(receipt, sent);
    this.#lanes = Array.from({ length: plan.connections }, (_, n) => {
      const frames = this.#frames.slice(n * perLane, (n + 1) * perLane);
      return new Lane({ ...plan, frames, onReceipt });
    });
  }

  async run(): Promise<LoadFigures> {
    const { framesMax, seconds, warmupSeconds } = this.#plan;
    await Promise.all(this.#lanes.map((lane) => lane.open()));
    const done = new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
    const progress = setInterval(() => this.#tellProgress(), progressMs);
    const { isLinkSaid = true, links = 0 } = this.#plan;
    if (links > 0 && isLinkSaid) await this.#link();
    this.#firstDue = this.#frameCount;
    this.#firstDueMs = performance.now();
    if (framesMax === undefined) {
      setTimeout(() => this.#measure(), warmupSeconds * 1000);
      setTimeout(() => this.#stopWithFigures(), (warmupSeconds + seconds) * 1000);
    } else this.#measure();
    this.#fill();
    await done;
    clearInterval(progress);
    for (const lane of this.#lanes) lane.close();
    return this.#figures();
  }

  /** Resolves when every customer that will be linked is linked. */
  async #link(): Promise<void> {
    tell({ kind: 'linking' });
    const linked = new Promise<void>((resolve) => {
      this.#linked = resolve;
    });
    this.#state = 'linking';
    this.#fill();
    await linked;
    this.#state = 'warming';
    tell({ kind: 'linked', events: this.#tally.sent });
  }

  #measure(): void {
    this.#state = 'measuring';
    this.#measureStart = { ms: performance.now(), cpuMicros: cpuMicros() };
    tell({ kind: 'measuring' });
  }

  /** A short run on a busy machine goes on until there is a receipt to tell of. */
  #stopWithFigures(): void {
    if (this.#latencies.length > 0) this.stop();
    else setTimeout(() => this.#stopWithFigures(), progressMs);
  }

  /** Nothing is sent any more; what comes back now is checked but not counted in rates. */
  stop(): void {
    if (this.#state === 'draining') return;
    this.#state = 'draining';
    this.#measured.seconds = (performance.now() - this.#measureStart.ms) / 1000;
    this.#measured.cpuMicros = cpuMicros() - this.#measureStart.cpuMicros;
    tell({ kind: 'measured' });
    this.#settle();
  }

  #fill(): void {
    if (this.#state === 'draining') return;
    if (this.#state === 'linking') {
      while (this.#sendOne(performance.now()));
      if (this.#isQuiet() && this.#lanes.every((lane) => lane.isThrough)) this.#linked();
    } else if (this.#plan.rate !== undefined) this.#fillAtRate(this.#plan.rate);
    else while (this.#sendOne(performance.now()));
  }

  /** Frames are due at even intervals; latency counts from then, so waiting for the window shows. */
  #fillAtRate(rate: number): void {
    const intervalMs = (this.#plan.batch / rate) * 1000;
    for (;;) {
      const dueMs = this.#firstDueMs + (this.#frameCount - this.#firstDue) * intervalMs;
      if (dueMs > performance.now() || !this.#sendOne(dueMs)) break;
    }
    setTimeout(() => this.#fill(), 1);
  }

  /** Sends a frame on the next connection that has room. */
  #sendOne(dueMs: number): boolean {
    const { batch, framesMax = Number.POSITIVE_INFINITY, firstNumber = 0 } = this.#plan;
    if (this.#frameCount >= framesMax) return false;
    const number = firstNumber + this.#frameCount;
    const timeMs = this.#eventTime();
    for (let tried = 0; tried < this.#lanes.length; tried++) {
      const lane = this.#lanes[this.#nextLane]!;
      this.#nextLane = (this.#nextLane + 1) % this.#lanes.length;
      if (this.#state === 'linking' && lane.isThrough) continue;
      if (!lane.send(number, dueMs, timeMs)) continue;
      this.#frameCount += 1;
      this.#tally.sent += batch;
      return true;
    }
    return false;
  }

  #eventTime(): number {
    const { framesMax, spreadMs = 0 } = this.#plan;
    if (framesMax === undefined) return Date.now();
    return Math.floor(Date.now() - spreadMs * (1 - this.#frameCount / framesMax));
  }

  #count({ accepted, duplicates, isNack, rejected }: Receipt, sent: Sent): void {
    this.#tally.accepted += accepted;
    this.#tally.duplicates += duplicates;
    this.#tally.rejected += rejected;
    if (isNack) this.#tally.nacks += 1;
    if (this.#state === 'measuring') {
      this.#measured.events += accepted + duplicates;
      this.#latencies.push(performance.now() - sent.dueMs);
    }
    if (this.#plan.rate === undefined || this.#state === 'linking') this.#fill();
    if (this.#frameCount === this.#plan.framesMax && this.#isQuiet()) this.stop();
    this.#settle();
  }

  #isQuiet(): boolean {
    return this.#lanes.every((lane) => lane.isQuiet);
  }

  #settle(): void {
    if (this.#state === 'draining' && this.#isQuiet()) this.#drained();
  }

  #tellProgress(): void {
    const atMs = performance.now() - this.#startMs;
    tell({ kind: 'progress', atMs, acked: this.#tally.accepted });
  }

  #figures(): LoadFigures {
    const { cpuMicros, events, seconds } = this.#measured;
    const bytes = this.#frames.reduce((sum, frame) => sum + frame.bytes.length, 0);
    return {
      eventsPerSecond: Math.round(events / seconds),
      seconds,
      ...this.#tally,
      bytesPerEvent: Math.round(bytes / (this.#frames.length * this.#plan.batch)),
      receiptMs: quantiles(this.#latencies),
      generatorMicrosPerEvent: cpuMicros / Math.max(1, events),
      work: this.#work,
    };
  }
}

/** As many as the window needs, and enough that the work varies and every customer occurs. */
function framesPerLane(plan: LoadPlan): number {
  const { batch, connections, customers, framesMax, poolEvents, window } = plan;
  const enough = Math.ceil(Math.max(poolEvents, customers) / batch / connections);
  return Math.min(Math.max(window, enough), framesMax ?? Number.POSITIVE_INFINITY);
}

function cpuMicros(): number {
  const { system, user } = process.cpuUsage();
  return system + user;
}

const load = new Load(readPlan<LoadPlan>());
process.on('message', (message) => {
  if (message === 'stop') load.stop();
});
tell({ kind: 'done', figures: await load.run() });
leave();
