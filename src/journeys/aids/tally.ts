/**
 * Counting what happens to a version of a map or rule. Plain data of counters, so that it can be stored, and
 * pure: the same happenings make the same tally, whether the engine counts them or a dry run does.
 */
import type { InstanceHappening } from '../engine/happening.ts';
import type { Delivery } from '../state.ts';
import type { DecidedAction, DecisionSaid, DeliverySaid } from '../words.ts';

/** What asked for decisions: a rule, or the steps of a map. */
export interface AskTally {
  requested: number;
  /** `act`, or why not. */
  verdicts: Record<string, number>;
  /** By what they do: `webhook`, `page` … */
  actions: Record<string, ActionTally>;
}

export interface ActionTally {
  decided: number;
  delivered: number;
  failed: number;
  expired: number;
  withdrawn: number;
}

export interface MapTally extends AskTally {
  started: number;
  completed: number;
  /** How long all of those took together, milliseconds. */
  completedMs: number;
  exited: number;
  expired: number;
  cancelled: number;
  failed: number;
  /** By reason. */
  exits: Record<string, number>;
  /** Under way now, those that are paused included. */
  open: number;
  paused: number;
  resumed: number;
  /** By ordinal. */
  steps: Record<string, StepTally>;
  milestones: Record<string, number>;
}

export interface StepTally {
  entered: number;
  completed: number;
  /** Instances that are at it now. */
  here: number;
  /** Went on to another step, or completed from it. */
  left: number;
}

export function emptyAskTally(): AskTally {
  return { requested: 0, verdicts: {}, actions: {} };
}

export function emptyMapTally(): MapTally {
  return {
    ...emptyAskTally(),
    ...{ started: 0, completed: 0, completedMs: 0, exited: 0, expired: 0, cancelled: 0, failed: 0 },
    ...{ exits: {}, open: 0, paused: 0, resumed: 0, steps: {}, milestones: {} },
  };
}

/** Reasons, milestones and verdicts of one tally that have a counter of their own; the rest share one. */
export const countersMax = 200;
const others = '…';

export function countOne(counters: Record<string, number>, name: string): void {
  const known = Object.hasOwn(counters, name);
  const key = known || Object.keys(counters).length < countersMax ? name : others;
  counters[key] = (counters[key] ?? 0) + 1;
}

export function noteInstance(tally: MapTally, happening: InstanceHappening): void {
  const { from, instance, isPassed, name, step, what } = happening;
  switch (what) {
    case 'started':
      tally.started++;
      tally.open++;
      break;
    case 'step':
      stepOf(tally, step!).entered++;
      if (isPassed === true) stepOf(tally, step!).left++;
      else stepOf(tally, step!).here++;
      if (from !== undefined && from > 0) leave(tally, from);
      break;
    case 'stepCompleted':
      stepOf(tally, step!).completed++;
      break;
    case 'milestone':
      countOne(tally.milestones, name!);
      break;
    case 'paused':
      tally.paused++;
      break;
    case 'resumed':
      tally.resumed++;
      break;
    default:
      if (what !== 'erased') tally[what]++;
      if (what === 'exited') countOne(tally.exits, instance.reason ?? '');
      tally.open--;
      if (instance.current === 0) break;
      if (what === 'completed') leave(tally, instance.current);
      else stepOf(tally, instance.current).here--;
  }
  if (what === 'completed') tally.completedMs += (instance.endedAt ?? 0) - instance.startedAt;
}

function leave(tally: MapTally, step: number): void {
  stepOf(tally, step).here--;
  stepOf(tally, step).left++;
}

function stepOf({ steps }: MapTally, ordinal: number): StepTally {
  steps[ordinal] ??= { entered: 0, completed: 0, here: 0, left: 0 };
  return steps[ordinal];
}

export function noteDecision(
  tally: AskTally,
  verdict: DecisionSaid['verdict'],
  actions: readonly DecidedAction[] = [],
): void {
  countOne(tally.verdicts, verdict);
  for (const action of actions) actionOf(tally, action.do).decided++;
}

/**
 * How often a decision was wanted and none was said: a condition did not hold, a cooldown or a date was against
 * it, nobody could decide in time, or nobody has yet.
 */
export function unsaidOf({ requested, verdicts }: AskTally): number {
  const said = Object.values(verdicts).reduce((sum, each) => sum + each, 0);
  return Math.max(0, requested - said);
}

export function noteDelivery(
  tally: AskTally,
  { action }: Delivery,
  { outcome }: DeliverySaid,
): void {
  actionOf(tally, action.do)[outcome]++;
}

function actionOf({ actions }: AskTally, kind: string): ActionTally {
  actions[kind] ??= { decided: 0, delivered: 0, failed: 0, expired: 0, withdrawn: 0 };
  return actions[kind];
}
