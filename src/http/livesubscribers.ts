/** How many live subscribers one front serves, through whichever door they came. */
import { Shares } from '../ingest/shares.ts';
import { AppError } from '../std/errors.ts';
import type { Feed, Subscription } from '../streams/feed.ts';
import type { LiveFilter } from '../streams/filter.ts';
import type { LiveSink } from '../streams/subscriber.ts';
import type { Position } from '../tape/cursor.ts';

/**
 * Of all workspaces, which share them, so that the subscribers of one leave room for the others: alone, a
 * workspace has half.
 */
export const liveSubscribersMax = 10_000;

export class LiveSubscribers {
  readonly #feed: Feed;
  readonly #shares = new Shares(liveSubscribersMax);

  constructor(feed: Feed) {
    this.#feed = feed;
  }

  /** @throws AppError overloaded: there is no room for one more of this workspace. */
  checkRoom(workspace: number): void {
    if (!this.#shares.isOver(workspace, 1)) return;
    const own = this.#shares.heldBy(workspace);
    const message = `too many live subscribers are connected, ${own} of them of this workspace`;
    throw new AppError('overloaded', message, { retryAfterSeconds: 1 });
  }

  /** As `Feed.subscribe`, counted until it is closed. */
  subscribe(wanted: LiveFilter, from: Position, sink: LiveSink): Subscription {
    const subscription = this.#feed.subscribe(wanted, from, sink);
    this.#shares.take(wanted.workspace, 1);
    let isOpen = true;
    return {
      resume: () => subscription.resume(),
      close: () => {
        subscription.close();
        if (isOpen) this.#shares.give(wanted.workspace, 1);
        isOpen = false;
      },
    };
  }
}
