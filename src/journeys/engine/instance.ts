/**
 * An instance begins, moves and ends. Nothing here looks at events: it is what their triggers, the clock and
 * commands come to.
 *
 *     start ─▶ enter a step ⇄ enter another (back too) ─▶ complete ─▶ end
 *                 ├ its actions are asked for, its waits armed, its milestones reached
 *                 └ whoever waits for what happens is told (`happenings`)
 */
import { createHash } from 'node:crypto';
import type { CompiledMap, CompiledRule, CompiledStep } from '../compile/compiled.ts';
import type { InstanceState, InstanceStatus, PersonState, Visit } from '../state.ts';
import { nextLocalTime } from './localtime.ts';
import { type Moment, microstepsMax } from './moment.ts';
import { askStep } from './requests.ts';
import {
  arm,
  disarm,
  expiryId,
  isOpen,
  isRunning,
  letterOf,
  stallId,
  stallTimer,
  timerLetter,
  waitId,
} from './timers.ts';

/** Instances that have ended and are kept of a customer, the newest; what has gone may begin again whatever its map says. */
export const endedMax = 100;
/** Steps that an instance remembers to have visited, the newest. */
export const visitsMax = 200;
export const keyCharactersMax = 256;

/** What the map says of beginning with this key now. */
export function mayStart({ at, person }: Moment, map: CompiledMap, key: string): boolean {
  let open = 0;
  for (const instance of person.instances) {
    if (isOpen(instance)) open += 1;
    if (instance.journey !== map.name || instance.key !== key) continue;
    if (isOpen(instance)) return false;
    const { endedAt = 0 } = instance;
    if (at < endedAt + map.reentryMs) return false;
  }
  return open < map.instancesMax;
}

/** @param context what it remembers from the beginning. */
export function start(
  moment: Moment,
  map: CompiledMap,
  key: string,
  context: Readonly<Record<string, unknown>> = {},
): InstanceState {
  const { at, person } = moment;
  const instance: InstanceState = {
    id: idOf(moment, map, key),
    journey: map.name,
    version: map.version,
    key,
    run: runOf(person, map, key),
    home: moment.home,
    status: 'active',
    startedAt: at,
    lastActivity: at,
    activity: 1,
    current: 0,
    furthest: 0,
    visited: [],
    completed: [],
    milestones: [],
    context: Object.assign({}, context),
    pausedMs: 0,
    acted: {},
    timers: [],
  };
  if (moment.isSilent(map.latenessMs)) instance.isHistory = true;
  person.instances.push(instance);
  forgetEnded(person);
  // Also when history began it: it must end some time.
  arm(instance, expiryId(instance), at + map.expiresAfterMs);
  moment.tell({ instance, what: 'started' });
  const [first] = map.steps;
  if (first !== undefined && isEnteredAtStart(map, first)) enter(moment, instance, map, first);
  return instance;
}

/** Places on the tape are the same in every replay, and no two instances of a map begin at one. */
function idOf({ cause, home }: Moment, map: CompiledMap, key: string): string {
  const facts = [map.name, home, key, cause.stamp, cause.ordinal];
  return createHash('sha256').update(JSON.stringify(facts)).digest('base64url').slice(0, 22);
}

function runOf({ instances }: PersonState, map: CompiledMap, key: string): number {
  let last = 0;
  for (const { journey, key: other, run } of instances) {
    if (journey === map.name && other === key && run > last) last = run;
  }
  return last + 1;
}

function forgetEnded(person: PersonState): void {
  let over = person.instances.length - endedMax;
  if (over <= 0) return;
  over = person.instances.filter((instance) => !isOpen(instance)).length - endedMax;
  if (over <= 0) return;
  person.instances = person.instances.filter((instance) => isOpen(instance) || over-- <= 0);
}

function isEnteredAtStart({ steps }: CompiledMap, first: CompiledStep): boolean {
  if (first.on.length > 0 || first.journey !== undefined) return false;
  return !steps.some(({ waits }) => waits.some(({ thenStep }) => thenStep === first.ordinal));
}

/** When it came about: visits are kept in this order. */
function timeOf({ at, time }: Visit): number {
  return time ?? at;
}

/** Whether something newer has led the instance to where it is. */
export function isOvertaken({ visited }: InstanceState, time: number): boolean {
  return visited.length > 0 && timeOf(visited.at(-1)!) > time;
}

/** The step that the instance was at by then, as far as it is known now; 0: none yet. */
export function stepAt({ visited }: InstanceState, time: number): number {
  return visited.findLast((visit) => timeOf(visit) <= time)?.step ?? 0;
}

/** Puts a visit in its place by its own time. */
function visit({ at, time }: Moment, { visited }: InstanceState, step: number): void {
  let place = visited.length;
  while (place > 0 && timeOf(visited[place - 1]!) > time) place -= 1;
  const made = time === at ? { step, at } : { step, at, time };
  if (place === visited.length) visited.push(made);
  else visited.splice(place, 0, made);
  if (visited.length > visitsMax) visited.shift();
}

/**
 * Enters a step, whichever it is: the waits of the one before are over. One that something newer has led away
 * from already was passed: it counts as visited, and nothing of what would happen at it does.
 */
export function enter(
  moment: Moment,
  instance: InstanceState,
  map: CompiledMap,
  step: CompiledStep,
): void {
  moment.microsteps += 1;
  if (moment.microsteps > microstepsMax) {
    end(moment, instance, 'failed', `more than ${microstepsMax} steps at once`);
    return;
  }
  const isPassed = isOvertaken(instance, moment.time);
  const from = instance.current;
  if (!isPassed) {
    endWaits(instance, map);
    instance.current = step.ordinal;
  }
  instance.furthest = Math.max(instance.furthest, step.ordinal);
  visit(moment, instance, step.ordinal);
  instance.activity += 1;
  const { name, ordinal } = step;
  if (isPassed) moment.tell({ instance, what: 'step', step: ordinal, name, isPassed });
  else moment.tell({ instance, what: 'step', step: ordinal, name, from });
  if (step.completed === undefined && step.journey === undefined) {
    complete(moment, instance, step.ordinal);
  }
  for (const milestone of map.milestones) {
    if (milestone.step === step.ordinal) reach(moment, instance, milestone.name);
  }
  if (isPassed) return;
  if (step.waits.length > 0) instance.dormant = [...step.waits.keys()];
  if (moment.isSilent(map.latenessMs)) return;
  if (step.actions.length > 0) askStep(moment, instance, step);
  runWaits(moment, instance, map);
}

function endWaits(instance: InstanceState, map: CompiledMap): void {
  const before = map.steps[instance.current - 1];
  if (before === undefined) return;
  for (let index = 0; index < before.waits.length; index++) endWait(instance, before, index);
  // To delete what is not there costs as much as all of this.
  if (instance.dormant !== undefined) delete instance.dormant;
}

/** What it waits for has come, or it has left the step. */
export function endWait(instance: InstanceState, { ordinal }: CompiledStep, wait: number): void {
  disarm(instance, waitId(instance, ordinal, wait));
  if (instance.dormant !== undefined) {
    instance.dormant = instance.dormant.filter((index) => index !== wait);
  }
}

/** From now on the waits of the step run that do not yet. */
export function runWaits({ at }: Moment, instance: InstanceState, { steps }: CompiledMap): void {
  if (instance.dormant === undefined) return;
  const step = steps[instance.current - 1];
  for (const index of instance.dormant) {
    const { forMs, until } = step!.waits[index]!;
    const due = forMs === undefined ? nextLocalTime(until!, at) : at + forMs;
    arm(instance, waitId(instance, step!.ordinal, index), due);
  }
  delete instance.dormant;
}

export function complete(moment: Moment, instance: InstanceState, step: number): void {
  if (instance.completed.includes(step)) return;
  instance.completed.push(step);
  moment.tell({ instance, what: 'stepCompleted', step });
}

/** Milestones stay reached. */
export function reach(moment: Moment, instance: InstanceState, name: string): void {
  if (instance.milestones.some((each) => each.name === name)) return;
  instance.milestones.push({ name, at: moment.at });
  moment.tell({ instance, what: 'milestone', name });
}

/** A map without a goal is completed when every step that is not optional is. */
export function completeIfDone(moment: Moment, instance: InstanceState, map: CompiledMap): void {
  if (instance.status !== 'active' || map.goal.length > 0) return;
  const isDone = map.steps.every(
    ({ isOptional, ordinal }) => isOptional || instance.completed.includes(ordinal),
  );
  if (isDone) end(moment, instance, 'completed');
}

/** For good. */
export function end(
  moment: Moment,
  instance: InstanceState,
  status: Exclude<InstanceStatus, 'active' | 'paused'>,
  reason?: string,
): void {
  instance.status = status;
  if (reason !== undefined) instance.reason = reason;
  instance.endedAt = moment.at;
  instance.timers = [];
  if (instance.pausedAt !== undefined) delete instance.pausedAt;
  if (instance.held !== undefined) delete instance.held;
  if (instance.dormant !== undefined) delete instance.dormant;
  moment.tell({ instance, what: status });
}

/** Timers of rules that wait for the instance to be silent, as it stands now. */
export function armStalls(moment: Moment, instance: InstanceState, map: CompiledMap): void {
  if (instance.status !== 'active' || moment.isSilent(map.latenessMs)) return;
  for (const rule of moment.force.stallsOf(instance.journey)) {
    const { name, when } = rule;
    if (when.kind !== 'stall') continue;
    if (!isBeyond(instance, map, rule)) {
      if (stallTimer(instance, name) !== undefined) disarm(instance, stallId(instance, name));
    } else if (isStallUnarmed(instance, map, rule)) {
      arm(instance, stallId(instance, name), stallDue(instance, when));
    }
  }
}

/** Whether a rule is to wait for the instance to be silent and does not, or for longer than it says by now. */
export function isStallUnarmed(
  instance: InstanceState,
  map: CompiledMap,
  rule: CompiledRule,
): boolean {
  const { when } = rule;
  if (when.kind !== 'stall' || !isBeyond(instance, map, rule)) return false;
  const known = stallTimer(instance, rule.name);
  return known === undefined || (isRunning(known) && known.due > stallDue(instance, when));
}

function isBeyond(instance: InstanceState, map: CompiledMap, { when }: CompiledRule): boolean {
  if (when.kind !== 'stall') return false;
  const beyond = when.beyond(map);
  return beyond !== undefined && instance[when.by] > beyond;
}

/** Silence counts from here. */
export function stallDue(
  instance: InstanceState,
  { channel, silentForMs }: { readonly channel: string | undefined; readonly silentForMs: number },
): number {
  if (channel === undefined) return instance.lastActivity + silentForMs;
  const heard = instance.heard;
  const since = heard !== undefined && Object.hasOwn(heard, channel) ? heard[channel]! : 0;
  return Math.max(since, instance.startedAt + instance.pausedMs) + silentForMs;
}

/** Something of the journey came: whoever waits for silence waits anew. */
export function noteActivity(moment: Moment, instance: InstanceState, map: CompiledMap): void {
  const { at, force } = moment;
  instance.lastActivity = Math.max(instance.lastActivity, at);
  instance.activity += 1;
  if (instance.isHistory !== undefined) delete instance.isHistory;
  runWaits(moment, instance, map);
  noteChannel(moment, instance);
  for (const timer of instance.timers) {
    const letter = letterOf(timer, instance);
    if (letter === timerLetter.expiry) timer.due = instance.lastActivity + map.expiresAfterMs;
    else if (letter === timerLetter.rule) {
      const rule = force.rule(timer.id.slice(instance.id.length + 3));
      if (rule?.when.kind !== 'stall') continue;
      const due = stallDue(instance, rule.when);
      if (due === timer.due) continue;
      timer.due = due;
      if (timer.spent !== undefined) delete timer.spent;
    } else continue;
    timer.generation = instance.activity;
  }
}

/** Rules that came into force while it stood there begin to wait. Of a channel it is known from here on. */
export function armStanding(moment: Moment, instance: InstanceState, map: CompiledMap): void {
  for (const { when } of moment.force.stallsOf(instance.journey)) {
    if (when.kind !== 'stall' || when.channel === undefined) continue;
    instance.heard = { [when.channel]: moment.at, ...instance.heard };
  }
  armStalls(moment, instance, map);
}

/** Kept for the channels that a rule asks for. */
function noteChannel(moment: Moment, instance: InstanceState): void {
  for (const { when } of moment.force.stallsOf(instance.journey)) {
    if (when.kind !== 'stall' || when.channel === undefined) continue;
    if (moment.event?.text('channel') !== when.channel) continue;
    instance.heard = { ...instance.heard, [when.channel]: moment.at };
  }
}
