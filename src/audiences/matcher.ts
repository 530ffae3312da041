/**
 * Looks for a pattern in events as they come, one after the other: a set of partial matches, each at a step
 * that it has taken so many times. An event moves a partial on, is passed over, or ends it; which of them,
 * the step decides, so that only `thenAny` makes two of one. Each event that can be the first begins another.
 *
 *     partial at step s, taken n times; the event
 *       is s, and there may be more of it             → taken; `lazy`: only while there must be more
 *       is the step that follows, nothing forbids it  → taken; `thenAny`: and passed over
 *       is neither                                    → passed over, if something may still come later
 *
 * Who has taken all that is needed is a match at once, whether or not more could follow; a pattern that ends
 * with `notThen` matches when its window is over, one that ends with `notNext` at the next event. After a
 * match, others that began early enough are given up (`afterMatch`), those of one event in the order in which they began.
 */
import { assert } from '../std/assert.ts';
import type { PatternPlan, PlannedStep } from './pattern.ts';

/** Partial matches of one customer and pattern; those beyond are given up, the oldest first, and counted. */
export const partialMatchesMax = 1000;

/** Plain data. Events are known by their number in the order in which they were taken. */
export interface Partial {
  /** The time and the number of its first event, and the number of its last. */
  at: number;
  first: number;
  last: number;
  /** The step it is at, and how often it has taken it (beyond what is needed it is not counted). */
  step: number;
  times: number;
  /** An event was passed over since the last one taken. */
  gap?: true;
  /** The loop it is in has ended. */
  closed?: true;
  /** Bits of what came since, of all that must not come somewhere. */
  met?: number;
  /** The number of the event to which an `afterMatch` of first or last skips. */
  mark?: number;
  /** Only for who asks for the events of a match. */
  path?: Path;
}

export interface Path {
  readonly step: number;
  readonly event: number;
  readonly before: Path | undefined;
}

export interface Matching {
  /** Number of the next event. */
  number: number;
  /** Those that began earlier first. */
  partials: Partial[];
  /** When the newest match was complete; -1: there is none. */
  matched: number;
  givenUp: number;
}

export interface Match {
  readonly partial: Partial;
  /** When it was complete. */
  readonly at: number;
}

export class Matcher {
  readonly #plan: PatternPlan;
  readonly #steps: readonly PlannedStep[];
  /** By step, `[0]` for none yet: the steps that may follow, with what must not have come between. */
  readonly #followers: readonly (readonly Follower[])[];
  /** By step: whether a match may end with it. */
  readonly #mayEnd: readonly boolean[];
  readonly #endNot: number;
  readonly #isTraced: boolean;
  readonly #onMatch: ((match: Match) => void) | undefined;

  /** @param onMatch asks for the events of matches, too (`Partial.path`). */
  constructor(plan: PatternPlan, onMatch?: (match: Match) => void) {
    this.#plan = plan;
    this.#steps = plan.steps;
    this.#followers = [-1, ...plan.steps.keys()].map((step) => followersOf(plan.steps, step));
    this.#mayEnd = plan.steps.map((_, step) =>
      plan.steps.slice(step + 1).every(({ min }) => min === 0),
    );
    this.#endNot = plan.endNot.atOnce | plan.endNot.later;
    this.#isTraced = onMatch !== undefined;
    this.#onMatch = onMatch;
  }

  start(): Matching {
    return { number: 0, partials: [], matched: -1, givenUp: 0 };
  }

  copy(state: Matching): Matching {
    return { ...state, partials: state.partials.map((partial) => ({ ...partial })) };
  }

  /** Events of one time: in the order of the steps that they are, others last. */
  take(state: Matching, at: number, events: readonly number[]): void {
    this.pass(state, at);
    const ordered = events.length === 1 ? events : [...events].sort(byStep);
    for (const bits of ordered) this.#takeOne(state, at, bits);
  }

  /** Time has come to `now`: what began too long ago is given up, or has matched if it ends with `notThen`. */
  pass(state: Matching, now: number): void {
    const { withinMs } = this.#plan;
    while (state.partials.length > 0 && now - state.partials[0]!.at > withinMs) {
      const partial = state.partials.shift()!;
      if (!this.#awaitsEnd(partial)) continue;
      this.#finish(state, { partial, at: partial.at + withinMs + 1 }, []);
    }
  }

  /** When the first partial matches if nothing more comes. */
  nextEnd({ partials }: Matching): number | undefined {
    const partial = partials.find((each) => this.#awaitsEnd(each));
    return partial === undefined ? undefined : partial.at + this.#plan.withinMs + 1;
  }

  #takeOne(state: Matching, at: number, bits: number): void {
    const event = { number: state.number++, at, bits };
    const before = state.partials;
    state.partials = [];
    const matches: Match[] = [];
    for (const partial of before) this.#advance(partial, event, state.partials, matches);
    for (const { step } of this.#followers[0]!) {
      if ((bits & this.#steps[step]!.bit) === 0) continue;
      const first = { at, first: event.number, last: -1, step: -1, times: 0 };
      this.#taken(first, step, event, state.partials, matches);
      break;
    }
    while (matches.length > 0) this.#finish(state, matches.shift()!, matches);
    this.#limit(state);
  }

  #advance(partial: Partial, event: Taken, next: Partial[], matches: Match[]): void {
    const step = this.#steps[partial.step]!;
    const met = this.#metBy(partial, event.bits);
    const closed = partial.closed === true || (event.bits & step.untilBit) !== 0;
    const isDone = partial.times >= step.min;
    const follower = isDone ? this.#follower(partial, met, event.bits) : undefined;
    const canLoop = !closed && this.#canLoop(partial);
    const loops =
      canLoop && (event.bits & step.bit) !== 0 && !(step.lazy && follower !== undefined);
    if (loops) {
      this.#taken(partial, partial.step, event, next, matches);
      return;
    }
    if (follower !== undefined) {
      this.#taken(partial, follower.step, event, next, matches);
      if (this.#steps[follower.step]!.by !== 'thenAny') return;
    }
    const passed: Partial = { ...partial, gap: true, met };
    if (closed) passed.closed = true;
    if (this.#endsByNext(passed)) matches.push({ partial: passed, at: event.at });
    else if (canLoop || this.#hasHope(passed)) next.push(passed);
  }

  /** Takes an event as a step: again, or for the first time. */
  #taken(from: Partial, index: number, event: Taken, next: Partial[], matches: Match[]): void {
    const step = this.#steps[index]!;
    const enough = step.max === Number.POSITIVE_INFINITY ? Math.max(1, step.min) : step.max;
    const times = Math.min(enough, from.step === index ? from.times + 1 : 1);
    const { at, first } = from;
    const partial: Partial = { at, first, last: event.number, step: index, times };
    const mark = this.#markOf(from, index, event.number);
    if (mark !== undefined) partial.mark = mark;
    if (this.#isTraced) partial.path = { step: index, event: event.number, before: from.path };
    if (times >= step.min && this.#mayEnd[index]! && this.#endNot === 0) {
      matches.push({ partial, at: event.at });
    }
    if (this.#canLoop(partial) || this.#hasHope(partial)) next.push(partial);
  }

  #markOf(from: Partial, step: number, event: number): number | undefined {
    const { afterMatch } = this.#plan;
    if ((afterMatch.to !== 'first' && afterMatch.to !== 'last') || afterMatch.step !== step) {
      return from.mark;
    }
    return afterMatch.to === 'first' ? (from.mark ?? event) : event;
  }

  /** What must not come counts since the last event taken; for `notNext` only what comes right after it. */
  #metBy({ gap, met = 0 }: Partial, bits: number): number {
    return met | (bits & this.#plan.allNotThen) | (gap ? 0 : bits & this.#plan.allNotNext);
  }

  /** The step that an event is for a partial that has taken its own often enough. */
  #follower({ gap, step }: Partial, met: number, bits: number): Follower | undefined {
    return this.#followers[step + 1]!.find(
      (follower) =>
        (bits & this.#steps[follower.step]!.bit) !== 0 && this.#isOpen(follower, gap, met),
    );
  }

  #isOpen(follower: Follower, gap: true | undefined, met: number): boolean {
    if ((met & follower.not) !== 0) return false;
    return gap !== true || this.#steps[follower.step]!.by !== 'next';
  }

  /** A lazy step that has enough does not take more, unless what follows has to come next to it. */
  #canLoop({ step, times }: Partial): boolean {
    const { lazy, max, min } = this.#steps[step]!;
    if (times >= max) return false;
    if (!lazy || times < min) return true;
    return this.#followers[step + 1]!.some(({ step: next }) => this.#steps[next]!.by === 'next');
  }

  /** Something may still come, without more of the step it is at. */
  #hasHope(partial: Partial): boolean {
    const { gap, met = 0, step, times } = partial;
    if (times < this.#steps[step]!.min) return false;
    if (this.#followers[step + 1]!.some((follower) => this.#isOpen(follower, gap, met)))
      return true;
    if (!this.#mayEnd[step]! || this.#endNot === 0 || (met & this.#endNot) !== 0) return false;
    return this.#plan.endNot.later !== 0 || gap !== true;
  }

  #awaitsEnd({ met = 0, step, times }: Partial): boolean {
    if (this.#plan.endNot.later === 0 || (met & this.#endNot) !== 0) return false;
    return this.#mayEnd[step]! && times >= this.#steps[step]!.min;
  }

  /** It ends with `notNext` alone, and what came next was not that. */
  #endsByNext({ met = 0, step, times }: Partial): boolean {
    const { endNot } = this.#plan;
    if (endNot.atOnce === 0 || endNot.later !== 0 || (met & endNot.atOnce) !== 0) return false;
    return this.#mayEnd[step]! && times >= this.#steps[step]!.min;
  }

  /** @param others matches of the same event that come after this one. */
  #finish(state: Matching, match: Match, others: Match[]): void {
    state.matched = Math.max(state.matched, match.at);
    this.#onMatch?.(match);
    const stays = this.#skip(match.partial);
    if (stays === undefined) return;
    state.partials = state.partials.filter(stays);
    const left = others.filter(({ partial }) => stays(partial));
    others.splice(0, others.length, ...left);
  }

  /** Which partials stay after a match; undefined: all. */
  #skip({ first, last, mark }: Partial): ((other: Partial) => boolean) | undefined {
    const { afterMatch } = this.#plan;
    if (afterMatch.to === 'none') return undefined;
    if (afterMatch.to === 'pastLast') return (other) => other.first > last;
    if (afterMatch.to === 'toNext' || mark === undefined) return (other) => other.first !== first;
    return (other) => other.first >= mark;
  }

  #limit(state: Matching): void {
    if (this.#plan.afterMatch.to === 'pastLast' && !Number.isFinite(this.#plan.withinMs)) {
      state.partials = withoutFollowers(state.partials);
    }
    const over = state.partials.length - partialMatchesMax;
    if (over <= 0) return;
    state.partials.splice(0, over);
    state.givenUp += over;
  }

  /** As if the other customer's partial matches had begun in between. */
  join(state: Matching, other: Matching): Matching {
    assert(!this.#isTraced, 'the events of matches of two customers have two countings');
    const partials = [...state.partials, ...other.partials].sort((a, b) => a.at - b.at);
    const joined = {
      number: Math.max(state.number, other.number),
      partials,
      matched: Math.max(state.matched, other.matched),
      givenUp: state.givenUp + other.givenUp,
    };
    this.#limit(joined);
    return joined;
  }
}

interface Taken {
  readonly number: number;
  readonly at: number;
  readonly bits: number;
}

interface Follower {
  readonly step: number;
  /** Bits of what must not have come since the last event taken. */
  readonly not: number;
}

/**
 * The next step, and those after it while they are optional. One that is optional and lazy is taken only if what follows
 * it would have to come at once, and did not.
 */
function followersOf(steps: readonly PlannedStep[], from: number): Follower[] {
  const followers: Follower[] = [];
  let not = 0;
  for (let step = from + 1; step < steps.length; step++) {
    not |= steps[step]!.not;
    followers.push({ step, not });
    if (steps[step]!.min > 0) break;
  }
  const preferred: Follower[] = [];
  for (const follower of followers.reverse()) {
    const { lazy, min } = steps[follower.step]!;
    if (!lazy || min > 0) preferred.unshift(follower);
    else if (steps[follower.step + 1]?.by === 'next') preferred.push(follower);
  }
  return preferred;
}

/**
 * Of two partials that wait for the same, the one that began later can only match together with the other, and
 * is given up then: it is not kept in the first place.
 */
function withoutFollowers(partials: readonly Partial[]): Partial[] {
  const known = new Set<string>();
  return partials.filter(({ closed, gap, met = 0, step, times }) => {
    const waits = `${step} ${times} ${gap} ${closed} ${met}`;
    if (known.has(waits)) return false;
    known.add(waits);
    return true;
  });
}

/** Sorts events of one time: by the first step that each is; those that are none come last. */
export function byStep(bits: number, other: number): number {
  return rank(bits) - rank(other);
}

function rank(bits: number): number {
  return bits === 0 ? 32 : 31 - Math.clz32(bits & -bits);
}
