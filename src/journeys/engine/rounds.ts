/**
 * What a definition means for customers who are there already. When a rule that waits for silence comes into
 * force, some stand beyond its step: for whom the rule is to wait it is said on the tape, by a timer of the number
 * 0, which arms what is missing when it is read back (`clock.ts`). When a map was deleted, some are on it: for each
 * such instance a command to exit is said. So state stays a function of the tape, whenever and however often this
 * looks.
 *
 *     tapeline.definition read ─▶ noted, with the next checkpoint ─▶ its customers in the file, a few at a time
 *
 * Once nobody is found any more on the versions of a deleted map, what they say is let go of.
 */
import { AppError } from '../../std/errors.ts';
import type { Log } from '../../std/log.ts';
import type { PersonState } from '../state.ts';
import {
  type CommandSaid,
  type DefinitionSaid,
  type TimerSaid,
  typeOfCommand,
  typeOfTimer,
} from '../words.ts';
import type { InForce } from './inforce.ts';
import { isStallUnarmed } from './instance.ts';
import { type PersonName, parseName, personKey } from './layout.ts';
import type { Persons } from './persons.ts';
import type { JourneyStore } from './store.ts';
import { isOpen, stallId, standingGeneration } from './timers.ts';
import type { StateRows } from './work.ts';

/** Customers that are looked at in one go. */
export const lookMax = 200;

/** Why instances of a deleted map have exited. */
export const deletedReason = 'map_deleted';

/** What is to be done in a workspace: look at its customers for rules, or end those who are on a deleted map. */
export interface Noted {
  readonly workspace: number;
  /** What the ids of its timers end with: where the definition stands on the tape. */
  readonly mark: string;
  readonly deleted?: { readonly journey: string; readonly upTo: number };
}

export interface RoundParts {
  readonly log: Log;
  readonly store: JourneyStore;
  readonly persons: Persons;
  readonly inForce: InForce;
  /** `Noted`: what is still to be done. */
  readonly rows: StateRows;
  readonly say: (workspace: number, events: readonly object[]) => Promise<void>;
}

export class Rounds {
  readonly #parts: RoundParts;
  /** Somebody is being looked at. */
  isUnderWay = false;
  /** Key of what was begun last. */
  #last = '';
  #isEnded = false;

  constructor(parts: RoundParts) {
    this.#parts = parts;
  }

  /** A definition was read. @param mark where it stands on the tape. */
  note(workspace: number, { deleted, kind, name }: DefinitionSaid, mark: string): void {
    const rule = kind === 'rule' ? this.#parts.inForce.rule(workspace, name) : undefined;
    if (rule?.when.kind === 'stall') this.#put({ workspace, mark });
    if (deleted !== undefined) {
      this.#put({ workspace, mark, deleted: { journey: name, upTo: deleted } });
    }
  }

  #put(noted: Noted): void {
    this.#parts.rows.put(keyOf(noted), noted);
  }

  /** What is to be done as far as the tape is applied. */
  noted(): readonly Noted[] {
    return [...this.#parts.rows.range('')].map(([, noted]) => noted as Noted);
  }

  /**
   * Goes round, one workspace at a time; what cannot be said for one holds up none of the others.
   * @param noted when whoever is in the file now was written, by key.
   */
  begin(noted: readonly Noted[]): void {
    const next = noted.find((each) => keyOf(each) > this.#last) ?? noted[0];
    if (next === undefined || this.isUnderWay || this.#isEnded) return;
    this.#last = keyOf(next);
    this.isUnderWay = true;
    void this.#go(next)
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

  async #go(noted: Noted): Promise<void> {
    const { say, store } = this.#parts;
    const { workspace } = noted;
    let found = 0;
    const end = personKey({ workspace: workspace + 1, customer: '' });
    let start = personKey({ workspace, customer: '' });
    for (;;) {
      const keys = store.firstKeys(start, end, lookMax);
      const events = keys.flatMap((key) => this.#lookAt(parseName(key), noted));
      if (events.length > 0) await say(workspace, events);
      found += events.length;
      if (keys.length < lookMax) break;
      start = Buffer.concat([keys.at(-1)!, Buffer.of(0)]);
      // The thread has other work.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#isEnded) return;
    }
    this.#finish(noted, found);
  }

  #finish(noted: Noted, found: number): void {
    const { inForce, rows } = this.#parts;
    const { deleted, mark, workspace } = noted;
    // Who was found is on it until that is read back.
    if (deleted !== undefined && found > 0) return;
    // Unless another definition has come meanwhile.
    if ((rows.get(keyOf(noted)) as Noted | undefined)?.mark !== mark) return;
    rows.put(keyOf(noted), undefined);
    if (deleted !== undefined) inForce.shed(workspace, deleted.journey, deleted.upTo);
  }

  #lookAt(name: PersonName, { deleted, mark }: Noted): object[] {
    const state = this.#parts.persons.peek(name);
    if (state === undefined) return [];
    if (deleted === undefined)
      return this.#missing(name, state).map((id) => eventOf(name, id, mark));
    const { journey, upTo } = deleted;
    const left = state.instances.filter((instance) => {
      return instance.journey === journey && instance.version <= upTo && isOpen(instance);
    });
    return left.map(({ id }) => exitOf(name, id));
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

function keyOf({ deleted, workspace }: Noted): string {
  return deleted === undefined ? `${workspace}` : `${workspace}/${deleted.journey}`;
}

function exitOf({ customer }: PersonName, instance: string): object {
  const data: CommandSaid = { command: 'exit', instance, reason: deletedReason };
  return { id: `${instance}:${deletedReason}`, customer, type: typeOfCommand, data };
}

function eventOf({ customer }: PersonName, timer: string, mark: string): object {
  const data: TimerSaid = { timer, generation: standingGeneration, due: 0 };
  return { id: `${timer}:${standingGeneration}:${mark}`, customer, type: typeOfTimer, data };
}
