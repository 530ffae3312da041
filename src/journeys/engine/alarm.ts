/**
 * Watches the clock for timers: when one is past its time it is said on the tape, in the name that the
 * customer has, and what comes of it is decided when that is read back. So it is never early, and said once:
 * the tape takes a timer with what it was armed with but once.
 */
import type { Clock } from '../../std/clock.ts';
import { AppError } from '../../std/errors.ts';
import type { Log } from '../../std/log.ts';
import type { Metrics } from '../../std/metrics.ts';
import type { TimerState } from '../state.ts';
import { type TimerSaid, typeOfTimer } from '../words.ts';
import type { Person, Persons } from './persons.ts';
import type { Schedule } from './schedule.ts';
import { firstDue, runningTimers } from './timers.ts';

/** Timers said in one batch. */
const batchMax = 500;
/** When the tape could not be written, it is tried again after this. */
const retryMs = 1000;
/** The clock is looked at this often at least: it may be set. */
const sleepMsMax = 1000;
/** Timers take turns with reading: so long in one go. */
const turnMsMax = 8;

export interface AlarmParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly persons: Persons;
  readonly schedule: Schedule;
  readonly say: (workspace: number, events: readonly object[]) => Promise<void>;
}

interface Due {
  readonly person: Person;
  readonly timer: TimerState;
}

export class Alarm {
  readonly #parts: AlarmParts;
  readonly #openedAt: number;
  #cancel: (() => void) | undefined;
  #wakesAt = Number.POSITIVE_INFINITY;
  #isOn = false;

  constructor(parts: AlarmParts) {
    this.#parts = parts;
    this.#openedAt = parts.clock.now();
  }

  /** From now on timers are said: everything that is on the tape has been applied. */
  begin(): void {
    this.#isOn = true;
    this.#look();
  }

  end(): void {
    this.#isOn = false;
    this.#cancel?.();
  }

  /** Its timers may be other than before. */
  follow(person: Person): void {
    const { schedule } = this.#parts;
    const due = this.#nextOf(person);
    if (due >= person.lookAt || due > schedule.until) return;
    person.lookAt = due;
    schedule.add(due, person.name);
    if (this.#isOn && due < this.#wakesAt) this.#sleepUntil(due);
  }

  /** When the first of its timers is due that was not said yet. */
  #nextOf(person: Person): number {
    if (person.said === undefined) return firstDue(person.state);
    let first = Number.POSITIVE_INFINITY;
    for (const timer of runningTimers(person.state)) {
      if (timer.due < first && !person.said.has(nameOf(timer))) first = timer.due;
    }
    return first;
  }

  #sleepUntil(due: number): void {
    const { clock } = this.#parts;
    this.#cancel?.();
    this.#wakesAt = due;
    const delay = Math.min(sleepMsMax, Math.max(0, due + 1 - clock.now()));
    this.#cancel = clock.after(delay, () => this.#look());
  }

  #look(): void {
    const { clock, persons, schedule } = this.#parts;
    this.#wakesAt = Number.POSITIVE_INFINITY;
    if (!this.#isOn) return;
    const now = clock.now();
    if (schedule.extend(now)) this.#followAll();
    const end = clock.monotonicMs() + turnMsMax;
    const due: Due[] = [];
    for (const name of schedule.take(now)) {
      const person = persons.find(name);
      if (person !== undefined) this.#collect(person, now, due);
      if (clock.monotonicMs() > end) break;
    }
    // What was due first has first say, also among several of one customer.
    due.sort((one, other) => one.timer.due - other.timer.due);
    for (const [workspace, all] of byWorkspace(due)) this.#say(workspace, all);
    // Rows of the near future that are not in memory yet are taken over between other work.
    const isNext = schedule.isBehind ? now : now + sleepMsMax;
    this.#sleepUntil(Math.min(schedule.next, isNext));
  }

  /** Rows tell of what is written only; what is not is here. */
  #followAll(): void {
    for (const person of this.#parts.persons.changed()) this.follow(person);
  }

  #collect(person: Person, now: number, due: Due[]): void {
    person.lookAt = Number.POSITIVE_INFINITY;
    for (const timer of runningTimers(person.state)) {
      if (timer.due >= now || person.said?.has(nameOf(timer))) continue;
      person.said ??= new Set();
      person.said.add(nameOf(timer));
      due.push({ person, timer: { ...timer } });
    }
    // Activity may have moved its timers on since: its row moves with them.
    if (person.dueStored !== undefined && person.dueStored < now) this.#parts.persons.touch(person);
    this.follow(person);
  }

  #say(workspace: number, all: readonly Due[]): void {
    for (let at = 0; at < all.length; at += batchMax) {
      void this.#sayBatch(workspace, all.slice(at, at + batchMax));
    }
  }

  async #sayBatch(workspace: number, all: readonly Due[]): Promise<void> {
    const { clock, log, metrics, say } = this.#parts;
    try {
      await say(
        workspace,
        all.map((each) => this.#eventOf(each)),
      );
      metrics.add('journey_timers_total', all.length);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      log.warn('timers wait, since the tape takes nothing', { reason: error.message });
      clock.after(retryMs, () => this.#forget(all));
    }
  }

  #eventOf({ person, timer: { due, generation, id } }: Due): object {
    const data: TimerSaid = {
      timer: id,
      generation,
      due,
      ...(due < this.#openedAt && { late: true }),
    };
    return { id: `${id}:${generation}`, customer: person.name.customer, type: typeOfTimer, data };
  }

  /** They were not said after all. */
  #forget(all: readonly Due[]): void {
    for (const { person, timer } of all) {
      person.said?.delete(nameOf(timer));
      this.follow(person);
    }
  }

  /** A customer's state has moved on: timers that it has no more need not be remembered as said. */
  settle(person: Person): void {
    if (person.said !== undefined) {
      const running = new Set([...runningTimers(person.state)].map(nameOf));
      for (const name of person.said) if (!running.has(name)) person.said.delete(name);
      if (person.said.size === 0) person.said = undefined;
    }
    this.follow(person);
  }
}

function nameOf({ generation, id }: TimerState): string {
  return `${id}:${generation}`;
}

function byWorkspace(due: readonly Due[]): Map<number, Due[]> {
  const found = new Map<number, Due[]>();
  for (const each of due) {
    const { workspace } = each.person.name;
    const same = found.get(workspace);
    if (same === undefined) found.set(workspace, [each]);
    else same.push(each);
  }
  return found;
}
