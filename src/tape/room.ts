/** How many erasures may be under way: what asks for one keeps its room before it changes anything. Thread: main. */
import { AppError } from '../std/errors.ts';
import type { ErasedCustomer } from './job.ts';

/** Erasures under way; each is looked for in every segment of its shard. */
export const erasuresPendingMax = 1000;
/** Identities of all of them together: the rules that name them are published in 4 MiB. */
export const erasedSharesMax = 15_000;

export class ErasureRoom {
  /** Promised, and not under way yet. */
  #erasures = 0;
  #shares = 0;

  /**
   * @param pending what is under way.
   * @returns gives the room back; call it when the erasure is under way, or will not be.
   * @throws AppError `overloaded`.
   */
  reserve(pending: { readonly erasures: number; readonly shares: number }, shares: number) {
    const erasures = pending.erasures + this.#erasures;
    const isFull =
      erasures >= erasuresPendingMax || pending.shares + this.#shares + shares > erasedSharesMax;
    if (isFull) {
      const message = `${erasures} erasures are under way; ask again when some are done`;
      throw new AppError('overloaded', message, { retryAfterSeconds: 60 });
    }
    this.#erasures += 1;
    this.#shares += shares;
    let isKept = true;
    return (): void => {
      if (!isKept) return;
      isKept = false;
      this.#erasures -= 1;
      this.#shares -= shares;
    };
  }
}

/** Whether two erasures are of the same; it takes no room twice. */
export function isSame(a: readonly ErasedCustomer[], b: readonly ErasedCustomer[]): boolean {
  const [one, other] = [a, b].map((customers) => customers.map(keyOf));
  return one!.sort().join() === other!.sort().join();
}

/** The same with the newest stamps of both: what is erased once stays so. */
export function newest(
  customers: readonly ErasedCustomer[],
  known: readonly ErasedCustomer[] = [],
): ErasedCustomer[] {
  const upTo = new Map(known.map((each) => [keyOf(each), each.upTo]));
  return customers.map((each) => {
    return { ...each, upTo: Math.max(each.upTo, upTo.get(keyOf(each)) ?? 0) };
  });
}

function keyOf({ digest, from, to, workspace }: ErasedCustomer): string {
  return `${workspace}/${digest}/${from}/${to}`;
}
