/**
 * Maps and rules made ready for the engine: names are ordinals, durations milliseconds, paths split and
 * conditions compiled. Plain objects that nobody changes; one for each version, shared by all customers.
 */
import type { ConditionSubject } from '../../event/condition.ts';
import type { Action, JourneyMap, Rule } from '../definition.ts';
import type { InstanceState } from '../state.ts';

/** What a condition may ask about; what is absent is an error for it, and an error is no match. */
export interface Facts {
  readonly event?: ConditionSubject | undefined;
  readonly instance?: InstanceState | undefined;
  /** The customer's name. */
  readonly customer?: string | undefined;
  /** Membership by the audience's name in the map or rule. */
  readonly audience?: Readonly<Record<string, boolean>> | undefined;
  /** Fields by name. */
  readonly view?: Readonly<Record<string, unknown>> | undefined;
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
  readonly actions: readonly Action[];
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
  readonly actions: readonly Action[];
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
}

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
  readonly perInstanceMax: number;
}
