/** Types of events, by the hashes that rows and indexes carry: a bit for each, so that to ask costs a nanosecond. */
import { typeHashOf } from './route.ts';

/** A type hash has 16 bits. */
const hashes = 0x10000;

export class TypeSet {
  readonly #bits = new Uint8Array(hashes / 8);

  add(type: string): void {
    const bytes = Buffer.from(type, 'utf8');
    const hash = typeHashOf(bytes, 0, bytes.length);
    this.#bits[hash >> 3]! |= 1 << (hash & 7);
  }

  addAll(other: TypeSet): void {
    for (let at = 0; at < this.#bits.length; at++) this.#bits[at]! |= other.#bits[at]!;
  }

  /** Whether it may have a type with this hash; false is certain. */
  has(hash: number): boolean {
    return (this.#bits[hash >> 3]! & (1 << (hash & 7))) !== 0;
  }
}
