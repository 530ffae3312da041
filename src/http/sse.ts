/**
 * One Server-Sent Events response. Written in pieces that fit uWebSockets' cork buffer: this build
 * loses the rest of a larger write when a slow reader makes the flush fail. What the reader does not
 * take stays here, copied, so that it keeps nothing larger in memory; whoever delivers then waits. A reader
 * that takes nothing for about ten seconds is cut off by the server below us and resumes with its last id.
 */
import type { Batch, LiveMessage } from '../streams/message.ts';
import { type PieceSink, pieceBytesMax, sendPieces } from '../streams/pieces.ts';
import type { LiveSink } from '../streams/subscriber.ts';
import type { Exchange } from './exchange.ts';

/** What uWS may hold of a piece it has not sent. */
const blockedBytes = 16 * 1024;

/** Bytes that wait, up to a piece of them. */
class Waiting {
  readonly #bytes = Buffer.allocUnsafeSlow(pieceBytesMax);
  #length = 0;

  get isFull(): boolean {
    return this.#length === pieceBytesMax;
  }

  get filled(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** @returns how many of the bytes from `at` on it has taken. */
  add(bytes: Uint8Array, at: number): number {
    const taken = Math.min(bytes.length - at, pieceBytesMax - this.#length);
    this.#bytes.set(bytes.subarray(at, at + taken), this.#length);
    this.#length += taken;
    return taken;
  }
}

export class EventStream implements LiveSink, PieceSink {
  onWritable: (() => void) | undefined;
  gone = false;
  readonly #exchange: Exchange;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #blocked = false;
  /** A message was begun, and nothing may come in between. */
  #isMidway = false;

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
    return this.#waitingBytes + (this.#blocked ? blockedBytes : 0);
  }

  deliver({ sseBytes }: Batch): void {
    this.send(sseBytes);
  }

  sendLong({ sseBytes }: LiveMessage, from: number): number | undefined {
    return this.sendInPieces(sseBytes, from);
  }

  /** As `sendPieces`; the caller goes on from where it stopped once the stream can be written to again. */
  sendInPieces(bytes: Uint8Array, from: number): number | undefined {
    if (this.gone) return undefined;
    const stopped = sendPieces(this, bytes, from);
    this.#isMidway = stopped !== undefined;
    return stopped;
  }

  /** What is not taken at once waits here. */
  send(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.gone && this.bufferedBytes() === 0) {
      const to = Math.min(at + pieceBytesMax, bytes.length);
      this.sendPiece(bytes, at, to);
      at = to;
    }
    if (!this.gone) this.#keep(bytes, at);
  }

  sendPiece(bytes: Uint8Array, from: number, to: number): void {
    this.#write(bytes.subarray(from, to));
  }

  /** A comment, so that proxies and the server below see life. */
  ping(): void {
    if (this.gone || this.#isMidway || this.bufferedBytes() > 0) return;
    this.#exchange.res.cork(() => {
      this.#blocked = !this.#exchange.res.write(':\n\n');
    });
  }

  /** The reader comes back with its last id, and is told then. */
  expire(): void {
    this.end();
  }

  /** The reader forgets what is unfinished, and comes back. */
  interrupt(): void {
    this.end();
  }

  end(): void {
    if (this.gone) return;
    this.#exchange.res.cork(() => this.#exchange.res.end(undefined, true));
    this.#exchange.onGone?.();
  }

  #keep(bytes: Uint8Array, from: number): void {
    this.#waitingBytes += bytes.length - from;
    for (let at = from; at < bytes.length; ) {
      let last = this.#waiting.at(-1);
      if (last === undefined || last.isFull) {
        last = new Waiting();
        this.#waiting.push(last);
      }
      at += last.add(bytes, at);
    }
  }

  #push(): void {
    while (!this.gone && !this.#blocked && this.#waiting.length > 0) {
      const { filled } = this.#waiting.shift()!;
      this.#waitingBytes -= filled.length;
      this.#write(filled);
    }
  }

  #write(piece: Uint8Array): void {
    this.#exchange.res.cork(() => {
      this.#blocked = !this.#exchange.res.write(piece);
    });
  }
}
