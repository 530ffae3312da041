/**
 * What an event means to a customer's instances: those that are open, each on its version of its map, and
 * then maps that begin with it. In this order for an instance, so that an event is one macrostep:
 *
 *     exits ─▶ completed steps ─▶ waits that it ends ─▶ the step it leads to ─▶ milestones ─▶ goal
 */
import type {
  CompiledExit,
  CompiledMap,
  CompiledStep,
  Facts,
  MapListener,
} from '../compile/compiled.ts';
import { isMeant, isPlain } from '../compile/trigger.ts';
import type { InstanceState } from '../state.ts';
import { remember } from './context.ts';
import {
  armStalls,
  complete,
  completeIfDone,
  end,
  endWait,
  enter,
  isOvertaken,
  keyCharactersMax,
  mayStart,
  noteActivity,
  reach,
  start,
  stepAt,
} from './instance.ts';
import type { Moment } from './moment.ts';
import { hold } from './pause.ts';
import { isOpen } from './timers.ts';

/** Thread of one event through all instances, and through the maps that it may begin. */
export function reactAll(moment: Moment, type: string): void {
  const { instances } = moment.person;
  // Those that begin with the event meet it when they do: nothing is added or goes before.
  for (const instance of instances) if (isOpen(instance)) react(moment, instance, type);
  for (const map of moment.force.listeners(type).maps) begin(moment, map, type);
}

function begin(moment: Moment, map: CompiledMap, type: string): void {
  if (!isEntry(moment, map, type)) return;
  const key = keyOf(moment, map);
  if (key === undefined || !mayStart(moment, map, key)) return;
  const instance = start(moment, map, key);
  rememberEvent(moment, instance, map);
  advance(moment, instance, map, type);
}

function isEntry(moment: Moment, map: CompiledMap, type: string): boolean {
  let facts: Facts | undefined;
  for (const trigger of map.entry) {
    if (trigger.event !== type) continue;
    if (isPlain(trigger)) return true;
    facts ??= moment.factsOf(map);
    if (isMeant(trigger, facts)) return true;
  }
  return false;
}

/** Undefined: the map tells instances apart, and the event does not say which it is about. */
function keyOf(moment: Moment, { key }: CompiledMap): string | undefined {
  if (key === undefined) return '';
  const json = moment.dataAt(key);
  if (json === undefined || json.length > keyCharactersMax) return undefined;
  const value = JSON.parse(json) as unknown;
  if (typeof value === 'string') return value === '' ? undefined : value;
  return typeof value === 'number' || typeof value === 'boolean' ? json : undefined;
}

/** Whether the event is about the instance: it names its key, or none; of a map without one every event is. */
export function isAbout(moment: Moment, instance: InstanceState): boolean {
  const map = moment.force.map(instance.journey, instance.version);
  return map !== undefined && isNamed(instance, map, keyOf(moment, map));
}

function isNamed({ key }: InstanceState, map: CompiledMap, named: string | undefined): boolean {
  return map.key === undefined || named === undefined || named === key;
}

/** What an event means to one open instance. */
export function react(moment: Moment, instance: InstanceState, type: string): void {
  const map = moment.force.map(instance.journey, instance.version);
  if (map === undefined) {
    end(moment, instance, 'cancelled', 'definition gone');
    return;
  }
  const key = keyOf(moment, map);
  const isMine = isNamed(instance, map, key);
  const meant = meantOf(moment, instance, map, type);
  const exit = map.exits.length === 0 ? undefined : exitOf(meant, key === instance.key);
  const matters = exit !== undefined || (isMine && meant.some(isNoExit));
  if (instance.status === 'paused') {
    if (matters) hold(moment, instance);
    return;
  }
  if (exit !== undefined) {
    end(moment, instance, 'exited', exit.reason);
    return;
  }
  const isActivity =
    map.activityChannel === undefined
      ? matters
      : isMine && moment.event?.text('channel') === map.activityChannel;
  if (isActivity && !moment.isSilent(map.latenessMs)) noteActivity(moment, instance, map);
  if (isActivity && !matters) armStalls(moment, instance, map);
  if (!matters) return;
  rememberEvent(moment, instance, map);
  advanceBy(moment, instance, map, meant);
}

function exitOf(meant: readonly MapListener[], isOfKey: boolean): CompiledExit | undefined {
  for (const each of meant)
    if (each.of === 'exit' && (isOfKey || !each.exit.isKeyed)) return each.exit;
  return undefined;
}

function isNoExit({ of }: MapListener): boolean {
  return of !== 'exit';
}

function isGoal({ of }: MapListener): boolean {
  return of === 'goal';
}

const none: readonly MapListener[] = [];

/** In most maps all that listen to a type mean all events of it: then nothing is made. */
function meantOf(
  moment: Moment,
  instance: InstanceState,
  map: CompiledMap,
  type: string,
): readonly MapListener[] {
  const listeners = map.listeners.get(type);
  if (listeners === undefined) return none;
  if (listeners.every(({ trigger }) => isPlain(trigger))) return listeners;
  const facts = moment.factsOf(map, instance);
  return listeners.filter(({ trigger }) => isMeant(trigger, facts));
}

function advance(moment: Moment, instance: InstanceState, map: CompiledMap, type: string): void {
  advanceBy(moment, instance, map, meantOf(moment, instance, map, type));
}

function advanceBy(
  moment: Moment,
  instance: InstanceState,
  map: CompiledMap,
  meant: readonly MapListener[],
): void {
  const isLate = isOvertaken(instance, moment.time);
  for (const each of meant) {
    if (each.of === 'completed') {
      if (hasVisited(instance, each.step)) complete(moment, instance, each.step.ordinal);
    } else if (each.of === 'wait' && each.step.ordinal === instance.current && !isLate) {
      endWait(instance, each.step, each.step.waits.indexOf(each.wait));
    }
  }
  const current = isLate ? stepAt(instance, moment.time) : instance.current;
  const step = stepOf(current, meant);
  if (step !== undefined && step.ordinal !== current) enter(moment, instance, map, step);
  if (instance.status !== 'active') return;
  for (const each of meant) {
    if (each.of === 'milestone') reach(moment, instance, each.milestone.name);
  }
  if (meant.some(isGoal)) end(moment, instance, 'completed');
  else completeIfDone(moment, instance, map);
  armStalls(moment, instance, map);
}

function hasVisited({ visited }: InstanceState, { ordinal }: CompiledStep): boolean {
  return visited.some(({ step }) => step === ordinal);
}

/** One event leads to one step: the next one ahead, or it is where the instance was by then, or the nearest one back. */
function stepOf(current: number, meant: readonly MapListener[]): CompiledStep | undefined {
  let back: CompiledStep | undefined;
  for (const each of meant) {
    if (each.of !== 'step') continue;
    // In document order, so the first one ahead is the next.
    if (each.step.ordinal > current) return back?.ordinal === current ? back : each.step;
    back = each.step;
  }
  return back;
}

/** The newest value that an event carries stays. */
function rememberEvent(moment: Moment, instance: InstanceState, map: CompiledMap): void {
  for (const { name, path } of map.context) {
    const json = moment.dataAt(path);
    if (json !== undefined) remember(instance, name, json);
  }
}
