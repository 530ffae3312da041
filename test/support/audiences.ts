/** Small tapes and audiences for tests: events by letters, times in seconds or milliseconds. */
import {
  type AudienceEvent,
  type AudiencePerson,
  type CompiledAudience,
  compileAudience,
} from '../../src/audiences/audience.ts';
import type { PatternDefinition, PatternStep } from '../../src/audiences/definition.ts';
import { byStep, type Match, Matcher, type Path } from '../../src/audiences/matcher.ts';
import { parseAudience } from '../../src/audiences/parse.ts';
import { parsePattern } from '../../src/audiences/parsepattern.ts';
import { Wanted } from '../../src/audiences/part.ts';
import { bitsOfEvent, planPattern } from '../../src/audiences/pattern.ts';
import type { AudienceState } from '../../src/audiences/state.ts';
import { ConditionSubject, compileCondition } from '../../src/event/condition.ts';

export const somebody: AudiencePerson = { name: 'c1', instances: [] };

export function audience(definition: unknown): CompiledAudience {
  return compileAudience(parseAudience(definition, 'audience'), 'audience');
}

/** An event of this type; `received` is its time unless told otherwise. */
export function occurred(
  type: string,
  time: number,
  received = time,
  data: unknown = {},
): AudienceEvent {
  const subject = new ConditionSubject();
  subject.become({
    time,
    text: (field) => (field === 'type' ? type : undefined),
    data: () => JSON.stringify(data),
  });
  return { type, time, received, subject };
}

/** An audience of one customer, with what happens to it. */
export class Member {
  readonly state: AudienceState;
  readonly #audience: CompiledAudience;
  readonly #person: AudiencePerson;

  constructor(definition: unknown, person = somebody) {
    this.#audience = audience(definition);
    this.state = this.#audience.start();
    this.#person = person;
  }

  /** @returns whether membership has changed. */
  take(type: string, time: number, received = time, data: unknown = {}): boolean {
    // What is kept has to survive a store, so it goes through its text each time.
    Object.assign(this.state, JSON.parse(JSON.stringify(this.state)));
    return this.#audience.take(this.state, occurred(type, time, received, data), this.#person);
  }

  isIn(now: number): boolean {
    return this.#audience.holds(this.state, now, this.#person);
  }

  changesAt(now: number): number | undefined {
    return this.#audience.changesAt(this.state, now, this.#person);
  }

  settle(now: number): boolean {
    return this.#audience.settle(this.state, now, this.#person);
  }
}

export interface PatternInput {
  readonly steps: readonly PatternStep[];
  readonly afterMatch?: PatternDefinition['afterMatch'];
  readonly among?: readonly string[];
  readonly withinMs?: number;
}

export interface LetterEvent {
  readonly name: string;
  readonly type: string;
  readonly at: number;
}

/** `a1 c a2` → events of the types a, c, a, one a millisecond. */
export function letters(text: string): LetterEvent[] {
  return text.split(' ').map((name, at) => ({ name, type: name[0]!, at }));
}

/** All matches of a pattern over a tape, in the order in which they are found, as `a1 a2`. */
export function matchesOf(input: PatternInput, tape: readonly LetterEvent[], now = 0): string[] {
  const { withinMs = Number.POSITIVE_INFINITY, ...definition } = input;
  const pattern = parsePattern(definition, 'pattern', input.withinMs !== undefined);
  const plan = planPattern(pattern, withinMs, ({ event, where }) => {
    return new Wanted(event, where === undefined ? undefined : compileCondition(where, 'where'));
  });
  const names: string[] = [];
  const found: Match[] = [];
  const matcher = new Matcher(plan, (match) => found.push(match));
  const state = matcher.start();
  const seen = tape
    .map((event) => ({ ...event, bits: bitsOfEvent(plan, occurred(event.type, event.at)) }))
    .filter((event): event is LetterEvent & { bits: number } => event.bits !== undefined)
    .sort((a, b) => a.at - b.at || byStep(a.bits, b.bits));
  for (let from = 0; from < seen.length; ) {
    const group = seen.filter((event, index) => index >= from && event.at === seen[from]!.at);
    names.push(...group.map(({ name }) => name));
    matcher.take(
      state,
      seen[from]!.at,
      group.map(({ bits }) => bits),
    );
    from += group.length;
  }
  matcher.pass(state, now);
  return found.map(({ partial }) =>
    eventsOf(partial.path)
      .map((event) => names[event])
      .join(' '),
  );
}

function eventsOf(path: Path | undefined): number[] {
  return path === undefined ? [] : [...eventsOf(path.before), path.event];
}
