/**
 * What is asked of the graph is carried out in rounds: one draft, one commit, then the answers. A round
 * takes asks as workspaces take turns, until it has done enough work; the thread does other things
 * in between, however long a round is.
 *
 *     line ─ ask ─▶ draft ─ step ─ step ─ (others have the thread) ─ step ─ … ─▶ commit ─▶ answers
 */
import { AppError } from '../std/errors.ts';
import type { KeyedChange } from '../store/keyed.ts';
import type { Steps } from './change.ts';
import type { Draft } from './draft.ts';
import { Line } from './line.ts';

/** Steps, and nodes looked at, before others have the thread: a few milliseconds. */
export const turnWorkMax = 500;
/** And in a round: who comes during one waits for the rest of it, and is in the next. */
export const roundWorkMax = 10_000;

/** What came of an ask. */
export interface Worked {
  /** Besides the nodes of the draft. */
  readonly rows: readonly KeyedChange[];
  /** Something may not be in force any more. */
  readonly moves: boolean;
  /** Written even if nothing changed. */
  readonly mustWrite?: boolean;
}

export interface Work {
  readonly workspace: number;
  /** Works on the draft; what it throws is the refusal. */
  readonly steps: (draft: Draft) => Steps<Worked>;
  /** Done once the work is committed, before anything else is. */
  readonly after?: (() => Promise<void>) | undefined;
}

interface Waiting extends Work {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface RoundsParts {
  readonly begin: () => Draft;
  /** Durable and in force everywhere when it resolves. */
  readonly commit: (draft: Draft, worked: readonly Worked[]) => Promise<void>;
}

export class Rounds {
  readonly #parts: RoundsParts;
  readonly #line = new Line<Waiting>();
  /** Done since others had the thread, and in this round. */
  #turnWork = 0;
  #roundWork = 0;
  #isClosed = false;
  #pumping: Promise<void> | undefined;

  constructor(parts: RoundsParts) {
    this.#parts = parts;
  }

  /** Nothing is under way. */
  get isIdle(): boolean {
    return this.#pumping === undefined;
  }

  /** Resolves when it is committed. @throws AppError overloaded, unavailable, and what the work throws. */
  do(work: Work): Promise<void> {
    if (this.#isClosed) {
      return Promise.reject(new AppError('unavailable', 'the server is shutting down'));
    }
    return new Promise((resolve, reject) => {
      this.#line.push(work.workspace, { ...work, resolve, reject });
      this.#pumping ??= this.#pump();
    });
  }

  async #pump(): Promise<void> {
    // Those who ask in the same turn go together.
    await Promise.resolve();
    while (!this.#line.isEmpty) await this.#round();
    // In the same turn in which the line was seen empty, so that nobody waits in vain.
    this.#pumping = undefined;
  }

  async #round(): Promise<void> {
    const draft = this.#parts.begin();
    const done: Waiting[] = [];
    const worked: Worked[] = [];
    this.#roundWork = 0;
    while (this.#roundWork < roundWorkMax) {
      const waiting = this.#line.shift();
      if (waiting === undefined) break;
      try {
        worked.push(await this.#carryOut(draft, waiting));
        draft.keep();
        done.push(waiting);
      } catch (error) {
        draft.takeBack();
        waiting.reject(error);
      }
    }
    await this.#finish(draft, worked, done);
  }

  async #carryOut(draft: Draft, { steps }: Waiting): Promise<Worked> {
    const walk = steps(draft);
    for (;;) {
      const looked = draft.looks;
      const { done, value } = walk.next();
      const work = 1 + draft.looks - looked;
      this.#roundWork += work;
      this.#turnWork += work;
      if (this.#turnWork >= turnWorkMax) {
        await new Promise((resolve) => setImmediate(resolve));
        this.#turnWork = 0;
      }
      if (done === true) return value;
    }
  }

  async #finish(draft: Draft, worked: readonly Worked[], done: readonly Waiting[]): Promise<void> {
    try {
      await this.#parts.commit(draft, worked);
    } catch (error) {
      for (const { reject } of done) reject(error);
      return;
    }
    for (const { after, reject, resolve } of done) {
      if (after === undefined) resolve();
      else await after().then(resolve, reject);
    }
  }

  /** Resolves when all that was asked is answered; nothing more is taken. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#pumping;
  }
}
