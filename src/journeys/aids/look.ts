/**
 * Why a rule did something or did not: each part of it with what it said, in the order in which they are
 * asked. The first that says no ends it, so what comes after was not asked.
 */
import type { CompiledMap, CompiledRule } from '../compile/compiled.ts';
import { actedOf } from '../decide/applied.ts';
import type { InstanceState } from '../state.ts';
import type { DecisionSaid, NotReason } from '../words.ts';

export interface RulePart {
  readonly part: string;
  /** Null: it was not asked, or cannot be told any more. */
  readonly holds: boolean | null;
  readonly detail?: string;
}

export interface RuleLook {
  readonly rule: string;
  readonly version: number;
  /**
   * `asked`: it wants a decision. `act`, or why not: what was decided. `armed`, `disarmed`: it waits for silence,
   * or no longer does. `notMeant`: its event came, and was not what it is about.
   */
  readonly verdict: 'asked' | 'armed' | 'disarmed' | 'notMeant' | DecisionSaid['verdict'];
  readonly parts: readonly RulePart[];
  readonly request?: string;
  readonly score?: number;
  /** What was decided to be done. */
  readonly actions?: readonly { readonly id: string; readonly do: string }[];
}

/** In the order of `decide/weigh.ts`. */
const guards: readonly NotReason[] = [
  'notInDate',
  'perInstanceMax',
  'condition',
  'tooFar',
  'consent',
  'suppressed',
  'quietHours',
  'cooldown',
  'control',
  'capped',
  'outranked',
];

/** What the guards said, told by the one that said no; `detail` is that one's. */
export function guardParts(verdict: DecisionSaid['verdict'], detail?: string): RulePart[] {
  const stopped = verdict === 'act' ? guards.length : guards.indexOf(verdict as NotReason);
  return guards.map((part, index) => {
    if (stopped < 0 || index > stopped) return { part, holds: null };
    if (index < stopped) return { part, holds: true };
    return { part, holds: false, ...(detail !== undefined && { detail }) };
  });
}

/** Of a rule that waits for an instance to be silent: how it stands at an instant. */
export function stallParts(
  { perInstanceMax, when, name }: CompiledRule,
  map: CompiledMap,
  instance: InstanceState,
  now: number,
): RulePart[] {
  if (when.kind !== 'stall') return [];
  const beyond = when.beyond(map);
  const at = instance[when.by];
  const acted = actedOf(instance, name);
  const silentMs = (instance.endedAt ?? instance.pausedAt ?? now) - instance.lastActivity;
  return [
    { part: 'status', holds: instance.status === 'active', detail: instance.status },
    {
      part: 'step',
      holds: beyond !== undefined && at > beyond,
      detail:
        beyond === undefined
          ? 'this version has no such step'
          : `${when.by} is ${at}, must be more than ${beyond}`,
    },
    {
      part: 'silent',
      holds: when.channel === undefined ? silentMs > when.silentForMs : null,
      detail: `for ${silentMs} ms, must be more than ${when.silentForMs} ms`,
    },
    { part: 'perInstanceMax', holds: acted < perInstanceMax, detail: `acted ${acted} times` },
  ];
}
