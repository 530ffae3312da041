/**
 * A following: all the subscribers that keep up and want the same. An event is matched once for all of
 * them, and what is found is published to those connections that can be sent to together.
 */
import type { CompiledFilter } from './filter.ts';
import { Batch, type LiveMessage } from './message.ts';
import { isLong, type LoopTurn, type Subscriber, subscriberBytesMax } from './subscriber.ts';

/** A batch has so much, or one message that is not long; whoever has no room for it falls behind. */
const batchBytesMax = 16 * 1024;

export interface FollowingParts {
  readonly turn: LoopTurn;
  /** Sends to every connection that follows the topic. */
  readonly publish: (topic: string, batch: Batch) => void;
  /**
   * A subscriber had no room for `message`, or has taken only a part of it (`begun`): it is no member any
   * more.
   */
  readonly fallBehind: (subscriber: Subscriber, message: LiveMessage, begun: boolean) => void;
  /** So many messages were sent. */
  readonly sent: (messages: number) => void;
}

export class Following {
  readonly filter: CompiledFilter;
  readonly #topic: string;
  readonly #parts: FollowingParts;
  readonly #members = new Set<Subscriber>();
  #batch = new Batch();

  /** @param topic a name that no other following has had. */
  constructor(filter: CompiledFilter, topic: string, parts: FollowingParts) {
    this.filter = filter;
    this.#topic = topic;
    this.#parts = parts;
  }

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  get hasMessages(): boolean {
    return this.#batch.bytes > 0;
  }

  has(subscriber: Subscriber): boolean {
    return this.#members.has(subscriber);
  }

  /** It gets what is taken from now on. */
  add(subscriber: Subscriber): void {
    this.#members.add(subscriber);
    subscriber.sink.follow?.(this.#topic, true);
  }

  /** @param isOpen whether its connection still is. */
  remove(subscriber: Subscriber, isOpen: boolean): void {
    if (!this.#members.delete(subscriber)) return;
    if (isOpen) subscriber.sink.follow?.(this.#topic, false);
  }

  take(message: LiveMessage): void {
    if (isLong(message)) {
      this.#send(true);
      this.#sendLong(message);
      return;
    }
    if (this.#batch.bytes + message.bytes > batchBytesMax) {
      // Sent to each, so that nothing of it is thought to wait where a large message would not fit beside it.
      this.#send(message.bytes > subscriberBytesMax - batchBytesMax);
    }
    this.#batch.add(message);
    if (this.#batch.bytes >= batchBytesMax) this.#send(false);
  }

  flush(): void {
    this.#send(false);
  }

  /** @param apart sent to each by itself, published to none. */
  #send(apart: boolean): void {
    const batch = this.#batch;
    if (batch.bytes === 0) return;
    this.#batch = new Batch();
    const isApart = apart || this.#members.size === 1;
    let together = 0;
    for (const subscriber of this.#members) {
      if (!subscriber.hasRoom(batch.bytes)) {
        this.#parts.fallBehind(subscriber, batch.messages[0]!, false);
      } else if (isApart || subscriber.sink.follow === undefined) this.#deliver(subscriber, batch);
      else {
        subscriber.notePublished(batch);
        together += 1;
      }
    }
    if (together > 0) this.#publish(batch, together);
  }

  /** To each by itself, in pieces: nothing may come between them, so whoever is left with some leaves. */
  #sendLong(message: LiveMessage): void {
    const { fallBehind, sent } = this.#parts;
    for (const subscriber of this.#members) {
      if (!subscriber.isIdle) {
        fallBehind(subscriber, message, false);
        continue;
      }
      if (!subscriber.sendLong(message)) fallBehind(subscriber, message, true);
      sent(1);
    }
  }

  #publish(batch: Batch, members: number): void {
    const { publish, sent, turn } = this.#parts;
    publish(this.#topic, batch);
    turn.hasPublished = true;
    turn.isFull ||= !batch.isLong;
    sent(members * batch.messages.length);
  }

  #deliver(subscriber: Subscriber, batch: Batch): void {
    subscriber.deliver(batch);
    this.#parts.sent(batch.messages.length);
  }
}
