/**
 * Time is passed in. Nothing outside this file reads the system clock or sets a timer, so that a
 * test can hold both.
 */

export interface Clock {
  /** Wall clock, epoch milliseconds, UTC. May step. */
  now(): number;
  /**
   * Milliseconds since an arbitrary start, with fractions; never steps back. For durations. Threads of
   * one process agree on it.
   */
  monotonicMs(): number;
  /** Calls `run` once after at least `delayMs`; the returned function cancels it. */
  after(delayMs: number, run: () => void): () => void;
  /** Calls `run` every `periodMs` until the returned function is called. Never keeps a process alive. */
  every(periodMs: number, run: () => void): () => void;
}

/** Each thread's `performance.now` counts from the thread's own start; this one from the machine's. */
const startedMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => startedMs + performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  every(periodMs, run) {
    const timer = setInterval(run, periodMs);
    timer.unref();
    return () => clearInterval(timer);
  },
};

/** Resolves after at least `delayMs` on the given clock. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}

/** Nobody wakes it. */
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Stops this thread for `ms`, fractions count. */
export function rest(ms: number): void {
  Atomics.wait(sleeper, 0, 0, ms);
}
