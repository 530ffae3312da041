/**
 * Customers whose events do not fit into memory at once are sealed in pieces: their records are counted
 * and put in order first, 16 bytes for each, then gathered piece after piece of that order.
 */
import type { GatherLimits } from './gather.ts';
import { orderByKey, orderByTime } from './order.ts';

export class Pieces {
  readonly #hashes: Uint32Array;
  readonly #times: Float64Array;
  readonly #bytes: Uint32Array;
  #count = 0;
  /** Of the largest record. */
  bytesMax = 0;

  constructor(recordsMax: number) {
    this.#hashes = new Uint32Array(recordsMax);
    this.#times = new Float64Array(recordsMax);
    this.#bytes = new Uint32Array(recordsMax);
  }

  /** In commit order. */
  note(hash: number, time: number, bytes: number): void {
    this.#hashes[this.#count] = hash;
    this.#times[this.#count] = time;
    this.#bytes[this.#count] = bytes;
    this.#count += 1;
    this.bytesMax = Math.max(this.bytesMax, bytes);
  }

  /** Into which piece each record goes, by its number in commit order; every piece has one at least. */
  plan({ payloadBytes, records }: GatherLimits): { pieces: number; pieceOf: Uint32Array } {
    const count = this.#count;
    const hashes = this.#hashes;
    const order = orderByKey(hashes, count);
    for (let from = 0, to = 0; from < count; from = to) {
      for (to = from + 1; to < count && hashes[to] === hashes[from]; ) to += 1;
      orderByTime(order, from, to, this.#times, 1, 0);
    }
    const pieceOf = new Uint32Array(count);
    let piece = 0;
    let bytes = 0;
    let first = 0;
    for (let i = 0; i < count; i++) {
      const number = order[i]!;
      bytes += this.#bytes[number]!;
      if (i > first && (bytes > payloadBytes || i - first === records)) {
        piece += 1;
        first = i;
        bytes = this.#bytes[number]!;
      }
      pieceOf[number] = piece;
    }
    return { pieces: piece + 1, pieceOf };
  }
}
