/**
 * Parts that count: something was done so many times, was not done, or was last done in a certain way.
 *
 * `performed … now` holds while the n-th newest event is within the window, so the n newest times are all
 * it remembers. `… ever` holds once n neighbours, in the order of their times, were within one window. Until
 * then every window has fewer than n, so twice the window, which is what it remembers, has fewer than 2n; an event that comes
 * later than a whole window after the newest is not counted any more.
 */
import { type AudienceEvent, expiryAfter, type Part, timeOf, type Wanted } from './part.ts';

/** Times in ascending order; `true`: it holds for good. */
type Times = number[] | true;

export class Performed implements Part<Times> {
  readonly types: readonly string[];
  readonly withinMs: number;
  readonly #wanted: Wanted;
  readonly #times: number;
  readonly #ever: boolean;

  constructor(wanted: Wanted, times: number, withinMs: number, ever: boolean) {
    this.types = [wanted.type];
    this.withinMs = withinMs;
    this.#wanted = wanted;
    this.#times = times;
    this.#ever = ever || withinMs === Number.POSITIVE_INFINITY;
  }

  start(): Times {
    return [];
  }

  note(memory: Times, event: AudienceEvent): Times {
    if (memory === true || !this.#wanted.matches(event)) return memory;
    return this.#add(memory, timeOf(event));
  }

  #add(times: number[], at: number): Times {
    if (this.#ever && at < (times.at(-1) ?? at) - this.withinMs) return times;
    insert(times, at);
    if (!this.#ever) {
      if (times.length > this.#times) times.shift();
      return times;
    }
    if (this.#hasWindow(times)) return true;
    while (times[0]! < times.at(-1)! - 2 * this.withinMs) times.shift();
    return times;
  }

  #hasWindow(times: readonly number[]): boolean {
    for (let last = this.#times - 1; last < times.length; last++) {
      if (times[last]! - times[last - this.#times + 1]! <= this.withinMs) return true;
    }
    return false;
  }

  holds(memory: Times, now: number): boolean {
    if (memory === true) return true;
    return !this.#ever && memory.length === this.#times && memory[0]! >= now - this.withinMs;
  }

  changesAt(memory: Times, now: number): number | undefined {
    if (memory === true || this.#ever || memory.length < this.#times) return undefined;
    return expiryAfter(memory[0]!, this.withinMs, now);
  }

  join(memory: Times, other: Times): Times {
    if (memory === true || other === true) return true;
    let joined: Times = [];
    for (const at of [...memory, ...other].sort((a, b) => a - b)) {
      joined = this.#add(joined, at);
      if (joined === true) return true;
    }
    return joined;
  }
}

function insert(times: number[], at: number): void {
  let place = times.length;
  while (place > 0 && times[place - 1]! > at) place--;
  times.splice(place, 0, at);
}

/** The newest time; null: never. */
type Newest = number | null;

export class NotPerformed implements Part<Newest> {
  readonly types: readonly string[];
  readonly withinMs: number;
  readonly #wanted: Wanted;

  constructor(wanted: Wanted, withinMs: number) {
    this.types = [wanted.type];
    this.withinMs = withinMs;
    this.#wanted = wanted;
  }

  start(): Newest {
    return null;
  }

  note(memory: Newest, event: AudienceEvent): Newest {
    const at = timeOf(event);
    // The condition is asked only when its answer matters.
    if (memory !== null && memory >= at) return memory;
    return this.#wanted.matches(event) ? at : memory;
  }

  holds(memory: Newest, now: number): boolean {
    return memory === null || memory < now - this.withinMs;
  }

  changesAt(memory: Newest, now: number): number | undefined {
    return memory === null ? undefined : expiryAfter(memory, this.withinMs, now);
  }

  join(memory: Newest, other: Newest): Newest {
    return memory === null || other === null ? (memory ?? other) : Math.max(memory, other);
  }
}

/** The newest of the type, and whether it met the condition; null: none yet. */
type Last = { at: number; met: boolean } | null;

export class LastPerformed implements Part<Last> {
  readonly types: readonly string[];
  readonly withinMs = Number.POSITIVE_INFINITY;
  readonly #wanted: Wanted;

  constructor(wanted: Wanted) {
    this.types = [wanted.type];
    this.#wanted = wanted;
  }

  start(): Last {
    return null;
  }

  /** Of two with one time the one that was committed later is the last. */
  note(memory: Last, event: AudienceEvent): Last {
    const at = timeOf(event);
    if (!this.#wanted.isType(event.type) || (memory !== null && memory.at > at)) return memory;
    return { at, met: this.#wanted.meets(event) };
  }

  holds(memory: Last): boolean {
    return memory?.met ?? false;
  }

  changesAt(): undefined {
    return undefined;
  }

  join(memory: Last, other: Last): Last {
    if (memory === null || other === null) return memory ?? other;
    return other.at >= memory.at ? other : memory;
  }
}
