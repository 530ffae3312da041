/**
 * Requests that came to nothing because nobody was there to decide them in their time: each is said on the
 * tape, as a decision that it has lapsed. Until that is there it is a row, written with the state that has it
 * no more, so that a kill in between loses none.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../../std/clock.ts';
import { AppError } from '../../std/errors.ts';
import type { Log } from '../../std/log.ts';
import { decisionEvent, notOf } from '../decide/saying.ts';
import type { Request } from '../state.ts';
import type { DecisionSaid } from '../words.ts';
import type { EngineContext, StateRows } from './work.ts';

/** Said in one batch. */
const batchMax = 200;
const retryMs = 1000;

export interface LapsesParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Durable with the state. */
  readonly rows: StateRows;
  readonly say: EngineContext['say'];
  /** Nothing is said in a workspace that was deleted. */
  readonly exists: (workspace: number) => boolean;
}

interface Row {
  readonly workspace: number;
  readonly customer: string;
  readonly said: DecisionSaid;
}

export class Lapses {
  readonly #parts: LapsesParts;
  /** By key: what is to be said. */
  readonly #waiting = new Map<string, Row>();
  #isOn = false;
  #isSaying = false;

  constructor(parts: LapsesParts) {
    this.#parts = parts;
  }

  note(workspace: number, customer: string, request: Request): void {
    const row: Row = { workspace, customer, said: notOf(request, 'lapsed') };
    const key = keyOf(row);
    this.#waiting.set(key, row);
    this.#parts.rows.put(key, row);
  }

  /** The engine is live: what is left from before is said first. */
  begin(): void {
    for (const [key, row] of this.#parts.rows.range('')) this.#waiting.set(key, row as Row);
    this.#isOn = true;
    this.give();
  }

  /** At the end of a turn. */
  give(): void {
    if (!this.#isOn || this.#isSaying || this.#waiting.size === 0) return;
    this.#isSaying = true;
    void this.#sayAll();
  }

  async #sayAll(): Promise<void> {
    const { clock, log } = this.#parts;
    try {
      while (this.#isOn && this.#waiting.size > 0) await this.#sayNext();
      this.#isSaying = false;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      log.warn('it could not be said yet what has lapsed', { reason: error.message });
      clock.after(retryMs, () => void this.#sayAll());
    }
  }

  /** The next ones of one workspace. */
  async #sayNext(): Promise<void> {
    const { exists, say } = this.#parts;
    const [[, { workspace }]] = this.#waiting as Iterable<[string, Row]> as [[string, Row]];
    const batch: [string, Row][] = [];
    for (const each of this.#waiting) {
      if (each[1].workspace === workspace) batch.push(each);
      if (batch.length === batchMax) break;
    }
    const events = batch.map(([, { customer, said }]) => decisionEvent(customer, said));
    if (exists(workspace)) await say(workspace, events);
    for (const [key] of batch) this.#drop(key);
  }

  #drop(key: string): void {
    this.#waiting.delete(key);
    this.#parts.rows.put(key, undefined);
  }

  /** The customer is erased: nothing more is said of it. */
  forget(workspace: number, customer: string): void {
    for (const [key, row] of this.#waiting) {
      if (row.workspace === workspace && row.customer === customer) this.#drop(key);
    }
  }

  end(): void {
    this.#isOn = false;
  }
}

/** Bounded, whatever names are in the request's id. */
function keyOf({ said, workspace }: Row): string {
  return createHash('sha256').update(`${workspace}/${said.request}`).digest('base64url');
}
