/** A profile view of one customer, as the answer's JSON text. */
import type { ScanBudget } from '../tape/budget.ts';
import { scan } from '../tape/scan.ts';
import type { Tape } from '../tape/tape.ts';
import type { ViewTemplate } from '../workspaces/view.ts';
import { evaluateView, type ViewEvent, type ViewNeeds } from './evaluate.ts';

export interface ViewAsk {
  readonly workspace: number;
  readonly customer: string;
  readonly name: string;
  readonly template: ViewTemplate;
  /** Epoch milliseconds; later events are left out. */
  readonly asOf: number;
}

/** @throws ScanTooLong past the budget. */
export function answerView(tape: Tape, ask: ViewAsk, budget: ScanBudget): string {
  const { asOf, customer, template, workspace } = ask;
  const read = (needs: ViewNeeds): Iterable<ViewEvent> => {
    const { types } = needs;
    return scan(tape, { workspace, customer, until: asOf, types, needs }, budget);
  };
  const { json } = evaluateView(template, asOf, read, (steps) => budget.spend(steps));
  return answerText(ask, json);
}

/** @param fields the JSON text of the rows, as of `ask.asOf`. */
export function answerText({ asOf, customer, name }: ViewAsk, fields: string): string {
  const head = `"customer":${JSON.stringify(customer)},"view":${JSON.stringify(name)}`;
  return `{${head},"asOf":${asOf},"fields":${fields}}`;
}
