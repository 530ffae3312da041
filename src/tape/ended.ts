/**
 * What a shard has to remember of files that went without a successor: the last stamp they stood for,
 * so that no stamp is ever issued twice, and up to which stamp events of a workspace were dropped, so
 * that a reader learns what it has missed. Durable before such a file is removed. What was dropped when
 * a segment was written anew stands in that segment's summary, and so is durable together with it.
 */
import { join } from 'node:path';
import { readNote, writeNote } from '../store/note.ts';
import type { DroppedUpTo } from './catalogue.ts';
import { endedFile, shardDirectory } from './layout.ts';

interface Note {
  readonly last: number;
  readonly dropped: readonly DroppedUpTo[];
}

export class Ended {
  readonly #file: string;
  #last: number;
  readonly #dropped: Map<number, number>;

  constructor(directory: string, shard: number) {
    this.#file = join(directory, shardDirectory(shard), endedFile);
    const noted = readNote(this.#file) as Note | undefined;
    this.#last = noted?.last ?? 0;
    this.#dropped = new Map(noted?.dropped);
  }

  /** The greatest stamp of what is gone without a trace. */
  get last(): number {
    return this.#last;
  }

  get dropped(): readonly DroppedUpTo[] {
    return [...this.#dropped];
  }

  /** What is known from elsewhere: it need not be written here while it stands there. */
  learn(dropped: readonly DroppedUpTo[] | undefined): void {
    noteDropped(this.#dropped, dropped);
  }

  /** @throws AppError `unavailable` when there is no room: then nothing may be removed. */
  note(last: number, dropped: readonly DroppedUpTo[] = []): void {
    const all = new Map(this.#dropped);
    noteDropped(all, dropped);
    const note: Note = { last: Math.max(last, this.#last), dropped: [...all] };
    writeNote(this.#file, note);
    this.#last = note.last;
    this.learn(dropped);
  }
}

/** For each workspace the greatest stamp counts. */
export function noteDropped(
  all: Map<number, number>,
  dropped: readonly DroppedUpTo[] | undefined,
): void {
  for (const [workspace, stamp] of dropped ?? []) {
    all.set(workspace, Math.max(stamp, all.get(workspace) ?? 0));
  }
}
