/**
 * What events say of identities and nobody has taken note of: the process ended between their commit and
 * that of their links. Nobody has a receipt for them, but they are on the tape. A bit in their rows tells
 * them from all others.
 */
import type { Metrics } from '../std/metrics.ts';
import { TapeEvent } from '../tape/event.ts';
import { flagLink, flagUntrusted, row } from '../tape/layout.ts';
import { Tape, type TapeMemory } from '../tape/tape.ts';
import type { Statement } from './rules.ts';

/** Statements that are handed over together. */
const statementsMax = 1000;

/** The tape as it was when the process ended. Thread: main, before anything is accepted. */
export class LeftBehind {
  readonly #tape: Tape;
  readonly horizon: number;

  /** Call when every shard is open. */
  constructor(memory: TapeMemory, metrics: Metrics) {
    this.#tape = new Tape(memory, metrics);
    this.horizon = this.#tape.horizon();
  }

  /** What events behind `stamp` say, shard by shard in commit order. */
  *statements(stamp: number): Iterable<readonly Statement[]> {
    let found: Statement[] = [];
    for (const blockAt of this.#blocks(stamp)) {
      found.push(...this.#statementsIn(blockAt.shard, blockAt.stamp));
      if (found.length < statementsMax) continue;
      yield found;
      found = [];
    }
    if (found.length > 0) yield found;
  }

  *#blocks(stamp: number): Iterable<{ shard: number; stamp: number }> {
    this.#tape.enter();
    this.#tape.leave();
    for (const [shard, reader] of this.#tape.shards.entries()) {
      for (
        let at = reader.nextStamp(stamp + 1);
        at <= this.horizon;
        at = reader.nextStamp(at + 1)
      ) {
        yield { shard, stamp: at };
      }
    }
  }

  #statementsIn(shard: number, stamp: number): Statement[] {
    this.#tape.enter();
    try {
      const block = this.#tape.shards[shard]!.block(stamp);
      const statements: Statement[] = [];
      for (let record = 0; record < (block?.records ?? 0); record++) {
        const flags = block!.view.getUint8(block!.rowAt(record) + row.flags);
        if ((flags & flagLink) === 0 || block!.isErased(record)) continue;
        if (this.#tape.erased.hides(block!, record)) continue;
        const isTrusted = (flags & flagUntrusted) === 0;
        statements.push(statementOf(new TapeEvent(block!, record), isTrusted));
      }
      return statements;
    } finally {
      this.#tape.leave();
    }
  }

  async close(): Promise<void> {
    await this.#tape.close();
  }
}

function statementOf(event: TapeEvent, isTrusted: boolean): Statement {
  const { time, workspace } = event;
  const { customer, previous = '' } = JSON.parse(event.json()) as {
    customer: string;
    previous?: string;
  };
  return { workspace, customer, previous, time, isTrusted };
}
