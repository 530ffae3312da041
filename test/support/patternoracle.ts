/**
 * What a pattern finds, told the slow way: from each event that may be the first, every way on is followed to
 * the end of the tape, with all that was passed over in hand. Then the ways that came to an end are put in
 * order, and those that a match before them has ruled out are dropped.
 */
import type { PatternStep } from '../../src/audiences/definition.ts';
import type { LetterEvent, PatternInput } from './audiences.ts';

interface Found {
  readonly events: readonly number[];
  /** Which event each step took, first and last, by name. */
  readonly steps: readonly string[];
  readonly at: number;
  /** By its window alone, before any event of that time. */
  readonly byTimer: boolean;
  /** The event that completed it. */
  readonly by: number;
}

const isNot = ({ by }: PatternStep): boolean => by === 'notNext' || by === 'notThen';

export interface OracleMatch {
  /** Names of its events, as `a1 b2`. */
  readonly events: string;
  readonly at: number;
}

export function oracleOf(
  input: PatternInput,
  tape: readonly LetterEvent[],
  now: number,
): OracleMatch[] {
  const { steps } = input;
  const seesAll = steps.some(({ by }) => by === 'next' || by === 'notNext');
  const known = new Set(
    steps.flatMap(({ event, until }) => [event, ...(until === undefined ? [] : [until as string])]),
  );
  const events = tape
    .filter(({ type }) => seesAll || known.has(type))
    .map((event, index) => ({ ...event, index, rank: rankOf(steps, event.type) }))
    .sort((a, b) => a.at - b.at || a.rank - b.rank || a.index - b.index);
  const found = events.flatMap((_, first) => new Way(input, events, first, now).follow());
  found.sort((a, b) => a.at - b.at || order(a, b));
  const kept: Found[] = [];
  for (const match of found) {
    if (kept.every((before) => staysAfter(before, match, input))) kept.push(match);
  }
  return kept.map((match) => ({
    events: match.events.map((index) => events[index]!.name).join(' '),
    at: match.at,
  }));
}

/** At one time those by their windows come first; then by the event that completed them, then by their own first. */
function order(a: Found, b: Found): number {
  if (a.byTimer !== b.byTimer) return a.byTimer ? -1 : 1;
  return a.by - b.by || a.events[0]! - b.events[0]!;
}

/** By the first wish (what must not come among them) that an event of this type meets; ends of loops, then nothing. */
function rankOf(steps: readonly PatternStep[], type: string): number {
  const wishes = [
    ...steps.map(({ event }) => event),
    ...steps.flatMap(({ until }) => (until === undefined ? [] : [until as string])),
  ];
  const index = wishes.indexOf(type);
  return index < 0 ? 99 : index;
}

function staysAfter(
  before: Found,
  match: Found,
  { afterMatch = 'pastLast' }: PatternInput,
): boolean {
  const first = match.events[0]!;
  if (afterMatch === 'none') return true;
  if (afterMatch === 'pastLast') return first > before.events.at(-1)!;
  if (afterMatch === 'toNext') return first !== before.events[0];
  const name = 'toFirst' in afterMatch ? afterMatch.toFirst : afterMatch.toLast;
  const index =
    'toFirst' in afterMatch ? before.steps.indexOf(name) : before.steps.lastIndexOf(name);
  return index < 0 ? first !== before.events[0] : first >= before.events[index]!;
}

class Way {
  readonly #steps: readonly PatternStep[];
  readonly #events: readonly LetterEvent[];
  readonly #first: number;
  readonly #withinMs: number;
  readonly #now: number;
  readonly #found: Found[] = [];

  constructor(input: PatternInput, events: readonly LetterEvent[], first: number, now: number) {
    this.#steps = input.steps;
    this.#events = events;
    this.#first = first;
    this.#withinMs = input.withinMs ?? Number.POSITIVE_INFINITY;
    this.#now = now;
  }

  follow(): Found[] {
    const type = this.#events[this.#first]!.type;
    const step = this.#followers(-1).find((each) => this.#steps[each]!.event === type);
    if (step !== undefined) this.#take(step, [], [], this.#first);
    return this.#found;
  }

  /** Steps that may come after one, in the order in which they are tried. */
  #followers(from: number): number[] {
    const all: number[] = [];
    for (let step = from + 1; step < this.#steps.length; step++) {
      if (isNot(this.#steps[step]!)) continue;
      all.push(step);
      if (this.#minOf(step) > 0) break;
    }
    const firstChoice = all.filter((step) => !this.#isShy(step));
    const lastChoice = all.filter((step) => this.#isShy(step) && this.#mustBeNext(step));
    return [...firstChoice, ...lastChoice.reverse()];
  }

  /** Optional and lazy. */
  #isShy(step: number): boolean {
    return this.#minOf(step) === 0 && this.#steps[step]!.lazy === true;
  }

  /** What comes after it would have to come at once. */
  #mustBeNext(step: number): boolean {
    const next = this.#steps.findIndex((each, index) => index > step && !isNot(each));
    return next >= 0 && this.#steps[next]!.by === 'next';
  }

  #minOf(step: number): number {
    return this.#steps[step]!.min ?? 1;
  }

  #maxOf(step: number): number {
    const { max } = this.#steps[step]!;
    return max === 'many' ? Number.POSITIVE_INFINITY : (max ?? Math.max(1, this.#minOf(step)));
  }

  #take(step: number, events: readonly number[], names: readonly string[], index: number): void {
    const taken = [...events, index];
    const steps = [...names, this.#steps[step]!.name];
    const isEnd = this.#isEnough(step, steps) && this.#endNots(step)?.length === 0;
    if (isEnd) this.#complete(taken, steps, this.#events[index]!.at, index, false);
    this.#go(step, taken, steps, [], index + 1);
  }

  #timesOf(step: number, names: readonly string[]): number {
    return names.filter((name) => name === this.#steps[step]!.name).length;
  }

  #isEnough(step: number, names: readonly string[]): boolean {
    return this.#timesOf(step, names) >= this.#minOf(step);
  }

  /** What must not come at the end, when a match may end with this step. */
  #endNots(step: number): PatternStep[] | undefined {
    const rest = this.#steps.slice(step + 1);
    const needed = rest.some((each, index) => !isNot(each) && this.#minOf(step + 1 + index) > 0);
    if (needed) return undefined;
    const last = this.#steps.findLastIndex((each) => !isNot(each));
    return this.#steps.slice(last + 1);
  }

  #go(
    step: number,
    taken: readonly number[],
    names: readonly string[],
    passed: readonly string[],
    index: number,
  ): void {
    const event = this.#events[index];
    const began = this.#events[this.#first]!.at;
    if (event === undefined || event.at - began > this.#withinMs) {
      this.#endByTimer(step, taken, names, passed);
      return;
    }
    const { type } = event;
    const isEnough = this.#isEnough(step, names);
    const follower = isEnough
      ? this.#followers(step).find((next) => this.#mayFollow(step, next, passed, type))
      : undefined;
    if (this.#loops(step, names, passed, type, follower)) {
      this.#take(step, taken, names, index);
      return;
    }
    if (follower !== undefined) {
      this.#take(follower, taken, names, index);
      if (this.#steps[follower]!.by !== 'thenAny') return;
    }
    const nots = this.#endNots(step);
    const endsByNext =
      nots !== undefined && nots.length > 0 && nots.every(({ by }) => by === 'notNext');
    if (isEnough && endsByNext && nots.every((not) => not.event !== (passed[0] ?? type))) {
      this.#complete(taken, names, event.at, index, false);
      return;
    }
    this.#go(step, taken, names, [...passed, type], index + 1);
  }

  #loops(
    step: number,
    names: readonly string[],
    passed: readonly string[],
    type: string,
    follower: number | undefined,
  ): boolean {
    const { event, lazy, until } = this.#steps[step]!;
    if (event !== type || this.#timesOf(step, names) >= this.#maxOf(step)) return false;
    if (until !== undefined && [...passed, type].includes(until as string)) return false;
    if (lazy !== true || !this.#isEnough(step, names)) return true;
    const needsNext = this.#followers(step).some((next) => this.#steps[next]!.by === 'next');
    return needsNext && follower === undefined;
  }

  #mayFollow(step: number, next: number, passed: readonly string[], type: string): boolean {
    const { by, event } = this.#steps[next]!;
    if (event !== type || (by === 'next' && passed.length > 0)) return false;
    return this.#steps
      .slice(step + 1, next)
      .every((not) => !isNot(not) || !this.#came(not, [...passed, type]));
  }

  #came({ by, event }: PatternStep, types: readonly string[]): boolean {
    return by === 'notNext' ? types[0] === event : types.includes(event);
  }

  #endByTimer(
    step: number,
    taken: readonly number[],
    names: readonly string[],
    passed: readonly string[],
  ): void {
    const nots = this.#endNots(step) ?? [];
    if (!nots.some(({ by }) => by === 'notThen') || !this.#isEnough(step, names)) return;
    if (nots.some((not) => this.#came(not, passed))) return;
    const at = this.#events[this.#first]!.at + this.#withinMs + 1;
    if (at <= this.#now) this.#complete(taken, names, at, -1, true);
  }

  #complete(
    events: readonly number[],
    steps: readonly string[],
    at: number,
    by: number,
    byTimer: boolean,
  ): void {
    this.#found.push({ events, steps, at, byTimer, by });
  }
}
