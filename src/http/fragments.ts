/** A WebSocket message in pieces: fragments of one message, which every client puts together by itself. */
import type { WebSocket } from 'uWebSockets.js';
import type { PieceSink } from '../streams/pieces.ts';

/** What the library has, and its types have not: `send` with another opcode, or without the final bit. */
interface Fragments {
  sendFirstFragment(piece: Uint8Array, isBinary: boolean): number;
  sendFragment(piece: Uint8Array): number;
  sendLastFragment(piece: Uint8Array): number;
}

/**
 * A socket as a taker of pieces of text; a character may be cut in two. While a message is in pieces nothing
 * else may be sent, nor published to the socket; pings, which the library sends, may come between.
 */
export class FragmentSink<Data> implements PieceSink {
  readonly #ws: WebSocket<Data>;

  constructor(ws: WebSocket<Data>) {
    this.#ws = ws;
  }

  bufferedBytes(): number {
    return this.#ws.getBufferedAmount();
  }

  sendPiece(bytes: Uint8Array, from: number, to: number): void {
    const piece = bytes.subarray(from, to);
    const fragments = this.#ws as unknown as Fragments;
    const isLast = to === bytes.length;
    if (from === 0) {
      if (isLast) this.#ws.send(piece, false);
      else fragments.sendFirstFragment(piece, false);
    } else if (isLast) fragments.sendLastFragment(piece);
    else fragments.sendFragment(piece);
  }
}
