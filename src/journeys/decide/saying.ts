/**
 * Says on the tape what was decided, until it is there: what could not be written is tried again with the
 * same words, after 0.1 s, 0.2 s … 10 s. Once the engine closes nothing is tried any more; a request that
 * is undecided then is decided anew after the next start.
 */
import { eventBytesMax } from '../../event/envelope.ts';
import { AppError } from '../../std/errors.ts';
import type { EngineContext } from '../engine/work.ts';
import { type DecisionSaid, typeOfDecision } from '../words.ts';

const firstWaitMs = 100;
const longestWaitMs = 10_000;

/** An event of the server's own. */
export interface SaidEvent {
  readonly id: string;
  readonly customer: string;
  readonly type: string;
  readonly data: object;
}

export class Saying {
  readonly #context: Pick<EngineContext, 'clock' | 'log' | 'say'>;
  readonly #waiting = new Set<() => void>();
  #isClosed = false;

  constructor(context: Pick<EngineContext, 'clock' | 'log' | 'say'>) {
    this.#context = context;
  }

  /** Durable when it resolves to true; false: the engine closes. Each event `fits`. */
  async say(workspace: number, events: readonly SaidEvent[]): Promise<boolean> {
    for (let waitMs = firstWaitMs; !this.#isClosed; waitMs = Math.min(longestWaitMs, waitMs * 2)) {
      try {
        await this.#context.say(workspace, events);
        return true;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        const facts = { reason: error.message, events: events.length };
        this.#context.log.warn('a decision could not be written yet', facts);
      }
      await this.#pause(waitMs);
    }
    return false;
  }

  close(): void {
    this.#isClosed = true;
    for (const goOn of this.#waiting) goOn();
  }

  #pause(waitMs: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const goOn = (): void => {
        cancel();
        this.#waiting.delete(goOn);
        resolve();
      };
      const cancel = this.#context.clock.after(waitMs, goOn);
      this.#waiting.add(goOn);
    });
  }
}

/** Whether an event is one that the tape takes. */
export function fits(event: SaidEvent): boolean {
  return Buffer.byteLength(JSON.stringify(event)) <= eventBytesMax;
}

/** A decision as it goes on the tape of a customer. */
export function decisionEvent(customer: string, said: DecisionSaid): SaidEvent {
  return { id: said.request, customer, type: typeOfDecision, data: said };
}
