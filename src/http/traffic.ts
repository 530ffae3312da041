/**
 * What one front thread has in hand: bodies being received and replies being sent, counted in
 * bytes, and requests not answered yet. Shutdown waits for the latter; all are bounded.
 */
import { Shares } from '../ingest/shares.ts';
import type { Clock } from '../std/clock.ts';
import type { Exchange, Follower } from './exchange.ts';

/** All bodies in reception on one front together; workspaces share it, so that slow ones of one leave room. */
export const receivingBytesMax = 256 * 1024 * 1024;
/** All replies on one front together that their clients have not taken; small ones are not counted. */
export const sendingBytesMax = 128 * 1024 * 1024;
/** uWS waits for ever on a handler that does not answer; we do not. */
export const replyMsMax = 30_000;

export class Traffic implements Follower {
  /** Bytes of bodies received in part, by workspace. */
  readonly receiving = new Shares(receivingBytesMax);
  #sendingBytes = 0;
  /** Exchanges in a list that goes through themselves: nothing is allocated to follow one. */
  #newest: Exchange | undefined;
  #pending = 0;
  readonly #clock: Clock;
  readonly #stop: () => void;

  /** @param onOverdue called for each request that has waited longer than `replyMsMax`. */
  constructor(clock: Clock, onOverdue: (exchange: Exchange) => void) {
    this.#clock = clock;
    this.#stop = clock.every(1000, () => this.#sweep(onOverdue));
  }

  /** Requests whose reply is not with their socket yet. */
  get pending(): number {
    return this.#pending;
  }

  /** Follows a request that is still being received: a slow upload has no deadline. */
  followUpload(exchange: Exchange): void {
    this.#add(exchange);
    exchange.dueSinceMs = Number.POSITIVE_INFINITY;
  }

  /** Follows `exchange` until it settles; from now on its answer has a deadline. */
  follow(exchange: Exchange): void {
    this.#add(exchange);
    exchange.dueSinceMs = this.#clock.monotonicMs();
  }

  /**
   * Reserves room for the reply of a followed exchange until its client has taken it.
   * @returns false when clients that do not read hold too much already.
   */
  reserveReply(exchange: Exchange, bytes: number): boolean {
    if (this.#sendingBytes > 0 && this.#sendingBytes + bytes > sendingBytesMax) return false;
    exchange.replyBytes = bytes;
    this.#sendingBytes += bytes;
    return true;
  }

  settled(exchange: Exchange): void {
    const { newer, older } = exchange;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    if (older !== undefined) older.newer = newer;
    exchange.newer = undefined;
    exchange.older = undefined;
    this.#pending -= 1;
    this.#sendingBytes -= exchange.replyBytes;
  }

  close(): void {
    this.#stop();
  }

  #add(exchange: Exchange): void {
    if (exchange.follower === this) return;
    exchange.follower = this;
    const older = this.#newest;
    exchange.older = older;
    if (older !== undefined) older.newer = exchange;
    this.#newest = exchange;
    this.#pending += 1;
  }

  #sweep(onOverdue: (exchange: Exchange) => void): void {
    const dueMs = this.#clock.monotonicMs() - replyMsMax;
    let exchange = this.#newest;
    while (exchange !== undefined) {
      // It leaves the list when it is answered.
      const { older }: Exchange = exchange;
      if (exchange.dueSinceMs < dueMs && !exchange.answered) onOverdue(exchange);
      exchange = older;
    }
  }
}
