/**
 * What the conditions of a workspace's decisions may cost over time, as `engine/allowance.ts` says it for events,
 * out of a bucket of their own: what holds on the tape is a function of the tape, and decisions are not. Once it is
 * empty each weighing has a few steps all the same; conditions past them are an error, which says no and is said.
 */
import { boundSteps, meter } from '../../event/meter.ts';
import { Allowances } from '../engine/allowance.ts';
import { Shortfalls } from '../engine/shortfalls.ts';
import type { EngineContext } from '../engine/work.ts';
import { weighStepsMax } from './weigh.ts';

export class Spending {
  readonly #context: Pick<EngineContext, 'clock' | 'log' | 'metrics'>;
  readonly #allowances = new Allowances();
  readonly #shortfalls: Shortfalls;

  constructor(context: Pick<EngineContext, 'clock' | 'log' | 'metrics'>) {
    this.#context = context;
    this.#shortfalls = new Shortfalls(context);
  }

  /** One weighing: its conditions together cost at most `weighStepsMax`, and what the workspace has left. */
  bound<Value>(workspace: number, weighing: () => Value): Value {
    const now = this.#context.clock.monotonicMs();
    const stepsMax = this.#allowances.of(workspace, now, weighStepsMax);
    const before = meter.spent;
    const value = boundSteps(stepsMax, weighing);
    const steps = meter.spent - before;
    this.#allowances.spend(workspace, now, steps);
    if (stepsMax < weighStepsMax && steps > stepsMax) this.#shortfalls.note('steps', workspace);
    return value;
  }
}
