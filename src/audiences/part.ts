/**
 * A part of an audience that remembers something of a customer's events. What it remembers is plain data,
 * which it may change in place; what a part is itself never changes, one serves all customers.
 */
import type { Condition, ConditionSubject } from '../event/condition.ts';

export interface AudienceEvent {
  readonly type: string;
  /** The event's own time, and when it was committed: epoch milliseconds. */
  readonly time: number;
  readonly received: number;
  /** For conditions; decoded only when one asks. */
  readonly subject: ConditionSubject;
}

/** When an event counts: at its own time, or at its receipt if it is dated ahead of that. */
export function timeOf({ received, time }: AudienceEvent): number {
  return Math.min(time, received);
}

export interface Part<Memory = unknown> {
  /** Of the events that matter; `*`: any but the server's own. */
  readonly types: readonly string[];
  /** How far back in milliseconds events matter; infinite: all. */
  readonly withinMs: number;
  /** Of a customer without any event. */
  start(): Memory;
  /** @returns what is remembered from now on. */
  note(memory: Memory, event: AudienceEvent): Memory;
  holds(memory: Memory, now: number): boolean;
  /** The first instant after `now` at which that may change by itself. */
  changesAt(memory: Memory, now: number): number | undefined;
  /** Of two customers that are found to be one. */
  join(memory: Memory, other: Memory): Memory;
  /** How much was given up since there was no room for it; absent: there always is. */
  givenUp?(memory: Memory): number;
}

export const anyType = '*';
/** Types that only the server makes count only for those who name them. */
const serverTypePrefix = 'tapeline.';

/** An event that a part looks for. */
export class Wanted {
  readonly type: string;
  readonly #where: Condition | undefined;

  constructor(type: string, where: Condition | undefined) {
    this.type = type;
    this.#where = where;
  }

  isType(type: string): boolean {
    if (this.type === anyType) return !type.startsWith(serverTypePrefix);
    return this.type === type;
  }

  /** A condition that fails or costs too much is no match. */
  matches(event: AudienceEvent): boolean {
    return this.isType(event.type) && this.meets(event);
  }

  /** Of an event whose type is known to be right. */
  meets({ subject }: AudienceEvent): boolean {
    return this.#where === undefined || this.#where.meets(subject) === true;
  }
}

/** An instant plus a window: the first at which what happened then is outside. Undefined when that is past. */
export function expiryAfter(at: number, withinMs: number, now: number): number | undefined {
  const expiry = at + withinMs + 1;
  return expiry > now && Number.isFinite(expiry) ? expiry : undefined;
}
