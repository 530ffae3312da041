/**
 * Answers of live views that followers have taken a part of. An answer, unlike an event, cannot be read
 * again from the log once it has changed, so what is left of it stays in memory: the same bytes for all who
 * follow the same. One of usual size is within what a follower may take (64 KiB, with the piece in its
 * socket's buffer); all larger ones of a front share an allowance, and whoever would hold one beyond that is
 * cut off: it comes back and gets the latest.
 */
import { Shares } from '../ingest/shares.ts';

/** All larger answers that wait on a front; one workspace alone has half. */
export const unreadBytesMax = 64 * 1024 * 1024;
/** So much of an answer needs none of that. */
const freeBytesMax = 32 * 1024;

/** The answers of one front. */
export class UnreadAnswers {
  readonly #shares = new Shares(unreadBytesMax);
  readonly #holders = new Map<Uint8Array, number>();

  get heldBytes(): number {
    return this.#shares.held;
  }

  /** @returns false when there is no room. */
  hold(workspace: number, answer: Uint8Array): boolean {
    if (answer.length <= freeBytesMax) return true;
    const holders = this.#holders.get(answer) ?? 0;
    if (holders === 0) {
      if (this.#shares.isOver(workspace, answer.length)) return false;
      this.#shares.take(workspace, answer.length);
    }
    this.#holders.set(answer, holders + 1);
    return true;
  }

  release(workspace: number, answer: Uint8Array): void {
    const holders = this.#holders.get(answer);
    if (holders === undefined) return;
    if (holders > 1) this.#holders.set(answer, holders - 1);
    else {
      this.#holders.delete(answer);
      this.#shares.give(workspace, answer.length);
    }
  }
}

export interface UnreadParts {
  readonly answers: UnreadAnswers;
  readonly workspace: number;
  /** Sends from a byte on until something waits. @returns where it stopped; undefined: all is sent. */
  readonly send: (answer: Uint8Array, from: number) => number | undefined;
  /** Ends the connection: it has not read, and there is no room to wait. */
  readonly cut: () => void;
}

/** What one follower has still to take. */
export class Unread {
  readonly #parts: UnreadParts;
  #answer: Uint8Array | undefined;
  #from = 0;

  constructor(parts: UnreadParts) {
    this.#parts = parts;
  }

  /** Bytes that are not with its connection yet. */
  get bytes(): number {
    return this.#answer === undefined ? 0 : this.#answer.length - this.#from;
  }

  /** Sends an answer; called when nothing is left of another. */
  send(answer: Uint8Array): void {
    const { answers, cut, send, workspace } = this.#parts;
    const stopped = send(answer, 0);
    if (stopped === undefined) return;
    if (!answers.hold(workspace, answer)) {
      cut();
      return;
    }
    this.#answer = answer;
    this.#from = stopped;
  }

  /** The connection has taken something. @returns whether nothing is left. */
  goOn(): boolean {
    if (this.#answer === undefined) return true;
    const stopped = this.#parts.send(this.#answer, this.#from);
    if (stopped === undefined) this.forget();
    else this.#from = stopped;
    return stopped === undefined;
  }

  /** All is sent, or the connection is gone. */
  forget(): void {
    if (this.#answer !== undefined) {
      this.#parts.answers.release(this.#parts.workspace, this.#answer);
    }
    this.#answer = undefined;
  }
}
