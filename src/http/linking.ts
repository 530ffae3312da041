/**
 * A front's side of identities: asks main for what is to be linked, and puts on the tape what the server
 * itself has to say of it. Main forgets a record when it hears that it is there.
 */
import { asksOf, type LinkAnswer, type LinkAsk, type Outbox } from '../identity/ask.ts';
import type { Outcome, Statement } from '../identity/rules.ts';
import type { Sayer } from '../ingest/say.ts';
import type { Metrics } from '../std/metrics.ts';

export interface LinkingParts {
  readonly metrics: Metrics;
  readonly sayer: Sayer;
  /** Resolves when it is durable and in force on every front. */
  readonly ask: (ask: LinkAsk) => Promise<LinkAnswer>;
  /** All of an outbox is on the tape. */
  readonly recorded: (number: number) => void;
}

export class Linking {
  readonly #parts: LinkingParts;
  readonly #left: Outbox[] = [];

  constructor(parts: LinkingParts) {
    this.#parts = parts;
  }

  /** What events say. @throws AppError overloaded, unavailable. */
  async establish(statements: readonly Statement[], erasures: number): Promise<readonly Outcome[]> {
    const asks = asksOf(statements, erasures);
    const answers = await Promise.all(asks.map((ask) => this.change(ask)));
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
    const byWorkspace = new Map<number, string[]>();
    for (const { event, workspace } of records) {
      const same = byWorkspace.get(workspace);
      if (same === undefined) byWorkspace.set(workspace, [event]);
      else same.push(event);
    }
    const { sayer } = this.#parts;
    const storing = [...byWorkspace].map(([workspace, own]) => sayer.store(workspace, own));
    const areStored = (await Promise.all(storing)).every(Boolean);
    if (records.length > 0 && areStored) this.#parts.recorded(number);
  }
}
