/**
 * Live streams of one front thread. All subscribers that keep up share one reading of the tape's live
 * edge: an event is read and rendered once, whoever wants it. One that cannot keep up leaves the edge
 * and reads from the log at its own speed, holding a position and nothing else, until it has caught up.
 *
 *     edge ──▶ event ──▶ listener                sends while its socket has room
 *                   └──▶ laggard ─ line ─▶ …     own Tail; a slice when its turn comes and it has room
 *
 * The laggards take turns within one allowance of time for all of them, and when the thread has other
 * work they wait between turns, so that neither their number nor their distance slows the sink down.
 */
import type { Clock } from '../std/clock.ts';
import type { Metrics } from '../std/metrics.ts';
import type { Position } from '../tape/cursor.ts';
import type { TapeEvent } from '../tape/event.ts';
import { ordinalMax } from '../tape/layout.ts';
import { Tail } from '../tape/tail.ts';
import type { Tape } from '../tape/tape.ts';
import { compileFilter, type LiveFilter, matches, mayMatch } from './filter.ts';
import { Listeners } from './listeners.ts';
import { LiveMessage, type LiveSink, Subscriber } from './subscriber.ts';

/** Blocks that the edge reads in one go. */
const edgeBlocksMax = 64;
/** One laggard's turn: so many blocks, or so many bytes found. */
const turnBlocksMax = 8;
const turnBytesMax = 32 * 1024;
/** All laggards together, at a time. */
const allowanceMs = 1;
/** The thread is busy when this much time passes before a turn that was asked for; they then wait. */
const busyMs = 1;
const waitMs = 4;
/** How far back a customer's chain is followed to see where a laggard has to begin. */
const skipStepsMax = 10_000;

/** A subscriber's handle. */
export interface Subscription {
  /** The connection has taken what it had: go on. */
  resume(): void;
  close(): void;
}

export interface FeedParts {
  readonly tape: Tape;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Asks the shards to ring (or not to) when something is published. */
  readonly listen: (on: boolean) => void;
}

export class Feed {
  readonly #parts: FeedParts;
  readonly #subscribers = new Set<Subscriber>();
  readonly #listeners = new Listeners();
  /** Listeners that were given something since their last flush. */
  readonly #fed = new Set<Subscriber>();
  /** Laggards with room, in the order of their turns. */
  readonly #line: Subscriber[] = [];
  #edge: Tail | undefined;
  #isPumping = false;
  #isServing = false;

  constructor(parts: FeedParts) {
    this.#parts = parts;
  }

  /** @param from everything after this is delivered. */
  subscribe(wanted: LiveFilter, from: Position, sink: LiveSink): Subscription {
    const { metrics, tape } = this.#parts;
    const filter = compileFilter(wanted, (workspace, customer) =>
      tape.customerHash(workspace, customer),
    );
    const subscriber = new Subscriber(filter, sink, from);
    if (this.#subscribers.size === 0) this.#openEdge();
    this.#subscribers.add(subscriber);
    metrics.add('live_subscribers', 1);
    if (isBefore(from, this.#edge!.position)) this.#fallBehind(subscriber, from);
    else this.#listeners.add(subscriber);
    return {
      resume: () => this.#enterLine(subscriber),
      close: () => this.#remove(subscriber),
    };
  }

  #openEdge(): void {
    const { listen, tape } = this.#parts;
    listen(true);
    this.#edge = new Tail(tape, allShards(tape), tape.now());
  }

  #remove(subscriber: Subscriber): void {
    if (!this.#subscribers.delete(subscriber)) return;
    this.#listeners.remove(subscriber);
    this.#fed.delete(subscriber);
    this.#parts.metrics.add('live_subscribers', -1);
    if (this.#subscribers.size === 0) this.#parts.listen(false);
  }

  /** Something was published: deliver what is new. */
  wake(): void {
    if (this.#isPumping || this.#subscribers.size === 0) return;
    this.#isPumping = true;
    this.#pump();
  }

  #pump(): void {
    const edge = this.#edge!;
    const horizon = this.#parts.tape.horizon();
    let blocks = 0;
    // With laggards only there is nobody to read for: the edge goes along without reading.
    let more = !this.#listeners.isEmpty;
    while (more && blocks < edgeBlocksMax) {
      more = edge.visitBlock(horizon, this.#offer, this.#wants);
      blocks += 1;
    }
    if (!more) edge.settleAt(horizon);
    for (const subscriber of this.#fed) subscriber.flush();
    this.#fed.clear();
    this.#isPumping = more;
    if (more) setImmediate(() => this.#pump());
  }

  readonly #wants = (workspace: number, customerHash: number): boolean =>
    this.#listeners.mayWant(workspace, customerHash);

  readonly #offer = (event: TapeEvent): true => {
    let message: LiveMessage | undefined;
    this.#listeners.offer(event, (subscriber) => {
      if (!isBefore(subscriber.after, event)) return;
      message ??= new LiveMessage(event);
      if (subscriber.hasRoom(message.bytes)) {
        this.#enqueue(subscriber, message);
        this.#fed.add(subscriber);
      } else this.#fallBehind(subscriber, justBefore(event));
    });
    return true;
  };

  #enqueue(subscriber: Subscriber, message: LiveMessage): void {
    subscriber.enqueue(message);
    this.#parts.metrics.add('live_events_total', 1);
  }

  /** From here on the subscriber reads by itself. */
  #fallBehind(subscriber: Subscriber, from: Position): void {
    const { tape } = this.#parts;
    const { customers } = subscriber.filter;
    this.#listeners.remove(subscriber);
    const shards =
      customers.length === 0
        ? allShards(tape)
        : [...new Set(customers.map(({ hash }) => tape.shardNumber(hash)))];
    const hashes = customers.map(({ hash }) => hash);
    const start = customers.length === 0 ? from : tape.skipTo(hashes, from, skipStepsMax);
    subscriber.tail = new Tail(tape, shards, start);
    this.#parts.metrics.add('live_lagging_total', 1);
    subscriber.flush();
    this.#enterLine(subscriber);
  }

  #enterLine(subscriber: Subscriber): void {
    if (subscriber.isQueued || subscriber.tail === undefined) return;
    subscriber.isQueued = true;
    this.#line.push(subscriber);
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
    do {
      const subscriber = this.#line.shift();
      if (subscriber === undefined) break;
      subscriber.isQueued = false;
      if (this.#subscribers.has(subscriber)) this.#takeTurn(subscriber);
    } while (clock.monotonicMs() < end);
    this.#isServing = false;
    this.#serveSoon();
  }

  #takeTurn(subscriber: Subscriber): void {
    const { tail } = subscriber;
    if (tail === undefined) return;
    const edge = this.#edge!.position;
    let blocks = 0;
    let more = true;
    let room = true;
    const wants = (workspace: number, customerHash: number): boolean =>
      mayMatch(subscriber.filter, workspace, customerHash);
    const offer = (event: TapeEvent): boolean => {
      if (!matches(subscriber.filter, event)) return true;
      const message = new LiveMessage(event);
      room = subscriber.hasRoom(message.bytes);
      if (room) this.#enqueue(subscriber, message);
      return room;
    };
    while (more && room && blocks < turnBlocksMax && subscriber.queuedBytes < turnBytesMax) {
      more = tail.visitBlock(edge.stamp, offer, wants);
      blocks += 1;
    }
    if (!more) {
      // The edge stands between blocks, so what it will read next is what comes next here.
      subscriber.tail = undefined;
      subscriber.after = edge;
      this.#listeners.add(subscriber);
    }
    subscriber.flush();
    // A connection that still holds something says when it has drained; an empty one does not.
    if (more && (room || subscriber.sink.bufferedBytes() === 0)) this.#enterLine(subscriber);
  }
}

function allShards(tape: Tape): number[] {
  return tape.shards.map((_, number) => number);
}

function isBefore(a: Position, b: Position): boolean {
  return a.stamp < b.stamp || (a.stamp === b.stamp && a.ordinal < b.ordinal);
}

/** The position after which `event` is the next. */
function justBefore({ stamp, ordinal }: Position): Position {
  if (ordinal > 0) return { stamp, ordinal: ordinal - 1 };
  return { stamp: stamp - 1, ordinal: ordinalMax };
}
