/**
 * Messages that laggards were given lately. Many that fell behind at the same moment, or begin at the
 * same place, read the same blocks one after the other; each event is rendered for the first of them.
 */
import type { TapeEvent } from '../tape/event.ts';
import { LiveMessage } from './message.ts';

/** What is kept, as messages count their bytes (each wire form is another copy); oldest first out. */
export const recentBytesMax = 2 * 1024 * 1024;

interface RecentBlock {
  readonly messages: Map<number, LiveMessage>;
  bytes: number;
}

export class RecentMessages {
  readonly #blocks = new Map<number, RecentBlock>();
  #bytes = 0;

  messageOf(event: TapeEvent): LiveMessage {
    let block = this.#blocks.get(event.stamp);
    if (block === undefined) {
      block = { messages: new Map(), bytes: 0 };
      this.#blocks.set(event.stamp, block);
    }
    const known = block.messages.get(event.ordinal);
    if (known !== undefined) return known;
    const message = new LiveMessage(event);
    block.messages.set(event.ordinal, message);
    block.bytes += message.bytes;
    this.#bytes += message.bytes;
    if (this.#bytes > recentBytesMax) this.#forgetOldest(event.stamp);
    return message;
  }

  clear(): void {
    this.#blocks.clear();
    this.#bytes = 0;
  }

  /** @param current the block being read, which stays. */
  #forgetOldest(current: number): void {
    for (const [stamp, { bytes }] of this.#blocks) {
      if (this.#bytes <= recentBytesMax || stamp === current) return;
      this.#blocks.delete(stamp);
      this.#bytes -= bytes;
    }
  }
}
