/**
 * How a message that may not wait as a whole reaches a connection: in pieces, each handed over when
 * nothing waits any more. So never more than one piece waits, however long the message is.
 */

/** With what goes around it (a frame's head, a reply's headers) a piece fits uWebSockets' cork buffer of 16 KiB. */
export const pieceBytesMax = 14 * 1024;

/** A connection that takes pieces. */
export interface PieceSink {
  /** Bytes that the connection has not taken yet. */
  bufferedBytes(): number;
  /** Sends `bytes[from, to)` of a message; they are copied before it returns. */
  sendPiece(bytes: Uint8Array, from: number, to: number): void;
}

/**
 * Sends a message from byte `from` on, until something waits.
 * @returns where it stopped; undefined when all of it is sent.
 */
export function sendPieces(sink: PieceSink, bytes: Uint8Array, from: number): number | undefined {
  let at = from;
  while (at < bytes.length) {
    if (sink.bufferedBytes() > 0) return at;
    const to = Math.min(at + pieceBytesMax, bytes.length);
    sink.sendPiece(bytes, at, to);
    at = to;
  }
  return undefined;
}
