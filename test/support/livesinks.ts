/** Connections of live subscribers as a WebSocket library keeps them, without sockets. */
import type { Batch, LiveMessage } from '../../src/streams/message.ts';
import type { LiveSink } from '../../src/streams/subscriber.ts';

/** So many published messages wait for the end of the loop's turn; with the next they are sent at once. */
const publishedMax = 32;

/** A connection whose reader takes what the system holds when the test says so. */
export class ModelSink implements LiveSink {
  /** Cursors in the order of their sending. */
  readonly cursors: string[] = [];
  /** The most that has waited outside the system's buffer, published or sent, one that waits alone aside. */
  waitingMax = 0;
  /** The largest message that has waited alone. */
  aloneMax = 0;
  onDrained: () => void = () => undefined;
  readonly #systemBytesMax: number;
  #systemBytes = 0;
  #buffered = 0;
  /** Messages of which some waits. */
  #waiting: LiveMessage[] = [];
  #published: LiveMessage[] = [];
  readonly follow?: (topic: string, on: boolean) => void;

  /** @param topics for connections that can be sent to many at a time. */
  constructor(systemBytesMax: number, topics?: Topics) {
    this.#systemBytesMax = systemBytesMax;
    if (topics !== undefined) this.follow = (topic, on) => topics.set(topic, this, on);
  }

  expire(): void {
    throw new Error('nothing is dropped here');
  }

  bufferedBytes(): number {
    return this.#buffered;
  }

  deliver({ messages }: Batch): void {
    this.flush();
    for (const message of messages) this.#send(message);
  }

  publish(message: LiveMessage): void {
    if (this.#published.length === publishedMax) this.flush();
    this.#published.push(message);
    this.#measure();
  }

  /** The end of the loop's turn. */
  flush(): void {
    const published = this.#published;
    this.#published = [];
    for (const message of published) this.#send(message);
  }

  #send(message: LiveMessage): void {
    const { bytes, cursor } = message;
    this.cursors.push(cursor);
    if (this.#buffered === 0 && this.#systemBytes + bytes <= this.#systemBytesMax) {
      this.#systemBytes += bytes;
      return;
    }
    this.#buffered += bytes;
    this.#waiting.push(message);
    this.#measure();
  }

  #measure(): void {
    const published = this.#published.reduce((sum, { bytes }) => sum + bytes, 0);
    const bytes = this.#buffered + published;
    if (this.#waiting.length + this.#published.length > 1) {
      this.waitingMax = Math.max(this.waitingMax, bytes);
    } else this.aloneMax = Math.max(this.aloneMax, bytes);
  }

  /** The reader reads. */
  drain(): void {
    const had = this.#buffered;
    this.#systemBytes = Math.min(this.#systemBytesMax, had);
    this.#buffered = had - this.#systemBytes;
    let left = this.#buffered;
    let first = this.#waiting.length;
    while (left > 0) left -= this.#waiting[--first]!.bytes;
    this.#waiting = this.#waiting.slice(first);
    if (had > 0) this.onDrained();
  }
}

/** Who follows what. */
export class Topics {
  readonly #sinks = new Map<string, Set<ModelSink>>();
  /** Those that have been published to in this turn of the loop. */
  readonly #fed = new Set<ModelSink>();

  set(topic: string, sink: ModelSink, on: boolean): void {
    const sinks = this.#sinks.get(topic) ?? new Set();
    this.#sinks.set(topic, sinks);
    if (on) sinks.add(sink);
    else sinks.delete(sink);
  }

  /** A connection that ends leaves every topic. */
  forget(sink: ModelSink): void {
    for (const sinks of this.#sinks.values()) sinks.delete(sink);
  }

  readonly publish = (topic: string, { messages }: Batch): void => {
    if (this.#fed.size === 0) setImmediate(() => this.#turn());
    for (const message of messages) {
      for (const sink of this.#sinks.get(topic) ?? []) {
        sink.publish(message);
        this.#fed.add(sink);
      }
    }
  };

  /** The loop turns. */
  #turn(): void {
    for (const sink of this.#fed) sink.flush();
    this.#fed.clear();
  }
}
