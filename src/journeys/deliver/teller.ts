/**
 * Says on the tape what must be said, however long that takes: what cannot be written now is said again a
 * second later. What is not said when the process ends is found again by the next one, which still has it
 * to do. Together what is waiting together, so that many outcomes cost one commit.
 */
import type { Clock } from '../../std/clock.ts';
import { AppError } from '../../std/errors.ts';
import type { Log } from '../../std/log.ts';
import type { EngineContext } from '../engine/work.ts';

const retryMs = 1000;
/** Events said together. */
const batchMax = 200;

export interface Utterance {
  readonly workspace: number;
  /** Whom the events are about. */
  readonly customer: string;
  /** With ids of their own: said again they are the same. */
  readonly events: readonly object[];
  /** Rows that the events speak of must be durable before them. */
  readonly after?: () => Promise<void>;
  /** What is said when these can never be. */
  readonly otherwise?: (reason: string) => readonly object[];
}

export interface TellerParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly say: EngineContext['say'];
  /** Nothing is said in a workspace that was deleted. */
  readonly exists: (workspace: number) => boolean;
}

export class Teller {
  readonly #parts: TellerParts;
  #waiting: Utterance[] = [];
  #isTelling = false;
  #closed = false;

  constructor(parts: TellerParts) {
    this.#parts = parts;
  }

  /** Returns at once. */
  tell(utterance: Utterance): void {
    this.#waiting.push(utterance);
    if (this.#isTelling) return;
    this.#isTelling = true;
    // With whatever else this turn has to say.
    queueMicrotask(() => void this.#work());
  }

  /** The customer is erased: nothing more is said of it. */
  forget(workspace: number, customer: string): void {
    this.#waiting = this.#waiting.filter((each) => {
      return each.workspace !== workspace || each.customer !== customer;
    });
  }

  close(): void {
    this.#closed = true;
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#closed) {
      const batch = this.#take();
      try {
        if (this.#parts.exists(batch[0]!.workspace)) await this.#tell(batch);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        this.#waiting.unshift(...batch);
        this.#parts.clock.after(retryMs, () => void this.#work());
        return;
      }
    }
    this.#isTelling = false;
  }

  /** The next ones of one workspace. */
  #take(): Utterance[] {
    const { workspace } = this.#waiting[0]!;
    const batch: Utterance[] = [];
    const rest: Utterance[] = [];
    for (const each of this.#waiting) {
      if (each.workspace === workspace && batch.length < batchMax) batch.push(each);
      else rest.push(each);
    }
    this.#waiting = rest;
    return batch;
  }

  /** @throws AppError unavailable: all of it is said again. */
  async #tell(batch: readonly Utterance[]): Promise<void> {
    const [{ workspace }] = batch as readonly [Utterance];
    for (const { after } of batch) await after?.();
    try {
      await this.#parts.say(
        workspace,
        batch.flatMap(({ events }) => events),
      );
    } catch (error) {
      if (!(error instanceof AppError) || isForNow(error)) throw error;
      // One of them can never be written: it must not hold up the others.
      if (batch.length > 1) for (const each of batch) await this.#tell([each]);
      else await this.#tellOtherwise(batch[0]!, error.message);
    }
  }

  async #tellOtherwise({ otherwise, ...rest }: Utterance, reason: string): Promise<void> {
    if (otherwise !== undefined) await this.#tell([{ ...rest, events: otherwise(reason) }]);
    else this.#parts.log.error('what became of an action cannot be said', { reason });
  }
}

function isForNow({ code }: AppError): boolean {
  return code === 'unavailable' || code === 'overloaded' || code === 'rate_limited';
}
