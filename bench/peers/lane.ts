/** One connection of the generator that fills a peer: batches of its own, a window, answers in order. */

import type { BenchEvent } from '../frames.ts';
import { patchTemplate, type Template } from '../frames.ts';
import type { Receipt, Sent } from '../lane.ts';
import { giveUp } from '../lane.ts';
import { Link } from './link.ts';
import { type WireName, wires } from './wires/open.ts';
import type { Wire, WirePlan } from './wires/wire.ts';

/** What the lane of the other benches can do as well. */
export interface FillLane {
  readonly isQuiet: boolean;
  open(): Promise<void>;
  close(): void;
  /** Sends one batch if the window has room. */
  send(number: number, dueMs: number, timeMs: number): boolean;
}

export interface PeerLanePlan {
  readonly port: number;
  readonly wire: WireName;
  readonly wirePlan: WirePlan;
  /** Unacknowledged batches. */
  readonly window: number;
  /** Sent over and over; at least `window` of them. */
  readonly batches: readonly (readonly BenchEvent[])[];
  readonly onReceipt: (receipt: Receipt, sent: Sent) => void;
}

export class PeerLane implements FillLane {
  readonly #plan: PeerLanePlan;
  readonly #wire: Wire;
  readonly #link: Link;
  readonly #templates: readonly Template[];
  readonly #waiting: Sent[] = [];
  /** Events acknowledged of the oldest batch that waits. */
  #acknowledged = 0;
  #seq = 0;

  constructor(plan: PeerLanePlan) {
    this.#plan = plan;
    const wire = wires[plan.wire](plan.wirePlan, (events) => this.#answered(events ?? 0));
    this.#wire = wire;
    this.#link = new Link({ port: plan.port, wire, onLost: giveUp });
    if (wire.encode === undefined) throw new Error(`${plan.wire} is not filled this way`);
    this.#templates = plan.batches.map((events) => wire.encode!(events));
  }

  get isQuiet(): boolean {
    return this.#waiting.length === 0;
  }

  open(): Promise<void> {
    return this.#link.open();
  }

  close(): void {
    this.#link.close();
  }

  send(number: number, dueMs: number, timeMs: number): boolean {
    if (this.#waiting.length >= Math.min(this.#plan.window, this.#templates.length)) return false;
    const template = this.#templates[this.#seq % this.#templates.length]!;
    this.#seq += 1;
    patchTemplate(template, 'msgpack', { number, timeMs });
    this.#wire.seal?.(template);
    this.#link.write(template.bytes);
    this.#waiting.push({ seq: this.#seq, number, dueMs, bytes: template.bytes.length });
    return true;
  }

  #answered(events: number): void {
    const { batch } = this.#plan.wirePlan;
    this.#acknowledged += events;
    if (this.#acknowledged < batch) return;
    this.#acknowledged -= batch;
    const sent = this.#waiting.shift();
    if (sent === undefined) giveUp('more was acknowledged than was sent');
    const receipt = { accepted: batch, duplicates: 0, rejected: 0, isNack: false };
    this.#plan.onReceipt(receipt, sent);
  }
}
