/**
 * What was said of offers and has not been read back. It counts, or does not, when the reader passes the
 * place where it stands: whoever waits for that is told, and what passed without counting is given back.
 */
import { AppError } from '../../std/errors.ts';
import type { EngineContext } from '../engine/work.ts';
import type { OfferSaid } from '../words.ts';
import type { Office } from './office.ts';

interface Echo {
  readonly office: Office;
  readonly said: OfferSaid;
  /** When the reader has passed this stamp it has read it. */
  readonly stamp: number;
  readonly resolve: () => void;
  readonly reject: (error: AppError) => void;
}

export class Echoes {
  readonly #context: Pick<EngineContext, 'tape' | 'passedUpTo'>;
  readonly #open = new Map<string, Echo>();

  constructor(context: Pick<EngineContext, 'tape' | 'passedUpTo'>) {
    this.#context = context;
  }

  /** It is durable. Resolves when it counts. @throws AppError conflict when it did not, unavailable at the end. */
  of(office: Office, said: OfferSaid): Promise<void> {
    if (counts(office, said)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const stamp = this.#context.tape.issued();
      this.#open.set(keyOf(office, said.action), { office, said, stamp, resolve, reject });
    });
  }

  /** Something of the offer was read. */
  heard(office: Office, offer: string): void {
    const key = keyOf(office, offer);
    const echo = this.#open.get(key);
    if (echo === undefined || !counts(office, echo.said)) return;
    this.#open.delete(key);
    echo.resolve();
  }

  /** What the reader has passed without its counting. */
  lost(): Pick<Echo, 'office' | 'said'>[] {
    const lost = [...this.#open].filter(([, { stamp }]) => this.#context.passedUpTo >= stamp);
    for (const [key, { reject }] of lost) {
      this.#open.delete(key);
      reject(new AppError('conflict', 'something else became of the offer meanwhile'));
    }
    return lost.map(([, echo]) => echo);
  }

  close(): void {
    for (const { reject } of this.#open.values()) {
      reject(new AppError('unavailable', 'the server is shutting down', { retryAfterSeconds: 1 }));
    }
    this.#open.clear();
  }
}

/** The offer has gone past it: by it, or it is over. */
function counts({ board }: Office, { action, number }: OfferSaid): boolean {
  const offer = board.offer(action);
  return offer === undefined || offer.state.number >= number;
}

function keyOf({ workspace }: Office, offer: string): string {
  return `${workspace}/${offer}`;
}
