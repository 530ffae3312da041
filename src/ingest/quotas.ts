/**
 * Quotas at the door: whether a key may send now, and what it sent. Asked before anything is read, so
 * that a flood costs little; charged when a batch was read, however large it was. Two batches that are
 * asked about at once may both pass: both are charged, and the debt is waited for.
 */
import { Buckets } from '../std/buckets.ts';
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import type { Metrics } from '../std/metrics.ts';
import { bucketsPerSlot, type Limit } from '../workspaces/quota.ts';

const msPerSecond = 1000;

export class Quotas {
  readonly #buckets: Buckets;
  readonly #clock: Clock;
  readonly #metrics: Metrics;

  /** @param memory the buckets of all limits, shared by all fronts. */
  constructor(memory: SharedArrayBuffer, clock: Clock, metrics: Metrics) {
    this.#buckets = new Buckets(memory);
    this.#clock = clock;
    this.#metrics = metrics;
  }

  /** @throws AppError rate_limited, with the time after which a batch will be taken. */
  check(limits: readonly Limit[]): void {
    if (limits.length === 0) return;
    const now = this.#clock.monotonicMs();
    let waitMs = 0;
    let reason = '';
    for (const { bytesPerSecond, eventsPerSecond, slot } of limits) {
      const at = slot * bucketsPerSlot;
      const eventsMs =
        eventsPerSecond === undefined ? 0 : this.#buckets.waitMs(at, eventsPerSecond, now);
      const bytesMs =
        bytesPerSecond === undefined ? 0 : this.#buckets.waitMs(at + 1, bytesPerSecond, now);
      if (Math.max(eventsMs, bytesMs) <= waitMs) continue;
      waitMs = Math.max(eventsMs, bytesMs);
      reason = eventsMs >= bytesMs ? `${eventsPerSecond} events` : `${bytesPerSecond} bytes`;
    }
    if (waitMs === 0) return;
    this.#metrics.add('batches_rate_limited_total', 1);
    const message = `the quota is ${reason} a second; send the batch again in ${waitMs} ms`;
    throw new AppError('rate_limited', message, { retryAfterSeconds: waitMs / msPerSecond });
  }

  /** Counts what was read. */
  charge(limits: readonly Limit[], events: number, bytes: number): void {
    if (limits.length === 0) return;
    const now = this.#clock.monotonicMs();
    for (const { bytesPerSecond, eventsPerSecond, slot } of limits) {
      const at = slot * bucketsPerSlot;
      if (eventsPerSecond !== undefined) this.#buckets.charge(at, eventsPerSecond, events, now);
      if (bytesPerSecond !== undefined) this.#buckets.charge(at + 1, bytesPerSecond, bytes, now);
    }
  }
}
