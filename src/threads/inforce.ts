/** Which state of the definitions each front has, and who waits until all of them have one. */
import { Signal } from './signal.ts';

export class InForce {
  readonly #versions: number[];
  #waiting: { readonly version: number; readonly signal: Signal }[] = [];

  constructor(fronts: number) {
    this.#versions = Array.from({ length: fronts }, () => 0);
  }

  /** A front says which version it has. */
  note(front: number, version: number): void {
    this.#versions[front] = version;
    const known = Math.min(...this.#versions);
    for (const waiting of this.#waiting) if (waiting.version <= known) waiting.signal.fulfil();
    this.#waiting = this.#waiting.filter((waiting) => waiting.version > known);
  }

  /** Resolves when every front has at least that version. */
  everywhere(version: number): Promise<void> {
    const signal = new Signal();
    this.#waiting.push({ version, signal });
    return signal.promise;
  }
}
