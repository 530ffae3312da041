/**
 * Identities that statements under way may give to others: what is in force now may not be so when those
 * have been carried out, and is then said again behind them. Counted by hash in a small table: a false
 * alarm costs a statement that changes nothing.
 */
import { hashBytes } from '../std/hash.ts';

const places = 2 ** 16;

export class Touched {
  readonly #counts = new Uint32Array(places);

  /** @returns what `remove` takes. */
  add(workspace: number, name: string): number {
    const bytes = Buffer.from(name, 'utf8');
    const hash = hashBytes(bytes, 0, bytes.length, workspace);
    this.#counts[hash % places]! += 1;
    return hash;
  }

  remove(hash: number): void {
    this.#counts[hash % places]! -= 1;
  }

  hasBytes(workspace: number, bytes: Uint8Array, at: number, length: number): boolean {
    return this.#counts[hashBytes(bytes, at, length, workspace) % places]! > 0;
  }

  has(workspace: number, name: string): boolean {
    const bytes = Buffer.from(name, 'utf8');
    return this.hasBytes(workspace, bytes, 0, bytes.length);
  }
}
