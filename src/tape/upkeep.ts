/**
 * The background work of one shard. One job at a time indexes full parts as they come, which costs
 * little and frees the memory of their indexes. Others rewrite: indexed parts are sealed, small
 * segments merged, and in a sweep everything that holds what is gone is written anew without it. The
 * work itself runs elsewhere (`Work`); here is only what to do next, and putting the result in the place
 * of what it replaces. Thread: the shard's own.
 *
 *     closed part ──index──▶ part with an index ──rewrite──▶ segment ──rewrite──▶ larger segment
 */
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import type { Log } from '../std/log.ts';
import { hasRoom } from '../store/environment.ts';
import type { SegmentEntry } from './catalogue.ts';
import type { Part } from './hotpart.ts';
import type { IndexJob, MergeJob, SealJob, SegmentFacts, SegmentJob } from './job.ts';
import { partIndexGeneration } from './layout.ts';
import { isPart, type Made, type OpenSegment, type Parts } from './parts.ts';
import type { Removal } from './removal.ts';
import type { Shard } from './shard.ts';

/** A job as it crosses threads. */
export type UpkeepJob =
  | { readonly kind: 'index'; readonly job: IndexJob }
  | { readonly kind: 'seal'; readonly job: SealJob }
  | { readonly kind: 'merge'; readonly job: MergeJob };

/** Does a job on some other thread; undefined: nothing was left to keep. */
export type Work = (job: UpkeepJob) => Promise<SegmentFacts | undefined>;

export interface UpkeepParts {
  readonly number: number;
  readonly directory: string;
  readonly parts: Parts;
  readonly shard: Shard;
  readonly removal: Removal;
  readonly clock: Clock;
  readonly log: Log;
  readonly work: Work;
  /** Whether events come so fast that the processors are better left to them. */
  readonly isBusy: () => boolean;
  /** Segments that could not be opened: a merge across one would take its place. */
  readonly unreadable: readonly StampRange[];
  /** Called as a sweep goes on: files still to be written anew. */
  readonly onSweeping?: (filesLeft: number) => void;
}

export interface StampRange {
  readonly first: number;
  readonly last: number;
}

/** Neighbours that are merged into one. */
export const mergeWidth = 8;
/** A segment this large is merged no further, so that retention can drop it in reasonable steps. */
export const mergedEventsMax = 64_000_000;
/** Events of the parts that are sealed together. */
const sealedEventsMax = 4_000_000;
/** The same of what was sent in them, which is gathered in memory piece by piece, each with a pass over all of it. */
const sealedBytesMax = 2 ** 30;
/** So much is rewritten at a time while the shard is not busy. */
const rewritesMax = 2;
/**
 * While a shard is busy nothing is rewritten until so many events wait to be sealed, or so many segments to be
 * merged. Then it goes on, with what others leave of the processors. What waits takes some three times the bytes
 * that it will; a minute of a million a second is taken in before it costs the sink anything. It waits no longer
 * when the disk has less room than it takes.
 */
const waitingEventsMax = 64_000_000;
const waitingSegmentsMax = 24;
/** Nor does a part wait longer: how busy a thread is can be misjudged (a profiler makes it look busy always). */
const waitingMsMax = 90_000;
/** How often a quiet shard looks whether its part has come of age. */
const lookMs = 1000;
const retryMs = 5000;

export class Upkeep {
  readonly #parts: UpkeepParts;
  readonly #stopLooking: () => void;
  #indexing: Promise<void> | undefined;
  readonly #rewriting = new Set<Promise<void>>();
  /** What is being rewritten. */
  readonly #taken = new Set<OpenSegment>();
  /** A job has failed; the next attempt is on its way. */
  #isPausing = false;
  #isClosed = false;
  readonly #unmergeable = new WeakSet<OpenSegment>();
  /** Who waits for a sweep. */
  #sweeps: ((version: number) => void)[] = [];
  /** The last job of a sweep sealed: what is to be written anew has its turn. */
  #hasSealed = false;
  /** When it was first seen that parts wait to be sealed, on the monotonic clock. */
  #waitingSinceMs: number | undefined;

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
    parts.parts.onRemoved = () => this.look();
    this.#stopLooking = parts.clock.every(lookMs, () => this.look());
  }

  /** Starts what is due, if nothing of its kind is under way. */
  look(): void {
    if (this.#isClosed) return;
    this.#endSweeps();
    if (this.#isPausing || this.#isClosed) return;
    try {
      this.#rotate();
      this.#startIndexing();
      this.#startRewriting();
    } catch (error) {
      // No room: it will come. Anything else is not ours to survive.
      if (!(error instanceof AppError)) throw error;
      this.#fail(error);
    }
  }

  #startIndexing(): void {
    const part = this.#parts.shard.sealable()[0];
    if (this.#indexing !== undefined || part === undefined) return;
    this.#indexing = this.#index(part)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#indexing = undefined;
        this.look();
      });
  }

  #startRewriting(): void {
    while (this.#rewriting.size < rewritesMax) {
      // While the shard is busy there is no processor for a second one.
      if (this.#rewriting.size > 0 && this.#parts.isBusy()) return;
      const next = this.#nextRewrite();
      if (this.#sweeps.length > 0) this.#parts.onSweeping?.(this.filesLeft());
      if (next === undefined) {
        this.#endSweeps();
        return;
      }
      const rewriting = this.#rewrite(next)
        .catch((error: unknown) => this.#fail(error))
        .finally(() => {
          this.#rewriting.delete(rewriting);
          for (const segment of next) this.#taken.delete(segment);
          this.look();
        });
      this.#rewriting.add(rewriting);
      for (const segment of next) this.#taken.add(segment);
    }
  }

  #fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#parts.log.error('indexing, sealing, merging or dropping failed; it will be tried again', {
      shard: this.#parts.number,
      message,
    });
    if (this.#isPausing) return;
    this.#isPausing = true;
    this.#parts.clock.after(retryMs, () => {
      this.#isPausing = false;
      this.look();
    });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#indexing !== undefined || this.#rewriting.size > 0) {
      await this.#indexing;
      await Promise.all(this.#rewriting);
    }
    await this.#parts.parts.removals();
  }

  /**
   * Removes what is gone by the rules in force now, from every file. Resolves, with the version of the
   * rules, when the files that held it are removed.
   */
  sweep(): Promise<number> {
    return new Promise((done) => {
      this.#sweeps.push(done);
      this.look();
    });
  }

  /** How many files the sweep under way has still to write anew. */
  filesLeft(): number {
    const { parts, removal } = this.#parts;
    const held = [...parts.closed, parts.open].filter((part) => removal.isInPart(part));
    return held.length + removal.segmentsLeft().length;
  }

  #endSweeps(): void {
    const { parts, removal } = this.#parts;
    if (this.#sweeps.length === 0 || parts.retired > 0) return;
    // Followed first: the files are judged by this version, and only for it do we speak.
    const version = removal.refresh();
    if (this.filesLeft() > 0) return;
    for (const done of this.#sweeps.splice(0)) done(version);
  }

  /** The part being written has to end when it is full, or holds something that is to be removed. */
  #rotate(): void {
    const { parts, removal, shard } = this.#parts;
    removal.refresh();
    if (this.#sweeps.length > 0 && removal.isInPart(parts.open)) shard.rotate();
    else shard.rotateIfFull();
  }

  /** Neighbours to be made one segment, or one to be written anew. */
  #nextRewrite(): readonly OpenSegment[] | undefined {
    const { parts, removal } = this.#parts;
    const isFree = (segment: OpenSegment): boolean => !this.#taken.has(segment);
    const isSweeping = this.#sweeps.length > 0;
    // What is dropped as a whole costs next to nothing, also while the shard is busy.
    const expired = removal.expire(isFree);
    const sealable = this.#sealable();
    const held = isSweeping ? removal.segmentsLeft().find(isFree) : undefined;
    const isTurnOfHeld = held !== undefined && (this.#hasSealed || sealable.length === 0);
    this.#hasSealed = !isTurnOfHeld;
    if (isTurnOfHeld) return [held];
    if (sealable.length > 0 && (isSweeping || !this.#mayWait(sealable))) return sealable;
    if (expired !== undefined) return [expired];
    const isTime = parts.segments.length > waitingSegmentsMax || !this.#parts.isBusy();
    if (isSweeping || !isTime) return undefined;
    return runToMerge(parts.segments, (a, b) => this.#areNeighbours(a, b));
  }

  /** The oldest parts with an index that are neighbours: as many as are sealed together. */
  #sealable(): readonly OpenSegment[] {
    const { segments } = this.#parts.parts;
    const isOne = (each: OpenSegment): boolean => isPart(each) && !this.#taken.has(each);
    const from = segments.findIndex(isOne);
    const found: OpenSegment[] = [];
    let events = 0;
    let bytes = 0;
    for (const each of from === -1 ? [] : segments.slice(from)) {
      const before = found.at(-1);
      const { summary } = each.segment;
      events += summary.events;
      bytes += summary.sentBytes;
      const isMore = events > sealedEventsMax || bytes > sealedBytesMax;
      if (before !== undefined && (isMore || !this.#liesBeside(before, each))) break;
      if (!isOne(each)) break;
      found.push(each);
    }
    return found;
  }

  /** Whether the parts that wait to be sealed may go on waiting while the shard is busy. */
  #mayWait(sealable: readonly OpenSegment[]): boolean {
    const { clock, directory, isBusy, parts } = this.#parts;
    if (sealable.length === 0) this.#waitingSinceMs = undefined;
    else this.#waitingSinceMs ??= clock.monotonicMs();
    const waitedMs = clock.monotonicMs() - (this.#waitingSinceMs ?? clock.monotonicMs());
    const waiting = parts.segments.filter(isPart);
    const events = waiting.reduce((sum, { entry }) => sum + entry.events, 0);
    const bytes = waiting.reduce((sum, { segment }) => sum + segment.summary.sentBytes, 0);
    if (waitedMs >= waitingMsMax || events >= waitingEventsMax || !isBusy()) return false;
    return hasRoom(directory, 2 * bytes);
  }

  async #index(part: Part): Promise<void> {
    const { directory, number, parts, work } = this.#parts;
    const { first, index, last } = part;
    const eventsMax = index.entryCount;
    const place = { directory, shard: number, part: part.number, eventsMax };
    const job: IndexJob = { ...place, first, last, generation: partIndexGeneration };
    const facts = await work({ kind: 'index', job });
    if (this.#isClosed) return;
    if (facts === undefined && eventsMax > 0) {
      throw new Error(`${eventsMax} events were not found in the part that holds them`);
    }
    parts.indexed(part, facts && entryOf(facts));
  }

  /** Makes one segment of several segments, of several parts, or of one without what is gone. */
  async #rewrite(replaced: readonly OpenSegment[]): Promise<void> {
    const { parts, removal, work } = this.#parts;
    const version = removal.refresh();
    const job = this.#jobFor(replaced);
    try {
      const facts = await work(job);
      if (this.#isClosed) return;
      if (facts === undefined && job.job.rules === undefined) {
        throw new Error('nothing was found of what is to be rewritten');
      }
      const segment = parts.replaced(replaced, madeBy(job.job, facts));
      if (segment !== undefined) removal.noteClean(segment, version);
    } catch (error) {
      // It would fail again, for something in there is damaged; the others need not wait for that.
      const isMerged = job.kind === 'merge' && replaced.length > 1;
      if (isMerged) for (const segment of replaced) this.#unmergeable.add(segment);
      throw error;
    }
  }

  #jobFor(replaced: readonly OpenSegment[]): UpkeepJob {
    const { directory, number, removal } = this.#parts;
    const place = {
      directory,
      shard: number,
      first: replaced[0]!.entry.first,
      last: replaced.at(-1)!.entry.last,
      generation: Math.max(...replaced.map(({ segment }) => segment.summary.generation)) + 1,
      rules: removal.rulesForSegments(replaced),
    };
    if (!isPart(replaced[0]!)) {
      const segments = replaced.map(({ entry }) => entry.file);
      return { kind: 'merge', job: { ...place, segments } };
    }
    const numbers = replaced.map(({ segment }) => segment.part!);
    const events = replaced.reduce((sum, { entry }) => sum + entry.events, 0);
    return { kind: 'seal', job: { ...place, parts: numbers, events } };
  }

  /** Both are sealed, free, have not failed to merge, and nothing that cannot be read lies between them. */
  #areNeighbours(a: OpenSegment, b: OpenSegment): boolean {
    for (const each of [a, b]) {
      if (this.#unmergeable.has(each) || this.#taken.has(each) || isPart(each)) return false;
    }
    return this.#liesBeside(a, b);
  }

  #liesBeside(a: OpenSegment, b: OpenSegment): boolean {
    return !this.#parts.unreadable.some(
      ({ first, last }) => last > a.entry.last && first < b.entry.first,
    );
  }

  /** What is under way is abandoned; the next start removes what it leaves. */
  close(): void {
    this.#isClosed = true;
    this.#stopLooking();
  }
}

/** Where nothing was left to keep, all that cuts may have taken is taken for dropped. */
function madeBy({ last, rules }: SegmentJob, facts: SegmentFacts | undefined): Made {
  if (facts !== undefined) return { entry: entryOf(facts), dropped: facts.dropped };
  const cuts = rules?.cuts ?? [];
  return { entry: undefined, dropped: cuts.map(({ workspace }) => [workspace, last]) };
}

export function entryOf({
  events,
  file,
  first,
  last,
  timeMax,
  timeMin,
}: SegmentFacts): SegmentEntry {
  return { file, first, last, events, timeMin, timeMax };
}

/**
 * The oldest `mergeWidth` neighbours worth merging: none of them holds more than half of it all, so an
 * event is rewritten only for a segment at least twice as large, a few times in its life.
 */
export function runToMerge(
  segments: readonly OpenSegment[],
  areNeighbours: (a: OpenSegment, b: OpenSegment) => boolean,
): readonly OpenSegment[] | undefined {
  for (let at = 0; at + mergeWidth <= segments.length; at++) {
    const run = segments.slice(at, at + mergeWidth);
    const sizes = run.map(({ entry }) => entry.events);
    const sum = sizes.reduce((total, size) => total + size, 0);
    const isWorthIt = sum <= mergedEventsMax && Math.max(...sizes) <= sum / 2;
    if (isWorthIt && run.every((each, i) => i === 0 || areNeighbours(run[i - 1]!, each)))
      return run;
  }
  return undefined;
}
