/**
 * What events say of identities and nobody has taken note of: the process ended between their commit and
 * that of their links. Nobody has a receipt for them, but they are on the tape. A bit in their rows tells
 * them from all others. What names somebody who has been erased since is not said any more, as far as the
 * erasure is still known: when it is done, the event of another who named them says it again.
 */
import type { Metrics } from '../std/metrics.ts';
import { TapeEvent } from '../tape/event.ts';
import { isErased } from '../tape/gone.ts';
import { flagLink, flagUntrusted, row } from '../tape/layout.ts';
import { customerHashOf } from '../tape/route.ts';
import { Tape, type TapeMemory } from '../tape/tape.ts';
import { covers } from './erasednames.ts';
import type { Forgotten } from './forget.ts';
import type { Statement } from './rules.ts';
import { canonicalOf, type PhoneRegion } from './typed.ts';

/** Statements that are handed over together. */
const statementsMax = 1000;

/** The tape as it was when the process ended. Thread: main, before anything is accepted. */
export class LeftBehind {
  readonly #tape: Tape;
  readonly #memory: TapeMemory;
  readonly #region: PhoneRegion;
  readonly horizon: number;

  /** Call when every shard is open. */
  constructor(memory: TapeMemory, metrics: Metrics, region: PhoneRegion) {
    this.#tape = new Tape(memory, metrics);
    this.#memory = memory;
    this.#region = region;
    this.horizon = this.#tape.horizon();
  }

  /**
   * What events behind `stamp` say, shard by shard in commit order.
   * @param forgotten erasures that are still to be carried out on the tape.
   */
  *statements(stamp: number, forgotten: readonly Forgotten[] = []): Iterable<readonly Statement[]> {
    let found: Statement[] = [];
    for (const blockAt of this.#blocks(stamp)) {
      for (const statement of this.#statementsIn(blockAt.shard, blockAt.stamp)) {
        if (!this.#isGone(statement, blockAt.stamp, forgotten)) found.push(statement);
      }
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

  /** Whether somebody whom it names was erased after the event was stored. */
  #isGone(
    { customer, previous, time, workspace }: Statement,
    stamp: number,
    forgotten: readonly Forgotten[],
  ): boolean {
    const names = [customer, previous].map((text) => canonicalOf(text, this.#region));
    const shares = forgotten
      .filter((each) => each.workspace === workspace)
      .flatMap((each) => each.shares);
    const isLeft = shares.some(
      (share) =>
        names.includes(share.identity) &&
        stamp <= (share.upTo ?? Number.POSITIVE_INFINITY) &&
        covers(share, time),
    );
    return isLeft || names.some((name) => this.#isErased(workspace, name, stamp, time));
  }

  #isErased(workspace: number, name: string, stamp: number, time: number): boolean {
    const bytes = Buffer.from(name, 'utf8');
    const hash = customerHashOf(this.#memory.hashSeed, workspace, bytes, 0, bytes.length);
    return isErased(
      this.#tape.erased.of(workspace, hash, () => bytes),
      stamp,
      time,
    );
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
