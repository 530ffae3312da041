/**
 * One request and its reply to be. It is opened first thing in a uWebSockets.js callback: a handler
 * that returns without an abort handler attached ends the whole process.
 */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { Front } from './context.ts';
import { type Head, readHead } from './head.ts';

/** Who counts an exchange among those that are not settled. */
export interface Follower {
  settled(exchange: Exchange): void;
}

export class Exchange {
  readonly res: HttpResponse;
  readonly head: Head;
  /** Whose it is, once its credential is known; 0: nobody's. */
  workspace = 0;
  /** The client is gone: `res` may not be touched any more. */
  aborted = false;
  /** A reply has been decided on; `res` belongs to the writer. */
  answered = false;
  /** What the reply takes of the front's allowance for replies. */
  replyBytes = 0;
  /** Called once when the client goes away before it was answered in full. */
  onGone: (() => void) | undefined = undefined;
  /** Told once when nothing is left to do: the reply is with the socket, or the client is gone. */
  follower: Follower | undefined = undefined;
  /** The follower's: since when the answer is due, and its list of exchanges. */
  dueSinceMs = 0;
  older: Exchange | undefined = undefined;
  newer: Exchange | undefined = undefined;
  readonly #front: Pick<Front, 'metrics' | 'draining'>;

  constructor(front: Pick<Front, 'metrics' | 'draining'>, res: HttpResponse, req: HttpRequest) {
    res.onAborted(() => {
      this.aborted = true;
      this.onGone?.();
      this.settle();
    });
    this.#front = front;
    this.res = res;
    this.head = readHead(req);
    front.metrics.add('http_requests_total', 1);
  }

  /** True when replies should end their connection. */
  closing(): boolean {
    return this.#front.draining();
  }

  /** Counts the answer; called by the writer. */
  countAnswer(status: number): void {
    if (status >= 400) this.#front.metrics.add('http_errors_total', 1);
  }

  settle(): void {
    const { follower } = this;
    this.follower = undefined;
    follower?.settled(this);
  }
}
