/**
 * One Server-Sent Events response. Written in pieces that fit uWebSockets' cork buffer: this build
 * loses the rest of a larger write when a slow reader makes the flush fail. What the reader does not
 * take stays here, at most the messages of one delivery; whoever delivers then waits. A reader that takes
 * nothing for about ten seconds is cut off by the server below us and resumes with its last id.
 */
import type { Batch } from '../streams/message.ts';
import type { LiveSink } from '../streams/subscriber.ts';
import type { Exchange } from './exchange.ts';
import { pieceBytesMax } from './reply.ts';

/** What uWS may hold of a piece it has not sent. */
const blockedBytes = 16 * 1024;

export class EventStream implements LiveSink {
  onWritable: (() => void) | undefined;
  gone = false;
  readonly #exchange: Exchange;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #blocked = false;

  /** @param from the cursor that a reader resumes from if it is cut before its first event; absent: it needs none. */
  constructor(
    exchange: Exchange,
    from: string | undefined,
    headers: readonly (readonly [string, string])[],
  ) {
    this.#exchange = exchange;
    const { res } = exchange;
    res.onWritable(() => {
      this.#blocked = false;
      this.#push();
      if (!this.#blocked) this.onWritable?.();
      return true;
    });
    res.cork(() => {
      res.writeStatus('200 OK');
      res.writeHeader('Content-Type', 'text/event-stream; charset=utf-8');
      res.writeHeader('Cache-Control', 'no-store');
      res.writeHeader('X-Content-Type-Options', 'nosniff');
      for (const [name, value] of headers) res.writeHeader(name, value);
      res.write(`retry: 1000\n${from === undefined ? '' : `id: ${from}\n`}\n`);
    });
  }

  bufferedBytes(): number {
    return this.#pendingBytes + (this.#blocked ? blockedBytes : 0);
  }

  deliver({ sseBytes }: Batch): void {
    this.send(sseBytes);
  }

  send(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += pieceBytesMax) {
      this.#pending.push(bytes.subarray(at, at + pieceBytesMax));
    }
    this.#pendingBytes += bytes.length;
    this.#push();
  }

  /** A comment, so that proxies and the server below see life. */
  ping(): void {
    if (this.gone || this.#blocked || this.#pending.length > 0) return;
    this.#exchange.res.cork(() => {
      this.#blocked = !this.#exchange.res.write(':\n\n');
    });
  }

  /** The reader comes back with its last id, and is told then. */
  expire(): void {
    this.end();
  }

  end(): void {
    if (this.gone) return;
    this.#exchange.res.cork(() => this.#exchange.res.end(undefined, true));
    this.#exchange.onGone?.();
  }

  #push(): void {
    while (!this.gone && !this.#blocked && this.#pending.length > 0) {
      const piece = this.#pending.shift()!;
      this.#pendingBytes -= piece.length;
      this.#exchange.res.cork(() => {
        this.#blocked = !this.#exchange.res.write(piece);
      });
    }
  }
}
