/**
 * Audiences: groups of customers by what they did or did not do. An audience is told from a customer's own
 * events alone, one after the other, so that membership is known the moment an event is committed, and
 * changes by itself when something grows old (`audience.ts` says when that will be).
 *
 *     {"performed":"Call","times":3,"within":"3h"}            three calls within the last three hours, sliding
 *     {"notPerformed":"Login","within":"30d"}                 none in the last 30 days; true without any event
 *     {"lastPerformed":"Plan Changed","where":"event.data.plan == 'pro'"}
 *     {"sequence":["Payment Failed","Call"],"within":"1d"}    in this order, with others between them
 *     {"matches":"(?1)(?t<=60)(?2)","of":["Search","Exit"]}   in the words of ClickHouse, see `sequence.ts`
 *     {"pattern":{…},"within":"1d"}                           see `pattern.ts`
 *     {"bucket":{"from":0,"to":10,"salt":"spring"}}           a hash of the customer, in percent, `to` not included
 *     {"journey":"onboarding","status":"active","beyondStep":3}
 *     {"members":["c1","c2"]}
 *     {"all":[…]} {"any":[…]} {"not":…}
 *
 * An event's own time counts, and if that lies after its receipt, the receipt. All windows include their far end:
 * what happened exactly `within` ago is inside. A type `*` stands for any but the server's own.
 */
export type AudienceDefinition =
  | {
      readonly performed: string;
      readonly where?: string;
      readonly times?: number;
      readonly within?: string;
      readonly when?: AudienceWhen;
    }
  | { readonly notPerformed: string; readonly where?: string; readonly within?: string }
  | { readonly lastPerformed: string; readonly where: string }
  | {
      readonly sequence: readonly (string | SequenceStep)[];
      readonly within?: string;
      readonly when?: AudienceWhen;
    }
  | {
      readonly matches: string;
      /** Conditions (?1), (?2) …, in this order; other events are not looked at. */
      readonly of: readonly (string | SequenceStep)[];
      /** How often, in matches that share no event. */
      readonly times?: number;
      readonly within?: string;
      readonly when?: AudienceWhen;
    }
  | {
      readonly pattern: PatternDefinition;
      readonly within?: string;
      readonly when?: AudienceWhen;
    }
  | { readonly bucket: { readonly from: number; readonly to: number; readonly salt?: string } }
  | {
      readonly journey: string;
      /** Absent: active or paused. */
      readonly status?: string;
      readonly stage?: string;
      readonly beyondStep?: number | string;
    }
  | { readonly members: readonly string[] }
  | { readonly all: readonly AudienceDefinition[] }
  | { readonly any: readonly AudienceDefinition[] }
  | { readonly not: AudienceDefinition };

/**
 * `now` (default): all of it within the time that has just passed; of a pattern: completed within it. `ever`: once
 * true, it stays so. Without `within` the two are one.
 */
export type AudienceWhen = 'now' | 'ever';

export interface SequenceStep {
  readonly event: string;
  readonly where?: string;
}

/** A pattern over a customer's events, with the contiguity words of complex event processing. */
export interface PatternDefinition {
  readonly steps: readonly PatternStep[];
  /** Types of the events that are looked at beside those of the steps; only `next` and `notNext` make a difference. */
  readonly among?: readonly string[];
  /** Which matches under way a match ends; default `pastLast`. */
  readonly afterMatch?:
    | 'none'
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
  /** Ends a loop: the type of an event, or one with a condition. */
  readonly until?: string | SequenceStep;
}
