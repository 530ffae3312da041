/**
 * Frequency caps: how often a customer may be bothered. What is decided counts at once, before anybody
 * knows whether it arrives, so decisions at the same time cannot overshoot; what definitely never
 * reached the customer is given back (`applied.ts`).
 *
 *     rolling    the last so many milliseconds, both ends with
 *     calendar   the day, week (from Monday) or month that it is where the customer is, or where the cap says
 */
import { localDay, localMonth, localWeek, quarterMs } from '../../std/zone.ts';
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
/** The one name in the scope of all. */
const anything = '';
const dayMs = 24 * 60 * 60 * 1000;

/** The first cap that leaves no room; undefined: there is room under all of them. */
export function reachedCap(
  caps: readonly FrequencyCap[],
  touches: readonly Touch[],
  counted: Counted,
  now: number,
  customerZone: string | undefined,
): FrequencyCap | undefined {
  return new CapTally(touches, now, customerZone).reached(caps, counted);
}

/** How caps stand for one customer at one moment, for all that is weighed then: counted once for those alike. */
export class CapTally {
  readonly #touches: readonly Touch[];
  readonly #now: number;
  readonly #zone: string | undefined;
  /** By period and scope: how often each name was touched; undefined: more than can be counted. */
  readonly #counts = new Map<string, ReadonlyMap<string, number> | undefined>();

  constructor(touches: readonly Touch[], now: number, customerZone: string | undefined) {
    this.#touches = touches;
    this.#now = now;
    this.#zone = customerZone;
  }

  /** The first cap that leaves no room for what counts so. */
  reached(caps: readonly FrequencyCap[], counted: Counted): FrequencyCap | undefined {
    if (caps.length === 0) return undefined;
    return caps.find((cap) => {
      const counts = this.#countsOf(cap);
      if (counts === undefined) return true;
      const name = cap.scope === 'all' ? anything : counted[cap.scope];
      return (name === undefined ? 0 : (counts.get(name) ?? 0)) >= cap.times;
    });
  }

  #countsOf(cap: FrequencyCap): ReadonlyMap<string, number> | undefined {
    const { per, scope, zone = '' } = cap;
    const key = `${scope} ${typeof per === 'object' ? per.rollingMs : per} ${zone}`;
    if (this.#counts.has(key)) return this.#counts.get(key);
    const counts = countTouches(this.#touches, scope, new Period(cap, this.#now, this.#zone));
    this.#counts.set(key, counts);
    return counts;
  }
}

/** Undefined: there are more than are kept, in this period. */
function countTouches(
  touches: readonly Touch[],
  scope: CapScope,
  period: Period,
): ReadonlyMap<string, number> | undefined {
  const oldest = touches[0];
  if (oldest !== undefined && touches.length >= touchesMax && period.has(oldest.at)) {
    return undefined;
  }
  const counts = new Map<string, number>();
  for (let n = touches.length - 1; n >= 0; n--) {
    const touch = touches[n]!;
    if (touch.at < period.since) break;
    const name = nameOf(scope, touch);
    if (name === undefined || touch.released === true || !period.has(touch.at)) continue;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/** Under which name something that was shown counts in a scope; undefined: it does not. */
function nameOf(scope: CapScope, touch: Touch): string | undefined {
  if (scope !== 'all') return touch[scope];
  return touch.channel === undefined ? undefined : anything;
}

const calendars = {
  day: { of: localDay, reachMs: 2 * dayMs },
  week: { of: localWeek, reachMs: 8 * dayMs },
  month: { of: localMonth, reachMs: 32 * dayMs },
} as const;

/** The period of a cap that an instant lies in. */
class Period {
  /** Nothing that counts is older; months have up to 31 days, and clocks are set back. */
  readonly since: number;
  readonly #calendar: ((zone: string, at: number) => number) | undefined;
  readonly #zone: string;
  readonly #current: number;
  /** Touches come close together, and within a quarter of an hour no calendar turns. */
  #quarter = Number.NaN;
  #hasQuarter = false;

  constructor({ per, zone }: FrequencyCap, now: number, customerZone: string | undefined) {
    const isRolling = typeof per === 'object';
    this.#zone = zone ?? customerZone ?? 'UTC';
    this.since = now - (isRolling ? per.rollingMs : calendars[per].reachMs);
    this.#calendar = isRolling ? undefined : calendars[per].of;
    this.#current = this.#calendar?.(this.#zone, now) ?? 0;
  }

  has(at: number): boolean {
    if (this.#calendar === undefined) return at >= this.since;
    const quarter = Math.floor(at / quarterMs);
    if (quarter !== this.#quarter) {
      this.#quarter = quarter;
      this.#hasQuarter = this.#calendar(this.#zone, at) === this.#current;
    }
    return this.#hasQuarter;
  }
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
