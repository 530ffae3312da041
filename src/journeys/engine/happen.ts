/**
 * What happens to instances, told to who waits for it: steps that are journeys of their own, and rules. One
 * thing leads to the next until nothing is left; the number of steps in one go is bounded (`microstepsMax`).
 */
import type { CompiledMap } from '../compile/compiled.ts';
import type { InstanceState } from '../state.ts';
import type { InstanceHappening } from './happening.ts';
import { armStalls, complete, completeIfDone, enter } from './instance.ts';
import type { Moment } from './moment.ts';
import { askRule, placeOf } from './requests.ts';

/** Works off what has happened so far, and what that leads to. */
export function settle(moment: Moment): void {
  for (let n = 0; n < moment.happenings.length; n++) {
    const happening = moment.happenings[n]!;
    tellSteps(moment, happening);
    tellRules(moment, happening);
  }
  moment.happenings.length = 0;
}

function tellSteps(moment: Moment, { instance, what }: InstanceHappening): void {
  if (what !== 'started' && what !== 'completed') return;
  for (const parent of moment.person.instances) {
    if (parent === instance || parent.status !== 'active' || !areOne(parent, instance)) continue;
    const map = moment.force.map(parent.journey, parent.version);
    if (map !== undefined) tellStep(moment, parent, map, instance, what);
  }
}

/** Told apart by the same key, or one of them is not told apart. */
function areOne({ key }: InstanceState, other: InstanceState): boolean {
  return key === '' || other.key === '' || key === other.key;
}

function tellStep(
  moment: Moment,
  parent: InstanceState,
  map: CompiledMap,
  { journey }: InstanceState,
  what: 'started' | 'completed',
): void {
  const step = map.steps.find((each) => each.journey === journey);
  if (step === undefined) return;
  if (what === 'started') enter(moment, parent, map, step);
  else {
    complete(moment, parent, step.ordinal);
    completeIfDone(moment, parent, map);
  }
  armStalls(moment, parent, map);
}

function tellRules(moment: Moment, { instance, name, what }: InstanceHappening): void {
  for (const rule of moment.force.happenings) {
    const { when } = rule;
    if (when.kind !== 'instance' || when.happening !== what) continue;
    if (rule.journey !== instance.journey) continue;
    if (when.name !== undefined && when.name !== name) continue;
    const mark = `${what}/${placeOf(moment.cause)}/${instance.activity.toString(36)}`;
    askRule(moment, rule, { mark, instance, event: moment.event });
  }
}
