/** One live subscriber: what it wants, and the connection that it is sent to on. */
import type { Position } from '../tape/cursor.ts';
import type { CompiledFilter, LiveFilter } from './filter.ts';
import { Batch, type LiveMessage } from './message.ts';

/**
 * What may wait for a subscriber outside the log: in its socket's buffer, and published to it but not yet
 * given to its socket. That buffer holds a thirty-second more than waits and grows by doubling, so a
 * subscriber that never reads takes at most 64 KiB of memory, whatever it is sent: a message that is longer
 * (a rendered event has up to some 200 KiB) goes in pieces, and what is left of it stays in the log.
 */
export const subscriberBytesMax = 30 * 1024;

/** Whether a message has no room where nothing waits. */
export function isLong({ bytes }: LiveMessage): boolean {
  return bytes > subscriberBytesMax;
}

/** Of a long message, the bytes before `from` are sent. */
export interface Rest extends Position {
  readonly from: number;
}

/** A subscriber's connection. */
export interface LiveSink {
  /** Bytes that the connection has not taken yet. */
  bufferedBytes(): number;
  /** Sends messages in order; never called with more than there is room for. */
  deliver(batch: Batch): void;
  /**
   * Sends a long message from byte `from` of it on, until something waits; called when nothing does.
   * Nothing else is sent until all of it is. A connection that holds nothing has no need of it.
   * @returns where it stopped; undefined when all of it is sent.
   */
  sendLong?(message: LiveMessage, from: number): number | undefined;
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
  /** The rest of a long message is not there any more: ends the connection; the reader resumes behind it. */
  interrupt?(): void;
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
  /** What is left of a long message comes before everything else. */
  rest: Rest | undefined;
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

  /** Nothing waits for it. */
  get isIdle(): boolean {
    return this.#waiting() === 0;
  }

  /** Whether a message, or a batch of them, has room beside what waits and `ahead` bytes more. */
  hasRoom(bytes: number, ahead = 0): boolean {
    return this.#waiting() + ahead + bytes <= subscriberBytesMax;
  }

  #waiting(): number {
    const published = this.#publishedIn === this.#turn.number ? this.#published : 0;
    return this.sink.bufferedBytes() + published;
  }

  /**
   * Sends a long message, or goes on with it, when nothing waits.
   * @returns whether all of it is sent; otherwise the connection says when it has taken a piece.
   */
  sendLong(message: LiveMessage, from = 0): boolean {
    if (this.sink.sendLong === undefined) {
      this.deliver(Batch.of(message));
      return true;
    }
    const stopped = this.sink.sendLong(message, from);
    const { ordinal, stamp } = message;
    this.rest = stopped === undefined ? undefined : { stamp, ordinal, from: stopped };
    return stopped === undefined;
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
