/**
 * A sender that looks closely: one request after the other, each with events for every shard. It
 * notes how long every answer took, when it was refused first, and what the server then says of its
 * own readiness. Like every honest sender it repeats what has no receipt.
 */
import { sleep, systemClock } from '../../src/std/clock.ts';
import type { Acked } from '../torture/crowd.ts';

export interface ProberOptions {
  readonly url: string;
  readonly key: string;
  /** Where its receipts go. */
  readonly acked: Map<string, Acked>;
  readonly found: (problem: string) => void;
}

/** Customers of a batch: enough that each of a few shards has some of them. */
const customers = 12;
const pauseMs = 10;
/** A request that takes longer hangs. */
export const hungMs = 15_000;

interface Probe {
  readonly id: string;
  readonly customer: string;
  readonly type: string;
  readonly time: number;
}

interface Answer {
  readonly rejected: readonly { readonly index: number; readonly code: string }[];
  readonly error?: { readonly code: string };
}

type Verdict = 'stored' | 'refused' | 'cut';

export class Prober {
  readonly #options: ProberOptions;
  #isSending = false;
  #isClosed = false;
  #sent = 0;
  #pending: Probe[] = [];
  #wake: (() => void) | undefined;
  #idle: (() => void) | undefined;
  /** Since `reset`. */
  #receipts = 0;
  #answersMs: number[] = [];
  #refusedAtMs: number | undefined;
  #refusedAfterMs = 0;
  #reason = '';

  constructor(options: ProberOptions) {
    this.#options = options;
    void this.#run();
  }

  reset(): void {
    this.#receipts = 0;
    this.#answersMs = [];
    this.#refusedAtMs = undefined;
    this.#refusedAfterMs = 0;
    this.#reason = '';
  }

  get receipts(): number {
    return this.#receipts;
  }

  /** The longest that an answer, a refusal or a cut connection took. */
  get slowestMs(): number {
    return this.#answersMs.reduce((most, ms) => Math.max(most, ms), 0);
  }

  /** When the server said first that it cannot write: epoch milliseconds. */
  get refusedAtMs(): number | undefined {
    return this.#refusedAtMs;
  }

  /** How long that sender had waited for it. */
  get refusedAfterMs(): number {
    return this.#refusedAfterMs;
  }

  /** What `/healthz` gave as its reason not to be ready; '' when it was ready whenever asked. */
  get reason(): string {
    return this.#reason;
  }

  go(): void {
    this.#isSending = true;
    this.#wake?.();
  }

  /** Resolves when everything it sent has a receipt. */
  async pause(): Promise<void> {
    if (!this.#isSending) return;
    this.#isSending = false;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#wake?.();
    this.#idle?.();
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      if (this.#pending.length === 0 && !this.#isSending) {
        this.#idle?.();
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      if (this.#pending.length === 0) this.#pending = this.#makeBatch();
      const verdict = await this.#send(this.#pending);
      if (verdict === 'refused') await this.#askHealth();
      await sleep(systemClock, pauseMs);
    }
  }

  #makeBatch(): Probe[] {
    this.#sent += 1;
    return Array.from({ length: customers }, (_, number) => ({
      id: `probe-${this.#sent}-${number}`,
      customer: `probe-${number}`,
      type: 'Probe',
      time: systemClock.now(),
    }));
  }

  async #send(batch: readonly Probe[]): Promise<Verdict> {
    const { found, key, url } = this.#options;
    const startedMs = systemClock.monotonicMs();
    const verdict = await fetch(`${url}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(batch),
      signal: AbortSignal.timeout(hungMs),
    }).then(
      async (response) => this.#read(response.status, (await response.json()) as Answer),
      (error: Error) => {
        if (error.name === 'TimeoutError') found(`a request had no answer in ${hungMs} ms`);
        return 'cut' as const;
      },
    );
    const tookMs = systemClock.monotonicMs() - startedMs;
    this.#answersMs.push(tookMs);
    if (verdict === 'refused' && this.#refusedAtMs === undefined) {
      this.#refusedAtMs = systemClock.now();
      this.#refusedAfterMs = tookMs;
    }
    return verdict;
  }

  /** Notes what is stored; the rest stays pending. */
  #read(status: number, answer: Answer): Verdict {
    const { acked, found } = this.#options;
    if (status === 503 && answer.error?.code === 'unavailable') return 'refused';
    if (status !== 200 || answer.rejected.some(({ code }) => code !== 'unavailable')) {
      found(`a strange answer: ${status} ${JSON.stringify(answer)}`);
      return 'refused';
    }
    const refused = new Set(answer.rejected.map(({ index }) => index));
    for (const [index, { customer, id, time }] of this.#pending.entries()) {
      if (!refused.has(index)) acked.set(id, { customer, id, time });
    }
    this.#pending = this.#pending.filter((_, index) => refused.has(index));
    if (refused.size > 0) return 'refused';
    this.#receipts += 1;
    return 'stored';
  }

  async #askHealth(): Promise<void> {
    const answer = await fetch(`${this.#options.url}/healthz`, {
      signal: AbortSignal.timeout(hungMs),
    }).then(
      async (response) => (await response.json()) as { status: string; reason?: string },
      () => undefined,
    );
    if (answer !== undefined && answer.status !== 'ready') this.#reason ||= answer.reason ?? '';
  }
}
