/**
 * Audiences: groups of customers by what they did or did not do. An audience is told from a customer's own
 * events alone, one after the other, so that membership is known the moment an event is committed, and
 * changes by itself when something grows old (`state.ts` says when that will be).
 *
 *     {"performed":"Call","times":3,"within":"3h"}            three calls within any three hours, sliding, inclusive
 *     {"notPerformed":"Login","within":"30d"}                 none in the last 30 days; true without any event
 *     {"lastPerformed":"Plan Changed","where":"event.data.plan == 'pro'"}
 *     {"sequence":["Payment Failed","Call"],"within":"1d"}    ordered, relaxed
 *     {"pattern":{…},"within":"1d"}                           see `pattern.ts`
 *     {"bucket":{"from":0,"to":10,"salt":"spring"}}           a hash of the customer, in percent
 *     {"journey":"onboarding","status":"active","beyondStep":3}
 *     {"all":[…]} {"any":[…]} {"not":…}
 */
export type AudienceDefinition =
  | {
      readonly performed: string;
      readonly where?: string;
      readonly times?: number;
      readonly within?: string;
      /** `now`: within the time that has just passed (default). `ever`: once true, it stays so. */
      readonly when?: 'now' | 'ever';
    }
  | { readonly notPerformed: string; readonly where?: string; readonly within?: string }
  | { readonly lastPerformed: string; readonly where: string }
  | { readonly sequence: readonly (string | SequenceStep)[]; readonly within?: string }
  | { readonly pattern: PatternDefinition; readonly within?: string }
  | { readonly bucket: { readonly from: number; readonly to: number; readonly salt?: string } }
  | {
      readonly journey: string;
      readonly status?: string;
      readonly stage?: string;
      readonly beyondStep?: number | string;
    }
  | { readonly members: readonly string[] }
  | { readonly all: readonly AudienceDefinition[] }
  | { readonly any: readonly AudienceDefinition[] }
  | { readonly not: AudienceDefinition };

export interface SequenceStep {
  readonly event: string;
  readonly where?: string;
}

/** A pattern over a customer's events, with the contiguity words of complex event processing. */
export interface PatternDefinition {
  readonly steps: readonly PatternStep[];
  readonly afterMatch?:
    | 'pastLast'
    | 'toNext'
    | { readonly toFirst: string }
    | { readonly toLast: string };
}

export interface PatternStep {
  readonly name: string;
  readonly event: string;
  readonly where?: string;
  /** How it follows the step before; default `then`. */
  readonly by?: 'next' | 'then' | 'thenAny' | 'notNext' | 'notThen';
  readonly min?: number;
  readonly max?: number | 'many';
  readonly lazy?: boolean;
  readonly until?: string;
}
