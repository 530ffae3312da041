/**
 * The parts and segments of one shard as their writer keeps them: which part is open, which are full
 * and wait to be sealed, which segments there are. What it says is published in the catalogue.
 *
 *     open part ──full──▶ closed parts ──sealed──▶ segments ──merged──▶ fewer segments ──dropped──▶ gone
 *
 * The files are the truth: a name says which stamps a segment stands for. What a crash leaves behind
 * (a half-written file, a part or a segment that another already replaces) is removed at the start.
 *
 * Thread: the shard's own.
 */
import { dirname, join } from 'node:path';
import type { PartLimits } from '../config.ts';
import { assert } from '../std/assert.ts';
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import type { Metrics } from '../std/metrics.ts';
import { flush, removeEnvironment } from '../store/environment.ts';
import type { LogFaults } from '../store/log.ts';
import type { Catalogue, DroppedUpTo, SegmentEntry } from './catalogue.ts';
import { Ended } from './ended.ts';
import { Epochs } from './epochs.ts';
import { HotLog } from './hotlog.ts';
import { IndexWriter } from './index.ts';
import { partFile, segmentPath } from './layout.ts';
import { type PublishedMemory, publish } from './published.ts';
import { RecentIds, type RecentPart } from './recentids.ts';
import { Segment } from './segment.ts';
import type { ShardMemory } from './shardreader.ts';

/** A part as its shard writes it. */
export class Part {
  readonly number: number;
  readonly slot: number;
  readonly log: HotLog;
  readonly index: IndexWriter;
  /** Where its ids are looked for first. */
  readonly recent: RecentPart;
  /** Stamps of its first and last durable block; 0 while there is none. */
  first = 0;
  last = 0;
  bytes = 0;
  /** When its first block was begun. */
  openedMs = 0;
  /** When it was closed, on the monotonic clock. */
  closedMs = 0;

  constructor(
    number: number,
    slot: number,
    { index, log, recent }: { log: HotLog; index: IndexWriter; recent: RecentPart },
  ) {
    this.number = number;
    this.slot = slot;
    this.log = log;
    this.index = index;
    this.recent = recent;
  }
}

/** A segment as the shard's thread looks ids up in it. */
export interface OpenSegment {
  readonly entry: SegmentEntry;
  readonly segment: Segment;
}

/** What comes in the place of parts or segments. */
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

/**
 * Of the newest sealed events of a shard, so many are known by id alone: their filters are in memory,
 * 1.25 bytes each. Older ones are looked at when an event's own time allows it, or when it has none.
 */
export const idAloneEventsMax = 100_000_000;
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
  #idAloneFrom = 0;
  /** Files being removed: they left the catalogue and no reader can see them any more. */
  readonly #removals = new Set<Promise<void>>();
  /** How many files have left the catalogue and are not removed yet. */
  #retired = 0;
  #isClosed = false;
  /** Called when a file that was no part of the tape any more is removed. */
  onRemoved: (() => void) | undefined;
  #gauged = { unsealed: 0, segments: 0 };

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

  /** Full ones, oldest first. */
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

  /** From this segment on, resends are recognised by their id alone. */
  get idAloneFrom(): number {
    return this.#idAloneFrom;
  }

  get limits(): PartLimits {
    return this.#parts.limits;
  }

  /** Opens or makes the file of part `number`. Undefined when every slot is taken. */
  openPart(number: number): Part | undefined {
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

  /** What was found at the start; parts oldest first, the last one goes on being written. */
  begin(parts: readonly Part[], segments: OpenSegment[]): void {
    this.#segments = segments;
    for (const { segment } of segments) this.#ended.learn(segment.summary.dropped);
    this.#closed = parts.slice(0, -1);
    const last = parts.at(-1) ?? this.openPart(this.#numberNext);
    assert(last !== undefined, 'a shard has a part to write');
    this.#open = last;
    this.#noteChange();
    this.publish();
  }

  isFull(part: Part): boolean {
    const { clock, limits } = this.#parts;
    if (part.last === 0) return false;
    return (
      part.index.entryCount >= limits.events ||
      part.bytes >= limits.bytes ||
      clock.now() - part.openedMs >= limits.ageMs
    );
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
      return this.openPart(this.#numberNext);
    } catch (error) {
      if (error instanceof AppError && error.code === 'unavailable') return undefined;
      throw error;
    }
  }

  /** A part found at the start that holds nothing a segment does not. */
  discard(part: Part): void {
    void this.#removePart(part);
  }

  /** Blocks with these stamps are about to be written to `part`; readers must know it before. */
  announce(part: Part, first: number): void {
    if (part.first !== 0) return;
    part.first = first;
    part.openedMs = this.#parts.clock.now();
    this.publish();
  }

  /** `made` stands for these parts from now on. */
  sealed(parts: readonly Part[], made: Made): OpenSegment | undefined {
    const opened = this.#take(made, Math.max(...parts.map(({ last }) => last)));
    this.#closed = this.#closed.filter((part) => !parts.includes(part));
    if (opened !== undefined) this.#segments.push(opened);
    this.publish();
    this.#parts.metrics.add('parts_sealed_total', parts.length);
    this.#noteChange();
    for (const part of parts) this.#retire(() => this.#removePart(part));
    return opened;
  }

  /** `made` stands for these segments, which are neighbours, from now on. */
  merged(segments: readonly OpenSegment[], made: Made): OpenSegment | undefined {
    const opened = this.#take(made, segments.at(-1)!.entry.last);
    const at = this.#segments.indexOf(segments[0]!);
    const merged = opened === undefined ? [] : [opened];
    this.#segments = this.#segments.toSpliced(at, segments.length, ...merged);
    this.publish();
    this.#parts.metrics.add('segments_merged_total', segments.length);
    this.#noteChange();
    for (const gone of segments) this.#retire(() => this.#removeSegment(gone));
    return opened;
  }

  /** The retention of all that is in this segment is over. */
  drop(segment: OpenSegment, dropped: readonly DroppedUpTo[]): void {
    this.merged([segment], { entry: undefined, dropped });
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
    this.#idAloneFrom = this.#segments.length;
    for (let events = 0; this.#idAloneFrom > 0; this.#idAloneFrom -= 1) {
      events += this.#segments[this.#idAloneFrom - 1]!.entry.events;
      if (events > idAloneEventsMax) break;
    }
    const unsealed = this.#closed.reduce((sum, { index }) => sum + index.entryCount, 0);
    this.#parts.metrics.add('events_unsealed', unsealed - this.#gauged.unsealed);
    this.#parts.metrics.add('segments', this.#segments.length - this.#gauged.segments);
    this.#gauged = { unsealed, segments: this.#segments.length };
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
  #retire(remove: () => Promise<void>): void {
    const { clock } = this.#parts;
    const epoch = this.#epochs.raise();
    this.#retired += 1;
    const attempt = (): void => {
      if (this.#isClosed) return;
      if (!this.#epochs.isPast(epoch)) {
        clock.after(retireCheckMs, attempt);
        return;
      }
      const removal = remove().finally(() => {
        this.#removals.delete(removal);
        this.#retired -= 1;
        this.onRemoved?.();
      });
      this.#removals.add(removal);
    };
    attempt();
  }

  /** Files that are no part of the tape any more, and still there. */
  get retired(): number {
    return this.#retired;
  }

  /** Resolves when no removal is under way; those that wait for a reader are not. */
  async removals(): Promise<void> {
    while (this.#removals.size > 0) await Promise.all(this.#removals);
  }

  async #removePart(part: Part): Promise<void> {
    const { directory, shard } = this.#parts;
    await part.log.close();
    const path = join(directory, partFile(shard, part.number));
    removeEnvironment(path);
    flush(dirname(path));
    part.index.reset();
    this.recent.end(part.recent);
    this.#freeSlots.push(part.slot);
  }

  async #removeSegment({ entry, segment }: OpenSegment): Promise<void> {
    const { directory, shard } = this.#parts;
    await segment.close();
    const path = join(directory, segmentPath(shard, entry.file));
    removeEnvironment(path);
    flush(dirname(path));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.removals();
    for (const part of [...this.#closed, this.#open]) await part.log.close();
    for (const { segment } of this.#segments) await segment.close();
  }
}
