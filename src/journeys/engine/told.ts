/** An instance as customers, agents and touchpoints are told of it: names instead of numbers. */
import type { CompiledMap } from '../compile/compiled.ts';
import type { InstanceState, InstanceStatus, Visit } from '../state.ts';

export interface ToldStep {
  readonly ordinal: number;
  /** Undefined when the version of the map is not kept any more. */
  readonly name: string | undefined;
  readonly stage: string | undefined;
}

export interface ToldInstance {
  readonly id: string;
  readonly journey: string;
  readonly version: number;
  readonly key: string;
  readonly run: number;
  readonly status: InstanceStatus;
  readonly reason?: string;
  readonly startedAt: number;
  readonly endedAt?: number;
  readonly pausedAt?: number;
  readonly lastActivity: number;
  /** Null before the first one. */
  readonly step: ToldStep | null;
  readonly furthest: ToldStep | null;
  readonly visited: readonly (ToldStep & Omit<Visit, 'step'>)[];
  /** Names of steps. */
  readonly completed: readonly string[];
  readonly milestones: readonly { readonly name: string; readonly at: number }[];
  /** Of the steps that are not optional, the share that is completed, 0–1; null when the map is not known. */
  readonly progress: number | null;
  readonly context: Readonly<Record<string, unknown>>;
}

export function told(instance: InstanceState, map: CompiledMap | undefined): ToldInstance {
  const { completed, context, current, endedAt, furthest, pausedAt, reason, visited } = instance;
  const { id, journey, key, lastActivity, milestones, run, startedAt, status, version } = instance;
  return {
    ...{ id, journey, version, key, run, status },
    ...(reason !== undefined && { reason }),
    startedAt,
    ...(endedAt !== undefined && { endedAt }),
    ...(pausedAt !== undefined && { pausedAt }),
    lastActivity,
    step: stepOf(current, map),
    furthest: stepOf(furthest, map),
    visited: visited.map(({ step, ...when }) => ({ ...namedStep(step, map), ...when })),
    completed: completed.map((step) => map?.steps[step - 1]?.name ?? String(step)),
    milestones,
    progress: progressOf(instance, map),
    context,
  };
}

function stepOf(ordinal: number, map: CompiledMap | undefined): ToldStep | null {
  return ordinal === 0 ? null : namedStep(ordinal, map);
}

function namedStep(ordinal: number, map: CompiledMap | undefined): ToldStep {
  const step = map?.steps[ordinal - 1];
  return { ordinal, name: step?.name, stage: step?.stage };
}

function progressOf({ completed }: InstanceState, map: CompiledMap | undefined): number | null {
  const required = map?.steps.filter(({ isOptional }) => !isOptional) ?? [];
  if (required.length === 0) return null;
  return required.filter(({ ordinal }) => completed.includes(ordinal)).length / required.length;
}
