/**
 * An audience made ready for use: whether a customer is in it, told as its events come, and when that
 * changes by itself. All of it is a function of the events, the customer and the instant, so it comes out
 * the same in every replay.
 *
 *     definition ──compile──▶ tree of all, any, not over parts
 *                                                  ├ parts that remember something of the events (`part.ts`)
 *                                                  └ standing parts: bucket, members, journeys (`standing.ts`)
 *
 * Three-valued: what depends on events is unknown while a customer's tape is being read, and so is a
 * journey whose map is not known. Unknown stays unknown under `not`, and who is not known to be in is not in.
 */
import type { AudienceDefinition } from './definition.ts';
import type { AudienceEvent, Part } from './part.ts';
import { isPart, partOf, standingOf } from './parts.ts';
import type { AudiencePerson, JourneySteps, Standing } from './standing.ts';
import type { AudienceState } from './state.ts';

export type { AudienceEvent } from './part.ts';
export type { AudienceInstance, AudiencePerson, JourneySteps } from './standing.ts';

/** How many changes of parts are looked through for one of the whole. */
const changesMax = 64;

export interface CompiledAudience {
  /** Of the events that matter; `*`: any but the server's own. */
  readonly types: ReadonlySet<string>;
  /** How far back in milliseconds events matter, for whoever loads a tape; 0: not at all, infinite: all. */
  readonly withinMs: number;
  /** Whether it depends on instances: then it is settled anew when one of the customer's changes. */
  readonly asksJourneys: boolean;
  /**
   * Of a customer without any event; `loading`: whose events will be loaded. Settle it before the first event is
   * applied, so that there is something to change from.
   */
  start(loading?: boolean): AudienceState;
  /**
   * Notes an event and settles the state at the instant of its commit.
   * @returns whether membership has changed; never while loading.
   */
  take(
    state: AudienceState,
    event: AudienceEvent,
    person: AudiencePerson,
    steps?: JourneySteps,
  ): boolean;
  /** The tape has been read: from now on membership is known, and what it is now is no change. */
  loaded(state: AudienceState, now: number, person: AudiencePerson, steps?: JourneySteps): void;
  /**
   * Brings `state.isIn` up to date: when its time has come, or an instance or the customer's name has changed.
   * @returns whether it has changed.
   */
  settle(state: AudienceState, now: number, person: AudiencePerson, steps?: JourneySteps): boolean;
  holds(state: AudienceState, now: number, person: AudiencePerson, steps?: JourneySteps): boolean;
  /** The first instant after `now` at which membership changes by itself, or may; undefined: never. */
  changesAt(
    state: AudienceState,
    now: number,
    person: AudiencePerson,
    steps?: JourneySteps,
  ): number | undefined;
  /** Of two customers that are found to be one; settle it afterwards. The two are not used any more. */
  join(state: AudienceState, other: AudienceState): AudienceState;
  /** Partial matches of patterns that were given up since there were too many (`partialMatchesMax`); to be reported. */
  givenUp(state: AudienceState): number;
}

/**
 * @param definition as `parseAudience` gives it.
 * @param place where it stands, for messages.
 * @throws AppError invalid, with the place of a condition that does not compile.
 */
export function compileAudience(definition: AudienceDefinition, place: string): CompiledAudience {
  return new Audience(definition, place);
}

type Truth = boolean | undefined;

interface Moment {
  readonly state: AudienceState;
  readonly now: number;
  readonly person: AudiencePerson;
  readonly steps: JourneySteps | undefined;
}

type Test = (moment: Moment) => Truth;

class Audience implements CompiledAudience {
  readonly types: ReadonlySet<string>;
  readonly withinMs: number;
  readonly asksJourneys: boolean;
  readonly #parts: readonly Part[];
  /** By index, those that may give something up. */
  readonly #patterns: readonly number[];
  readonly #test: Test;

  constructor(definition: AudienceDefinition, place: string) {
    const builder = new Builder();
    this.#test = builder.build(definition, place);
    this.#parts = builder.parts;
    this.#patterns = builder.parts.flatMap(({ givenUp }, index) => (givenUp ? [index] : []));
    this.asksJourneys = builder.asksJourneys;
    this.types = new Set(this.#parts.flatMap(({ types }) => types));
    this.withinMs = Math.max(0, ...this.#parts.map(({ withinMs }) => withinMs));
  }

  start(loading = false): AudienceState {
    const parts = this.#parts.map((part) => part.start());
    return loading ? { loading, parts } : { parts };
  }

  take(
    state: AudienceState,
    event: AudienceEvent,
    person: AudiencePerson,
    steps?: JourneySteps,
  ): boolean {
    const now = event.received;
    if (state.loading !== true) state.isIn ??= this.holds(state, now, person, steps);
    for (const [index, part] of this.#parts.entries()) {
      state.parts[index] = part.note(state.parts[index], event);
    }
    return this.settle(state, now, person, steps);
  }

  loaded(state: AudienceState, now: number, person: AudiencePerson, steps?: JourneySteps): void {
    delete state.loading;
    state.isIn = this.holds(state, now, person, steps);
  }

  settle(state: AudienceState, now: number, person: AudiencePerson, steps?: JourneySteps): boolean {
    if (state.loading === true) return false;
    const before = state.isIn;
    state.isIn = this.holds(state, now, person, steps);
    return before !== undefined && state.isIn !== before;
  }

  holds(state: AudienceState, now: number, person: AudiencePerson, steps?: JourneySteps): boolean {
    return this.#test({ state, now, person, steps }) === true;
  }

  changesAt(
    state: AudienceState,
    now: number,
    person: AudiencePerson,
    steps?: JourneySteps,
  ): number | undefined {
    if (state.loading === true) return undefined;
    const isIn = this.holds(state, now, person, steps);
    let at = this.#nextOf(state, now);
    for (let n = 1; at !== undefined && n < changesMax; n++) {
      if (this.holds(state, at, person, steps) !== isIn) return at;
      at = this.#nextOf(state, at);
    }
    return at;
  }

  /** When the first part changes. */
  #nextOf(state: AudienceState, now: number): number | undefined {
    let first = Number.POSITIVE_INFINITY;
    for (const [index, part] of this.#parts.entries()) {
      first = Math.min(first, part.changesAt(state.parts[index], now) ?? first);
    }
    return first === Number.POSITIVE_INFINITY ? undefined : first;
  }

  join(state: AudienceState, other: AudienceState): AudienceState {
    const parts = this.#parts.map((part, index) =>
      part.join(state.parts[index], other.parts[index]),
    );
    const loading = state.loading === true || other.loading === true;
    return {
      ...(state.isIn !== undefined && { isIn: state.isIn }),
      ...(loading && { loading }),
      parts,
    };
  }

  givenUp({ parts }: AudienceState): number {
    let sum = 0;
    for (const index of this.#patterns) sum += this.#parts[index]!.givenUp!(parts[index]);
    return sum;
  }
}

/** Makes the tree, and collects what remembers something. */
class Builder {
  readonly parts: Part[] = [];
  asksJourneys = false;

  build(definition: AudienceDefinition, place: string): Test {
    if ('all' in definition) return every(this.#each(definition.all, `${place}.all`));
    if ('any' in definition) return some(this.#each(definition.any, `${place}.any`));
    if ('not' in definition) {
      const test = this.build(definition.not, `${place}.not`);
      return (moment) => not(test(moment));
    }
    if (isPart(definition)) return this.#remembering(partOf(definition, place));
    if ('journey' in definition) this.asksJourneys = true;
    const standing: Standing = standingOf(definition);
    return ({ person, steps }) => standing(person, steps);
  }

  #each(definitions: readonly AudienceDefinition[], place: string): Test[] {
    return definitions.map((definition, index) => this.build(definition, `${place}[${index}]`));
  }

  #remembering(part: Part): Test {
    const index = this.parts.push(part) - 1;
    return ({ now, state }) =>
      state.loading === true ? undefined : part.holds(state.parts[index], now);
  }
}

function every(tests: readonly Test[]): Test {
  return (moment) => {
    let truth: Truth = true;
    for (const test of tests) {
      const one = test(moment);
      if (one === false) return false;
      if (one === undefined) truth = undefined;
    }
    return truth;
  };
}

function some(tests: readonly Test[]): Test {
  return (moment) => {
    let truth: Truth = false;
    for (const test of tests) {
      const one = test(moment);
      if (one === true) return true;
      if (one === undefined) truth = undefined;
    }
    return truth;
  };
}

function not(truth: Truth): Truth {
  return truth === undefined ? undefined : !truth;
}
