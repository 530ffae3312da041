/**
 * Maps and rules made ready for the engine: names are ordinals, durations milliseconds, paths split and
 * conditions compiled. Plain objects that nobody changes; one for each version, shared by all customers.
 */

import type { CompiledAudience } from '../../audiences/audience.ts';
import type { ConditionSubject } from '../../event/condition.ts';
import type { Action, Cap, JourneyMap, Rule } from '../definition.ts';
import type { Place } from '../place.ts';
import type { InstanceState } from '../state.ts';

/** What a condition may ask about; what is absent is an error for it, and an error is no match. */
export interface Facts {
  readonly event?: ConditionSubject | undefined;
  readonly instance?: InstanceState | undefined;
  /** The version that the instance is on, for the name of its step. */
  readonly map?: CompiledMap | undefined;
  /** Epoch milliseconds, for how long an instance has been silent. */
  readonly nowMs?: number | undefined;
  /** The customer's name. */
  readonly customer?: string | undefined;
  readonly place?: Place | undefined;
  /** Membership by the audience's name in the map or rule. */
  readonly audience?: Readonly<Record<string, boolean>> | undefined;
  /** Fields by name. */
  readonly view?: Readonly<Record<string, unknown>> | undefined;
  /** In templates: what has just been decided. */
  readonly decision?:
    | {
        readonly id: string;
        readonly rule?: string;
        readonly channel?: string;
        readonly score?: number;
      }
    | undefined;
  /** Where a touchpoint asks: what it said of itself. */
  readonly ask?: Readonly<Record<string, unknown>> | undefined;
}

export interface CompiledCondition {
  /** Never throws; false when it would cost too much. */
  meets(facts: Facts): boolean;
}

export interface CompiledTrigger {
  readonly event: string;
  readonly channel: string | undefined;
  readonly where: CompiledCondition | undefined;
}

export interface CompiledAction {
  readonly action: Action;
  /** The action with its templates filled in. @throws AppError too_large when one becomes too long. */
  fill(facts: Facts): Action;
}

export interface CompiledWait {
  readonly name: string;
  /** One of the two is there. */
  readonly forMs: number | undefined;
  /** The next such time of the day, in an IANA zone. */
  readonly until:
    | { readonly hour: number; readonly minute: number; readonly zone: string }
    | undefined;
  /** Any of these ends it before its time. */
  readonly on: readonly CompiledTrigger[];
  /** Ordinal of the step that is entered when the time is up. */
  readonly thenStep: number | undefined;
  readonly actions: readonly CompiledAction[];
}

export interface CompiledStep {
  /** 1…n over all stages. */
  readonly ordinal: number;
  readonly name: string;
  readonly stage: string;
  readonly on: readonly CompiledTrigger[];
  /** The map that it is (a micro journey). */
  readonly journey: string | undefined;
  /** Undefined: completed when it is entered, or with the micro journey. */
  readonly completed: readonly CompiledTrigger[] | undefined;
  readonly isOptional: boolean;
  readonly waits: readonly CompiledWait[];
  readonly actions: readonly CompiledAction[];
}

export interface CompiledMilestone {
  readonly name: string;
  /** Ordinal: reached when that step is entered. */
  readonly step: number | undefined;
  readonly on: readonly CompiledTrigger[];
}

export interface CompiledExit {
  readonly reason: string;
  readonly on: readonly CompiledTrigger[];
  readonly isKeyed: boolean;
}

export interface NamedPath {
  readonly name: string;
  readonly path: readonly string[];
}

export interface CompiledMap {
  readonly map: JourneyMap;
  readonly name: string;
  readonly version: number;
  /** Types of all events that mean something to it. */
  readonly types: ReadonlySet<string>;
  readonly key: readonly string[] | undefined;
  readonly entry: readonly CompiledTrigger[];
  /** How long after an end it may begin again: 0 at once, infinite never. */
  readonly reentryMs: number;
  /** `steps[ordinal - 1]`. */
  readonly steps: readonly CompiledStep[];
  readonly milestones: readonly CompiledMilestone[];
  readonly goal: readonly CompiledTrigger[];
  readonly exits: readonly CompiledExit[];
  readonly expiresAfterMs: number;
  readonly context: readonly NamedPath[];
  readonly latenessMs: number;
  readonly replaysOnResume: boolean;
  readonly activityChannel: string | undefined;
  readonly instancesMax: number;
  readonly audiences: ReadonlyMap<string, CompiledAudience>;
  /** Names of audiences whose changes are said on the tape. */
  readonly announces: ReadonlySet<string>;
  /** By event type, in document order: entry, steps with their waits, milestones, goal, exits. */
  readonly listeners: ReadonlyMap<string, readonly MapListener[]>;
}

/** What a trigger is of. */
export type MapListener = { readonly trigger: CompiledTrigger } & (
  | { readonly of: 'entry' | 'goal' }
  | { readonly of: 'step' | 'completed'; readonly step: CompiledStep }
  | { readonly of: 'wait'; readonly step: CompiledStep; readonly wait: CompiledWait }
  | { readonly of: 'milestone'; readonly milestone: CompiledMilestone }
  | { readonly of: 'exit'; readonly exit: CompiledExit }
);

export type CompiledWhen =
  | { readonly kind: 'event'; readonly trigger: CompiledTrigger }
  | {
      readonly kind: 'stall';
      /** Undefined: the map's version has no such step. */
      readonly beyond: (map: CompiledMap) => number | undefined;
      readonly by: 'current' | 'furthest';
      readonly silentForMs: number;
      readonly channel: string | undefined;
    }
  | {
      readonly kind: 'absence';
      readonly after: CompiledTrigger;
      readonly without: CompiledTrigger;
      readonly withinMs: number;
    }
  | { readonly kind: 'audience'; readonly audience: string; readonly change: 'enter' | 'leave' }
  | {
      readonly kind: 'instance';
      readonly happening: 'started' | 'completed' | 'exited' | 'expired' | 'step' | 'milestone';
      /** Of the step or milestone; undefined: any. */
      readonly name: string | undefined;
    }
  /** A touchpoint asks. */
  | { readonly kind: 'ask'; readonly placement: string }
  /** `types` of the rule are those that the view shows. */
  | { readonly kind: 'view'; readonly view: string; readonly where: CompiledCondition };

export interface CompiledRule {
  readonly rule: Rule;
  readonly name: string;
  readonly version: number;
  readonly types: ReadonlySet<string>;
  /** The map whose instances it is about. */
  readonly journey: string | undefined;
  readonly when: CompiledWhen;
  readonly condition: CompiledCondition | undefined;
  /** Infinite when there is no limit. */
  readonly perInstanceMax: number;
  readonly audiences: ReadonlyMap<string, CompiledAudience>;
  /** Audiences of its map's that it asks for: `facts.audience` has them besides its own. */
  readonly borrowed: ReadonlySet<string>;
  /** Undefined: anywhere. */
  readonly withinMiles: number | undefined;
  readonly suppressedBy: readonly CompiledSuppression[];
  readonly quietHours: CompiledQuietHours | undefined;
  readonly caps: readonly CompiledCap[];
  readonly contextWeights: readonly {
    readonly condition: CompiledCondition;
    readonly percent: number;
  }[];
  /** Epoch milliseconds: in force from, and until just before. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly cooldownMs: number | undefined;
  readonly actions: readonly CompiledAction[];
  /** The view that `view` is in conditions, and the fields that they ask for; undefined: none is asked for. */
  readonly view: { readonly name: string; readonly fields: ReadonlySet<string> } | undefined;
  readonly listeners: ReadonlyMap<string, readonly RuleListener[]>;
}

export interface RuleListener {
  readonly of: 'event' | 'after' | 'without';
  readonly trigger: CompiledTrigger;
}

/** One of `audience` (of the rule's, or of its map's) and `condition`; `name` is as it is written. */
export interface CompiledSuppression {
  readonly name: string;
  readonly audience: string | undefined;
  readonly condition: CompiledCondition | undefined;
}

/** Minutes of the day in an IANA zone. */
export interface CompiledQuietHours {
  readonly fromMinute: number;
  readonly toMinute: number;
  readonly zone: string;
}

export interface CompiledCap {
  readonly scope: Cap['scope'];
  readonly times: number;
  readonly per: 'day' | 'week' | 'month' | { readonly rollingMs: number };
  readonly zone: string | undefined;
}
