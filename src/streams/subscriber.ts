/** One live subscriber: what it wants, and the connection that it is sent to on. */
import type { CompiledFilter, LiveFilter } from './filter.ts';
import type { Batch } from './message.ts';

/**
 * What may wait for a subscriber outside the log: in its socket's buffer, and published to it but not yet
 * given to its socket. That buffer grows by doubling, so a subscriber that never reads takes at most 64 KiB
 * of memory. The one exception: a single message that is larger (a rendered event has up to some 200 KiB)
 * waits alone, in as much memory as it needs.
 */
export const subscriberBytesMax = 32 * 1024;

/** A subscriber's connection. */
export interface LiveSink {
  /** Bytes that the connection has not taken yet. */
  bufferedBytes(): number;
  /** Sends messages in order; never called with more than there is room for, one message that waits alone aside. */
  deliver(batch: Batch): void;
  /**
   * For connections that can be sent to many at a time: from now on (or no more) it takes what is
   * published to the topic. What was published before it leaves still reaches it, before anything
   * that is delivered later.
   */
  follow?(topic: string, on: boolean): void;
  /** Other identities make up its customers from now on. */
  relinked?(): void;
  /** What comes next was dropped, its retention being over: ends the connection. */
  expire(): void;
}

/**
 * The thread's loop, as far as publishing goes: the library gives what was published to the sockets when
 * the loop turns, and tells nothing of it before. One of a feed.
 */
export class LoopTurn {
  number = 0;
  /** Something was published in this turn. */
  hasPublished = false;
  /** So much was published that what comes next may not fit beside it. */
  isFull = false;

  /** The loop has turned: nothing that was published waits outside the sockets' buffers. */
  next(): void {
    this.number += 1;
    this.hasPublished = false;
    this.isFull = false;
  }
}

export class Subscriber {
  readonly wanted: LiveFilter;
  /** What it wants as of now: its customers may get other identities. */
  filter: CompiledFilter;
  readonly sink: LiveSink;
  readonly #turn: LoopTurn;
  /** Bytes, at most, that were published to it in one turn and that its socket may not have been given. */
  #published = 0;
  #publishedIn = -1;

  constructor(wanted: LiveFilter, filter: CompiledFilter, sink: LiveSink, turn: LoopTurn) {
    this.wanted = wanted;
    this.filter = filter;
    this.sink = sink;
    this.#turn = turn;
  }

  /**
   * Whether a message, or a batch of them, has room beside what waits and `ahead` bytes more. One that
   * would wait alone always has.
   */
  hasRoom(bytes: number, ahead = 0): boolean {
    const published = this.#publishedIn === this.#turn.number ? this.#published : 0;
    const waiting = this.sink.bufferedBytes() + published + ahead;
    return waiting === 0 || waiting + bytes <= subscriberBytesMax;
  }

  deliver(batch: Batch): void {
    this.sink.deliver(batch);
    // What was published before went first.
    this.#published = 0;
  }

  /** A batch is published to it. */
  notePublished(batch: Batch): void {
    const isFirst = this.#publishedIn !== this.#turn.number || batch.isLong;
    this.#publishedIn = this.#turn.number;
    this.#published = batch.unsentBytes + (isFirst ? 0 : this.#published);
  }
}
