/**
 * What one front may hold of its senders' bytes: batches under way, bodies being inflated, answers
 * that wait for their turn. Workspaces share it, so that no sender can fill the memory.
 */
import type { Metrics } from '../std/metrics.ts';
import { Shares } from './shares.ts';

export class ByteBudget {
  readonly #shares: Shares;
  readonly #metrics: Metrics;

  constructor(bytesMax: number, metrics: Metrics) {
    this.#shares = new Shares(bytesMax);
    this.#metrics = metrics;
  }

  /** Whether `bytes` more of a workspace would be too much. */
  isOver(workspace: number, bytes: number): boolean {
    return this.#shares.isOver(workspace, bytes);
  }

  /** Bytes that a workspace has under way. */
  heldBy(workspace: number): number {
    return this.#shares.heldBy(workspace);
  }

  /** Workspaces that have something under way. */
  get active(): number {
    return this.#shares.active;
  }

  take(workspace: number, bytes: number): void {
    this.#shares.take(workspace, bytes);
    this.#metrics.add('inflight_bytes', bytes);
  }

  give(workspace: number, bytes: number): void {
    this.#shares.give(workspace, bytes);
    this.#metrics.add('inflight_bytes', -bytes);
  }
}
