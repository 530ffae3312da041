/** A clock that a test holds: it stands still until it is moved, and then whatever is due happens in order. */
import type { Clock } from '../../src/std/clock.ts';

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

export class HeldClock implements Clock {
  #nowMs: number;
  readonly #timers = new Set<Timer>();

  constructor(nowMs = 1_763_740_000_000) {
    this.#nowMs = nowMs;
  }

  readonly now = (): number => this.#nowMs;
  readonly monotonicMs = (): number => this.#nowMs;

  after(delayMs: number, run: () => void): () => void {
    const timer = { at: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  every(periodMs: number, run: () => void): () => void {
    let cancel = (): unknown => undefined;
    const set = (): void => {
      cancel = this.after(periodMs, () => {
        set();
        run();
      });
    };
    set();
    return () => void cancel();
  }

  /** When the next timer is due; undefined without any. */
  get next(): number | undefined {
    const [first] = this.#inOrder();
    return first?.at;
  }

  advance(ms: number): void {
    const end = this.#nowMs + ms;
    for (;;) {
      const [first] = this.#inOrder();
      if (first === undefined || first.at > end) break;
      this.#timers.delete(first);
      this.#nowMs = Math.max(this.#nowMs, first.at);
      first.run();
    }
    this.#nowMs = end;
  }

  #inOrder(): Timer[] {
    return [...this.#timers].sort((a, b) => a.at - b.at);
  }
}
