/**
 * Of two open instances of a map with one key that a merge brings together one is put away: it is cancelled,
 * and its clocks stand still as in a pause. An un-merge that parts the two gives it back as it was.
 */
import type { InstanceState } from '../state.ts';
import { end } from './instance.ts';
import type { Moment } from './moment.ts';
import { pause, resume } from './pause.ts';
import { isOpen } from './timers.ts';

/** @param stays goes on in its place. */
export function putAway(moment: Moment, instance: InstanceState, stays: InstanceState): void {
  const isPaused = instance.status === 'paused';
  pause(moment, instance);
  const { dormant, held, pausedAt = moment.at, timers } = instance;
  end(moment, instance, 'cancelled', 'merged');
  const waiting = {
    ...(held !== undefined && { held }),
    ...(dormant !== undefined && { dormant }),
  };
  const left = { isPaused, pausedAt, timers, ...waiting };
  instance.merged = { stays: stays.home, ...left };
}

/** Whether the merge that put it away is undone for these two: one of them goes, the other does not. */
export function isParted(
  { home, merged }: InstanceState,
  goes: (home: string) => boolean,
): boolean {
  return merged !== undefined && goes(home) !== goes(merged.stays);
}

/** @param among the instances of whoever has it now: another one that is open there keeps it away. */
export function giveBack(
  moment: Moment,
  instance: InstanceState,
  among: readonly InstanceState[],
): void {
  const { journey, key, merged } = instance;
  if (merged === undefined) return;
  const open = among.find((each) => each.journey === journey && each.key === key && isOpen(each));
  if (open !== undefined) {
    instance.merged = { ...merged, stays: open.home };
    return;
  }
  delete instance.merged;
  delete instance.reason;
  delete instance.endedAt;
  instance.status = 'paused';
  instance.pausedAt = merged.pausedAt;
  instance.timers = [...merged.timers];
  if (merged.held !== undefined) instance.held = [...merged.held];
  if (merged.dormant !== undefined) instance.dormant = [...merged.dormant];
  if (!merged.isPaused) resume(moment, instance);
}
