/**
 * For how long the engine's thread does one thing in one go. A touchpoint's question comes by some four times on its
 * way (asked, said on the tape, found durable, answered), and each time waits for what the thread is at.
 */
import type { Clock } from '../../std/clock.ts';

/** Of reading the tape, and of writing out a checkpoint, in milliseconds. */
const usual = { readMs: 8, writeMs: 4 };
const whileAsked = { readMs: 2, writeMs: 0.5 };
/** Who asked so lately will ask again. */
const latelyMs = 500;

export class Turns {
  readonly #clock: Clock;
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Somebody waits for an answer. */
  noteAsked(): void {
    this.#askedMs = this.#clock.monotonicMs();
  }

  get #lengths(): typeof usual {
    return this.#clock.monotonicMs() - this.#askedMs < latelyMs ? whileAsked : usual;
  }

  /** How long to read; then the thread looks after its other work. */
  get readMs(): number {
    return this.#lengths.readMs;
  }

  /** How long to write customers out. */
  get writeMs(): number {
    return this.#lengths.writeMs;
  }
}
