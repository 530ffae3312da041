/**
 * Says on the tape what was decided, until it is there: what could not be written is tried again with the
 * same words, after 0.1 s, 0.2 s … 10 s. Once the engine closes nothing is tried any more; a request that
 * is undecided then is decided anew after the next start. Of a customer who is erased nothing is said any more.
 */
import { eventBytesMax } from '../../event/envelope.ts';
import { AppError } from '../../std/errors.ts';
import type { EngineContext } from '../engine/work.ts';
import type { Request } from '../state.ts';
import { type DecisionSaid, type NotReason, typeOfDecision } from '../words.ts';

const firstWaitMs = 100;
const longestWaitMs = 10_000;

/** An event of the server's own. */
export interface SaidEvent {
  readonly id: string;
  readonly customer: string;
  readonly type: string;
  readonly data: object;
}

/** What is being said of somebody. */
interface UnderWay {
  readonly workspace: number;
  readonly customer: string;
  isForgotten: boolean;
}

export class Saying {
  readonly #context: Pick<EngineContext, 'clock' | 'log' | 'say'>;
  readonly #waiting = new Set<() => void>();
  readonly #underWay = new Set<UnderWay>();
  #isClosed = false;

  constructor(context: Pick<EngineContext, 'clock' | 'log' | 'say'>) {
    this.#context = context;
  }

  /**
   * Durable when it resolves to true; false: the engine closes, or the customer is erased.
   * @param events of this customer, each of which `fits`.
   */
  async say(workspace: number, customer: string, events: readonly SaidEvent[]): Promise<boolean> {
    const underWay: UnderWay = { workspace, customer, isForgotten: false };
    this.#underWay.add(underWay);
    try {
      return await this.#say(underWay, events);
    } finally {
      this.#underWay.delete(underWay);
    }
  }

  async #say(underWay: UnderWay, events: readonly SaidEvent[]): Promise<boolean> {
    let waitMs = firstWaitMs;
    while (!this.#isClosed && !underWay.isForgotten) {
      try {
        await this.#context.say(underWay.workspace, events);
        return true;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        const facts = { reason: error.message, events: events.length };
        this.#context.log.warn('a decision could not be written yet', facts);
      }
      await this.#pause(waitMs);
      waitMs = Math.min(longestWaitMs, waitMs * 2);
    }
    return false;
  }

  /** The customer is erased: what could not be written yet would begin a new tape of it. */
  forget(workspace: number, customer: string): void {
    for (const each of this.#underWay) {
      if (each.workspace === workspace && each.customer === customer) each.isForgotten = true;
    }
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

/** What is said of a request that comes to nothing. */
export function notOf(
  { id, instance, journey, rule, version }: Request,
  verdict: NotReason,
  detail?: string,
): DecisionSaid {
  return {
    request: id,
    version,
    verdict,
    ...(rule !== undefined && { rule }),
    ...(journey !== undefined && { journey }),
    ...(instance !== undefined && { instance }),
    ...(detail !== undefined && { detail }),
  };
}
