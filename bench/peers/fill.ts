/**
 * Fills a peer, a process of its own: batches encoded before the start, a window of unacknowledged
 * batches on every connection, rates counted from acknowledgements only. Every connection has its own
 * share of the customers and sends the same number of batches, so that all customers get equally much.
 */
import { leave, readPlan, tell } from '../child.ts';
import { encodeFrames, type FramePlan, hashBytes, makeBatches, numberDigits } from '../frames.ts';
import { Lane, type Receipt, type Sent } from '../lane.ts';
import { type Quantiles, quantiles } from '../report.ts';
import { type FillLane, PeerLane } from './lane.ts';
import type { WireName } from './wires/open.ts';
import type { WirePlan } from './wires/wire.ts';

export interface FillPlan {
  readonly port: number;
  readonly wire: WireName;
  readonly wirePlan: Omit<WirePlan, 'lane'>;
  readonly lanes: number;
  readonly window: number;
  readonly events: number;
  readonly customers: number;
  readonly seed: number;
  /** The start of a run is not rated: compilers and caches warm up. */
  readonly warmupSeconds: number;
  /** A slow peer gets no more than this, however few its events are then. */
  readonly secondsMax: number;
}

export interface FillFigures {
  readonly eventsPerSecond: number;
  readonly seconds: number;
  readonly sent: number;
  readonly accepted: number;
  readonly isWhole: boolean;
  readonly receiptMs: Quantiles;
  readonly generatorMicrosPerEvent: number;
  readonly work: string;
}

export type FillMessage = { readonly kind: 'done'; readonly figures: FillFigures };

/** Ids may not repeat: so many batches fit into an id's digits. */
const batchesMax = 16 ** numberDigits;
/** A lane's own batches, sent over and over: every customer of its share twice. */
const rounds = 2;

class Fill {
  readonly #plan: FillPlan;
  readonly #lanes: FillLane[] = [];
  readonly #batchesOfLane: number;
  readonly #sentOfLane: number[] = [];
  readonly #receiptMs: number[] = [];
  readonly #tally = { sent: 0, accepted: 0, others: 0 };
  #work = '';
  #startMs = 0;
  /** Where the rated part begins. */
  #rated: { ms: number; events: number } | undefined;
  #lastMs = 0;
  #isStopping = false;
  #done!: () => void;

  constructor(plan: FillPlan) {
    this.#plan = plan;
    const { batch } = plan.wirePlan;
    this.#batchesOfLane = Math.max(1, Math.round(plan.events / plan.lanes / batch));
    if (this.#batchesOfLane * plan.lanes > batchesMax) throw new Error('too many batches');
    const hashes: string[] = [];
    for (let lane = 0; lane < plan.lanes; lane++) {
      const share = { of: plan.lanes, from: lane };
      const frames = Math.ceil((rounds * plan.customers) / plan.lanes / batch);
      const frame = { shape: 'cart', batch, customers: plan.customers, seed: plan.seed } as const;
      const framePlan = { ...frame, frames: Math.min(frames, this.#batchesOfLane), share };
      this.#lanes.push(this.#openLane(lane, framePlan));
      hashes.push(JSON.stringify(makeBatches(framePlan)));
      this.#sentOfLane.push(0);
    }
    this.#work = hashBytes(hashes);
  }

  #openLane(lane: number, framePlan: Omit<FramePlan, 'protocol'>): FillLane {
    const { port, window, wire, wirePlan } = this.#plan;
    const onReceipt = (receipt: Receipt, sent: Sent): void => this.#count(lane, receipt, sent);
    if (wire === 'tapeline') {
      const frames = encodeFrames({ ...framePlan, protocol: 'msgpack' });
      return new Lane({ port, key: wirePlan.key!, protocol: 'msgpack', window, frames, onReceipt });
    }
    const batches = makeBatches(framePlan);
    return new PeerLane({
      port,
      wire,
      wirePlan: { ...wirePlan, lane },
      window,
      batches,
      onReceipt,
    });
  }

  async run(): Promise<FillFigures> {
    await Promise.all(this.#lanes.map((lane) => lane.open()));
    const done = new Promise<void>((resolve) => {
      this.#done = resolve;
    });
    const cpuBefore = process.cpuUsage();
    const limit = setTimeout(() => this.#stop(), this.#plan.secondsMax * 1000);
    this.#startMs = performance.now();
    for (const lane of this.#lanes.keys()) this.#send(lane);
    await done;
    clearTimeout(limit);
    for (const lane of this.#lanes) lane.close();
    const { system, user } = process.cpuUsage(cpuBefore);
    return this.#figures(system + user);
  }

  /** Nothing more is sent; what is under way is waited for. */
  #stop(): void {
    this.#isStopping = true;
    this.#settle();
  }

  #send(number: number): void {
    const lane = this.#lanes[number]!;
    while (!this.#isStopping && this.#sentOfLane[number]! < this.#batchesOfLane) {
      const batchNumber = this.#sentOfLane[number]! * this.#lanes.length + number;
      if (!lane.send(batchNumber, performance.now(), Date.now())) return;
      this.#sentOfLane[number]! += 1;
      this.#tally.sent += this.#plan.wirePlan.batch;
    }
  }

  #count(lane: number, receipt: Receipt, sent: Sent): void {
    this.#lastMs = performance.now();
    this.#tally.accepted += receipt.accepted;
    this.#tally.others += receipt.duplicates + receipt.rejected + Number(receipt.isNack);
    const isWarm = this.#lastMs - this.#startMs >= this.#plan.warmupSeconds * 1000;
    if (this.#rated === undefined && isWarm) {
      this.#rated = { ms: this.#lastMs, events: this.#tally.accepted };
      this.#receiptMs.length = 0;
    }
    this.#receiptMs.push(this.#lastMs - sent.dueMs);
    this.#send(lane);
    this.#settle();
  }

  #settle(): void {
    const isSent = this.#sentOfLane.every((sent) => sent === this.#batchesOfLane);
    if (!this.#isStopping && !isSent) return;
    if (this.#lanes.every((lane) => lane.isQuiet)) this.#done();
  }

  #figures(cpuMicros: number): FillFigures {
    const { accepted, others, sent } = this.#tally;
    if (others > 0) throw new Error(`${others} events were refused or known already`);
    const total = (this.#lastMs - this.#startMs) / 1000;
    // A run shorter than twice its warm-up is rated as a whole.
    const isRated = this.#rated !== undefined && total >= 2 * this.#plan.warmupSeconds;
    const from = isRated ? this.#rated! : { ms: this.#startMs, events: 0 };
    const seconds = (this.#lastMs - from.ms) / 1000;
    return {
      eventsPerSecond: Math.round((accepted - from.events) / seconds),
      seconds: total,
      sent,
      accepted,
      isWhole: sent === this.#batchesOfLane * this.#lanes.length * this.#plan.wirePlan.batch,
      receiptMs: quantiles(this.#receiptMs),
      generatorMicrosPerEvent: cpuMicros / Math.max(1, accepted),
      work: this.#work,
    };
  }
}

tell({ kind: 'done', figures: await new Fill(readPlan<FillPlan>()).run() });
leave();
