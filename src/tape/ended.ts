/**
 * What a shard has to remember of files that went without a successor: the last stamp they stood for,
 * so that no stamp is ever issued twice. Durable before such a file is removed.
 */
import { join } from 'node:path';
import { readNote, writeNote } from '../store/note.ts';
import { shardDirectory } from './layout.ts';

export const endedFile = 'ended.json';

export class Ended {
  readonly #file: string;
  #last: number;

  constructor(directory: string, shard: number) {
    this.#file = join(directory, shardDirectory(shard), endedFile);
    const noted = readNote(this.#file) as { readonly last: number } | undefined;
    this.#last = noted?.last ?? 0;
  }

  /** The greatest stamp of what is gone without a trace. */
  get last(): number {
    return this.#last;
  }

  /** @throws AppError `unavailable` when there is no room: then nothing may be removed. */
  note(last: number): void {
    if (last <= this.#last) return;
    writeNote(this.#file, { last });
    this.#last = last;
  }
}
