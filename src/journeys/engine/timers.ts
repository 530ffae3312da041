/**
 * Timers as a customer's state has them. They are a function of the tape too: what arms one is an event,
 * and it is over when its `tapeline.timer` is read back with the number it was armed with.
 *
 *     <instance>/r/<rule>       the instance has been silent for too long
 *     <instance>/w/<step>/<n>   a wait of the step is up
 *     <instance>/n/<rule>/<place>  after that event, another one did not come for the instance
 *     <instance>/x              the instance expires
 *     n/<rule>/<place>          after that event, another one did not come, of a rule about no map
 *     a/<audience>              membership changes by itself
 */
import type { InstanceState, PersonState, TimerState } from '../state.ts';

export function stallId(instance: InstanceState, rule: string): string {
  return `${instance.id}/r/${rule}`;
}

export function waitId(instance: InstanceState, step: number, wait: number): string {
  return `${instance.id}/w/${step}/${wait}`;
}

/** Of a timer that no event has armed: the rule came into force when the instance stood there already. */
export const standingGeneration = 0;

/** What ids of a rule's waits for what did not come begin with; `instance`: of a rule about a map. */
export function absenceIds(rule: string, instance?: InstanceState): string {
  return `${instance === undefined ? '' : `${instance.id}/`}n/${rule}/`;
}

export function expiryId(instance: InstanceState): string {
  return `${instance.id}/x`;
}

/** What a timer of an instance is for. */
export type InstanceTimer =
  | { readonly of: 'rule'; readonly rule: string }
  | { readonly of: 'wait'; readonly step: number; readonly wait: number }
  /** `rest`: the rule, and where the first event stands. */
  | { readonly of: 'absence'; readonly rest: string }
  | { readonly of: 'expiry' };

export function parseInstanceTimer({ id }: TimerState, instance: InstanceState): InstanceTimer {
  const rest = id.slice(instance.id.length + 1);
  if (rest.startsWith('r/')) return { of: 'rule', rule: rest.slice(2) };
  if (rest.startsWith('n/')) return { of: 'absence', rest: rest.slice(2) };
  if (rest === 'x') return { of: 'expiry' };
  const [, step, wait] = rest.split('/');
  return { of: 'wait', step: Number(step), wait: Number(wait) };
}

/** What a timer of an instance is for, told by the letter after the instance's id, which its id begins with. */
export const timerLetter = { rule: 0x72, expiry: 0x78 } as const;

export function letterOf({ id }: TimerState, instance: InstanceState): number {
  return id.charCodeAt(instance.id.length + 1);
}

/** The instance's timer for a rule that waits for silence. Found without making its id. */
export function stallTimer(instance: InstanceState, rule: string): TimerState | undefined {
  const length = instance.id.length + 3 + rule.length;
  for (const timer of instance.timers) {
    const isOfRule = letterOf(timer, instance) === timerLetter.rule;
    if (isOfRule && timer.id.length === length && timer.id.endsWith(rule)) return timer;
  }
  return undefined;
}

/** Whether it can come due: it runs, and has not been fired for what it was armed with. */
export function isRunning({ left, spent }: TimerState): boolean {
  return left === undefined && spent === undefined;
}

export function isOpen({ status }: InstanceState): boolean {
  return status === 'active' || status === 'paused';
}

/** Every timer of the customer that can come due. */
export function* runningTimers(person: PersonState): Iterable<TimerState> {
  for (const timer of person.timers) if (isRunning(timer)) yield timer;
  for (const { timers } of person.instances) {
    for (const timer of timers) if (isRunning(timer)) yield timer;
  }
}

/** When the first of them is due; infinite when there is none. A timer fires when the clock is past it. */
export function firstDue(person: PersonState): number {
  let first = Number.POSITIVE_INFINITY;
  for (const { due, left, spent } of person.timers) {
    if (due < first && left === undefined && spent === undefined) first = due;
  }
  for (const { timers } of person.instances) {
    for (const { due, left, spent } of timers) {
      if (due < first && left === undefined && spent === undefined) first = due;
    }
  }
  return first;
}

/** Arms a timer of an instance; one that it had under this id is gone. */
export function arm(instance: InstanceState, id: string, due: number): void {
  disarm(instance, id);
  instance.activity += 1;
  instance.timers.push({ id, generation: instance.activity, due });
}

export function disarm(instance: InstanceState, id: string): void {
  const at = instance.timers.findIndex((timer) => timer.id === id);
  if (at !== -1) instance.timers.splice(at, 1);
}

export function armPerson(person: PersonState, id: string, due: number): void {
  disarmPerson(person, id);
  person.armed = (person.armed ?? 0) + 1;
  person.timers.push({ id, generation: person.armed, due });
}

export function disarmPerson(person: PersonState, id: string): void {
  const at = person.timers.findIndex((timer) => timer.id === id);
  if (at !== -1) person.timers.splice(at, 1);
}
