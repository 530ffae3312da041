/**
 * The part of an audience that asks in the words of `sequence.ts`: kept are the newest events of its list, and when the
 * latest stretch began in which the pattern is found often enough.
 */
import { type AudienceEvent, expiryAfter, type Part, timeOf, type Wanted } from './part.ts';
import { latestStart, type SequenceEvent, type SequencePattern } from './sequence.ts';

/** Events that a pattern is looked for in. */
export const matchedEventsMax = 100;

interface Matching {
  /** In order of time. */
  events: SequenceEvent[];
  /** -1: it is not found. */
  began: number;
}

/** `true`: it holds for good. */
type Memory = Matching | true;

export class Matched implements Part<Memory> {
  readonly types: readonly string[];
  readonly withinMs: number;
  readonly #pattern: SequencePattern;
  readonly #of: readonly Wanted[];
  readonly #times: number;
  readonly #ever: boolean;

  constructor(
    pattern: SequencePattern,
    of: readonly Wanted[],
    { ever, times, withinMs }: { ever: boolean; times: number; withinMs: number },
  ) {
    this.types = of.map(({ type }) => type);
    this.withinMs = withinMs;
    this.#pattern = pattern;
    this.#of = of;
    this.#times = times;
    this.#ever = ever || !Number.isFinite(withinMs);
  }

  start(): Memory {
    return { events: [], began: -1 };
  }

  note(memory: Memory, event: AudienceEvent): Memory {
    if (memory === true) return memory;
    let bits = 0;
    for (const [index, wanted] of this.#of.entries()) {
      if (wanted.matches(event)) bits |= 1 << index;
    }
    return bits === 0 ? memory : this.#look([...memory.events, { at: timeOf(event), bits }]);
  }

  /** @param events each where it came; put in order here. */
  #look(events: SequenceEvent[]): Memory {
    const ordered = events.sort((a, b) => a.at - b.at);
    const oldest = ordered.at(-1)!.at - this.withinMs;
    const kept = ordered.slice(-matchedEventsMax).filter(({ at }) => at >= oldest);
    const first = latestStart(this.#pattern, kept, this.#times);
    if (first >= 0 && this.#ever) return true;
    return { events: kept, began: first < 0 ? -1 : kept[first]!.at };
  }

  holds(memory: Memory, now: number): boolean {
    if (memory === true) return true;
    return memory.began >= 0 && memory.began >= now - this.withinMs;
  }

  changesAt(memory: Memory, now: number): number | undefined {
    if (memory === true || memory.began < 0) return undefined;
    return expiryAfter(memory.began, this.withinMs, now);
  }

  join(memory: Memory, other: Memory): Memory {
    if (memory === true || other === true) return true;
    const events = [...memory.events, ...other.events];
    return events.length === 0 ? memory : this.#look(events);
  }
}
