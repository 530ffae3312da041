/** One live subscriber: what it wants, and the connection that it is sent to on. */
import type { CompiledFilter, LiveFilter } from './filter.ts';
import type { Batch } from './message.ts';

/**
 * What may wait for a subscriber outside the log: its socket's buffer, as far as we fill it. That buffer
 * grows by doubling, so a subscriber that never reads takes some 64 KiB of memory in all.
 */
export const subscriberBytesMax = 32 * 1024;

/** A subscriber's connection. */
export interface LiveSink {
  /** Bytes that the connection has not taken yet. */
  bufferedBytes(): number;
  /** Sends messages in order; never called with more than there is room for, one message aside. */
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

export class Subscriber {
  readonly wanted: LiveFilter;
  /** What it wants as of now: its customers may get other identities. */
  filter: CompiledFilter;
  readonly sink: LiveSink;

  constructor(wanted: LiveFilter, filter: CompiledFilter, sink: LiveSink) {
    this.wanted = wanted;
    this.filter = filter;
    this.sink = sink;
  }

  /** Whether so many bytes more fit. An empty connection takes any. */
  hasRoom(bytes: number): boolean {
    const waiting = this.sink.bufferedBytes();
    return waiting === 0 || waiting + bytes <= subscriberBytesMax;
  }
}
