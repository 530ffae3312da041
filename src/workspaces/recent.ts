/**
 * Keys that were found good, as they were sent: a sender's next request need not be hashed again. Only
 * good keys get in, and a look-up by the engine's seeded hash tells a guesser nothing.
 *
 * They are in the clear, in the memory of a thread through whose requests they pass in the clear anyway,
 * and nowhere else; and not for long: all are forgotten at the first request with a key that comes after
 * `recentKeyMs`, and when definitions change.
 */
import type { Credential } from './types.ts';

export const recentKeysMax = 1000;
/** A key in use is hashed again so often. */
export const recentKeyMs = 60_000;

export class RecentKeys {
  readonly #credentials = new Map<string, Credential>();
  #sinceMs = 0;

  get size(): number {
    return this.#credentials.size;
  }

  find(key: string, nowMs: number): Credential | undefined {
    // The clock may have been set back.
    const isOver = nowMs - this.#sinceMs >= recentKeyMs || nowMs < this.#sinceMs;
    if (isOver && this.#credentials.size > 0) this.#credentials.clear();
    return this.#credentials.get(key);
  }

  add(key: string, credential: Credential, nowMs: number): void {
    if (this.#credentials.size >= recentKeysMax) this.#credentials.clear();
    if (this.#credentials.size === 0) this.#sinceMs = nowMs;
    this.#credentials.set(key, credential);
  }

  clear(): void {
    this.#credentials.clear();
  }
}
