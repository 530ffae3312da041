/**
 * The sender's side of the window: which frames wait, which are under way, which must go again.
 *
 *     add ──▶ waiting ──next──▶ under way ──take──▶ answered
 *                ▲                 │
 *              again ◀── nack, lost connection, stored in part
 *
 * Frames to be sent again go before new ones, in their old order. Nothing here knows of sockets.
 */
import type { ClientError, Receipt, Refusal } from './types.ts';
import type { Batch, Limits } from './wire.ts';

/** One batch on its way, with those who want to know. */
export interface Frame {
  readonly batch: Batch;
  /** What it counts towards the window. */
  readonly bytes: number;
  /** Called when it is first sent. */
  readonly admitted: () => void;
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: ClientError) => void;
  /** Set when the rest of the frame is stored: since when, and what to say of these events if given up. */
  readonly remains?: { readonly sinceMs: number; readonly refusals: readonly Refusal[] };
}

/** The contract's own figures, until the server has said its. */
export const usualLimits: Limits = {
  frames: 64,
  bytes: 32 * 1024 * 1024,
  frameBytesMax: 16 * 1024 * 1024,
};

export class Window {
  limits: Limits = usualLimits;
  #again: Frame[] = [];
  #waiting: Frame[] = [];
  #under = new Map<number, Frame>();
  #underBytes = 0;

  /** Frames that have no answer yet, sent or not. */
  get outstanding(): number {
    return this.#again.length + this.#waiting.length + this.#under.size;
  }

  get underWay(): number {
    return this.#under.size;
  }

  add(frame: Frame): void {
    this.#waiting.push(frame);
  }

  /** Removes and returns the frame that may be sent now, or nothing while the window is full. */
  next(): Frame | undefined {
    const queue = this.#again.length > 0 ? this.#again : this.#waiting;
    const frame = queue[0];
    if (frame === undefined || !this.#fits(frame)) return undefined;
    return queue.shift();
  }

  #fits(frame: Frame): boolean {
    if (this.#under.size === 0) return true;
    return (
      this.#under.size < this.limits.frames && this.#underBytes + frame.bytes <= this.limits.bytes
    );
  }

  sent(seq: number, frame: Frame): void {
    this.#under.set(seq, frame);
    this.#underBytes += frame.bytes;
  }

  /** The frame that was sent under `seq`, now answered; nothing if there is none. */
  take(seq: number): Frame | undefined {
    const frame = this.#under.get(seq);
    if (frame === undefined) return undefined;
    this.#under.delete(seq);
    this.#underBytes -= frame.bytes;
    return frame;
  }

  again(frame: Frame): void {
    this.#again.push(frame);
  }

  /** The connection is gone: everything under way must be sent again. Returns how many frames. */
  lost(): number {
    const count = this.#under.size;
    this.#again = [...this.#again, ...this.#under.values()];
    this.#under.clear();
    this.#underBytes = 0;
    return count;
  }

  /** Ends every frame that has no answer. */
  fail(error: ClientError): void {
    const frames = [...this.#again, ...this.#under.values(), ...this.#waiting];
    this.#again = [];
    this.#waiting = [];
    this.#under.clear();
    this.#underBytes = 0;
    for (const frame of frames) frame.reject(error);
  }
}
