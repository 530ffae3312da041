/**
 * What a dry run found: tallies for all of it and by day, how long it took to get to each step, and a few
 * examples of everything, so that whoever reads it can look at real tapes. Built from the engine's own happenings.
 */
import type { InstanceHappening } from '../engine/happening.ts';
import type { SeenEvent } from '../engine/moment.ts';
import type { DecisionSaid } from '../words.ts';
import {
  type AskTally,
  countOne,
  emptyAskTally,
  emptyMapTally,
  type MapTally,
  noteDecision,
  noteInstance,
} from './tally.ts';
import { Times, type TimesShown } from './times.ts';

/** Of each thing that happened. */
export const examplesMax = 5;
/** Of decisions to act. */
export const actExamplesMax = 20;

export interface Example {
  readonly customer: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly instance?: string;
  /** What was the cause; absent: the clock. */
  readonly event?: { readonly type: string; readonly id: string; readonly time: number };
  /** Why not, if there is more to say than the verdict. */
  readonly detail?: string;
}

/** A day, in UTC: `2026-11-30`. */
type Day = string;

export interface MapReport {
  readonly tally: MapTally;
  readonly days: Readonly<Record<Day, Readonly<Record<string, number>>>>;
  /** From the start of an instance to its first time at a step (by ordinal), at a milestone, and to completion. */
  readonly timing: {
    readonly steps: Readonly<Record<string, TimesShown>>;
    readonly milestones: Readonly<Record<string, TimesShown>>;
    readonly completed: TimesShown;
  };
  readonly examples: Readonly<Record<string, readonly Example[]>>;
}

export interface RuleReport {
  readonly tally: AskTally;
  readonly days: Readonly<Record<Day, Readonly<Record<string, number>>>>;
  readonly examples: Readonly<Record<string, readonly Example[]>>;
}

/** What the happening is about: who, and which event was the cause. */
export interface About {
  readonly customer: string;
  readonly event: Pick<SeenEvent, 'type' | 'time' | 'text'> | undefined;
}

/** Counts by day, and the first examples of each thing. */
class Diary {
  readonly days: Record<Day, Record<string, number>> = {};
  readonly examples: Record<string, Example[]> = {};

  note(what: string, at: number, about: About, more: Partial<Example> = {}): void {
    const day = new Date(at).toISOString().slice(0, 10);
    this.days[day] ??= {};
    countOne(this.days[day], what);
    this.examples[what] ??= [];
    const known = this.examples[what];
    if (known.length >= (what === 'act' ? actExamplesMax : examplesMax)) return;
    known.push({ customer: about.customer, at, ...causeOf(about), ...more });
  }
}

function causeOf({ event }: About): Pick<Example, 'event'> {
  if (event === undefined) return {};
  return { event: { type: event.type, id: event.text('id') ?? '', time: event.time } };
}

export class MapDiary {
  readonly #tally = emptyMapTally();
  readonly #diary = new Diary();
  readonly #steps = new Map<number, Times>();
  readonly #milestones = new Map<string, Times>();
  readonly #completed = new Times();
  /** Steps that an instance has been at. */
  readonly #visited = new WeakMap<object, Set<number>>();

  noteInstance(happening: InstanceHappening & { readonly at: number }, about: About): void {
    const { at, instance, name, step, what } = happening;
    noteInstance(this.#tally, happening);
    const passed = at - instance.startedAt;
    if (what === 'step' && this.#isFirst(instance, step!)) timesOf(this.#steps, step!).add(passed);
    if (what === 'milestone') timesOf(this.#milestones, name!).add(passed);
    if (what === 'completed') this.#completed.add(passed);
    if (what === 'step' || what === 'stepCompleted') return;
    const detail = what === 'milestone' ? name : instance.reason;
    this.#diary.note(what, at, about, {
      instance: instance.id,
      ...(detail !== undefined && { detail }),
    });
  }

  noteDecision(said: DecisionSaid, at: number, about: About): void {
    noteDecision(this.#tally, said.verdict, said.actions);
    this.#diary.note(said.verdict, at, about, instanceOf(said));
  }

  noteRequest(): void {
    this.#tally.requested++;
  }

  #isFirst(instance: object, step: number): boolean {
    const visited = this.#visited.get(instance) ?? new Set();
    this.#visited.set(instance, visited);
    if (visited.has(step)) return false;
    visited.add(step);
    return true;
  }

  report(): MapReport {
    const shown = <Key>(times: ReadonlyMap<Key, Times>): Record<string, TimesShown> =>
      Object.fromEntries([...times].map(([key, each]) => [String(key), each.shown()]));
    return {
      tally: this.#tally,
      days: this.#diary.days,
      timing: {
        steps: shown(this.#steps),
        milestones: shown(this.#milestones),
        completed: this.#completed.shown(),
      },
      examples: this.#diary.examples,
    };
  }
}

export class RuleDiary {
  readonly #tally = emptyAskTally();
  readonly #diary = new Diary();

  noteRequest(): void {
    this.#tally.requested++;
  }

  noteDecision(said: DecisionSaid, at: number, about: About, detail: string | undefined): void {
    noteDecision(this.#tally, said.verdict, said.actions);
    this.#diary.note(said.verdict, at, about, {
      ...instanceOf(said),
      ...(detail !== undefined && { detail }),
    });
  }

  report(): RuleReport {
    return { tally: this.#tally, days: this.#diary.days, examples: this.#diary.examples };
  }
}

function instanceOf({ instance }: DecisionSaid): Pick<Example, 'instance'> {
  return instance === undefined ? {} : { instance };
}

function timesOf<Key>(all: Map<Key, Times>, key: Key): Times {
  const known = all.get(key) ?? new Times();
  all.set(key, known);
  return known;
}
