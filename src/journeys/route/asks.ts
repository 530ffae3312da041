/** What fronts ask of routing, and what it tells them without being asked: plain data, since it crosses threads. */
import type { Place } from '../place.ts';
import type { AgentDefinition, DeskDefinition, PresenceStatus, PresenceWish } from './agent.ts';
import type { OfferKind } from './search.ts';

export interface ShownPresence {
  /** `offline` too when its time is up. */
  readonly status: PresenceStatus;
  readonly place?: Place;
  /** Epoch milliseconds; absent while a live connection of the agent is open, or when it is offline. */
  readonly until?: number;
}

export interface ShownAgent extends AgentDefinition {
  readonly id: string;
  readonly presence: ShownPresence;
  /** Offers it holds: reserved for it, or accepted and not completed. */
  readonly load: number;
  /** When it was last asked, epoch milliseconds; absent: never. */
  readonly lastOfferAt?: number;
}

export interface ShownDesk extends DeskDefinition {
  readonly name: string;
  /** Offers that its agents hold. */
  readonly load: number;
  readonly agents: number;
}

/** The journey of the customer that an offer came from. */
export interface ShownJourney {
  readonly instance: string;
  readonly journey: string;
  readonly status: string;
  /** Ordinal, 0: none yet; and its name. */
  readonly step: number;
  readonly stepName?: string;
  readonly silentMs: number;
  readonly context: Readonly<Record<string, unknown>>;
}

export interface ShownOffer {
  readonly id: string;
  readonly kind: OfferKind;
  readonly title: string;
  readonly state: 'reserved' | 'accepted';
  readonly customer: string;
  readonly offeredAt: number;
  /** Until when it is the agent's to answer. */
  readonly reservedUntil?: number;
  readonly acceptedAt?: number;
  readonly meeting?: string;
  readonly bypass?: boolean;
  readonly data?: unknown;
  /** From the agent to the customer, when both places are known. */
  readonly distanceMiles?: number;
  readonly journey?: ShownJourney;
  /** The view that goes with it; whoever shows the offer reads it. */
  readonly view?: string;
}

/** Why an offer is not the agent's any more. */
export type GoneReason = 'declined' | 'timedOut' | 'expired' | 'withdrawn' | 'completed';

export type AgentMessage =
  | { readonly type: 'offer' | 'accepted'; readonly offer: ShownOffer }
  | { readonly type: 'gone'; readonly offer: string; readonly reason: GoneReason }
  | { readonly type: 'presence'; readonly presence: ShownPresence }
  /** The agent was deleted. */
  | { readonly type: 'deleted' };

/** What every front is told. */
export interface AgentPush {
  readonly kind: 'agent';
  readonly workspace: number;
  readonly agent: string;
  readonly message: AgentMessage;
}

interface Tenanted {
  readonly workspace: number;
}

interface OfAgent extends Tenanted {
  readonly agent: string;
}

interface OfDesk extends Tenanted {
  readonly desk: string;
}

export interface PageWish extends Tenanted {
  readonly limit: number;
  /** The last id of the page before. */
  readonly afterId?: string | undefined;
}

export interface AgentPage {
  readonly agents: readonly ShownAgent[];
  /** The last id, when there are more; null on the last page. */
  readonly next: string | null;
}

export interface AnswerWish extends OfAgent {
  readonly offer: string;
  readonly change: 'accepted' | 'declined' | 'completed';
  readonly outcome?: string;
}

export interface RouteAsks {
  readonly agent: { readonly ask: OfAgent; readonly answer: ShownAgent };
  readonly agents: { readonly ask: PageWish; readonly answer: AgentPage };
  readonly putAgent: {
    readonly ask: OfAgent & { readonly definition: AgentDefinition };
    readonly answer: { readonly agent: ShownAgent; readonly created: boolean };
  };
  readonly deleteAgent: { readonly ask: OfAgent; readonly answer: object };
  readonly desk: { readonly ask: OfDesk; readonly answer: ShownDesk };
  readonly desks: {
    readonly ask: Tenanted;
    readonly answer: { readonly desks: readonly ShownDesk[] };
  };
  readonly putDesk: {
    readonly ask: OfDesk & { readonly definition: DeskDefinition };
    readonly answer: { readonly desk: ShownDesk; readonly created: boolean };
  };
  readonly deleteDesk: { readonly ask: OfDesk; readonly answer: object };
  readonly presence: {
    readonly ask: OfAgent & { readonly wish: PresenceWish };
    readonly answer: ShownAgent;
  };
  /** A live connection of an agent was opened, or closed; each has a name of its own. */
  readonly connection: {
    readonly ask: OfAgent & { readonly connection: string; readonly open: boolean };
    readonly answer: object;
  };
  readonly offers: {
    readonly ask: OfAgent;
    readonly answer: { readonly agent: ShownAgent; readonly offers: readonly ShownOffer[] };
  };
  /** Resolves when the answer is on the tape and counts. */
  readonly answerOffer: {
    readonly ask: AnswerWish;
    readonly answer: { readonly offer?: ShownOffer };
  };
}
