/** Plays one of the stories against a running server, and tells it in lines with times. */
import { systemClock } from '../../src/std/clock.ts';
import { Stage, StoryError, type Tell } from './stage.ts';
import { stories } from './stories/all.ts';

export interface StoryOptions {
  readonly url: string;
  readonly key: string;
  readonly silentSeconds: number;
}

/** @returns the exit code. */
export async function tellStory(
  name: string,
  options: StoryOptions,
  say: (text: string) => void,
): Promise<number> {
  const story = stories[name]!;
  const tell: Tell = ({ seconds, what, who }) => {
    say(`${seconds.toFixed(2).padStart(7)} s  ${who.padEnd(8)}  ${what}`);
  };
  const stage = new Stage({ ...options, clock: systemClock, tell });
  say(`${name}: ${story.about}\n`);
  try {
    await story.play(stage);
    return 0;
  } catch (error) {
    if (!(error instanceof StoryError)) throw error;
    say(`It went otherwise: ${error.message}`);
    return 1;
  } finally {
    stage.close();
  }
}
