/**
 * Sequences in the words of ClickHouse's `sequenceMatch`, for questions of yes and no: which events came in
 * which order, with how much time between. Only events that meet some condition are looked at at all.
 *
 *     (?1) (?2) …   an event that meets this condition      .    any one event      .*   any events, or none
 *     (?t<=60)      so many seconds at most to the event before it (also < > >= ==); others may come between
 *
 *     (?1)(?t<=86400)(?2)     the second within a day of the first
 *
 * A match may begin at any event, and takes as few as it can. Time is told in milliseconds, seconds of a
 * pattern may have three places after the point.
 */
import { AppError } from '../std/errors.ts';

export const sequencePatternCharactersMax = 256;
/** Steps of one look; what would take more is not found. */
export const lookStepsMax = 20_000;

export interface SequenceEvent {
  /** Epoch milliseconds; in order. */
  readonly at: number;
  /** Bit n: it meets the condition n + 1. */
  readonly bits: number;
}

type Compare = '<' | '<=' | '>' | '>=' | '==';

type Part =
  | { readonly is: 'event'; readonly bit: number }
  | { readonly is: 'any' | 'many' }
  | { readonly is: 'time'; readonly compare: Compare; readonly ms: number };

export interface SequencePattern {
  readonly parts: readonly Part[];
}

const part = /\(\?(\d{1,3})\)|\(\?t(<=|>=|==|<|>)(\d{1,9}(?:\.\d{1,3})?)\)|(\.\*)|(\.)/y;

/** @param conditions how many there are. @throws AppError invalid, with the place. */
export function compileSequence(text: string, conditions: number, place: string): SequencePattern {
  const refuse = (reason: string): never => {
    throw new AppError('invalid', `${place}: ${reason}`);
  };
  if (text.length > sequencePatternCharactersMax) {
    refuse(`a sequence has at most ${sequencePatternCharactersMax} characters`);
  }
  const parts: Part[] = [];
  part.lastIndex = 0;
  while (part.lastIndex < text.length) {
    const from = part.lastIndex;
    const found = part.exec(text);
    if (found === null) {
      return refuse(
        `write (?1), (?t<=60), . or .* at character ${from + 1} (${text.slice(from, from + 10)})`,
      );
    }
    const [, number, compare, seconds, many] = found;
    if (number !== undefined) {
      const event = Number(number);
      if (event < 1 || event > conditions)
        refuse(`(?${number}): there are ${conditions} conditions`);
      parts.push({ is: 'event', bit: 1 << (event - 1) });
    } else if (compare !== undefined) {
      if (parts.length === 0) refuse('time is told from an event before it');
      parts.push({
        is: 'time',
        compare: compare as Compare,
        ms: Math.round(Number(seconds) * 1000),
      });
    } else parts.push({ is: many === undefined ? 'any' : 'many' });
  }
  return { parts };
}

export interface SequenceFound {
  /** Matches that share no event. */
  readonly count: number;
  /** Of the first match, or else of what came furthest: the events of its conditions, by their index. */
  readonly events: readonly number[];
}

export function findSequence(
  { parts }: SequencePattern,
  events: readonly SequenceEvent[],
): SequenceFound {
  const search = new Search(parts, events);
  let count = 0;
  let first: readonly number[] | undefined;
  for (let start = 0; start < events.length; ) {
    const end = search.matchFrom(start);
    if (end === undefined) {
      start++;
      continue;
    }
    first ??= search.taken;
    count++;
    start = Math.max(end, start + 1);
  }
  return { count, events: first ?? search.furthest };
}

/**
 * The index of the last event from which on a pattern is found so many times, in matches that share no event;
 * -1: it is not.
 */
export function latestStart(
  { parts }: SequencePattern,
  events: readonly SequenceEvent[],
  times: number,
): number {
  const search = new Search(parts, events);
  for (let from = events.length - 1; from >= 0; from--) {
    let left = times;
    for (let start = from; left > 0 && start < events.length; ) {
      const end = search.matchFrom(start);
      if (end !== undefined) left--;
      // That it begins here is what is asked; another event would be asked for itself.
      else if (left === times) break;
      start = Math.max(end ?? 0, start + 1);
    }
    if (left === 0) return from;
  }
  return -1;
}

class Search {
  readonly #parts: readonly Part[];
  readonly #events: readonly SequenceEvent[];
  /** What is known to lead nowhere: part, event, event before. */
  readonly #dead = new Set<number>();
  #left = lookStepsMax;
  taken: number[] = [];
  furthest: readonly number[] = [];

  constructor(parts: readonly Part[], events: readonly SequenceEvent[]) {
    this.#parts = parts;
    this.#events = events;
  }

  /** @returns the index after the last event of the match that begins here; undefined: none does. */
  matchFrom(start: number): number | undefined {
    this.taken = [];
    return this.#match(0, start, start);
  }

  /** @param before the event that time is told from. */
  #match(index: number, event: number, before: number): number | undefined {
    const next = this.#parts[index];
    if (next === undefined) return event;
    const places = this.#events.length + 1;
    const key = (index * places + event) * places + before;
    if (this.#dead.has(key) || --this.#left < 0) return undefined;
    const end = this.#matchPart(next, index, event, before);
    if (end === undefined) this.#dead.add(key);
    return end;
  }

  #matchPart(next: Part, index: number, event: number, before: number): number | undefined {
    const { length } = this.#events;
    switch (next.is) {
      case 'event':
        if (event === length || (this.#events[event]!.bits & next.bit) === 0) return undefined;
        return this.#take(index, event);
      case 'any':
        return event === length ? undefined : this.#match(index + 1, event + 1, event);
      case 'many':
        for (let at = event; at <= length; at++) {
          const end = this.#match(index + 1, at, before);
          if (end !== undefined) return end;
        }
        return undefined;
      case 'time':
        for (let at = event; at < length; at++) {
          if (!this.#isInTime(next, at, before)) continue;
          const end = this.#match(index + 1, at, before);
          if (end !== undefined) return end;
        }
        return undefined;
    }
  }

  #take(index: number, event: number): number | undefined {
    this.taken.push(event);
    if (this.taken.length > this.furthest.length) this.furthest = [...this.taken];
    const end = this.#match(index + 1, event + 1, event);
    if (end === undefined) this.taken.pop();
    return end;
  }

  #isInTime(
    { compare, ms }: Extract<Part, { readonly is: 'time' }>,
    event: number,
    before: number,
  ): boolean {
    const passed = this.#events[event]!.at - this.#events[before]!.at;
    switch (compare) {
      case '<':
        return passed < ms;
      case '<=':
        return passed <= ms;
      case '>':
        return passed > ms;
      case '>=':
        return passed >= ms;
      case '==':
        return passed === ms;
    }
  }
}
