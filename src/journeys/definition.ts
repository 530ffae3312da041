/**
 * Journey maps and rules as they are stored and sent: plain JSON. A map says how a journey goes; a rule
 * says what to do, for whom, at which moment of it. Both are checked whole before they are stored
 * (`check/`), a published version never changes, and whoever is on one stays on it.
 *
 *     map     stages ─▶ steps (numbered 1…n over all stages, in document order)   milestones, goal, exits
 *     rule    when (what happened, or did not) ─▶ if ─▶ suppress, quiet hours, caps ─▶ then: actions
 *
 * Durations are written `30s`, `5m`, `12h`, `7d`, `2w`. Conditions are CEL over `event`, `instance`,
 * `audience`, and in rules `view`.
 */
import type { AudienceDefinition } from '../audiences/definition.ts';

/** An event that means something to a journey. */
export interface Trigger {
  readonly event: string;
  readonly channel?: string;
  readonly where?: string;
}

export interface JourneyMap {
  readonly title?: string;
  readonly description?: string;
  /** Dotted path into an event's `data` that tells several instances apart (an order id); absent: one at a time. */
  readonly key?: string;
  readonly entry: readonly Trigger[];
  readonly reentry?: 'never' | 'afterExit' | { readonly afterWait: string };
  readonly stages: readonly Stage[];
  readonly milestones?: readonly Milestone[];
  /** Any of these completes an instance. */
  readonly goal?: readonly Trigger[];
  /** Any of these ends it with a reason. */
  readonly exits?: readonly Exit[];
  /** After so long without activity an instance has expired; default 30d, at most 366d. */
  readonly expiresAfter?: string;
  /** What an instance remembers: name → dotted path into `data`; the newest value that an event carries stays. */
  readonly context?: Readonly<Record<string, string>>;
  /** Groups of customers by what they did, for conditions (`audience.frequentCaller`). */
  readonly audiences?: Readonly<Record<string, AudienceDefinition>>;
  /** Names of those of which it is said on the tape (`tapeline.audience`) when a customer enters or leaves. */
  readonly announces?: readonly string[];
  /** An event this much older than its receipt moves state and fires nothing; default 10m. */
  readonly lateness?: string;
  /** What happens on resume to what came while paused: state follows silently, or actions fire too. */
  readonly onResume?: 'state' | 'replay';
  /** Whether the channel alone counts as activity; absent: any event of the map's. */
  readonly activityChannel?: string;
  readonly instancesMax?: number;
  readonly kpis?: readonly Kpi[];
}

export interface Stage {
  readonly name: string;
  readonly steps: readonly Step[];
}

export interface Step {
  readonly name: string;
  readonly on?: readonly Trigger[];
  /** A micro journey: this step is entered when an instance of that map starts, completed when it completes. */
  readonly journey?: string;
  /** Completed when one of these happens; absent: when it is entered. */
  readonly completed?: readonly Trigger[];
  /** Does not count for progress. */
  readonly optional?: boolean;
  /** From entering it on: what comes by itself when time passes. */
  readonly waits?: readonly Wait[];
  /** Done when it is entered. */
  readonly actions?: readonly Action[];
}

/** `for`: after so long. `until`: at the next such local time. `on`: unless this happens before. */
export interface Wait {
  readonly name: string;
  readonly for?: string;
  readonly until?: { readonly at: string; readonly zone: string };
  readonly on?: readonly Trigger[];
  /** Goes to this step when the time is up. */
  readonly thenStep?: string;
  readonly actions?: readonly Action[];
}

export interface Milestone {
  readonly name: string;
  readonly step?: string;
  readonly on?: readonly Trigger[];
}

export interface Exit {
  readonly reason: string;
  readonly on: readonly Trigger[];
  /** Ends only the instance whose key the event carries; default: every instance of the map. */
  readonly keyed?: boolean;
}

export interface Kpi {
  readonly name: string;
  readonly type: 'completionRate' | 'timeToComplete' | 'milestoneRate' | 'dropOff';
  readonly milestone?: string;
  readonly step?: string;
  readonly target?: number;
}

/** What makes a rule ask for a decision; exactly one. */
export type When =
  | { readonly event: string; readonly channel?: string; readonly where?: string }
  /** An instance is at more than a step (ordinal or name) and nothing has happened for longer than `silentFor`. */
  | {
      readonly beyondStep: number | string;
      readonly by?: 'current' | 'furthest';
      readonly silentFor: string;
      readonly channel?: string;
    }
  /** After an event, another one did not come within a time. */
  | { readonly after: Trigger; readonly without: Trigger; readonly within: string }
  /** A customer enters or leaves an audience of the map's or the rule's. */
  | { readonly audience: string; readonly change?: 'enter' | 'leave' }
  /** Something happened to an instance. */
  | {
      readonly instance: 'started' | 'completed' | 'exited' | 'expired' | 'step' | 'milestone';
      readonly name?: string;
    }
  /** A touchpoint asks what to do at this place of it (`POST /v1/decide`). */
  | { readonly ask: string }
  /** Fields of a view say so, looked at when an event of a type that the view shows is committed. */
  | { readonly view: string; readonly where: string };

export interface Rule {
  readonly title?: string;
  readonly description?: string;
  readonly enabled?: boolean;
  /** The map whose instances it is about; needed by `beyondStep` and `instance`. */
  readonly journey?: string;
  readonly when: When;
  /** The view that conditions ask for as `view`; default: the one of `when`. */
  readonly view?: string;
  /** Must hold when it is decided. */
  readonly if?: string;
  readonly audiences?: Readonly<Record<string, AudienceDefinition>>;
  /** How far from the customer what is offered may be; an unknown place matches only `anywhere`. */
  readonly within?: 'anywhere' | { readonly miles: number };
  /** None of them when one of these holds for the customer (names of audiences, or conditions). */
  readonly suppressedBy?: readonly string[];
  readonly quietHours?: { readonly from: string; readonly to: string; readonly zone: string };
  readonly caps?: readonly Cap[];
  /** So many percent of customers get nothing, always the same ones. */
  readonly control?: { readonly percent: number; readonly salt?: string };
  readonly category?: string;
  readonly channel?: string;
  /** Higher first; rules that want the same customer's attention at one moment are arbitrated. */
  readonly priority?: number;
  /** 0–1, a business value and weights in percent: score = P·C·V·L. */
  readonly propensity?: number;
  readonly value?: number;
  readonly contextWeights?: readonly { readonly if: string; readonly percent: number }[];
  readonly leverPercent?: number;
  readonly from?: string;
  readonly to?: string;
  /** Not again for this customer before so long. */
  readonly cooldown?: string;
  readonly perInstanceMax?: number;
  readonly then: readonly Action[];
}

export interface Cap {
  readonly scope: 'rule' | 'channel' | 'category' | 'all';
  readonly times: number;
  readonly per: 'day' | 'week' | 'month' | { readonly rolling: string };
  readonly zone?: string;
}

/** A text or value in which `${…}` is a CEL expression over `event`, `instance`, `customer`, `decision`, `agent`. */
export type Templated = unknown;

export type Action =
  | {
      readonly do: 'webhook';
      readonly endpoint: string;
      readonly data?: Templated;
      /** The body is `data` alone, as JSON, without what is told of the decision. */
      readonly plain?: boolean;
    }
  /** An offer in the customer's page, with accept and dismiss; `notice`: without an answer. */
  | {
      readonly do: 'page';
      readonly kind?: 'offer' | 'notice';
      readonly data: Templated;
      readonly ttl?: string;
    }
  /** An offer to an agent or a desk; a walk-in carries a meeting link to both sides. */
  | {
      readonly do: 'agent';
      readonly kind: 'walkIn' | 'offer' | 'callback';
      readonly title: string;
      readonly data?: Templated;
      readonly skills?: readonly SkillWish[];
      readonly rings?: readonly Ring[];
      /** How long an agent has to answer; default 30s. */
      readonly reserveFor?: string;
      /** When it is over if nobody took it; default 10m. */
      readonly ttl?: string;
      /** Higher first, −1000…1000; default 0. */
      readonly priority?: number;
      /** `https://meet.example/${decision.id}`. */
      readonly meeting?: string;
      /** What the agent sees of the customer besides the journey: a view of the workspace. */
      readonly view?: string;
      /** The customer goes past the menu or the bot of a touchpoint; it is told so with the offer. */
      readonly bypass?: boolean;
    }
  | {
      readonly do: 'event';
      readonly type: string;
      readonly channel?: string;
      readonly data?: Templated;
    }
  | {
      readonly do: 'start';
      readonly journey: string;
      readonly key?: Templated;
      readonly context?: Templated;
    }
  | { readonly do: 'stop'; readonly journey: string; readonly reason: string }
  | { readonly do: 'notify'; readonly data: Templated; readonly ttl?: string };

/** One of `skill` and `context`. */
export interface SkillWish {
  readonly skill?: string;
  /** The skill is what the instance's context holds under this name; without it there is no such wish. */
  readonly context?: string;
  /** Required with at least this level (1–10); absent: preferred, weighed by `weight`. */
  readonly level?: number;
  readonly weight?: number;
  /** Required, but only until so long after the offer was made. */
  readonly dropAfter?: string;
}

/** From `after` on the search is this wide. */
export interface Ring {
  readonly after: string;
  readonly miles?: number;
  readonly anywhere?: boolean;
  readonly levelsLower?: number;
}
