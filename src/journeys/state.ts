/**
 * What the engine knows of a customer. It is a function of the tape alone: of the customer's events and of
 * what the server said there (`words.ts`), in commit order. So a replay makes the same of it, and what is on
 * disk is a copy that spares one.
 */
import type { AudienceState } from '../audiences/state.ts';
import type { DecidedAction } from './words.ts';

export type InstanceStatus =
  | 'active'
  | 'paused'
  | 'completed'
  | 'exited'
  | 'expired'
  | 'cancelled'
  | 'failed';

export interface Visit {
  readonly step: number;
  readonly at: number;
  /** The own time of the event that led there, when it is another: visits are in the order of these. */
  readonly time?: number;
}

/** Times are epoch milliseconds of commit (`received`), unless they are said to be an event's own. */
export interface InstanceState {
  /** Stable and unique in the workspace: made of map, customer, key and run. */
  id: string;
  journey: string;
  version: number;
  key: string;
  /** 1 for the first run of this map and key, 2 for the next … */
  run: number;
  /** The identity it was started under: an un-merge gives it back. */
  home: string;
  status: InstanceStatus;
  reason?: string;
  startedAt: number;
  endedAt?: number;
  lastActivity: number;
  /** Grows with each activity; a stall is told from the next by it. */
  activity: number;
  /** Ordinals, 0: none yet. */
  current: number;
  furthest: number;
  visited: Visit[];
  completed: number[];
  /** Names, in the order they were reached. */
  milestones: { name: string; at: number }[];
  context: Record<string, unknown>;
  pausedAt?: number;
  /** Sum of pauses: clocks stand still meanwhile. */
  pausedMs: number;
  /** How often each rule has acted for it. */
  acted: Record<string, number>;
  timers: TimerState[];
  /** Waits of the step, by index, that do not run yet: it has come there by history, or while it was paused. */
  dormant?: number[];
  /** History began it, and nothing has come since that was none. */
  isHistory?: true;
  /** By channel, when something of the journey came by it last: for rules that ask for silence on one. */
  heard?: Record<string, number>;
  /** What came while it is paused, oldest first; bounded (`pause.ts`). */
  held?: HeldEvent[];
  /** A merge has put it away (`merged.ts`). */
  merged?: PutAway;
}

/** What an instance had when a merge put it away for one that began with the identity `stays`. */
export interface PutAway {
  readonly stays: string;
  readonly isPaused: boolean;
  readonly pausedAt: number;
  readonly timers: readonly TimerState[];
  readonly held?: readonly HeldEvent[];
  readonly dormant?: readonly number[];
}

/** A timer: due when the clock is past `due`; `generation` tells it from what it was armed with before. */
export interface TimerState {
  id: string;
  generation: number;
  due: number;
  /** While paused: what was left of it. */
  left?: number;
  /** It has been fired for what it was armed with; activity arms it anew. */
  spent?: true;
}

/** An event that came while an instance was paused, as much of it as conditions can ask for. */
export interface HeldEvent {
  readonly stamp: number;
  readonly ordinal: number;
  readonly type: string;
  readonly time: number;
  readonly received: number;
  readonly id: string;
  readonly customer: string;
  readonly channel: string;
  readonly source: string;
  /** JSON text. */
  readonly data?: string;
}

/** A rule or step wants something decided. */
export interface Request {
  readonly id: string;
  readonly rule?: string;
  /** A step's or wait's own actions, when it is not a rule that asks. */
  readonly step?: number;
  readonly wait?: string;
  readonly version: number;
  readonly journey?: string;
  readonly instance?: string;
  /** When it was asked, and until when it may be decided. */
  readonly at: number;
  readonly until: number;
  /** The event that was the cause: where it stands on the tape. */
  readonly cause?: { readonly stamp: number; readonly ordinal: number };
}

/** An action that was decided and has not been delivered. */
export interface Delivery {
  readonly action: DecidedAction;
  readonly request: string;
  readonly rule?: string;
  readonly journey?: string;
  readonly instance?: string;
  /** Of the rule, or of the map whose step it is. */
  readonly version?: number;
  readonly at: number;
  /** Of an offer to agents. */
  offer?: OfferState;
}

export interface OfferState {
  number: number;
  agent?: string;
  until?: number;
  state: 'open' | 'reserved' | 'accepted';
  /** Who declined or let it pass. */
  passed: string[];
  acceptedAt?: number;
  /** Where agent and customer meet. */
  meeting?: string;
}

/** What frequency caps count: when something was decided or shown, newest last; bounded. */
export interface Touch {
  readonly at: number;
  readonly request: string;
  readonly rule?: string;
  readonly channel?: string;
  readonly category?: string;
  /** Of one that is decided and not read back: the instance it is about. */
  readonly instance?: string;
  /** How many of its actions are not known to have reached the customer, nor to have failed. */
  open?: number;
  /** Nothing of it ever reached the customer: it counts for no cap. */
  released?: boolean;
  /** It was accepted: that counts once. */
  accepted?: boolean;
}

export interface PersonState {
  /** The customer's name as the engine knows it now. */
  name: string;
  instances: InstanceState[];
  /** By map or rule and audience. */
  audiences: Record<string, AudienceState>;
  /** The audiences in force (`WorkspaceForce.pastMark`) when they were last told what the customer had done before. */
  recalled?: string;
  /** Timers of rules that are about the customer, not an instance. */
  timers: TimerState[];
  /** Numbers what they are armed with. */
  armed?: number;
  requests: Request[];
  deliveries: Delivery[];
  touches: Touch[];
  /** Last known place, from event data (`data.latitude`, `data.longitude`) or a consented location. */
  place?: { readonly latitude: number; readonly longitude: number; readonly at: number };
  /** IANA name, from event data (`data.timezone`): in which calendar days are counted. */
  zone?: string;
  /** By category or channel, from events of the type `Consent`; `all` is about everything. */
  consent: Record<string, boolean>;
  /** How often what a rule offered was answered, for propensity. */
  responses: Record<string, { shown: number; accepted: number }>;
}
