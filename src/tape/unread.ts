/** Removes files of the tape without making anybody wait who still has them open. */
import { dirname } from 'node:path';
import type { Clock } from '../std/clock.ts';
import { flush, holdFiles, removeEnvironment } from '../store/environment.ts';
import type { Epochs } from './epochs.ts';

/** Readers come by once a second; those that do not within ten are not waited for. */
const lookMs = 100;
const looksMax = 100;

export interface RemovalParts {
  readonly clock: Clock;
  readonly epochs: Epochs;
  /** In one directory; they go in this order. */
  readonly paths: readonly string[];
  /** From which on no reader sees them. */
  readonly epoch: number;
  /** Lets go of what this thread has open of them. */
  readonly close: () => Promise<void>;
  /** Their space is free. */
  readonly freed: () => void;
  /** Nobody reads any more. */
  readonly isOver: () => boolean;
}

/** Resolves when their names are gone; `freed` is called when every reader has closed them too, or some seconds have passed. */
export async function removeFiles(parts: RemovalParts): Promise<void> {
  const { clock, close, epoch, epochs, freed, isOver, paths } = parts;
  const letGo = holdFiles(paths);
  let looks = 0;
  let isSeen = false;
  const look = (): void => {
    // Once more after it was seen: a reader that has just begun closes what it had first.
    if (isSeen || isOver() || looks++ === looksMax) void letGo().then(freed);
    else clock.after(lookMs, look);
    isSeen = epochs.isSeen(epoch);
  };
  try {
    await close();
    for (const path of paths) removeEnvironment(path);
    flush(dirname(paths[0]!));
  } finally {
    clock.after(lookMs, look);
  }
}
