/** An event that means something: its type is looked up, then its channel and condition are asked. */

import { parseDuration } from '../../event/duration.ts';
import { AppError } from '../../std/errors.ts';
import type { Trigger } from '../definition.ts';
import type { CompiledTrigger, Facts } from './compiled.ts';
import { compileHolds, type Scope } from './scope.ts';

/** @throws AppError invalid, with the place. */
export function compileTrigger(
  { channel, event, where }: Trigger,
  place: string,
  scope: Scope,
): CompiledTrigger {
  const holds = where === undefined ? undefined : compileHolds(where, `${place}.where`, scope);
  if (holds?.isNever === true) {
    throw new AppError('invalid', `${place}.where: is never true, whatever the event says`);
  }
  return { event, channel, where: holds };
}

/** @throws AppError invalid, with the place. */
export function compileTriggers(
  triggers: readonly Trigger[] | undefined,
  place: string,
  scope: Scope,
): CompiledTrigger[] {
  return (triggers ?? []).map((each, index) => compileTrigger(each, `${place}[${index}]`, scope));
}

/** Whether it means every event of its type. */
export function isPlain({ channel, where }: CompiledTrigger): boolean {
  return channel === undefined && where === undefined;
}

/** Whether the event of `facts`, whose type is the trigger's, means it. */
export function isMeant({ channel, where }: CompiledTrigger, facts: Facts): boolean {
  if (channel !== undefined && facts.event?.channel !== channel) return false;
  return where === undefined || where.meets(facts) === true;
}

/** A duration that has been checked, in milliseconds; undefined when there is none. */
export function durationOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDuration(text);
}

/** `18:30` that has been checked. */
export function timeOfDay(text: string): { readonly hour: number; readonly minute: number } {
  return { hour: Number(text.slice(0, 2)), minute: Number(text.slice(3, 5)) };
}

/** Each kept in its order. */
export function byType<Listener extends { readonly trigger: CompiledTrigger }>(
  all: readonly Listener[],
): Map<string, Listener[]> {
  const found = new Map<string, Listener[]>();
  for (const each of all) {
    const { event } = each.trigger;
    const others = found.get(event);
    if (others === undefined) found.set(event, [each]);
    else others.push(each);
  }
  return found;
}
