/** What a touchpoint asks about decisions, and what it is answered: plain data, since it crosses threads. */
import type { Place } from '../place.ts';
import type { DecidedAction, NotReason } from '../words.ts';
import type { Exploring } from './score.ts';

/** Candidates of one question, the touchpoint's own and rules together. */
export const candidatesMax = 50;
export const candidateIdBytesMax = 64;
/** How many may be chosen; 1 unless it is said. */
export const chosenMax = 20;
/** Milliseconds within which the answer is wanted. */
export const withinMsDefault = 100;
export const withinMsMax = 10_000;
/** Of what a touchpoint says of itself, and of what it says with a response, as JSON. */
export const contextBytesMax = 8 * 1024;
/** Of a candidate's own data, as JSON: it comes back with the answer. */
export const candidateDataBytesMax = 4 * 1024;

/** A touchpoint's own candidate: the members of a rule that say for whom, when and how much, under an id. */
export interface LocalCandidate {
  readonly id: string;
  readonly data?: unknown;
  readonly [member: string]: unknown;
}

/** A candidate on its way to the engine: a text crosses threads for less than what it says. */
export interface SentCandidate {
  readonly id: string;
  /** JSON of its members, id and data aside: what has the same text is compiled once. */
  readonly text: string;
  /** Where it is, as its data says. */
  readonly place?: Place;
}

export interface DecideWish {
  readonly workspace: number;
  readonly customer: string;
  /** Rules that wait for it (`when: {ask}`) are candidates. */
  readonly placement?: string;
  /** The touchpoint's channel: rules for another one are none of its candidates; local ones have it by default. */
  readonly channel?: string;
  /** Only these rules. */
  readonly rules?: readonly string[];
  /** The touchpoint's own candidates: JSON of `SentCandidate`s, as `checkMenu` made it. */
  readonly menu?: string;
  readonly k: number;
  readonly withinMs: number;
  /** Milliseconds of the monotonic clock at which it was asked. */
  readonly askedMs: number;
  readonly context?: Readonly<Record<string, unknown>>;
  /** Where the customer is, if the touchpoint knows it better. */
  readonly place?: Place;
  readonly explore?: Exploring;
}

export interface AnsweredCandidate {
  readonly id: string;
  /** Whether it is the touchpoint's own; otherwise `id` is a rule's name. */
  readonly local: boolean;
  /** From 1 on; of those that act. */
  readonly rank?: number | undefined;
  readonly verdict: 'act' | NotReason;
  readonly detail?: string | undefined;
  readonly score?: number | undefined;
  readonly category?: string | undefined;
  readonly channel?: string | undefined;
  /** Of a rule that acts: what the touchpoint is to show. All else the server does. */
  readonly show?: readonly DecidedAction[] | undefined;
}

export interface DecideAnswer {
  readonly id: string;
  /** The customer's name. */
  readonly customer: string;
  /** Epoch milliseconds. */
  readonly decidedAt: number;
  /** False: there was no time to wait until it is on the tape; it will be. */
  readonly recorded: boolean;
  /** The best first; those that met a guard last. */
  readonly candidates: readonly AnsweredCandidate[];
}

/** The same as JSON in pieces: see `answer.ts`. */
export interface DecideTold {
  /** All but the candidates. */
  readonly rest: string;
  readonly candidates: readonly string[];
  /** The place in the menu of each; -1: it is a rule. */
  readonly at: readonly number[];
}

export interface RespondWish {
  readonly workspace: number;
  readonly customer: string;
  /** One of the two. */
  readonly decision?: string;
  readonly action?: string;
  /** Which of the decision's candidates: an id as it was answered. */
  readonly candidate?: string;
  readonly answer: string;
  readonly data?: unknown;
}

export interface DecideAsks {
  /** @throws AppError invalid, too_large, unavailable. */
  readonly decide: { readonly ask: DecideWish; readonly answer: DecideTold };
  /** Durable when it is answered. @throws AppError not_found, unavailable. */
  readonly respond: {
    readonly ask: RespondWish;
    readonly answer: { readonly customer: string; readonly decision: string };
  };
}
