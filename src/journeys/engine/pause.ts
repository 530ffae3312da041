/**
 * Pause and resume: clocks stand still meanwhile, so what was left of each timer is kept. Events that come
 * are kept too, and are applied on resume: without firing, or as if they came then (`onResume`).
 */
import type { HeldEvent, InstanceState } from '../state.ts';
import type { Moment, SeenEvent } from './moment.ts';
import { isOpen } from './timers.ts';

/** Events that are held for one paused instance, and the characters of their data together; later ones are lost. */
export const heldEventsMax = 100;
export const heldCharactersMax = 256 * 1024;

export function pause(moment: Moment, instance: InstanceState): void {
  if (instance.status !== 'active') return;
  const { at } = moment;
  instance.status = 'paused';
  instance.pausedAt = at;
  for (const timer of instance.timers) {
    if (timer.spent === undefined) timer.left = Math.max(0, timer.due - at);
  }
  moment.tell({ instance, what: 'paused' });
}

/** @returns what came meanwhile, oldest first; undefined when it was not paused. */
export function resume(moment: Moment, instance: InstanceState): HeldEvent[] | undefined {
  if (instance.status !== 'paused') return undefined;
  const { at } = moment;
  const pausedMs = Math.max(0, at - (instance.pausedAt ?? at));
  instance.status = 'active';
  instance.pausedMs += pausedMs;
  // Silence goes on where it was: what is due counts from here.
  instance.lastActivity += pausedMs;
  for (const [channel, since] of Object.entries(instance.heard ?? {})) {
    instance.heard = { ...instance.heard, [channel]: since + pausedMs };
  }
  instance.activity += 1;
  for (const timer of instance.timers) {
    // A new number: what was said under the old one and not read yet counts for nothing.
    timer.generation = instance.activity;
    if (timer.left === undefined) continue;
    timer.due = at + timer.left;
    delete timer.left;
  }
  delete instance.pausedAt;
  const held = instance.held ?? [];
  delete instance.held;
  moment.tell({ instance, what: 'resumed' });
  return held;
}

/** Keeps an event until the instance is resumed. */
export function hold({ event }: Moment, instance: InstanceState): void {
  if (event === undefined || !isOpen(instance)) return;
  const held = instance.held ?? [];
  const data = event.data();
  const characters = held.reduce((sum, each) => sum + (each.data?.length ?? 0), data?.length ?? 0);
  if (held.length >= heldEventsMax || characters > heldCharactersMax) return;
  held.push({
    stamp: event.stamp,
    ordinal: event.ordinal,
    type: event.type,
    time: event.time,
    received: event.received,
    id: event.text('id') ?? '',
    customer: event.text('customer') ?? '',
    channel: event.text('channel') ?? '',
    source: event.text('source') ?? '',
    ...(data !== undefined && { data }),
  });
  instance.held = held;
}

/** A held event as it is looked at on resume, at the instant of that. */
export function seenAgain(held: HeldEvent, at: number): SeenEvent {
  return {
    ...held,
    // It is as late as it was.
    time: at - Math.max(0, held.received - held.time),
    received: at,
    text: (field) => held[field],
    data: () => held.data,
  };
}
