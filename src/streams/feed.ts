/**
 * Live streams of one front thread. All subscribers that keep up share one reading of the tape's live
 * edge: an event is read and rendered once, whoever wants it, and published once to all who want the
 * same. One that cannot keep up leaves the edge and reads from the log at its own speed, until it has
 * caught up.
 *
 *     edge ──▶ event ──▶ following ──▶ its members     a batch when it is full, or at the end of a turn
 *                                └──▶ laggard          no room for a batch, or for the rest of a long
 *                                                      message: goes on from the log
 *
 * Reading the edge is bounded too: after so much time the thread looks after its other work first. Once
 * something was published, the edge is read again when the loop has turned, and not before: by then the
 * sockets tell of it, so that what waits for a subscriber is known.
 */
import type { Clock } from '../std/clock.ts';
import type { Metrics } from '../std/metrics.ts';
import { justBefore, type Position } from '../tape/cursor.ts';
import type { TapeEvent } from '../tape/event.ts';
import { Tail } from '../tape/tail.ts';
import type { Tape } from '../tape/tape.ts';
import { type CompiledFilter, compileFilter, type LiveFilter } from './filter.ts';
import { Laggards } from './laggards.ts';
import { Listeners } from './listeners.ts';
import type { Batch } from './message.ts';
import { type LiveSink, LoopTurn, Subscriber } from './subscriber.ts';
import { type ChangedIdentity, Watch } from './watch.ts';

/** The edge reads for so long in one go. */
const edgeMsMax = 4;

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
  /** Sends to every sink that follows the topic. */
  readonly publish: (topic: string, batch: Batch) => void;
}

export class Feed {
  readonly #parts: FeedParts;
  readonly #subscribers = new Set<Subscriber>();
  readonly #listeners: Listeners;
  readonly #laggards: Laggards;
  readonly #watch = new Watch();
  readonly #turn = new LoopTurn();
  /** Subscribers that already have what the edge is still to read, up to here. */
  readonly #ahead = new Map<Subscriber, Position>();
  #edge: Tail | undefined;
  #isPumping = false;

  constructor(parts: FeedParts) {
    const { clock, metrics, publish, tape } = parts;
    this.#parts = parts;
    this.#listeners = new Listeners({
      turn: this.#turn,
      publish,
      fallBehind: (subscriber, message, begun) => {
        this.#listeners.remove(subscriber, true);
        this.#laggards.add(subscriber, begun ? message : justBefore(message));
      },
      sent: (messages) => metrics.add('live_events_total', messages),
    });
    this.#laggards = new Laggards({
      tape,
      clock,
      metrics,
      edge: () => this.#edge!.position,
      caughtUp: (subscriber) => this.#listeners.add(subscriber),
    });
  }

  /** @param from everything after this is delivered. */
  subscribe(wanted: LiveFilter, from: Position, sink: LiveSink): Subscription {
    const { metrics } = this.#parts;
    const subscriber = new Subscriber(wanted, this.#compile(wanted), sink, this.#turn);
    if (this.#subscribers.size === 0) this.#openEdge();
    this.#subscribers.add(subscriber);
    this.#watch.add(subscriber);
    metrics.add('live_subscribers', 1);
    this.#place(subscriber, from);
    return {
      resume: () => this.#laggards.resume(subscriber),
      close: () => this.#remove(subscriber),
    };
  }

  #compile(wanted: LiveFilter): CompiledFilter {
    const { tape } = this.#parts;
    // A read of its own, so that it is as of now.
    tape.refresh();
    return compileFilter(wanted, (workspace, customer) => tape.membersOf(workspace, customer));
  }

  /** Identities belong to others: what is read from now on goes to those whose it is. */
  relink(changed: readonly ChangedIdentity[]): void {
    for (const subscriber of this.#watch.concernedBy(changed)) {
      const filter = this.#compile(subscriber.wanted);
      if (filter.key === subscriber.filter.key) continue;
      this.#watch.forget(subscriber);
      this.#placeAnew(subscriber, filter);
      this.#watch.add(subscriber);
      subscriber.sink.relinked?.();
    }
  }

  /** Between two readings of the edge nothing waits in a following, so it can go from one to the other. */
  #placeAnew(subscriber: Subscriber, filter: CompiledFilter): void {
    // One that starts anew knows nothing of what was dropped before.
    if (this.#laggards.expire(subscriber)) return;
    const isListening = this.#listeners.has(subscriber);
    if (isListening) this.#listeners.remove(subscriber, true);
    const position = this.#laggards.remove(subscriber);
    subscriber.filter = filter;
    if (isListening) this.#listeners.add(subscriber);
    else if (position !== undefined) this.#laggards.add(subscriber, position);
  }

  #openEdge(): void {
    const { listen, tape } = this.#parts;
    listen(true);
    const shards = tape.shards.map((_, number) => number);
    this.#edge = new Tail(tape, shards, tape.now());
  }

  /** It has everything up to `from`, which may lie behind the edge or ahead of it. */
  #place(subscriber: Subscriber, from: Position): void {
    const edge = this.#edge!.position;
    if (isBefore(from, edge)) this.#laggards.add(subscriber, from);
    else if (isBefore(edge, from)) {
      this.#ahead.set(subscriber, from);
      this.wake();
    } else this.#listeners.add(subscriber);
  }

  #remove(subscriber: Subscriber): void {
    if (!this.#subscribers.delete(subscriber)) return;
    this.#watch.forget(subscriber);
    this.#listeners.remove(subscriber, false);
    this.#laggards.remove(subscriber);
    this.#ahead.delete(subscriber);
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
    const { clock, tape } = this.#parts;
    const edge = this.#edge!;
    const turn = this.#turn;
    turn.next();
    const horizon = tape.horizon();
    const end = clock.monotonicMs() + edgeMsMax;
    let more = true;
    do {
      // Without listeners there is nobody to read for: the edge goes along without reading.
      more = !this.#listeners.isEmpty && edge.visitBlock(horizon, this.#offer, this.#wants);
      if (!more) edge.settleAt(horizon);
      if (this.#ahead.size > 0) this.#placeAhead();
    } while (more && !turn.isFull && clock.monotonicMs() < end);
    this.#listeners.flush();
    this.#isPumping = more || turn.hasPublished;
    if (this.#isPumping) setImmediate(() => this.#pump());
  }

  /** Those whom the edge has reached join it; those whom it has passed have to read a little. */
  #placeAhead(): void {
    // What was offered so far is not for them.
    this.#listeners.flush();
    const edge = this.#edge!.position;
    for (const [subscriber, from] of this.#ahead) {
      if (isBefore(edge, from)) continue;
      this.#ahead.delete(subscriber);
      this.#place(subscriber, from);
    }
  }

  readonly #wants = (workspace: number, customerHash: number): boolean =>
    this.#listeners.mayWant(workspace, customerHash);

  readonly #offer = (event: TapeEvent): true => {
    this.#listeners.offer(event);
    return true;
  };
}

function isBefore(a: Position, b: Position): boolean {
  return a.stamp < b.stamp || (a.stamp === b.stamp && a.ordinal < b.ordinal);
}
