/**
 * `rooms.mdb`: rows of rooms that follow from no tape (agents, presence, deliveries of webhooks and their dead
 * letters). A rebuild of `journeys.mdb` leaves them. Thread: the engine's, which alone writes.
 */
import { AppError } from '../../std/errors.ts';
import { JourneyStore } from './store.ts';
import type { Rows } from './work.ts';

export class RoomStore {
  readonly #store: JourneyStore;

  constructor(path: string) {
    this.#store = new JourneyStore(path);
  }

  rows(room: string): Rows {
    return { ...this.#store.rows(room), flush: () => this.flush() };
  }

  /** All rows that were put before are durable when it resolves. @throws AppError unavailable: they go with the next. */
  flush(): Promise<void> {
    this.#store.cut();
    return this.#store.checkpoint();
  }

  /** Writes the file anew, so that nothing that was removed is left in it. @throws AppError unavailable. */
  async rewrite(): Promise<void> {
    await this.flush();
    await this.#store.rewrite(() => true);
  }

  /** Commits what waits, if there is room. */
  async close(): Promise<void> {
    await this.flush().catch((error: unknown) => {
      if (!(error instanceof AppError)) throw error;
    });
    await this.#store.close();
  }
}
