/**
 * A front's side of identities: asks main for what is to be linked, and puts on the tape what the server
 * itself has to say of it. Main forgets a record when it hears that it is there.
 */
import { Envelope, encodingJson, type Rejection } from '../event/envelope.ts';
import { walkJsonEvent } from '../event/json.ts';
import { typeReserved } from '../event/refusal.ts';
import {
  asksOf,
  type LinkAnswer,
  type LinkAsk,
  type Outbox,
  type TapeRecord,
} from '../identity/ask.ts';
import type { Outcome, Statement } from '../identity/rules.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { assert } from '../std/assert.ts';
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import type { Log } from '../std/log.ts';
import type { Metrics } from '../std/metrics.ts';

export interface LinkingParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly ingest: () => Ingest;
  /** Resolves when it is durable and in force on every front. */
  readonly ask: (ask: LinkAsk) => Promise<LinkAnswer>;
  /** All of an outbox is on the tape. */
  readonly recorded: (number: number) => void;
}

const envelope = new Envelope();

export class Linking {
  readonly #parts: LinkingParts;
  readonly #left: Outbox[] = [];

  constructor(parts: LinkingParts) {
    this.#parts = parts;
  }

  /** What events say. @throws AppError overloaded, unavailable. */
  async establish(statements: readonly Statement[]): Promise<readonly Outcome[]> {
    const answers = await Promise.all(asksOf(statements).map((ask) => this.change(ask)));
    const outcomes = answers.flatMap((answer) => answer.outcomes);
    for (const outcome of outcomes) this.#count(outcome);
    return outcomes;
  }

  #count(outcome: Outcome): void {
    const { metrics } = this.#parts;
    if (outcome === 'linked') metrics.add('links_total', 1);
    else if (outcome === 'switched') metrics.add('links_switched_total', 1);
    else if (outcome !== 'inForce') metrics.add('links_refused_total', 1);
  }

  /** In force and on the tape when it resolves. @throws AppError as main refuses it. */
  async change(ask: LinkAsk): Promise<LinkAnswer> {
    const answer = await this.#parts.ask(ask);
    await this.record(answer.outbox);
    return answer;
  }

  /** What a crash left to be put on the tape, once events are taken. */
  leave(outboxes: readonly Outbox[]): void {
    this.#left.push(...outboxes);
  }

  recordLeft(): void {
    for (const outbox of this.#left.splice(0)) void this.record(outbox);
  }

  /**
   * Resolves when each event is durable, or is left to be put there later. One that can never be written
   * is dropped: what it tells of is in force without it.
   */
  async record({ number, records }: Outbox): Promise<void> {
    const byWorkspace = new Map<number, TapeRecord[]>();
    for (const record of records) {
      const same = byWorkspace.get(record.workspace);
      if (same === undefined) byWorkspace.set(record.workspace, [record]);
      else same.push(record);
    }
    const storing = [...byWorkspace].map(([workspace, own]) => this.#store(workspace, own));
    const areStored = (await Promise.all(storing)).every(Boolean);
    if (records.length > 0 && areStored) this.#parts.recorded(number);
  }

  /** Puts an event of the server's own on a tape. @throws AppError too_large, invalid, unavailable. */
  async say(workspace: number, event: object): Promise<void> {
    const text = JSON.stringify(event);
    const bytes = Buffer.from(text);
    walkJsonEvent(bytes, 0, bytes.length, this.#parts.clock.now(), envelope);
    const { rejection } = envelope;
    assert(rejection !== undefined, 'its type is one of ours');
    if (rejection !== typeReserved) throw new AppError(rejection.code, rejection.message);
    if (await this.#store(workspace, [{ event: text }])) return;
    throw new AppError('unavailable', 'it could not be written', { retryAfterSeconds: 1 });
  }

  /** @returns whether all of them are durable, or dropped. */
  #store(workspace: number, records: readonly Pick<TapeRecord, 'event'>[]): Promise<boolean> {
    const ingest = this.#parts.ingest();
    const sources = records.map(({ event }) => Buffer.from(event));
    const size = sources.reduce((sum, { length }) => sum + length, 0);
    const batch = ingest.begin(workspace, size, true);
    // Nobody's rules for types are about what the server says.
    batch.taxonomy = undefined;
    for (const source of sources) {
      const rejection = this.#walk(source);
      if (rejection === undefined) ingest.add(batch, source, envelope, encodingJson);
      else this.#parts.log.error('a record of a link is dropped', { reason: rejection.message });
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
