/** One event on its way to live subscribers, and a batch of them: rendered once, whoever gets them. */
import type { Position } from '../tape/cursor.ts';
import type { TapeEvent } from '../tape/event.ts';

/** What a message weighs besides its event. */
const frameBytes = 128;
/** So many published messages wait for a socket at most: the next one makes uWebSockets give it these. */
export const unsentMessagesMax = 32;

/** An event rendered; the two wire forms are made when first asked for. */
export class LiveMessage implements Position {
  readonly stamp: number;
  readonly ordinal: number;
  readonly cursor: string;
  readonly json: string;
  /** About what it weighs in a socket's buffer. */
  readonly bytes: number;
  #socketText: string | undefined;
  #sseText: string | undefined;
  #socketBytes: Buffer | undefined;
  #sseBytes: Buffer | undefined;

  constructor(event: TapeEvent) {
    this.stamp = event.stamp;
    this.ordinal = event.ordinal;
    this.json = event.json();
    // It is the event's last field, and dear to make a second time.
    this.cursor = this.json.slice(this.json.lastIndexOf('"', this.json.length - 3) + 1, -2);
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

  /** The same as bytes, for a message that is sent in pieces. */
  get socketBytes(): Buffer {
    this.#socketBytes ??= Buffer.from(`{"cursor":"${this.cursor}","event":${this.json}}`);
    return this.#socketBytes;
  }

  get sseBytes(): Buffer {
    this.#sseBytes ??= Buffer.from(`id: ${this.cursor}\nevent: event\ndata: ${this.json}\n\n`);
    return this.#sseBytes;
  }
}

/** Messages that go to the same subscribers together, in order. */
export class Batch {
  readonly messages: LiveMessage[] = [];
  bytes = 0;
  #sseBytes: Buffer | undefined;
  #unsentBytes = -1;

  static of(message: LiveMessage): Batch {
    const batch = new Batch();
    batch.add(message);
    return batch;
  }

  add(message: LiveMessage): void {
    this.messages.push(message);
    this.bytes += message.bytes;
  }

  /** Published, it leaves nothing unsent that was published before. */
  get isLong(): boolean {
    return this.messages.length >= unsentMessagesMax;
  }

  /** What of it, being published, may not have been given to the sockets before the loop turns. */
  get unsentBytes(): number {
    if (!this.isLong) return this.bytes;
    if (this.#unsentBytes === -1) {
      const unsent = this.messages.slice(-unsentMessagesMax);
      this.#unsentBytes = unsent.reduce((sum, { bytes }) => sum + bytes, 0);
    }
    return this.#unsentBytes;
  }

  /** All of it as Server-Sent Events; for once it is complete. */
  get sseBytes(): Buffer {
    this.#sseBytes ??= Buffer.from(this.messages.map(({ sseText }) => sseText).join(''));
    return this.#sseBytes;
  }
}
