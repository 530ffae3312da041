/**
 * What an event means to a customer's instances: those that are open, each on its version of its map, and
 * then maps that begin with it. In this order for an instance, so that an event is one macrostep:
 *
 *     exits ─▶ completed steps ─▶ waits that it ends ─▶ the step it leads to ─▶ milestones ─▶ goal
 */
import type { CompiledMap, CompiledStep, MapListener } from '../compile/compiled.ts';
import { isMeant } from '../compile/trigger.ts';
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
  // Those that begin with the event meet it when they do.
  for (const instance of [...moment.person.instances]) {
    if (isOpen(instance)) react(moment, instance, type);
  }
  for (const map of moment.force.listeners(type).maps) begin(moment, map, type);
}

function begin(moment: Moment, map: CompiledMap, type: string): void {
  const facts = moment.factsOf(map);
  const isEntry = map.entry.some((trigger) => trigger.event === type && isMeant(trigger, facts));
  if (!isEntry) return;
  const key = keyOf(moment, map);
  if (key === undefined || !mayStart(moment, map, key)) return;
  const instance = start(moment, map, key);
  rememberEvent(moment, instance, map);
  advance(moment, instance, map, type);
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
  const exit = meant.find((each) => {
    return each.of === 'exit' && (key === instance.key || !each.exit.isKeyed);
  });
  const matters = exit !== undefined || (isMine && meant.some(({ of }) => of !== 'exit'));
  if (instance.status === 'paused') {
    if (matters) hold(moment, instance);
    return;
  }
  if (exit?.of === 'exit') {
    end(moment, instance, 'exited', exit.exit.reason);
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

function meantOf(
  moment: Moment,
  instance: InstanceState,
  map: CompiledMap,
  type: string,
): readonly MapListener[] {
  const listeners = map.listeners.get(type);
  if (listeners === undefined) return [];
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
  if (meant.some(({ of }) => of === 'goal')) end(moment, instance, 'completed');
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
