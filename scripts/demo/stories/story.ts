/** What a story is: who plays it needs a stage, and is told line by line what happens. */
import type { Stage } from '../stage.ts';

export interface Story {
  /** One sentence for the list of stories. */
  readonly about: string;
  /** Stores what it needs, plays, and resolves when it has come to its end. @throws StoryError. */
  readonly play: (stage: Stage) => Promise<void>;
}

export function milesText(miles: number | undefined): string {
  return miles === undefined ? 'at an unknown distance' : `${miles.toFixed(1)} miles away`;
}
