/**
 * One shard as a reader meets it: the parts and segments that its catalogue names, opened on this
 * thread. Between `Tape.enter` and `Tape.leave` none of them goes away.
 */
import { join } from 'node:path';
import { AppError } from '../std/errors.ts';
import type { Metrics } from '../std/metrics.ts';
import type { Block } from './block.ts';
import { type Catalogue, emptyCatalogue } from './catalogue.ts';
import type { Position } from './cursor.ts';
import type { IndexMemory } from './index.ts';
import { partFile, segmentPath } from './layout.ts';
import { PartReader } from './part.ts';
import { type PublishedMemory, PublishedReader } from './published.ts';
import type { Source } from './run.ts';
import { openSegmentSource } from './segmentsource.ts';
import type { TypeSet } from './typeset.ts';

/** What a thread needs to read one shard; structured-cloneable. */
export interface ShardMemory {
  /** One for each part that can be open at a time. */
  readonly slots: readonly IndexMemory[];
  readonly catalogue: PublishedMemory;
}

export class ShardReader {
  readonly #number: number;
  readonly #directory: string;
  readonly #memory: ShardMemory;
  readonly #metrics: Metrics;
  readonly #catalogue: PublishedReader<Catalogue>;
  #opened = new Map<string, Source>();
  /** In stamp order. */
  #sources: readonly Source[] = [];
  /** Those of them, the last ones, that may grow. */
  #growing: readonly PartReader[] = [];
  /** Everything that the catalogue named last is open. */
  #isFollowed = false;
  #dropped: ReadonlyMap<number, number> = new Map();

  constructor(number: number, directory: string, memory: ShardMemory, metrics: Metrics) {
    this.#number = number;
    this.#directory = directory;
    this.#memory = memory;
    this.#metrics = metrics;
    this.#catalogue = new PublishedReader(memory.catalogue, emptyCatalogue);
  }

  /**
   * Follows the catalogue. Call at the start of a read, never within one.
   * @returns whether it names other files than before.
   */
  refresh(): boolean {
    if (this.#isFollowed && !this.#catalogue.hasChanged()) return false;
    this.#isFollowed = false;
    this.#follow(this.#catalogue.read());
    this.#isFollowed = true;
    return true;
  }

  #follow(catalogue: Catalogue): void {
    const opened = new Map<string, Source>();
    const keep = (path: string, open: (path: string) => Source): void => {
      const source = this.#opened.get(path) ?? this.#open(join(this.#directory, path), open);
      if (source === undefined) return;
      opened.set(path, source);
      // Kept at once: should another one not open, this one need not be opened again.
      this.#opened.set(path, source);
    };
    for (const segment of catalogue.segments) {
      keep(segmentPath(this.#number, segment.file), (path) =>
        openSegmentSource(path, segment, this.#metrics),
      );
    }
    for (const { first, number, slot } of catalogue.parts) {
      keep(
        partFile(this.#number, number),
        (path) => new PartReader(path, first, this.#memory.slots[slot]!, this.#metrics),
      );
    }
    for (const [path, source] of this.#opened) if (!opened.has(path)) void source.close();
    this.#opened = opened;
    this.#sources = [...opened.values()];
    this.#growing = this.#sources.filter((source) => source instanceof PartReader);
    this.#dropped = new Map(catalogue.dropped);
  }

  /** Undefined when it is damaged: what lies in it cannot be read, the rest can. */
  #open(path: string, open: (path: string) => Source): Source | undefined {
    try {
      return open(path);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'invalid') throw error;
      this.#metrics.add('segments_damaged_total', 1);
      return undefined;
    }
  }

  /** In stamp order, oldest first. */
  get sources(): readonly Source[] {
    return this.#sources;
  }

  /** Where the newest of that hash's events is, or its source ends; undefined when there are none. */
  newestPosition(customerHash: number): Position | undefined {
    return newestIn(this.#sources, customerHash);
  }

  /** The same for what may have changed since the files are these; undefined: nothing of it is there. */
  newestGrown(customerHash: number): Position | undefined {
    return newestIn(this.#growing, customerHash);
  }

  /** Whether there is an event of that hash and one of these types after `since`: see `Source.hasNewer`. */
  hasNewer(
    customerHash: number,
    since: Position,
    types: ReadonlySet<number>,
    stepsMax: number,
  ): boolean {
    for (let at = this.#sources.length - 1; at >= 0; at--) {
      const source = this.#sources[at]!;
      if (source.hasNewer(customerHash, since, types, stepsMax)) return true;
      if (source.first <= since.stamp) return false;
    }
    return false;
  }

  /** The stamp up to which events of a workspace may have been dropped; 0: none was. */
  droppedUpTo(workspace: number): number {
    return this.#dropped.get(workspace) ?? 0;
  }

  /** The stamp of the first readable block at or after `stamp`, or Infinity. */
  nextStamp(stamp: number): number {
    for (let at = Math.max(0, this.#at(stamp)); at < this.#sources.length; at++) {
      const next = this.#sources[at]!.nextStamp(stamp);
      if (next !== Number.POSITIVE_INFINITY) return next;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Whether the block at `stamp` may have an event of one of these types; false is certain. Reads no block. */
  mayHave(stamp: number, types: TypeSet): boolean {
    return this.#sources[this.#at(stamp)]?.mayHave(stamp, types) ?? true;
  }

  /** Undefined when it is damaged. Valid until the next read on this thread. */
  block(stamp: number): Block | undefined {
    return this.#sources[this.#at(stamp)]?.block(stamp);
  }

  /** The number of the source that `stamp` falls into, or -1. */
  #at(stamp: number): number {
    let at = this.#sources.length - 1;
    while (at >= 0 && this.#sources[at]!.first > stamp) at -= 1;
    return at;
  }

  async close(): Promise<void> {
    for (const source of this.#opened.values()) await source.close();
  }
}

function newestIn(sources: readonly Source[], customerHash: number): Position | undefined {
  for (let at = sources.length - 1; at >= 0; at--) {
    const found = sources[at]!.newestPosition(customerHash);
    if (found !== undefined) return found;
  }
  return undefined;
}
