/**
 * Maps and rules tried out on past events: the engine's own step, with a clock that stands where the events
 * are and goes through every timer between them. What is asked for is decided at once (`judge.ts`) and taken
 * for done. Nothing is written, and what its actions would set off in turn is not followed.
 *
 *     events in commit order ─▶ timers that are due before ─▶ the event ─▶ what it asks for ─▶ diaries
 */
import { Heap } from '../../std/heap.ts';
import { apply, newPerson } from '../engine/apply.ts';
import type { Happening } from '../engine/happening.ts';
import type { SeenEvent } from '../engine/moment.ts';
import { firstDue, runningTimers } from '../engine/timers.ts';
import type { PersonState, TimerState } from '../state.ts';
import { type TimerSaid, typeOfTimer } from '../words.ts';
import { type Judged, type JudgeParts, judge } from './judge.ts';

/** Who is told what happens, in order. `event`: the cause; undefined: the clock. */
export interface TrialObserver {
  happened(person: PersonState, happening: Happening, event: SeenEvent | undefined): void;
  judged(person: PersonState, judged: Judged, at: number, event: SeenEvent | undefined): void;
}

/** Customers that are held at a time. */
export const trialCustomersMax = 50_000;
/** Timers that are fired in all. */
export const trialTimersMax = 1_000_000;

interface Subject {
  readonly person: PersonState;
  /** When its first timer is due; infinite: it has none. */
  due: number;
}

interface Due {
  readonly at: number;
  readonly subject: Subject;
}

export class Trial {
  readonly #parts: JudgeParts;
  readonly #observer: TrialObserver;
  readonly #subjects = new Map<string, Subject>();
  readonly #dues = new Heap<Due>([], (one, other) => one.at < other.at);
  #now = 0;
  /** Numbers what is made up, so that nothing has the place of another on the tape. */
  #made = 0;

  constructor(parts: JudgeParts, observer: TrialObserver) {
    this.#parts = parts;
    this.#observer = observer;
  }

  get customers(): number {
    return this.#subjects.size;
  }

  /** It has done as much as it may: what comes now would not be told right. */
  get isFull(): boolean {
    return this.#subjects.size > trialCustomersMax || this.#made > trialTimersMax;
  }

  /** @param customer whose event it is today. @param home the identity under which it was sent. */
  take(event: SeenEvent, customer: string, home: string): void {
    this.passTo(event.received);
    const subject = this.#subjects.get(customer) ?? {
      person: newPerson(customer),
      due: Number.POSITIVE_INFINITY,
    };
    this.#subjects.set(customer, subject);
    this.#now = Math.max(this.#now, event.received);
    this.#apply(subject, home, event, event);
    this.#expect(subject);
  }

  /** Time goes on to `now`: what is due before is fired, in order. A timer fires when the clock is past it. */
  passTo(now: number): void {
    for (let first = this.#dues.first; first !== undefined; first = this.#dues.first) {
      if (first.at >= now || this.isFull) return;
      this.#dues.removeFirst();
      // Another due has been noted since.
      if (first.subject.due !== first.at) continue;
      // Several may be due at one instant.
      first.subject.due = Number.POSITIVE_INFINITY;
      this.#fire(first.subject);
      this.#expect(first.subject);
    }
  }

  #fire(subject: Subject): void {
    const timer = firstTimer(subject.person);
    if (timer === undefined) return;
    const { due, generation, id } = timer;
    const said: TimerSaid = { timer: id, generation, due };
    // One that was due already when it was armed fires now.
    this.#now = Math.max(this.#now, due + 1);
    const made = madeEvent(typeOfTimer, this.#now, said, ++this.#made);
    this.#apply(subject, subject.person.name, made, undefined);
    // One that is still the first although its time has come would be fired for ever.
    const left = firstTimer(subject.person);
    if (left?.id === id && left.generation === generation) left.spent = true;
  }

  #expect(subject: Subject): void {
    const due = firstDue(subject.person);
    if (due === subject.due) return;
    subject.due = due;
    if (due !== Number.POSITIVE_INFINITY) this.#dues.add({ at: due, subject });
  }

  #apply({ person }: Subject, home: string, event: SeenEvent, cause: SeenEvent | undefined): void {
    const at = event.received;
    apply(this.#parts.force, person, home, event, (happening) => {
      this.#observer.happened(person, happening, cause);
    });
    if (person.requests.length === 0) return;
    for (const judged of judge(this.#parts, person, at, cause)) {
      this.#observer.judged(person, judged, at, cause);
    }
  }
}

function firstTimer(person: PersonState): TimerState | undefined {
  let first: TimerState | undefined;
  for (const timer of runningTimers(person)) {
    if (first === undefined || timer.due < first.due) first = timer;
  }
  return first;
}

/** An event that the server would have said. Its place is before all that are on the tape. */
function madeEvent(type: string, received: number, data: object, number: number): SeenEvent {
  return {
    ...{ type, received, time: received, stamp: 0, ordinal: number },
    text: (field) => (field === 'type' ? type : undefined),
    data: () => JSON.stringify(data),
  };
}
