/**
 * A timer's time has come, as the tape says it (`tapeline.timer`): counts if it is still armed with what it
 * was said for, and if what it waits for has really not come.
 */
import type { CompiledMap } from '../compile/compiled.ts';
import type { InstanceState, TimerState } from '../state.ts';
import type { TimerSaid } from '../words.ts';
import type { TimerOutcome } from './happening.ts';
import { armStalls, armStanding, completeIfDone, end, enter, stallDue } from './instance.ts';
import { audienceDue } from './memberships.ts';
import type { Moment } from './moment.ts';
import { askRule, askStep } from './requests.ts';
import { absenceDue } from './rulesof.ts';
import {
  disarm,
  disarmPerson,
  isOpen,
  isRunning,
  parseInstanceTimer,
  standingGeneration,
} from './timers.ts';

/** `moment.at` is past what the timer is due at. @returns what came of it. */
export function timerDue(moment: Moment, { generation, timer: id }: TimerSaid): TimerOutcome {
  const { person } = moment;
  const own = person.timers.find((timer) => timer.id === id);
  if (own !== undefined) return isMeant(own, generation) ? personDue(moment, own) : 'over';
  for (const instance of person.instances) {
    if (!id.startsWith(`${instance.id}/`)) continue;
    if (generation === standingGeneration) return standing(moment, instance);
    const timer = instance.timers.find((each) => each.id === id);
    if (timer === undefined || !isMeant(timer, generation)) return 'over';
    return instance.status === 'active' ? instanceDue(moment, instance, timer) : 'over';
  }
  return 'over';
}

function standing(moment: Moment, instance: InstanceState): TimerOutcome {
  const map = moment.force.map(instance.journey, instance.version);
  if (map === undefined || instance.status !== 'active' || instance.isHistory) return 'over';
  armStanding(moment, instance, map);
  return 'active';
}

function isMeant(timer: TimerState, generation: number): boolean {
  return timer.generation === generation && isRunning(timer);
}

function personDue(moment: Moment, { id }: TimerState): TimerOutcome {
  const before = moment.person.requests.length;
  if (id.startsWith('a/')) audienceDue(moment, id.slice(2));
  else {
    disarmPerson(moment.person, id);
    absenceDue(moment, id.slice(2));
  }
  return moment.person.requests.length > before ? 'request' : 'over';
}

function instanceDue(moment: Moment, instance: InstanceState, timer: TimerState): TimerOutcome {
  const map = moment.force.map(instance.journey, instance.version);
  if (map === undefined) {
    end(moment, instance, 'cancelled', 'definition gone');
    return 'over';
  }
  const parsed = parseInstanceTimer(timer, instance);
  switch (parsed.of) {
    case 'rule':
      return stalled(moment, instance, timer, parsed.rule);
    case 'wait':
      return waited(moment, instance, map, parsed);
    case 'absence':
      return missed(moment, instance, timer, parsed.rest);
    case 'expiry':
      end(moment, instance, 'expired');
      return 'expired';
  }
}

/** Once for each silence: activity arms it anew. */
function stalled(
  moment: Moment,
  instance: InstanceState,
  timer: TimerState,
  name: string,
): TimerOutcome {
  const rule = moment.force.rule(name);
  if (rule?.when.kind !== 'stall' || rule.journey !== instance.journey) {
    disarm(instance, timer.id);
    return 'over';
  }
  const due = stallDue(instance, rule.when);
  if (moment.at <= due) {
    // The rule asks for a longer silence than when it was armed.
    instance.activity += 1;
    timer.generation = instance.activity;
    timer.due = due;
    return 'active';
  }
  timer.spent = true;
  askRule(moment, rule, { mark: timer.generation.toString(36), instance });
  return 'request';
}

function missed(
  moment: Moment,
  instance: InstanceState,
  { id }: TimerState,
  rest: string,
): TimerOutcome {
  const before = moment.person.requests.length;
  disarm(instance, id);
  absenceDue(moment, rest, instance);
  return moment.person.requests.length > before ? 'request' : 'over';
}

function waited(
  moment: Moment,
  instance: InstanceState,
  map: CompiledMap,
  { step: ordinal, wait: index }: { readonly step: number; readonly wait: number },
): TimerOutcome {
  const step = map.steps[ordinal - 1];
  const wait = step?.waits[index];
  disarm(instance, `${instance.id}/w/${ordinal}/${index}`);
  if (step === undefined || wait === undefined || ordinal !== instance.current) return 'over';
  if (wait.actions.length > 0) askStep(moment, instance, step, { name: wait.name, index });
  const next = wait.thenStep === undefined ? undefined : map.steps[wait.thenStep - 1];
  if (next !== undefined) enter(moment, instance, map, next);
  const came = next === undefined ? 'request' : 'step';
  if (!isOpen(instance)) return came;
  completeIfDone(moment, instance, map);
  armStalls(moment, instance, map);
  return came;
}
