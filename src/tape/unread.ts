/** Removes files of the tape without making anybody wait who still has them open. */
import { dirname } from 'node:path';
import type { Clock } from '../std/clock.ts';
import { flush, holdFiles, removeEnvironment } from '../store/environment.ts';
import type { Epochs } from './epochs.ts';

/** Readers come by once a second; those that do not are not waited for. */
const lookMs = 500;
const looksMax = 20;

export interface RemovalParts {
  readonly clock: Clock;
  readonly epochs: Epochs;
  /** In one directory; they go in this order. */
  readonly paths: readonly string[];
  /** From which on no reader sees them. */
  readonly epoch: number;
  /** Lets go of what this thread has open of them. */
  readonly close: () => Promise<void>;
}

/** Resolves when they are gone; their space is free when every reader has closed them, or some seconds have passed. */
export async function removeFiles(parts: RemovalParts): Promise<void> {
  const { clock, close, epoch, epochs, paths } = parts;
  const letGo = holdFiles(paths);
  await close();
  for (const path of paths) removeEnvironment(path);
  flush(dirname(paths[0]!));
  let looks = 0;
  const look = (): void => {
    if (looks++ === looksMax || epochs.isSeen(epoch)) letGo();
    else clock.after(lookMs, look);
  };
  clock.after(lookMs, look);
}
