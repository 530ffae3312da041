/**
 * What one front thread has in hand: bodies being received and replies being sent, counted in
 * bytes, and requests not answered yet. Shutdown waits for the latter; all are bounded.
 */
import type { Clock } from '../std/clock.ts';
import type { Exchange } from './exchange.ts';

/** All bodies in reception on one front together. */
export const receivingBytesMax = 256 * 1024 * 1024;
/** All replies on one front together that their clients have not taken; small ones are not counted. */
export const sendingBytesMax = 128 * 1024 * 1024;
/** uWS waits for ever on a handler that does not answer; we do not. */
export const replyMsMax = 30_000;

export class Traffic {
  /** Bytes of bodies received in part. */
  receivingBytes = 0;
  #sendingBytes = 0;
  readonly #since = new Map<Exchange, number>();
  readonly #clock: Clock;
  readonly #stop: () => void;

  /** @param onOverdue called for each request that has waited longer than `replyMsMax`. */
  constructor(clock: Clock, onOverdue: (exchange: Exchange) => void) {
    this.#clock = clock;
    this.#stop = clock.every(1000, () => this.#sweep(onOverdue));
  }

  /** Requests whose reply is not with their socket yet. */
  get pending(): number {
    return this.#since.size;
  }

  /** Follows a request that is still being received: a slow upload has no deadline. */
  followUpload(exchange: Exchange): void {
    this.follow(exchange);
    this.#since.set(exchange, Number.POSITIVE_INFINITY);
  }

  /** Follows `exchange` until it settles; from now on its answer has a deadline. */
  follow(exchange: Exchange): void {
    this.#since.set(exchange, this.#clock.monotonicMs());
    exchange.onSettled = () => {
      this.#since.delete(exchange);
      this.#sendingBytes -= exchange.replyBytes;
    };
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

  close(): void {
    this.#stop();
  }

  #sweep(onOverdue: (exchange: Exchange) => void): void {
    const oldest = this.#clock.monotonicMs() - replyMsMax;
    for (const [exchange, since] of this.#since) {
      if (since < oldest && !exchange.answered) onOverdue(exchange);
    }
  }
}
