/** Who waits until the reader has passed a stamp, or until something is in force. */
import type { Clock } from '../../std/clock.ts';
import { AppError } from '../../std/errors.ts';

/** So long; then the engine is too far behind to answer. */
export const waitMsMax = 10_000;

interface Wait {
  readonly isOver: () => boolean;
  readonly until: number;
  readonly resolve: () => void;
  readonly reject: (error: AppError) => void;
}

export class Waiting {
  readonly #clock: Clock;
  #waits: Wait[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws AppError unavailable when it takes too long. */
  until(isOver: () => boolean): Promise<void> {
    if (isOver()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const until = this.#clock.monotonicMs() + waitMsMax;
      this.#waits.push({ isOver, until, resolve, reject });
    });
  }

  /** The reader has moved, or time has passed. */
  look(): void {
    if (this.#waits.length === 0) return;
    const now = this.#clock.monotonicMs();
    this.#waits = this.#waits.filter((wait) => {
      if (wait.isOver()) wait.resolve();
      else if (now > wait.until) wait.reject(tooFarBehind());
      else return true;
      return false;
    });
  }

  /** Nobody is answered any more. */
  end(): void {
    for (const { reject } of this.#waits) {
      reject(new AppError('unavailable', 'the server is shutting down', { retryAfterSeconds: 1 }));
    }
    this.#waits = [];
  }
}

function tooFarBehind(): AppError {
  const message = 'journeys are behind the tape; ask again';
  return new AppError('unavailable', message, { retryAfterSeconds: 1 });
}
