/**
 * Subscribers that do not keep up, or begin behind: each holds a position and nothing else, and reads
 * from the log when its turn comes and its connection has room, until it has caught up with the edge.
 * What is left of a long message is no exception: its place and how much was sent are kept, and it is
 * rendered again for the next piece, unless it was of late for somebody.
 *
 *     line ─▶ a slice: up to so many blocks or bytes ─▶ caught up, or the end of the line,
 *                                                       or waiting for its connection
 *
 * They take turns within one allowance of time for all of them, and when the thread has other work they
 * wait between turns, so that neither their number nor their distance slows the sink down.
 */
import type { Clock } from '../std/clock.ts';
import type { Metrics } from '../std/metrics.ts';
import { justBefore, type Position } from '../tape/cursor.ts';
import type { TapeEvent } from '../tape/event.ts';
import { Tail } from '../tape/tail.ts';
import type { Tape } from '../tape/tape.ts';
import { matches, mayMatch } from './filter.ts';
import { Batch, type LiveMessage } from './message.ts';
import { RecentMessages } from './recent.ts';
import { isLong, type Rest, type Subscriber } from './subscriber.ts';

/** One laggard's turn: so many blocks, or so many bytes found. */
const turnBlocksMax = 8;
const turnBytesMax = 32 * 1024;
/** All laggards together, at a time. */
const allowanceMs = 1;
/** The thread is busy when this much time passes before a turn that was asked for; they then wait. */
const busyMs = 1;
const waitMs = 4;
/** What was rendered is forgotten when nobody has had a turn for so long: all wait, or have gone. */
const forgetMs = 1000;
/** How far back a customer's chain is followed to see where a laggard has to begin. */
const skipStepsMax = 10_000;

export interface LaggardsParts {
  readonly tape: Tape;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** How far the edge has read; it stands between blocks. */
  readonly edge: () => Position;
  /** It has everything up to the edge, and is no laggard any more. */
  readonly caughtUp: (subscriber: Subscriber) => void;
}

interface Laggard {
  readonly subscriber: Subscriber;
  readonly tail: Tail;
  /** The stamp up to which events of its workspace had been dropped when it began. */
  readonly dropped: number;
  isQueued: boolean;
}

export class Laggards {
  readonly #parts: LaggardsParts;
  readonly #laggards = new Map<Subscriber, Laggard>();
  /** Those with room, in the order of their turns. */
  #line: Laggard[] = [];
  readonly #recent = new RecentMessages();
  #isServing = false;
  #cancelForget: () => void = () => undefined;

  constructor(parts: LaggardsParts) {
    this.#parts = parts;
  }

  /** @param from everything after this is delivered. */
  add(subscriber: Subscriber, from: Position): void {
    const { metrics, tape } = this.#parts;
    const { customers } = subscriber.filter;
    const hashes = customers.map(({ hash }) => hash);
    const shards =
      hashes.length === 0
        ? tape.shards.map((_, number) => number)
        : [...new Set(hashes.map((hash) => tape.shardNumber(hash)))];
    const start = hashes.length === 0 ? from : tape.skipTo(hashes, from, skipStepsMax);
    const tail = new Tail(tape, shards, start);
    const laggard = { subscriber, tail, dropped: this.#droppedFor(subscriber), isQueued: false };
    this.#laggards.set(subscriber, laggard);
    metrics.add('live_lagging_total', 1);
    this.#enterLine(laggard);
  }

  #droppedFor({ filter: { customers, workspace } }: Subscriber): number {
    const hashes = customers.map(({ hash }) => hash);
    return this.#parts.tape.droppedUpTo(workspace, hashes);
  }

  #hasMissed({ subscriber, tail }: Laggard): boolean {
    const { customers, workspace } = subscriber.filter;
    const hashes = customers.map(({ hash }) => hash);
    return this.#parts.tape.missedSince(tail.position, workspace, hashes) !== undefined;
  }

  /** Ends a laggard for which retention was over before it had read on. @returns whether it did. */
  expire(subscriber: Subscriber): boolean {
    const laggard = this.#laggards.get(subscriber);
    if (laggard === undefined || this.#droppedFor(subscriber) <= laggard.dropped) return false;
    if (!this.#hasMissed(laggard)) return false;
    this.remove(subscriber);
    subscriber.sink.expire();
    return true;
  }

  /** Its connection has taken what it had. */
  resume(subscriber: Subscriber): void {
    const laggard = this.#laggards.get(subscriber);
    if (laggard !== undefined) this.#enterLine(laggard);
  }

  /** @returns how far it has read; undefined when it was none of them. */
  remove(subscriber: Subscriber): Position | undefined {
    const laggard = this.#laggards.get(subscriber);
    this.#laggards.delete(subscriber);
    return laggard?.tail.position;
  }

  #enterLine(laggard: Laggard): void {
    if (laggard.isQueued) return;
    laggard.isQueued = true;
    this.#line.push(laggard);
    this.#serveSoon();
  }

  #serveSoon(): void {
    if (this.#isServing || this.#line.length === 0) return;
    this.#isServing = true;
    const { clock } = this.#parts;
    const askedAt = clock.monotonicMs();
    setImmediate(() => {
      // What ran meanwhile was other work.
      if (clock.monotonicMs() - askedAt > busyMs) clock.after(waitMs, () => this.#serve());
      else this.#serve();
    });
  }

  /** Gives laggards their turns until the allowance is used up. */
  #serve(): void {
    const { clock } = this.#parts;
    const end = clock.monotonicMs() + allowanceMs;
    const line = this.#line;
    this.#line = [];
    let served = 0;
    do {
      const laggard = line[served];
      if (laggard === undefined) break;
      served += 1;
      laggard.isQueued = false;
      if (this.#laggards.get(laggard.subscriber) === laggard) this.#takeTurn(laggard);
    } while (clock.monotonicMs() < end);
    this.#line = line.slice(served).concat(this.#line);
    this.#isServing = false;
    this.#forgetLater();
    this.#serveSoon();
  }

  #forgetLater(): void {
    this.#cancelForget();
    this.#cancelForget = this.#parts.clock.after(forgetMs, () => this.#recent.clear());
  }

  #takeTurn(laggard: Laggard): void {
    const { edge, metrics } = this.#parts;
    const { subscriber, tail } = laggard;
    const { filter, sink } = subscriber;
    if (this.expire(subscriber)) return;
    if (subscriber.rest !== undefined && !this.#goOn(subscriber, subscriber.rest)) return;
    const horizon = edge().stamp;
    const batch = new Batch();
    let room = true;
    let longBytes = 0;
    const wants = (workspace: number, customerHash: number): boolean =>
      mayMatch(filter, workspace, customerHash);
    const offer = (event: TapeEvent): boolean => {
      if (!room) return false;
      if (!matches(filter, event)) return true;
      const message = this.#recent.messageOf(event);
      if (isLong(message)) {
        room = batch.bytes === 0 && subscriber.isIdle;
        if (!room) return false;
        longBytes += message.bytes;
        metrics.add('live_events_total', 1);
        // Once begun it lies behind the position, whatever is left of it.
        room = subscriber.sendLong(message);
        return true;
      }
      room = subscriber.hasRoom(message.bytes, batch.bytes);
      if (room) batch.add(message);
      return room;
    };
    let more = true;
    for (let blocks = 0; more && room && blocks < turnBlocksMax; blocks++) {
      if (batch.bytes + longBytes >= turnBytesMax) break;
      more = tail.visitBlock(horizon, offer, wants);
    }
    if (batch.bytes > 0) {
      subscriber.deliver(batch);
      metrics.add('live_events_total', batch.messages.length);
    }
    if (!more) {
      this.remove(subscriber);
      this.#parts.caughtUp(subscriber);
    }
    // A connection that still holds something says when it has drained; an empty one does not.
    else if (room || sink.bufferedBytes() === 0) this.#enterLine(laggard);
  }

  /**
   * Goes on with a message that was begun.
   * @returns whether all of it is sent; if not, the connection says when it has taken more, or is ended.
   */
  #goOn(subscriber: Subscriber, rest: Rest): boolean {
    if (!subscriber.isIdle) return false;
    const message = this.#messageAt(rest);
    if (message !== undefined) return subscriber.sendLong(message, rest.from);
    this.remove(subscriber);
    subscriber.sink.interrupt?.();
    return false;
  }

  /** @returns undefined when the event is not there any more: erased, or its retention is over. */
  #messageAt(position: Position): LiveMessage | undefined {
    const { tape } = this.#parts;
    const shards = tape.shards.map((_, number) => number);
    const tail = new Tail(tape, shards, justBefore(position));
    let message: LiveMessage | undefined;
    tail.visitBlock(position.stamp, (event) => {
      const isIt = event.stamp === position.stamp && event.ordinal === position.ordinal;
      if (isIt) message = this.#recent.messageOf(event);
      return false;
    });
    return message;
  }
}
