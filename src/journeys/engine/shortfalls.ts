/**
 * What is left undone because somebody is past a limit that ordinary use does not come near: each is
 * counted, and logged once a minute for a workspace.
 */
import type { Clock } from '../../std/clock.ts';
import type { Log } from '../../std/log.ts';
import type { Metrics } from '../../std/metrics.ts';

export interface ShortfallsParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

const shortfalls = {
  requests: [
    'requests_lost_total',
    'a customer has too many undecided requests: the oldest are lost',
  ],
  partials: [
    'partial_matches_lost_total',
    'a customer is in the middle of too many matches of a pattern: those that began first are lost',
  ],
  steps: [
    'conditions_given_up_total',
    'conditions cost more than a workspace has for them: those of some events or decisions are given up',
  ],
} as const;

const logEveryMs = 60_000;

export class Shortfalls {
  readonly #parts: ShortfallsParts;
  /** When it was logged last, by kind and workspace. */
  readonly #logged = new Map<string, number>();

  constructor(parts: ShortfallsParts) {
    this.#parts = parts;
  }

  note(kind: keyof typeof shortfalls, workspace: number, count = 1): void {
    const { clock, log, metrics } = this.#parts;
    const [metric, message] = shortfalls[kind];
    metrics.add(metric, count);
    const key = `${kind}/${workspace}`;
    const now = clock.monotonicMs();
    if (now - (this.#logged.get(key) ?? Number.NEGATIVE_INFINITY) < logEveryMs) return;
    this.#logged.set(key, now);
    log.warn(message, { workspace });
  }
}
