/** Connections of live subscribers as a WebSocket library keeps them, without sockets. */
import assert from 'node:assert/strict';
import type { Batch, LiveMessage } from '../../src/streams/message.ts';
import { type PieceSink, sendPieces } from '../../src/streams/pieces.ts';
import type { LiveSink } from '../../src/streams/subscriber.ts';

/** So many published messages wait for the end of the loop's turn; with the next they are sent at once. */
const publishedMax = 32;

/** A connection whose reader takes what the system holds when the test says so. */
export class ModelSink implements LiveSink, PieceSink {
  /** Cursors of messages in the order in which they were sent, long ones when all of them is. */
  readonly cursors: string[] = [];
  /** The most that has waited outside the system's buffer, published or sent. */
  waitingMax = 0;
  /** Pieces of long messages. */
  pieces = 0;
  isInterrupted = false;
  onDrained: () => void = () => undefined;
  readonly #systemBytesMax: number;
  #systemBytes = 0;
  #buffered = 0;
  #published: LiveMessage[] = [];
  /** What has come of a long message. */
  #long: Uint8Array[] = [];
  readonly follow?: (topic: string, on: boolean) => void;

  /** @param topics for connections that can be sent to many at a time. */
  constructor(systemBytesMax: number, topics?: Topics) {
    this.#systemBytesMax = systemBytesMax;
    if (topics !== undefined) this.follow = (topic, on) => topics.set(topic, this, on);
  }

  expire(): void {
    throw new Error('nothing is dropped here');
  }

  interrupt(): void {
    this.isInterrupted = true;
  }

  bufferedBytes(): number {
    return this.#buffered;
  }

  deliver({ messages }: Batch): void {
    this.flush();
    for (const message of messages) this.#send(message);
  }

  sendLong(message: LiveMessage, from: number): number | undefined {
    assert.equal(this.#buffered + this.#published.length, 0, 'nothing waits');
    const stopped = sendPieces(this, message.socketBytes, from);
    if (stopped === undefined) {
      const text = Buffer.concat(this.#long.splice(0)).toString();
      assert.equal(text, message.socketText);
      this.cursors.push(message.cursor);
    }
    return stopped;
  }

  sendPiece(bytes: Uint8Array, from: number, to: number): void {
    const come = this.#long.reduce((sum, { length }) => sum + length, 0);
    assert.equal(from, come, 'it goes on where it stopped');
    this.#long.push(bytes.slice(from, to));
    this.pieces += 1;
    this.#take(to - from);
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

  #send({ bytes, cursor }: LiveMessage): void {
    assert.equal(this.#long.length, 0, 'nothing comes between the pieces of a message');
    this.cursors.push(cursor);
    this.#take(bytes);
  }

  /** The system has room for all of it, or for some. */
  #take(bytes: number): void {
    const taken =
      this.#buffered > 0 ? 0 : Math.min(bytes, this.#systemBytesMax - this.#systemBytes);
    this.#systemBytes += taken;
    this.#buffered += bytes - taken;
    this.#measure();
  }

  #measure(): void {
    const published = this.#published.reduce((sum, { bytes }) => sum + bytes, 0);
    this.waitingMax = Math.max(this.waitingMax, this.#buffered + published);
  }

  /** The reader reads. */
  drain(): void {
    const had = this.#buffered;
    this.#systemBytes = Math.min(this.#systemBytesMax, had);
    this.#buffered = had - this.#systemBytes;
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
