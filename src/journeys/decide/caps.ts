/**
 * Frequency caps: how often a customer may be bothered. What is decided counts at once, before anybody
 * knows whether it arrives, so decisions at the same time cannot overshoot; what definitely never
 * reached the customer is given back (`applied.ts`).
 *
 *     rolling    the last so many milliseconds, both ends with
 *     calendar   the day, week (from Monday) or month that it is where the customer is, or where the cap says
 */
import { localDay, localMonth, localWeek } from '../../std/zone.ts';
import type { Touch } from '../state.ts';

export type CapScope = 'rule' | 'channel' | 'category' | 'all';
export type CapPeriod = 'day' | 'week' | 'month' | { readonly rollingMs: number };

export interface FrequencyCap {
  readonly scope: CapScope;
  /** 0 or more: so often, and not once more. */
  readonly times: number;
  readonly per: CapPeriod;
  /** IANA name; undefined: the customer's own, or UTC. */
  readonly zone: string | undefined;
}

/** Under which names something counts. */
export interface Counted {
  readonly rule: string;
  /** Undefined: it takes nobody's attention, and counts under its own rule and category alone. */
  readonly channel: string | undefined;
  readonly category: string | undefined;
}

/**
 * Touches that are kept of a customer. Once so many are, a cap whose period may reach back to those that
 * are forgotten is taken as reached: what cannot be counted is not allowed.
 */
export const touchesMax = 500;
/** No cap looks back further, nor does a cooldown. */
export const touchKeptMsMax = 366 * 24 * 60 * 60 * 1000;
const monthMsMax = 32 * 24 * 60 * 60 * 1000;

/** The first cap that leaves no room; undefined: there is room under all of them. */
export function reachedCap(
  caps: readonly FrequencyCap[],
  touches: readonly Touch[],
  counted: Counted,
  now: number,
  customerZone: string | undefined,
): FrequencyCap | undefined {
  return caps.find((cap) => {
    const isIn = periodAt(cap, now, cap.zone ?? customerZone ?? 'UTC');
    const oldest = touches[0];
    if (oldest !== undefined && touches.length >= touchesMax && isIn(oldest.at)) return true;
    const since = now - reachMsOf(cap);
    let count = 0;
    for (let n = touches.length - 1; n >= 0 && count < cap.times; n--) {
      const touch = touches[n]!;
      if (touch.at < since) break;
      if (!touch.released && isUnder(cap.scope, touch, counted) && isIn(touch.at)) count++;
    }
    return count >= cap.times;
  });
}

function isUnder(scope: CapScope, touch: Touch, counted: Counted): boolean {
  switch (scope) {
    case 'rule':
      return touch.rule === counted.rule;
    case 'channel':
      return touch.channel !== undefined && touch.channel === counted.channel;
    case 'category':
      return touch.category !== undefined && touch.category === counted.category;
    case 'all':
      return touch.channel !== undefined;
  }
}

/** How far back something that counts can be; months have up to 31 days, and clocks are set back. */
function reachMsOf({ per }: FrequencyCap): number {
  return typeof per === 'object' ? per.rollingMs : monthMsMax;
}

/** Whether an instant is in the same period as `now`. */
function periodAt({ per }: FrequencyCap, now: number, zone: string): (at: number) => boolean {
  if (typeof per === 'object') return (at) => at >= now - per.rollingMs;
  const calendar = { day: localDay, week: localWeek, month: localMonth }[per];
  const current = calendar(zone, now);
  return (at) => calendar(zone, at) === current;
}

/** When something last counted under a rule; undefined: never. */
export function lastTouchOf(rule: string, touches: readonly Touch[]): number | undefined {
  return touches.findLast((touch) => touch.rule === rule && !touch.released)?.at;
}

/** Not again before so long; at that very moment it may be again. */
export function isCooling(
  rule: string,
  cooldownMs: number,
  touches: readonly Touch[],
  now: number,
): boolean {
  const last = lastTouchOf(rule, touches);
  return last !== undefined && now < last + cooldownMs;
}
