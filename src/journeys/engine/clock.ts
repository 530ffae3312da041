/**
 * A timer's time has come, as the tape says it (`tapeline.timer`): counts if it is still armed with what it
 * was said for, and if what it waits for has really not come.
 */
import type { CompiledMap } from '../compile/compiled.ts';
import type { InstanceState, TimerState } from '../state.ts';
import type { TimerSaid } from '../words.ts';
import { armStalls, completeIfDone, end, enter, stallDue } from './instance.ts';
import { audienceDue } from './memberships.ts';
import type { Moment } from './moment.ts';
import { askRule, askStep } from './requests.ts';
import { absenceDue } from './rulesof.ts';
import { disarm, disarmPerson, isOpen, isRunning, parseInstanceTimer } from './timers.ts';

/** `moment.at` is past what the timer is due at. @returns whether anything came of it. */
export function timerDue(moment: Moment, { generation, timer: id }: TimerSaid): boolean {
  const { person } = moment;
  const own = person.timers.find((timer) => timer.id === id);
  if (own !== undefined) return isMeant(own, generation) && personDue(moment, own);
  for (const instance of person.instances) {
    if (!id.startsWith(`${instance.id}/`)) continue;
    const timer = instance.timers.find((each) => each.id === id);
    if (timer === undefined || !isMeant(timer, generation)) return false;
    return instance.status === 'active' && instanceDue(moment, instance, timer);
  }
  return false;
}

function isMeant(timer: TimerState, generation: number): boolean {
  return timer.generation === generation && isRunning(timer);
}

function personDue(moment: Moment, { id }: TimerState): boolean {
  if (id.startsWith('a/')) {
    audienceDue(moment, id.slice(2));
    return true;
  }
  disarmPerson(moment.person, id);
  absenceDue(moment, id.slice(2));
  return true;
}

function instanceDue(moment: Moment, instance: InstanceState, timer: TimerState): boolean {
  const map = moment.force.map(instance.journey, instance.version);
  if (map === undefined) {
    end(moment, instance, 'cancelled', 'definition gone');
    return true;
  }
  const parsed = parseInstanceTimer(timer, instance);
  switch (parsed.of) {
    case 'rule':
      stalled(moment, instance, timer, parsed.rule);
      return true;
    case 'wait':
      waited(moment, instance, map, parsed);
      return true;
    case 'expiry':
      end(moment, instance, 'expired');
      return true;
  }
}

/** Once for each silence: activity arms it anew. */
function stalled(moment: Moment, instance: InstanceState, timer: TimerState, name: string): void {
  const rule = moment.force.rule(name);
  if (rule?.when.kind !== 'stall' || rule.journey !== instance.journey) {
    disarm(instance, timer.id);
    return;
  }
  const due = stallDue(instance, rule.when);
  if (moment.at <= due) {
    // The rule asks for a longer silence than when it was armed.
    instance.activity += 1;
    timer.generation = instance.activity;
    timer.due = due;
    return;
  }
  timer.spent = true;
  askRule(moment, rule, { mark: timer.generation.toString(36), instance });
}

function waited(
  moment: Moment,
  instance: InstanceState,
  map: CompiledMap,
  { step: ordinal, wait: index }: { readonly step: number; readonly wait: number },
): void {
  const step = map.steps[ordinal - 1];
  const wait = step?.waits[index];
  disarm(instance, `${instance.id}/w/${ordinal}/${index}`);
  if (step === undefined || wait === undefined || ordinal !== instance.current) return;
  if (wait.actions.length > 0) askStep(moment, instance, step, { name: wait.name, index });
  const next = wait.thenStep === undefined ? undefined : map.steps[wait.thenStep - 1];
  if (next !== undefined) enter(moment, instance, map, next);
  if (!isOpen(instance)) return;
  completeIfDone(moment, instance, map);
  armStalls(moment, instance, map);
}
