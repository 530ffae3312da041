/** Profile views of one customer, made by one scan, and their answer as JSON text. */
import type { ScanBudget } from '../tape/budget.ts';
import { scan } from '../tape/scan.ts';
import type { Tape } from '../tape/tape.ts';
import { evaluateViews, type ViewNeeds, type ViewResult, type ViewWish } from './evaluate.ts';
import type { ViewEvent } from './once.ts';

/** Some views of one customer. */
export interface ViewsAsk {
  readonly workspace: number;
  readonly customer: string;
  /** Epoch milliseconds; later events are left out. */
  readonly asOf: number;
  /**
   * Whether it is now: later events are then looked at all the same, because a result ends to hold when the
   * first one's time comes.
   */
  readonly isNow: boolean;
  readonly wishes: readonly ViewWish[];
}

/** What was found for one view. */
export interface ViewFound extends ViewResult {
  readonly asOf: number;
}

/** @returns what is found for each wish. @throws ScanTooLong past the budget. */
export function scanViews(tape: Tape, ask: ViewsAsk, budget: ScanBudget): ViewFound[] {
  const { asOf, customer, isNow, wishes, workspace } = ask;
  const until = isNow ? undefined : asOf;
  const read = (needs: ViewNeeds): Iterable<ViewEvent> => {
    return scan(tape, { workspace, customer, until, types: needs.types, needs }, budget);
  };
  const results = evaluateViews(wishes, asOf, read, (steps) => budget.spend(steps));
  return results.map((result) => ({ asOf, ...result }));
}

/** The whole answer for one view. */
export function answerText(customer: string, view: string, { asOf, json }: ViewFound): string {
  return `{"customer":${JSON.stringify(customer)},"view":${JSON.stringify(view)},"asOf":${asOf},"fields":${json}}`;
}

/** The whole answer for several. */
export function answersText(
  customer: string,
  names: readonly string[],
  found: readonly ViewFound[],
): string {
  const views = found.map(({ asOf, json }, index) => {
    return `{"view":${JSON.stringify(names[index])},"asOf":${asOf},"fields":${json}}`;
  });
  return `{"customer":${JSON.stringify(customer)},"views":[${views.join()}]}`;
}
