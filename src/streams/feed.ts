/**
 * Live streams of one front thread. All subscribers that keep up share one reading of the tape's live
 * edge: an event is read and rendered once, whoever wants it. One that cannot keep up leaves the edge
 * and reads from the log at its own speed, holding a position and nothing else, until it has caught up.
 *
 *     edge ──▶ event ──▶ subscriber (live)      sends while its socket has room
 *                   └──▶ subscriber (lagging)   own Tail, resumed when its socket has drained
 *
 * Everything runs in slices, so that no reader holds up the thread.
 */
import type { Metrics } from '../std/metrics.ts';
import type { Position } from '../tape/cursor.ts';
import type { TapeEvent } from '../tape/event.ts';
import { ordinalMax } from '../tape/layout.ts';
import { Tail } from '../tape/tail.ts';
import type { Tape } from '../tape/tape.ts';
import { type CompiledFilter, compileFilter, type LiveFilter, matches } from './filter.ts';

/** What may wait for a subscriber outside the log: its socket's buffer, as far as we fill it. */
export const subscriberBytesMax = 64 * 1024;
const blocksPerSlice = 64;
const bytesPerSlice = 32 * 1024;

/** One event on its way to subscribers; the two wire forms are made when first asked for. */
export class LiveMessage {
  readonly cursor: string;
  readonly json: string;
  #socketText: string | undefined;
  #sseText: string | undefined;

  constructor(event: TapeEvent) {
    this.cursor = event.cursor;
    this.json = event.json();
  }

  get socketText(): string {
    this.#socketText ??= `{"cursor":"${this.cursor}","event":${this.json}}`;
    return this.#socketText;
  }

  get sseText(): string {
    this.#sseText ??= `id: ${this.cursor}\nevent: event\ndata: ${this.json}\n\n`;
    return this.#sseText;
  }

  /** About what it weighs in a socket's buffer. */
  get bytes(): number {
    return Buffer.byteLength(this.json) + 128;
  }
}

/** A subscriber's connection. */
export interface LiveSink {
  /** Bytes that the connection has not taken yet. */
  bufferedBytes(): number;
  /** Sends messages in order; never called with more than there is room for, one message aside. */
  deliver(messages: readonly LiveMessage[]): void;
}

class Subscriber {
  readonly filter: CompiledFilter;
  readonly sink: LiveSink;
  /** Set while it reads from the log by itself. */
  tail: Tail | undefined;
  /** It has what is up to here. */
  after: Position;
  queue: LiveMessage[] = [];
  queuedBytes = 0;
  /** A slice of its own reading is due. */
  scheduled = false;

  constructor(filter: CompiledFilter, sink: LiveSink, after: Position) {
    this.filter = filter;
    this.sink = sink;
    this.after = after;
  }

  /** Whether one more message fits. An empty connection takes any. */
  hasRoom(bytes: number): boolean {
    const waiting = this.queuedBytes + this.sink.bufferedBytes();
    return waiting === 0 || waiting + bytes <= subscriberBytesMax;
  }

  flush(): void {
    if (this.queue.length === 0) return;
    const messages = this.queue;
    this.queue = [];
    this.queuedBytes = 0;
    this.sink.deliver(messages);
  }
}

/** A subscriber's handle. */
export interface Subscription {
  /** The connection has taken what it had: go on. */
  resume(): void;
  close(): void;
}

export class Feed {
  readonly #tape: Tape;
  readonly #metrics: Metrics;
  /** Asks the shards to ring (or not to) when something is published. */
  readonly #listen: (on: boolean) => void;
  readonly #subscribers = new Set<Subscriber>();
  #edge: Tail | undefined;
  #pumping = false;

  constructor(tape: Tape, metrics: Metrics, listen: (on: boolean) => void) {
    this.#tape = tape;
    this.#metrics = metrics;
    this.#listen = listen;
  }

  /** @param from everything after this is delivered. */
  subscribe(wanted: LiveFilter, from: Position, sink: LiveSink): Subscription {
    const filter = compileFilter(wanted, (workspace, customer) =>
      this.#tape.customerHash(workspace, customer),
    );
    const subscriber = new Subscriber(filter, sink, from);
    if (this.#subscribers.size === 0) this.#openEdge();
    this.#subscribers.add(subscriber);
    this.#metrics.add('live_subscribers', 1);
    if (isBefore(from, this.#edge!.position)) this.#fallBehind(subscriber, from);
    return {
      resume: () => this.#schedule(subscriber),
      close: () => this.#remove(subscriber),
    };
  }

  #openEdge(): void {
    this.#listen(true);
    this.#edge = new Tail(
      this.#tape,
      this.#tape.shards.map((_, number) => number),
      this.#tape.now(),
    );
  }

  #remove(subscriber: Subscriber): void {
    if (!this.#subscribers.delete(subscriber)) return;
    this.#metrics.add('live_subscribers', -1);
    if (this.#subscribers.size === 0) this.#listen(false);
  }

  /** Something was published: deliver what is new. */
  wake(): void {
    if (this.#pumping || this.#subscribers.size === 0) return;
    this.#pumping = true;
    this.#pump();
  }

  #pump(): void {
    const edge = this.#edge!;
    const horizon = this.#tape.horizon();
    let blocks = 0;
    let more = true;
    while (more && blocks < blocksPerSlice) {
      more = edge.visitBlock(horizon, (event) => this.#offer(event));
      blocks += 1;
    }
    if (!more) edge.settleAt(horizon);
    for (const subscriber of this.#subscribers) if (!subscriber.tail) subscriber.flush();
    this.#pumping = more;
    if (more) setImmediate(() => this.#pump());
  }

  /** Offers an event at the edge to everyone who keeps up. */
  #offer(event: TapeEvent): true {
    let message: LiveMessage | undefined;
    for (const subscriber of this.#subscribers) {
      if (subscriber.tail !== undefined || !matches(subscriber.filter, event)) continue;
      if (!isBefore(subscriber.after, event)) continue;
      message ??= new LiveMessage(event);
      if (subscriber.hasRoom(message.bytes)) this.#enqueue(subscriber, message);
      else this.#fallBehind(subscriber, justBefore(event));
    }
    return true;
  }

  #enqueue(subscriber: Subscriber, message: LiveMessage): void {
    subscriber.queue.push(message);
    subscriber.queuedBytes += message.bytes;
    this.#metrics.add('live_events_total', 1);
  }

  /** From here on the subscriber reads by itself. */
  #fallBehind(subscriber: Subscriber, from: Position): void {
    const { customers } = subscriber.filter;
    const numbers =
      customers.length === 0
        ? this.#tape.shards.map((_, number) => number)
        : [...new Set(customers.map(({ hash }) => this.#tape.shardNumber(hash)))];
    subscriber.tail = new Tail(this.#tape, numbers, from);
    this.#metrics.add('live_lagging_total', 1);
    subscriber.flush();
    this.#schedule(subscriber);
  }

  #schedule(subscriber: Subscriber): void {
    if (subscriber.scheduled) return;
    subscriber.scheduled = true;
    setImmediate(() => {
      subscriber.scheduled = false;
      this.#catchUp(subscriber);
    });
  }

  /** One slice of a lagging subscriber's own reading; the next follows by itself while it has room. */
  #catchUp(subscriber: Subscriber): void {
    const { tail } = subscriber;
    if (tail === undefined || !this.#subscribers.has(subscriber)) return;
    const edge = this.#edge!.position;
    let blocks = 0;
    let more = true;
    let room = true;
    while (more && room && blocks < blocksPerSlice && subscriber.queuedBytes < bytesPerSlice) {
      more = tail.visitBlock(edge.stamp, (event) => {
        if (!matches(subscriber.filter, event)) return true;
        const message = new LiveMessage(event);
        room = subscriber.hasRoom(message.bytes);
        if (room) this.#enqueue(subscriber, message);
        return room;
      });
      blocks += 1;
    }
    if (!more) {
      // The edge stands between blocks, so what it will read next is what comes next here.
      subscriber.tail = undefined;
      subscriber.after = edge;
    }
    subscriber.flush();
    // A connection that still holds something says when it has drained; an empty one does not.
    if (more && (room || subscriber.sink.bufferedBytes() === 0)) this.#schedule(subscriber);
  }
}

function isBefore(a: Position, b: Position): boolean {
  return a.stamp < b.stamp || (a.stamp === b.stamp && a.ordinal < b.ordinal);
}

/** The position after which `event` is the next. */
function justBefore({ stamp, ordinal }: Position): Position {
  if (ordinal > 0) return { stamp, ordinal: ordinal - 1 };
  return { stamp: stamp - 1, ordinal: ordinalMax };
}
