/** Compiles a journey map that has been checked (`check/`). */
import { parseDuration } from '../../event/duration.ts';

import type { Exit, JourneyMap, Milestone, Step, Wait } from '../definition.ts';
import { compileActions } from './action.ts';
import { compileAudiences } from './audience.ts';
import type {
  CompiledExit,
  CompiledMap,
  CompiledMilestone,
  CompiledStep,
  CompiledTrigger,
  CompiledWait,
  MapListener,
} from './compiled.ts';
import { type Scope, scopeOf } from './scope.ts';
import { byType, compileTriggers, durationOf, timeOfDay } from './trigger.ts';

export const expiresAfterDefault = '30d';
export const latenessDefault = '10m';
export const instancesMaxDefault = 10;

/** @throws AppError invalid, with the place. */
export function compileMap(name: string, version: number, map: JourneyMap): CompiledMap {
  const outside = scopeOf(map.audiences, 'event', 'customer', 'audience');
  const inside = scopeOf(map.audiences, 'event', 'customer', 'audience', 'instance');
  const ordinals = ordinalsOf(map);
  const parts: Parts = {
    entry: compileTriggers(map.entry, 'entry', outside),
    steps: compileSteps(map, inside, ordinals),
    milestones: (map.milestones ?? []).map((each, index) =>
      compileMilestone(each, `milestones[${index}]`, inside, ordinals),
    ),
    goal: compileTriggers(map.goal, 'goal', inside),
    exits: (map.exits ?? []).map((each, at) => compileExit(each, `exits[${at}]`, inside)),
  };
  const listeners = listenersOf(parts);
  const audiences = compileAudiences(map.audiences);
  // Said one by one: what begins with a spread has a shape of its own (Node 20), and many maps would make every look slow.
  return {
    map,
    name,
    version,
    audiences,
    announces: new Set(map.announces),
    listeners,
    entry: parts.entry,
    steps: parts.steps,
    milestones: parts.milestones,
    goal: parts.goal,
    exits: parts.exits,
    key: map.key?.split('.'),
    reentryMs: reentryMsOf(map),
    replaysOnResume: map.onResume === 'replay',
    activityChannel: map.activityChannel,
    expiresAfterMs: durationOf(map.expiresAfter ?? expiresAfterDefault)!,
    latenessMs: durationOf(map.lateness ?? latenessDefault)!,
    instancesMax: map.instancesMax ?? instancesMaxDefault,
    context: Object.entries(map.context ?? {}).map(([member, path]) => ({
      name: member,
      path: path.split('.'),
    })),
    types: new Set([
      ...listeners.keys(),
      ...[...audiences.values()].flatMap(({ types }) => [...types]),
    ]),
  };
}

interface Parts {
  readonly entry: readonly CompiledTrigger[];
  readonly steps: readonly CompiledStep[];
  readonly milestones: readonly CompiledMilestone[];
  readonly goal: readonly CompiledTrigger[];
  readonly exits: readonly CompiledExit[];
}

function ordinalsOf({ stages }: JourneyMap): Map<string, number> {
  const names = stages.flatMap(({ steps }) => steps.map(({ name }) => name));
  return new Map(names.map((name, index) => [name, index + 1]));
}

function reentryMsOf({ reentry }: JourneyMap): number {
  if (typeof reentry === 'object') return parseDuration(reentry.afterWait);
  return reentry === 'never' ? Number.POSITIVE_INFINITY : 0;
}

function compileSteps(
  { stages }: JourneyMap,
  scope: Scope,
  ordinals: ReadonlyMap<string, number>,
): CompiledStep[] {
  return stages.flatMap((stage, at) =>
    stage.steps.map((step, index) => {
      const place = `stages[${at}].steps[${index}]`;
      return compileStep(step, stage.name, place, scope, ordinals);
    }),
  );
}

function compileStep(
  step: Step,
  stage: string,
  place: string,
  scope: Scope,
  ordinals: ReadonlyMap<string, number>,
): CompiledStep {
  return {
    stage,
    name: step.name,
    ordinal: ordinals.get(step.name)!,
    journey: step.journey,
    isOptional: step.optional === true,
    on: compileTriggers(step.on, `${place}.on`, scope),
    completed: step.completed && compileTriggers(step.completed, `${place}.completed`, scope),
    waits: (step.waits ?? []).map((wait, index) =>
      compileWait(wait, `${place}.waits[${index}]`, scope, ordinals),
    ),
    actions: compileActions(step.actions, `${place}.actions`, actionScope(scope)),
  };
}

function compileWait(
  wait: Wait,
  place: string,
  scope: Scope,
  ordinals: ReadonlyMap<string, number>,
): CompiledWait {
  const { name, thenStep, until } = wait;
  const timed: Scope = {
    ...scope,
    variables: ['customer', 'audience', 'instance', 'decision'],
  };
  return {
    name,
    forMs: durationOf(wait.for),
    until: until && { ...timeOfDay(until.at), zone: until.zone },
    on: compileTriggers(wait.on, `${place}.on`, scope),
    thenStep: thenStep === undefined ? undefined : ordinals.get(thenStep),
    actions: compileActions(wait.actions, `${place}.actions`, timed),
  };
}

function actionScope(scope: Scope): Scope {
  return { ...scope, variables: [...scope.variables, 'decision'] };
}

function compileMilestone(
  milestone: Milestone,
  place: string,
  scope: Scope,
  ordinals: ReadonlyMap<string, number>,
): CompiledMilestone {
  const { name, on, step } = milestone;
  return {
    name,
    step: step === undefined ? undefined : ordinals.get(step),
    on: compileTriggers(on, `${place}.on`, scope),
  };
}

function compileExit(exit: Exit, place: string, scope: Scope): CompiledExit {
  const { keyed, on, reason } = exit;
  return { reason, isKeyed: keyed === true, on: compileTriggers(on, `${place}.on`, scope) };
}

function listenersOf({ entry, exits, goal, milestones, steps }: Parts): CompiledMap['listeners'] {
  const all: MapListener[] = [
    ...entry.map((trigger) => ({ of: 'entry' as const, trigger })),
    ...steps.flatMap(listenersOfStep),
    ...milestones.flatMap((milestone) =>
      milestone.on.map((trigger) => ({ of: 'milestone' as const, trigger, milestone })),
    ),
    ...goal.map((trigger) => ({ of: 'goal' as const, trigger })),
    ...exits.flatMap((exit) => exit.on.map((trigger) => ({ of: 'exit' as const, trigger, exit }))),
  ];
  return byType(all);
}

function listenersOfStep(step: CompiledStep): MapListener[] {
  return [
    ...step.on.map((trigger) => ({ of: 'step' as const, trigger, step })),
    ...(step.completed ?? []).map((trigger) => ({ of: 'completed' as const, trigger, step })),
    ...step.waits.flatMap((wait) =>
      wait.on.map((trigger) => ({ of: 'wait' as const, trigger, step, wait })),
    ),
  ];
}
