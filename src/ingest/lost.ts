/**
 * What events on the tape say of identities and could not be written: tried again in the background until
 * it is. What is too much to hold is found by the next start, which reads the tape from `at`. Who was
 * erased meanwhile does not come back: see `erasednames.ts`.
 */
import type { Statement } from '../identity/rules.ts';
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';

/** Statements that are held. */
export const lostStatementsMax = 100_000;
const retryMs = 5000;

export interface LostParts {
  readonly clock: Clock;
  readonly establish: (statements: readonly Statement[], erasures: number) => Promise<unknown>;
}

export interface Lost {
  /** The horizon when their batch began. */
  readonly at: number;
  /** How many there had been then. */
  readonly erasures: number;
  readonly statements: readonly Statement[];
}

export class LostStatements {
  readonly #parts: LostParts;
  /** In the order in which they were lost. */
  readonly #held: Lost[] = [];
  #count = 0;
  /** Where the oldest began that is not held. */
  #droppedAt = Number.POSITIVE_INFINITY;
  #isTrying = false;

  constructor(parts: LostParts) {
    this.#parts = parts;
  }

  /** Behind this stamp something is not in force; infinite: nothing is lost. */
  get at(): number {
    let oldest = this.#droppedAt;
    for (const { at } of this.#held) oldest = Math.min(oldest, at);
    return oldest;
  }

  note(lost: Lost): void {
    const { at, statements } = lost;
    if (this.#count + statements.length > lostStatementsMax) {
      this.#droppedAt = Math.min(this.#droppedAt, at);
      return;
    }
    this.#held.push(lost);
    this.#count += statements.length;
    this.#trySoon();
  }

  #trySoon(): void {
    if (this.#isTrying) return;
    this.#isTrying = true;
    this.#parts.clock.after(retryMs, () => void this.#tryAll());
  }

  async #tryAll(): Promise<void> {
    try {
      for (let first = this.#held[0]; first !== undefined; first = this.#held[0]) {
        await this.#parts.establish(first.statements, first.erasures);
        this.#held.shift();
        this.#count -= first.statements.length;
      }
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    }
    this.#isTrying = false;
    if (this.#held.length > 0) this.#trySoon();
  }
}
