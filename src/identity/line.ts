/**
 * Asks that wait to be carried out: workspaces take turns, each with its asks in their order, so that a
 * flood of one costs another no more than a turn.
 */
import { AppError } from '../std/errors.ts';

/** Asks that wait; of one workspace half as many at the most. */
export const asksWaitingMax = 100_000;

export class Line<Ask> {
  /** In the order of their turns; a workspace without an ask is not in it. */
  readonly #asks = new Map<number, Ask[]>();
  #count = 0;

  /** @throws AppError overloaded. */
  push(workspace: number, ask: Ask): void {
    const own = this.#asks.get(workspace);
    if (this.#count >= asksWaitingMax || (own?.length ?? 0) >= asksWaitingMax / 2) {
      const message = 'too many links are waiting to be written; ask again';
      throw new AppError('overloaded', message, { retryAfterSeconds: 1 });
    }
    if (own === undefined) this.#asks.set(workspace, [ask]);
    else own.push(ask);
    this.#count += 1;
  }

  /** The next in turn; undefined when nobody waits. */
  shift(): Ask | undefined {
    for (const [workspace, own] of this.#asks) {
      const ask = own.shift();
      this.#count -= 1;
      // Behind the others, where the map's order puts it.
      this.#asks.delete(workspace);
      if (own.length > 0) this.#asks.set(workspace, own);
      return ask;
    }
    return undefined;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }
}
