/** What waits for the live connections of one front, as gauges: of this second, or of the moment that metrics are asked for. */
import type { Clock } from '../std/clock.ts';
import type { MetricName, Metrics } from '../std/metrics.ts';
import type { Connections } from './connections.ts';
import type { UnreadAnswers } from './unread.ts';

/** A look at 10,000 connections takes about a millisecond. */
const lookMs = 1000;

export class WaitingGauges {
  readonly #metrics: Metrics;
  readonly #connections: readonly Connections[];
  readonly #unread: UnreadAnswers;
  readonly #told = new Map<MetricName, number>();

  constructor(
    { clock, metrics }: { readonly clock: Clock; readonly metrics: Metrics },
    connections: readonly Connections[],
    unread: UnreadAnswers,
  ) {
    this.#metrics = metrics;
    this.#connections = connections;
    this.#unread = unread;
    clock.every(lookMs, () => this.look());
  }

  look(): void {
    const bytes = this.#connections.reduce((sum, each) => sum + each.waitingBytes(), 0);
    this.#tell('live_waiting_bytes', bytes);
    this.#tell('live_view_unread_bytes', this.#unread.heldBytes);
  }

  #tell(name: MetricName, value: number): void {
    const told = this.#told.get(name) ?? 0;
    if (value !== told) this.#metrics.add(name, value - told);
    this.#told.set(name, value);
  }
}
