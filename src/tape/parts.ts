/**
 * The parts and segments of one shard as their writer keeps them: which part is open, which are full
 * and wait for their index, which segments there are. What it says is published in the catalogue.
 *
 *     open part ──full──▶ closed parts ──indexed──▶ parts with an index ──sealed──▶ segments
 *                                                                              merged │ dropped
 *
 * A part with an index is a segment like any other, but for its events, which are still in the part.
 * The files are the truth: a name says which stamps a segment stands for. What a crash leaves behind
 * (a half-written file, a part or a segment that another already replaces) is removed at the start.
 *
 * Thread: the shard's own.
 */
import { join } from 'node:path';
import type { PartLimits } from '../config.ts';
import { assert } from '../std/assert.ts';
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import type { Metrics } from '../std/metrics.ts';
import type { LogFaults } from '../store/log.ts';
import type { Catalogue, DroppedUpTo, SegmentEntry } from './catalogue.ts';
import { Ended } from './ended.ts';
import { Epochs } from './epochs.ts';
import { HotLog } from './hotlog.ts';
import { Part } from './hotpart.ts';
import { type IdLookups, lookupsOf } from './idlookups.ts';
import { IndexWriter } from './index.ts';
import { partFile, segmentPath } from './layout.ts';
import { type PublishedMemory, publish } from './published.ts';
import { RecentIds, type RecentPart } from './recentids.ts';
import { Segment } from './segment.ts';
import type { ShardMemory } from './shardreader.ts';
import { type RemovalParts, removeFiles } from './unread.ts';

/** A segment, or a part with an index, as the shard's thread looks ids up in it. */
export interface OpenSegment {
  readonly entry: SegmentEntry;
  readonly segment: Segment;
  /** Of a part that was indexed since the start: where its ids are looked for first. */
  readonly recent?: RecentPart | undefined;
}

/** Whether it is a part with an index, still to be sealed. */
export function isPart({ segment }: OpenSegment): boolean {
  return segment.part !== undefined;
}

/** What comes in the place of segments. */
export interface Made {
  /** Undefined: nothing was left to keep. */
  readonly entry: SegmentEntry | undefined;
  /** What was left out because its retention was over. */
  readonly dropped: readonly DroppedUpTo[];
}

export interface PartsParts {
  readonly shard: number;
  readonly directory: string;
  readonly memory: ShardMemory;
  readonly epochs: SharedArrayBuffer;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly limits: PartLimits;
  readonly faults?: LogFaults | undefined;
}

/** How often it is looked whether readers have left what was retired. */
const retireCheckMs = 20;

export class Parts {
  readonly #parts: PartsParts;
  readonly #catalogue: PublishedMemory;
  readonly #epochs: Epochs;
  readonly #ended: Ended;
  /** The ids of all parts. */
  readonly recent = new RecentIds();
  readonly #writers: (IndexWriter | undefined)[];
  readonly #freeSlots: number[];
  #numberNext = 1;
  #open!: Part;
  #closed: Part[] = [];
  #segments: OpenSegment[] = [];
  #idLookups: IdLookups<OpenSegment> = lookupsOf([]);
  /** Files being removed: they left the catalogue and no reader can see them any more. */
  readonly #removals = new Set<Promise<void>>();
  /** How many files have left the catalogue and are not removed yet. */
  #retired = 0;
  #isClosed = false;
  /** Called when a file that was no part of the tape any more is removed. */
  onRemoved: (() => void) | undefined;
  #gauged = { unindexed: 0, unsealed: 0, segments: 0 };

  constructor(parts: PartsParts) {
    this.#parts = parts;
    this.#catalogue = parts.memory.catalogue;
    this.#epochs = new Epochs(parts.epochs);
    this.#ended = new Ended(parts.directory, parts.shard);
    this.#writers = parts.memory.slots.map(() => undefined);
    this.#freeSlots = parts.memory.slots.map((_, slot) => slot).reverse();
  }

  /** The part that is being written. */
  get open(): Part {
    return this.#open;
  }

  /** Full ones without an index of their own, oldest first. */
  get closed(): readonly Part[] {
    return this.#closed;
  }

  /** In stamp order. */
  get segments(): readonly OpenSegment[] {
    return this.#segments;
  }

  /** The greatest stamp that is on record. */
  get lastStamp(): number {
    const parts = [...this.#closed, this.#open].map(({ last }) => last);
    return Math.max(this.#ended.last, ...parts, ...this.#segments.map(({ entry }) => entry.last));
  }

  /** The greatest stamp of what is gone, or left behind. */
  get endedLast(): number {
    return this.#ended.last;
  }

  get idLookups(): IdLookups<OpenSegment> {
    return this.#idLookups;
  }

  get limits(): PartLimits {
    return this.#parts.limits;
  }

  /** Opens or makes the file of part `number`, or of the next one. Undefined when every slot is taken. @throws AppError. */
  openPart(number = this.#numberNext): Part | undefined {
    const slot = this.#freeSlots.pop();
    if (slot === undefined) return undefined;
    const { directory, faults, memory, metrics, shard } = this.#parts;
    try {
      const log = HotLog.openWriter(join(directory, partFile(shard, number)), metrics, faults);
      this.#writers[slot] ??= new IndexWriter(memory.slots[slot]!);
      this.#numberNext = Math.max(this.#numberNext, number + 1);
      const index = this.#writers[slot];
      return new Part(number, slot, { log, index, recent: this.recent.begin() });
    } catch (error) {
      this.#freeSlots.push(slot);
      throw error;
    }
  }

  /** A part that cannot be opened: the next has another number, and stamps after `last`. @throws AppError `unavailable`. */
  leave(number: number, last: number): void {
    this.#numberNext = Math.max(this.#numberNext, number + 1);
    if (last > this.#ended.last) this.#ended.note(last);
  }

  /** What was found at the start; parts oldest first, the last one goes on being written. */
  begin(parts: readonly Part[], segments: OpenSegment[]): void {
    this.#segments = segments;
    for (const { segment } of segments) {
      this.#ended.learn(segment.summary.dropped);
      this.#numberNext = Math.max(this.#numberNext, (segment.part ?? 0) + 1);
    }
    this.#closed = parts.slice(0, -1);
    const last = parts.at(-1) ?? this.openPart();
    assert(last !== undefined, 'a shard has a part to write');
    this.#open = last;
    this.#noteChange();
    this.publish();
  }

  isFull(part: Part): boolean {
    return part.isFull(this.#parts.limits, this.#parts.clock.now());
  }

  /**
   * Begins another part; what is appended from now on goes there. When all slots are taken (sealing is
   * behind) or the disk is full, the old one grows on, and nothing is refused for that.
   */
  rotate(): void {
    const next = this.#openNext();
    if (next === undefined) return;
    this.#open.closedMs = this.#parts.clock.monotonicMs();
    this.#closed.push(this.#open);
    this.#open = next;
    this.#parts.metrics.add('parts_begun_total', 1);
    this.#noteChange();
  }

  #openNext(): Part | undefined {
    try {
      return this.openPart();
    } catch (error) {
      if (error instanceof AppError && error.code === 'unavailable') return undefined;
      throw error;
    }
  }

  /** A part found at the start that holds nothing a segment does not. */
  discard(part: Part): void {
    void this.#removePart(part, 0, () => undefined);
  }

  /** A part found at the start that has been given an index. */
  release(part: Part): void {
    this.recent.end(part.recent);
    void this.#freePart(part, () => undefined);
  }

  /** Blocks with these stamps are about to be written to `part`; readers must know it before. */
  announce(part: Part, first: number): void {
    if (part.first !== 0) return;
    part.first = first;
    part.openedMs = this.#parts.clock.now();
    this.publish();
  }

  /** This part has an index from now on; undefined: there is no event in it. */
  indexed(part: Part, entry: SegmentEntry | undefined): void {
    const opened = this.#take({ entry, dropped: [] }, part.last);
    this.#closed = this.#closed.filter((each) => each !== part);
    if (opened !== undefined) this.#segments.push({ ...opened, recent: part.recent });
    this.publish();
    this.#parts.metrics.add('parts_indexed_total', 1);
    this.#noteChange();
    this.#retire((epoch, freed) =>
      opened === undefined ? this.#removePart(part, epoch, freed) : this.#freePart(part, freed),
    );
  }

  /** `made` stands for these segments, which are neighbours, from now on. */
  replaced(segments: readonly OpenSegment[], made: Made): OpenSegment | undefined {
    const opened = this.#take(made, segments.at(-1)!.entry.last);
    const at = this.#segments.indexOf(segments[0]!);
    const replacing = opened === undefined ? [] : [opened];
    this.#segments = this.#segments.toSpliced(at, segments.length, ...replacing);
    this.publish();
    const parts = segments.filter(isPart).length;
    this.#parts.metrics.add('parts_sealed_total', parts);
    this.#parts.metrics.add('segments_merged_total', segments.length - parts);
    this.#noteChange();
    for (const gone of segments)
      this.#retire((epoch, freed) => this.#removeSegment(gone, epoch, freed));
    return opened;
  }

  /** The retention of all that is in this segment is over. */
  drop(segment: OpenSegment, dropped: readonly DroppedUpTo[]): void {
    this.replaced([segment], { entry: undefined, dropped });
    this.#parts.metrics.add('segments_dropped_total', 1);
  }

  #take({ dropped, entry }: Made, last: number): OpenSegment | undefined {
    const opened = entry && this.#openSegment(entry);
    if (opened === undefined) this.#ended.note(last, dropped);
    else this.#ended.learn(dropped);
    return opened;
  }

  /** Parts or segments have changed. Gauges are sums over threads: what has changed is added. */
  #noteChange(): void {
    this.#idLookups = lookupsOf(this.#segments);
    const unindexed = this.#closed.reduce((sum, { index }) => sum + index.entryCount, 0);
    const indexed = this.#segments.filter(isPart);
    const unsealed = unindexed + indexed.reduce((sum, { entry }) => sum + entry.events, 0);
    const segments = this.#segments.length - indexed.length;
    const { metrics } = this.#parts;
    metrics.add('events_unindexed', unindexed - this.#gauged.unindexed);
    metrics.add('events_unsealed', unsealed - this.#gauged.unsealed);
    metrics.add('segments', segments - this.#gauged.segments);
    this.#gauged = { unindexed, unsealed, segments };
  }

  #openSegment(entry: SegmentEntry): OpenSegment {
    const { directory, metrics, shard } = this.#parts;
    const path = join(directory, segmentPath(shard, entry.file));
    return { entry, segment: Segment.open(path, metrics) };
  }

  publish(): void {
    const parts = [...this.#closed, this.#open].filter(({ first }) => first !== 0);
    const catalogue: Catalogue = {
      segments: this.#segments.map(({ entry }) => entry),
      parts: parts.map(({ first, number, slot }) => ({ first, number, slot })),
      dropped: this.#ended.dropped,
    };
    publish(this.#catalogue, catalogue);
  }

  /** Calls `remove` when no reader can still be in what has just left the catalogue. */
  #retire(remove: (epoch: number, freed: () => void) => Promise<void>): void {
    const { clock } = this.#parts;
    const epoch = this.#epochs.raise();
    this.#retired += 1;
    const attempt = (): void => {
      if (this.#isClosed) return;
      if (!this.#epochs.isPast(epoch)) {
        clock.after(retireCheckMs, attempt);
        return;
      }
      const freed = (): void => {
        this.#retired -= 1;
        this.onRemoved?.();
      };
      const removal = remove(epoch, freed).finally(() => this.#removals.delete(removal));
      this.#removals.add(removal);
    };
    attempt();
  }

  /** Files that are no part of the tape any more, and still take room. */
  get retired(): number {
    return this.#retired;
  }

  /** Resolves when no removal is under way; those that wait for a reader are not. */
  async removals(): Promise<void> {
    while (this.#removals.size > 0) await Promise.all(this.#removals);
  }

  async #removePart(part: Part, epoch: number, freed: () => void): Promise<void> {
    const { directory, shard } = this.#parts;
    const path = join(directory, partFile(shard, part.number));
    await this.#remove({ paths: [path], epoch, freed, close: () => part.log.close() });
    this.recent.end(part.recent);
    this.#freeSlot(part);
  }

  /** Its index is in a file now, and whoever reads the log has opened it anew. */
  async #freePart(part: Part, freed: () => void): Promise<void> {
    await part.log.close();
    this.#freeSlot(part);
    freed();
  }

  #freeSlot(part: Part): void {
    part.index.reset();
    this.#freeSlots.push(part.slot);
  }

  async #removeSegment(
    { entry, recent, segment }: OpenSegment,
    epoch: number,
    freed: () => void,
  ): Promise<void> {
    const { directory, shard } = this.#parts;
    if (recent !== undefined) this.recent.end(recent);
    const paths = [segmentPath(shard, entry.file)];
    // The part first: an index without one counts for nothing.
    if (segment.part !== undefined) paths.unshift(partFile(shard, segment.part));
    const all = paths.map((path) => join(directory, path));
    await this.#remove({ paths: all, epoch, freed, close: () => segment.close() });
  }

  #remove(files: Omit<RemovalParts, 'clock' | 'epochs' | 'isOver'>): Promise<void> {
    const { clock } = this.#parts;
    return removeFiles({ clock, epochs: this.#epochs, isOver: () => this.#isClosed, ...files });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.removals();
    for (const part of [...this.#closed, this.#open]) await part.log.close();
    for (const { segment } of this.#segments) await segment.close();
  }
}
