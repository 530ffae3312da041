/**
 * The event at hand while a view is evaluated: its data is rendered, a condition asked and a piece of
 * evidence written at most once, whoever wants them. One object for a whole scan.
 */
import {
  type Condition,
  type ConditionEvent,
  ConditionSubject,
  type ConditionText,
  type Verdict,
} from '../event/condition.ts';
import { meter } from '../event/meter.ts';
import { AppError } from '../std/errors.ts';

/** What the conditions of one answer may cost in all, wherever it is made: some ten seconds. */
export const viewConditionStepsMax = 100_000_000;
/** What writing a text costs, in index steps: as much as reading it out of a block. */
export function stepsToWrite({ length }: string): number {
  return length >> 4;
}

/** A step of a condition takes about as long as two of an index. */
const indexStepsPerStep = 2;

export interface ViewEvent extends ConditionEvent {
  readonly cursor: string;
  /** Whether its type is this one, in UTF-8. */
  hasType(type: Uint8Array): boolean;
  /** JSON text of `data`, undefined when there is none. Called at most once for an event. */
  data(): string | undefined;
  /** The whole event as JSON text. */
  json(): string;
}

/** What is told of the events behind a field: where they stand, or all of them. */
export type EvidenceKind = 'cursors' | 'events';

export class EventOnce implements ConditionEvent {
  time = 0;
  readonly #spend: (indexSteps: number) => void;
  readonly #subject = new ConditionSubject();
  readonly #verdicts = new Map<Condition, Verdict>();
  #event: ViewEvent | undefined;
  #isRendered = false;
  #data: string | undefined;
  #evidence: string | undefined;
  #steps = 0;

  /** @param spend is told what conditions and evidence cost, in index steps; may throw to end it all. */
  constructor(spend: (indexSteps: number) => void) {
    this.#spend = spend;
  }

  become(event: ViewEvent): void {
    this.time = event.time;
    this.#event = event;
    this.#isRendered = false;
    this.#data = undefined;
    this.#evidence = undefined;
    if (this.#verdicts.size > 0) this.#verdicts.clear();
  }

  data(): string | undefined {
    if (!this.#isRendered) {
      this.#isRendered = true;
      this.#data = this.#event!.data();
    }
    return this.#data;
  }

  text(field: ConditionText): string | undefined {
    return this.#event!.text(field);
  }

  /** @throws AppError invalid when conditions cost more than `viewConditionStepsMax`. */
  verdict(condition: Condition): Verdict {
    if (this.#verdicts.has(condition)) return this.#verdicts.get(condition);
    // The first condition of this event: the others share what is decoded for it.
    if (this.#verdicts.size === 0) this.#subject.become(this);
    meter.spent = 0;
    const verdict = condition.meets(this.#subject);
    this.#verdicts.set(condition, verdict);
    this.#steps += meter.spent;
    if (this.#steps > viewConditionStepsMax) {
      throw new AppError('invalid', 'the conditions cost too much on this tape: shorten lookback');
    }
    this.#spend(meter.spent * indexStepsPerStep);
    return verdict;
  }

  evidence(kind: EvidenceKind): string {
    if (this.#evidence === undefined) {
      const { cursor, time } = this.#event!;
      const event = kind === 'events' ? `,"event":${this.#event!.json()}` : '';
      this.#evidence = `{"cursor":"${cursor}","time":${time}${event}}`;
      this.#spend(stepsToWrite(this.#evidence));
    }
    return this.#evidence;
  }
}
