/**
 * Writes what is known into the file: states, timers, what is in force and how far the tape was applied, all
 * of one moment, in one transaction, one at a time.
 *
 *     cut: from here on changes are the next one's ─▶ customers are written out, a slice for each turn ─▶ commit
 *
 * Whoever is changed before its turn has come is written out first, as it was at the cut (`persons.ts`).
 */
import type { Clock } from '../../std/clock.ts';
import { AppError } from '../../std/errors.ts';
import type { Log } from '../../std/log.ts';
import { earliest, type Position } from '../../tape/cursor.ts';
import type { AllowanceRow } from './allowance.ts';
import type { InForceRow } from './inforce.ts';
import { journeysVersion, metaKey } from './layout.ts';
import type { Person, Persons } from './persons.ts';
import type { Rebuild } from './rebuild.ts';
import type { RoomStore } from './roomstore.ts';
import type { JourneyStore } from './store.ts';
import type { Turns } from './turns.ts';

/** What the file says of itself. */
export interface Meta extends Position {
  readonly version: number;
  readonly inForce: readonly InForceRow[];
  readonly allowances: readonly AllowanceRow[];
  /** It is being made anew from the tape. */
  readonly rebuild?: Rebuild;
}

/** Undefined: the file is new. @throws AppError invalid. */
export function readMeta(store: JourneyStore): Meta | undefined {
  const value = store.get(metaKey);
  if (value === undefined) return undefined;
  const meta = JSON.parse(value.toString('utf8')) as Meta;
  if (meta.version === journeysVersion) return meta;
  throw new AppError(
    'invalid',
    'journeys.mdb was written by another version; without it, it is made anew',
  );
}

export interface CheckpointParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: JourneyStore;
  readonly roomStore: Pick<RoomStore, 'flush'>;
  readonly persons: Persons;
  readonly turns: Pick<Turns, 'writeMs'>;
  readonly position: () => Position;
  /** It begins: whatever else is of it is put now. @returns what it says, and what is done when it is in the file. */
  readonly cut: () => { readonly meta: Omit<Meta, 'version' | keyof Position>; done(): void };
  /** This customer was written out. */
  readonly written: (person: Person) => void;
}

export class Checkpoints {
  readonly #parts: CheckpointParts;
  #written: Position = earliest;
  #underWay: Promise<void> | undefined;
  #isMade: boolean;

  /** @param isMade there is one in the file. */
  constructor(parts: CheckpointParts, isMade: boolean) {
    this.#parts = parts;
    this.#isMade = isMade;
  }

  /** The file tells the next start that this one was there. */
  get isMade(): boolean {
    return this.#isMade;
  }

  /** Makes one if anything has changed, or waits for the one that is being made. What cannot be written is tried again. */
  make(): Promise<void> {
    this.#underWay ??= this.#make()
      .catch((error: unknown) => {
        if (!(error instanceof AppError)) throw error;
        this.#parts.log.warn('journeys could not be written', { reason: error.message });
      })
      .finally(() => {
        this.#underWay = undefined;
      });
    return this.#underWay;
  }

  /** What is known by now is durable when it resolves. @throws AppError unavailable. */
  async force(): Promise<void> {
    while (this.#underWay !== undefined) await this.#underWay;
    const made = this.#make();
    this.#underWay = made
      .catch(() => undefined)
      .finally(() => {
        this.#underWay = undefined;
      });
    await made;
  }

  /** A last one, if it can be written. */
  async close(): Promise<void> {
    await this.force().catch((error: unknown) => {
      if (!(error instanceof AppError)) throw error;
    });
  }

  async #make(): Promise<void> {
    const { clock, cut, persons, roomStore, store } = this.#parts;
    const position = this.#parts.position();
    const isMoved = position.stamp !== this.#written.stamp || persons.unwritten > 0;
    const { done, meta } = cut();
    if (isMoved || store.pending > 0 || !this.#isMade) {
      persons.cut(clock.now());
      const said: Meta = { version: journeysVersion, ...position, ...meta };
      store.put(metaKey, Buffer.from(JSON.stringify(said)));
      store.cut();
      while (!this.#writeSlice()) await new Promise((resolve) => setImmediate(resolve));
      await roomStore.flush();
      await store.checkpoint();
      this.#written = position;
      this.#isMade = true;
    } else await roomStore.flush();
    done();
  }

  #writeSlice(): boolean {
    const { clock, persons, turns, written } = this.#parts;
    const end = clock.monotonicMs() + turns.writeMs;
    return persons.writeCut(() => clock.monotonicMs() >= end, written);
  }
}
