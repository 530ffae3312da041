/**
 * When a rule that waits for silence comes into force, customers stand beyond its step already. Each of them is
 * looked at once, and for whom the rule is to wait it is said on the tape: a timer of the number 0, which
 * arms what is missing when it is read back (`clock.ts`). So state stays a function of the tape, whenever and
 * however often this looks.
 *
 *     tapeline.definition read ─▶ noted, with the next checkpoint ─▶ its customers in the file, a few at a time
 */
import { AppError } from '../../std/errors.ts';
import type { Log } from '../../std/log.ts';
import type { PersonState } from '../state.ts';
import { type DefinitionSaid, type TimerSaid, typeOfTimer } from '../words.ts';
import type { InForce } from './inforce.ts';
import { isStallUnarmed } from './instance.ts';
import { type PersonName, parseName, personKey } from './layout.ts';
import type { Persons } from './persons.ts';
import type { JourneyStore } from './store.ts';
import { stallId, standingGeneration } from './timers.ts';
import type { Rows } from './work.ts';

/** Customers that are looked at in one go. */
export const lookMax = 200;

export type Noted = readonly [workspace: number, mark: string];

export interface RoundParts {
  readonly log: Log;
  readonly store: JourneyStore;
  readonly persons: Persons;
  readonly inForce: InForce;
  /** What is still to be done, by workspace: what the ids of its timers end with. */
  readonly rows: Rows;
  readonly say: (workspace: number, events: readonly object[]) => Promise<void>;
}

export class Rounds {
  readonly #parts: RoundParts;
  /** Somebody is being looked at. */
  isUnderWay = false;
  #isEnded = false;

  constructor(parts: RoundParts) {
    this.#parts = parts;
  }

  /** A definition was read. @param mark where it stands on the tape. */
  note(workspace: number, { kind, name }: DefinitionSaid, mark: string): void {
    const rule = kind === 'rule' ? this.#parts.inForce.rule(workspace, name) : undefined;
    if (rule?.when.kind === 'stall') this.#parts.rows.put(String(workspace), mark);
  }

  /** What is to be done as far as the tape is applied: workspaces, and their marks. */
  noted(): readonly Noted[] {
    return [...this.#parts.rows.range('')].map(([key, mark]) => [Number(key), mark as string]);
  }

  /** Goes round, one workspace at a time. @param noted when whoever is in the file now was written. */
  begin([next]: readonly Noted[]): void {
    if (next === undefined || this.isUnderWay || this.#isEnded) return;
    this.isUnderWay = true;
    void this.#go(...next)
      .catch((error: unknown) => {
        if (!(error instanceof AppError)) throw error;
        this.#parts.log.warn('who stands where a rule looks is looked for again', {
          reason: error.message,
        });
      })
      .finally(() => {
        this.isUnderWay = false;
      });
  }

  end(): void {
    this.#isEnded = true;
  }

  async #go(workspace: number, mark: string): Promise<void> {
    const { rows, say, store } = this.#parts;
    const end = personKey({ workspace: workspace + 1, customer: '' });
    let start = personKey({ workspace, customer: '' });
    for (;;) {
      const keys = store.firstKeys(start, end, lookMax);
      const events = keys.flatMap((key) => this.#lookAt(parseName(key), mark));
      if (events.length > 0) await say(workspace, events);
      if (keys.length < lookMax) break;
      start = Buffer.concat([keys.at(-1)!, Buffer.of(0)]);
      // The thread has other work.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#isEnded) return;
    }
    // Unless another rule has come meanwhile.
    if (rows.get(String(workspace)) === mark) rows.put(String(workspace), undefined);
  }

  #lookAt(name: PersonName, mark: string): object[] {
    const state = this.#parts.persons.peek(name);
    return state === undefined
      ? []
      : this.#missing(name, state).map((id) => eventOf(name, id, mark));
  }

  /** Ids of timers that are to be armed. */
  #missing({ workspace }: PersonName, { instances }: PersonState): string[] {
    const force = this.#parts.inForce.of(workspace);
    return instances.flatMap((instance) => {
      const map = force?.map(instance.journey, instance.version);
      if (force === undefined || map === undefined) return [];
      // History fires nothing, whenever a rule comes.
      if (instance.status !== 'active' || instance.isHistory) return [];
      const unarmed = force.stallsOf(instance.journey).filter((rule) => {
        return isStallUnarmed(instance, map, rule);
      });
      return unarmed.map(({ name }) => stallId(instance, name));
    });
  }
}

function eventOf({ customer }: PersonName, timer: string, mark: string): object {
  const data: TimerSaid = { timer, generation: standingGeneration, due: 0 };
  return { id: `${timer}:${standingGeneration}:${mark}`, customer, type: typeOfTimer, data };
}
