/**
 * What the server itself says on customers' tapes: events of its own go the way of everybody's, as parcels
 * to the shards, but may use its reserved types and are asked for no taxonomy.
 */
import { Envelope, encodingJson, type Rejection } from '../event/envelope.ts';
import { walkJsonEvent } from '../event/json.ts';
import { typeReserved } from '../event/refusal.ts';
import { assert } from '../std/assert.ts';
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import type { Log } from '../std/log.ts';
import type { Ingest } from './ingest.ts';

export interface SayerParts {
  readonly clock: Clock;
  readonly log: Log;
  /** @throws AppError unavailable while there is none. */
  readonly ingest: () => Ingest;
}

const envelope = new Envelope();

export class Sayer {
  readonly #parts: SayerParts;

  constructor(parts: SayerParts) {
    this.#parts = parts;
  }

  /**
   * Durable, all of them, when it resolves. An id that its customer's tape has already is stored once.
   * @throws AppError too_large, invalid (nothing is stored), unavailable (some may be: say all again).
   */
  async say(workspace: number, events: readonly object[]): Promise<void> {
    const sources = events.map((event) => Buffer.from(JSON.stringify(event)));
    for (const source of sources) {
      const rejection = this.#walk(source);
      if (rejection !== undefined) throw new AppError(rejection.code, rejection.message);
    }
    if (await this.#send(workspace, sources, sources.length === 1)) return;
    throw new AppError('unavailable', 'it could not be written', { retryAfterSeconds: 1 });
  }

  /**
   * Stores events given as JSON text; one that can never be written is logged and dropped.
   * @returns whether all of them are durable, or dropped.
   */
  store(workspace: number, events: readonly string[]): Promise<boolean> {
    const sources = events.map((event) => Buffer.from(event));
    return this.#send(workspace, sources, false);
  }

  /** @param isWalked `envelope` tells of the only one. */
  #send(workspace: number, sources: readonly Buffer[], isWalked: boolean): Promise<boolean> {
    const ingest = this.#parts.ingest();
    const size = sources.reduce((sum, { length }) => sum + length, 0);
    const batch = ingest.begin(workspace, size, true);
    // Nobody's rules for types are about what the server says.
    batch.taxonomy = undefined;
    for (const source of sources) {
      const rejection = isWalked ? undefined : this.#walk(source);
      if (rejection === undefined) ingest.add(batch, source, envelope, encodingJson);
      else this.#parts.log.error('what the server says is dropped', { reason: rejection.message });
    }
    return new Promise((resolve) => {
      ingest.send(batch, ({ rejected }) => resolve(rejected.length === 0));
    });
  }

  /** Fills `envelope`. @returns why the event can never be written. */
  #walk(source: Buffer): Rejection | undefined {
    const end = walkJsonEvent(source, 0, source.length, this.#parts.clock.now(), envelope);
    assert(end > 0, 'JSON.stringify makes JSON');
    const { rejection } = envelope;
    // Others may not use types of ours; all else is checked before that.
    if (rejection !== typeReserved) return rejection;
    envelope.rejection = undefined;
    return undefined;
  }
}
