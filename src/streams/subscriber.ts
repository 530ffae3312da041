/** One live subscriber: what it wants, where it stands, and what is on its way to it. */
import type { Position } from '../tape/cursor.ts';
import type { TapeEvent } from '../tape/event.ts';
import type { Tail } from '../tape/tail.ts';
import type { CompiledFilter } from './filter.ts';

/** What may wait for a subscriber outside the log: its socket's buffer, as far as we fill it. */
export const subscriberBytesMax = 64 * 1024;
/** What a message weighs besides its event. */
const frameBytes = 128;

/** One event on its way to subscribers; the two wire forms are made when first asked for. */
export class LiveMessage {
  readonly cursor: string;
  readonly json: string;
  /** About what it weighs in a socket's buffer. */
  readonly bytes: number;
  #socketText: string | undefined;
  #sseText: string | undefined;

  constructor(event: TapeEvent) {
    this.cursor = event.cursor;
    this.json = event.json();
    this.bytes = Buffer.byteLength(this.json) + frameBytes;
  }

  get socketText(): string {
    this.#socketText ??= `{"cursor":"${this.cursor}","event":${this.json}}`;
    return this.#socketText;
  }

  get sseText(): string {
    this.#sseText ??= `id: ${this.cursor}\nevent: event\ndata: ${this.json}\n\n`;
    return this.#sseText;
  }
}

/** A subscriber's connection. */
export interface LiveSink {
  /** Bytes that the connection has not taken yet. */
  bufferedBytes(): number;
  /** Sends messages in order; never called with more than there is room for, one message aside. */
  deliver(messages: readonly LiveMessage[]): void;
}

export class Subscriber {
  readonly filter: CompiledFilter;
  readonly sink: LiveSink;
  /** Set while it reads from the log by itself. */
  tail: Tail | undefined;
  /** It has everything up to here. */
  after: Position;
  /** It stands in the line of those that are to read from the log. */
  isQueued = false;
  #queue: LiveMessage[] = [];
  queuedBytes = 0;

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

  enqueue(message: LiveMessage): void {
    this.#queue.push(message);
    this.queuedBytes += message.bytes;
  }

  flush(): void {
    if (this.#queue.length === 0) return;
    const messages = this.#queue;
    this.#queue = [];
    this.queuedBytes = 0;
    this.sink.deliver(messages);
  }
}
