/**
 * What the engine tells of while it applies an event: for those who count, try out or explain. Told as it
 * comes about, in that order; nothing in it may be changed or kept past the call.
 */
import type { Delivery, InstanceState, Request } from '../state.ts';
import type { DecisionSaid, DeliverySaid, ResponseSaid, TimerSaid } from '../words.ts';

/** `at` is the commit time of the event that is applied, epoch milliseconds. */
export type Happening = { readonly at: number } & (
  | InstanceHappening
  | { readonly kind: 'request'; readonly request: Request }
  /** Nobody has decided it in its time. */
  | { readonly kind: 'lapsed'; readonly request: Request; readonly customer: string }
  /** The oldest that nobody decided: the customer has too many. */
  | { readonly kind: 'overflow'; readonly request: Request }
  /** So many partial matches of a pattern: the customer has too many. `audience`: its key in the customer's state. */
  | { readonly kind: 'partials'; readonly audience: string; readonly givenUp: number }
  /** `request`: what was decided, unless a touchpoint asked, or it is decided already. */
  | {
      readonly kind: 'decision';
      readonly said: DecisionSaid;
      readonly request?: Request | undefined;
    }
  /** Only of a delivery that was still to be done. */
  | { readonly kind: 'delivery'; readonly said: DeliverySaid; readonly delivery: Delivery }
  | { readonly kind: 'response'; readonly said: ResponseSaid }
  | { readonly kind: 'timer'; readonly said: TimerSaid; readonly came: TimerOutcome }
);

export interface InstanceHappening {
  readonly kind: 'instance';
  /** As it is after the change. */
  readonly instance: InstanceState;
  readonly what:
    | 'started'
    | 'step'
    | 'stepCompleted'
    | 'milestone'
    | 'paused'
    | 'resumed'
    | 'completed'
    | 'exited'
    | 'expired'
    | 'cancelled'
    | 'failed'
    /** The customer is erased: whatever it was, it is gone without a trace. */
    | 'erased';
  /** Of `step` and `stepCompleted`: the ordinal, and of `step` the one that it was at before (0: none). */
  readonly step?: number;
  readonly from?: number;
  /** Of `step`: told late, the instance had gone on from it already; it has no `from`. */
  readonly isPassed?: boolean;
  /** Of `step` and `milestone`. */
  readonly name?: string;
}

/** `over`: it had been armed anew, or what it was for has ended; `active`: the customer was not silent for so long. */
export type TimerOutcome = 'request' | 'step' | 'expired' | 'over' | 'active';

export type Observe = (workspace: number, happening: Happening) => void;
