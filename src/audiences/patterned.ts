/** The part of an audience that asks for a pattern: complete within the window that has just passed, or ever. */
import { Matcher, type Matching } from './matcher.ts';
import { type AudienceEvent, expiryAfter, type Part, timeOf } from './part.ts';
import { bitsOfEvent, type PatternPlan } from './pattern.ts';
import {
  addEvent,
  joinRemembered,
  type Remembered,
  remember,
  rememberedMsDefault,
} from './remembered.ts';

export class Patterned implements Part<Remembered<Matching>> {
  readonly types: readonly string[];
  readonly withinMs: number;
  readonly #plan: PatternPlan;
  readonly #matcher: Matcher;
  readonly #rememberedMs: number;
  readonly #ever: boolean;

  constructor(plan: PatternPlan, ever: boolean) {
    this.types = plan.types;
    this.withinMs = plan.withinMs;
    this.#plan = plan;
    this.#matcher = new Matcher(plan);
    this.#rememberedMs = Number.isFinite(plan.withinMs) ? plan.withinMs : rememberedMsDefault;
    this.#ever = ever || !Number.isFinite(plan.withinMs);
  }

  start(): Remembered<Matching> {
    return remember(this.#matcher);
  }

  note(memory: Remembered<Matching>, event: AudienceEvent): Remembered<Matching> {
    const bits = bitsOfEvent(this.#plan, event);
    if (bits === undefined) return memory;
    addEvent(this.#matcher, memory, timeOf(event), bits, this.#rememberedMs);
    return memory;
  }

  holds(memory: Remembered<Matching>, now: number): boolean {
    const { matched } = this.#passed(memory, now);
    return matched >= 0 && (this.#ever || matched >= now - this.withinMs);
  }

  changesAt(memory: Remembered<Matching>, now: number): number | undefined {
    const head = this.#passed(memory, now);
    const out =
      head.matched < 0 || this.#ever ? undefined : expiryAfter(head.matched, this.withinMs, now);
    const end = this.#matcher.nextEnd(head);
    return out === undefined || end === undefined ? (out ?? end) : Math.min(out, end);
  }

  /** The head as it is when time has come to `now`; kept as it was, for events that come late. */
  #passed({ head }: Remembered<Matching>, now: number): Matching {
    const end = this.#matcher.nextEnd(head);
    if (end === undefined || end > now) return head;
    const passed = this.#matcher.copy(head);
    this.#matcher.pass(passed, now);
    return passed;
  }

  join(memory: Remembered<Matching>, other: Remembered<Matching>): Remembered<Matching> {
    return joinRemembered(this.#matcher, memory, other, this.#rememberedMs);
  }

  givenUp({ head }: Remembered<Matching>): number {
    return head.givenUp;
  }
}
