/** When customers came to be: the time of the oldest event on each one's tape. */
import type { ScanBudget } from './budget.ts';
import { scan } from './scan.ts';
import type { Tape } from './tape.ts';

export interface BornAsk {
  readonly workspace: number;
  readonly customers: readonly string[];
}

/**
 * For each customer epoch milliseconds, or null when its tape is empty. Walks the index of the
 * whole tape, no block is read; a customer that shares a hash with an older one may seem as old.
 *
 * @throws ScanTooLong past the budget.
 */
export function bornOf(
  tape: Tape,
  { customers, workspace }: BornAsk,
  budget: ScanBudget,
): readonly (number | null)[] {
  return customers.map((customer) => oldestOf(tape, workspace, customer, budget));
}

function oldestOf(
  tape: Tape,
  workspace: number,
  customer: string,
  budget: ScanBudget,
): number | null {
  let oldest: number | null = null;
  const needs = {
    since: Number.NEGATIVE_INFINITY,
    wants(_typeHash: number, time: number): boolean {
      oldest = time;
      return false;
    },
  };
  for (const _ of scan(tape, { workspace, customer, needs }, budget)) break;
  return oldest;
}
