/**
 * What one front may hold of its senders' bytes: batches under way, bodies being inflated, answers
 * that wait for their turn. Counted when taken, refused when too much, so that no sender can fill
 * the memory.
 */
import type { Metrics } from '../std/metrics.ts';

export class ByteBudget {
  readonly #bytesMax: number;
  readonly #metrics: Metrics;
  #held = 0;

  constructor(bytesMax: number, metrics: Metrics) {
    this.#bytesMax = bytesMax;
    this.#metrics = metrics;
  }

  /** Whether `bytes` more would be too much. An idle front takes anything that is legal. */
  isOver(bytes: number): boolean {
    return this.#held > 0 && this.#held + bytes > this.#bytesMax;
  }

  take(bytes: number): void {
    this.#held += bytes;
    this.#metrics.add('inflight_bytes', bytes);
  }

  give(bytes: number): void {
    this.#held -= bytes;
    this.#metrics.add('inflight_bytes', -bytes);
  }
}
