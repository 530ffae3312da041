/**
 * The background work of one shard, one job at a time: full parts are sealed, small segments merged,
 * and in a sweep everything that holds what is gone is written anew without it. The work itself runs elsewhere (`Work`); here is only what to do next, and putting the result in the
 * place of what it replaces. Thread: the shard's own.
 */
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import type { Log } from '../std/log.ts';
import type { SegmentEntry } from './catalogue.ts';
import type { MergeJob, SealJob, SegmentFacts, SegmentJob } from './job.ts';
import type { Made, OpenSegment, Part, Parts } from './parts.ts';
import type { Removal } from './removal.ts';
import type { Shard } from './shard.ts';

/** A job as it crosses threads. `urgent`: the shard is running out of room for what is not sealed. */
export type UpkeepJob =
  | { readonly kind: 'seal'; readonly job: SealJob; readonly urgent: boolean }
  | { readonly kind: 'merge'; readonly job: MergeJob; readonly urgent: boolean };

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
/** While a shard is busy its full parts wait, as many as this; then sealing takes what it needs. */
const waitingPartsMax = 24;
/** Nor do they wait longer: how busy a thread is can be misjudged (a profiler makes it look busy always). */
const waitingMsMax = 90_000;
/** How often a quiet shard looks whether its part has come of age. */
const lookMs = 1000;
const retryMs = 5000;

export class Upkeep {
  readonly #parts: UpkeepParts;
  readonly #stopLooking: () => void;
  #working: Promise<void> | undefined;
  /** A job has failed; the next attempt is on its way. */
  #isPausing = false;
  #isClosed = false;
  readonly #unmergeable = new WeakSet<OpenSegment>();
  /** Who waits for a sweep. */
  #sweeps: ((version: number) => void)[] = [];
  /** The last job of a sweep was a seal: what is to be written anew has its turn. */
  #hasSealed = false;

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
    parts.parts.onRemoved = () => this.look();
    this.#stopLooking = parts.clock.every(lookMs, () => this.look());
  }

  /** Starts what is due, if nothing is under way. */
  look(): void {
    if (this.#isClosed) return;
    this.#endSweeps();
    if (this.#working !== undefined || this.#isPausing || this.#isClosed) return;
    try {
      this.#start();
    } catch (error) {
      // No room: it will come. Anything else is not ours to survive.
      if (!(error instanceof AppError)) throw error;
      this.#fail(error);
    }
  }

  #start(): void {
    this.#rotate();
    const run = this.#next();
    if (this.#sweeps.length > 0) this.#parts.onSweeping?.(this.filesLeft());
    if (run === undefined) this.#endSweeps();
    else {
      this.#working = run()
        .then(() => this.#done())
        .catch((error: unknown) => this.#fail(error));
    }
  }

  #fail(error: unknown): void {
    this.#parts.log.error('sealing, merging or dropping failed; it will be tried again', {
      shard: this.#parts.number,
      message: error instanceof Error ? error.message : String(error),
    });
    this.#pause();
  }

  #done(): void {
    this.#working = undefined;
    this.look();
  }

  #pause(): void {
    this.#isPausing = true;
    this.#working = undefined;
    this.#parts.clock.after(retryMs, () => {
      this.#isPausing = false;
      this.look();
    });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
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

  #next(): (() => Promise<void>) | undefined {
    const { isBusy, parts, removal, shard } = this.#parts;
    const isSweeping = this.#sweeps.length > 0;
    // What is dropped as a whole costs next to nothing, also while the shard is busy.
    const expired = removal.expire();
    if (!isSweeping && this.#mayWait() && isBusy()) return undefined;
    const held = isSweeping ? removal.segmentsLeft()[0] : undefined;
    const sealable = shard.sealable();
    const isTurnOfHeld = held !== undefined && (this.#hasSealed || sealable.length === 0);
    this.#hasSealed = !isTurnOfHeld;
    if (isTurnOfHeld) return () => this.#merge([held]);
    if (sealable.length > 0) return () => this.#seal(firstFew(sealable));
    if (expired !== undefined) return () => this.#merge([expired]);
    if (isSweeping) return undefined;
    const mergeable = runToMerge(parts.segments, (a, b) => this.#areNeighbours(a, b));
    if (mergeable !== undefined) return () => this.#merge(mergeable);
    return undefined;
  }

  /** Whether there is room and time for full parts to wait. */
  #mayWait(): boolean {
    const { clock, parts } = this.#parts;
    const oldest = parts.closed[0];
    const waitedMs = oldest === undefined ? 0 : clock.monotonicMs() - oldest.closedMs;
    return parts.closed.length <= waitingPartsMax && waitedMs < waitingMsMax;
  }

  async #seal(sealed: readonly Part[]): Promise<void> {
    const { directory, number, parts, removal, work } = this.#parts;
    const version = removal.refresh();
    const job: SealJob = {
      directory,
      shard: number,
      parts: sealed.map((part) => part.number),
      first: sealed[0]!.first,
      last: lastOf(sealed),
      generation: 1,
      rules: removal.rulesForParts(sealed),
    };
    const facts = await work({ kind: 'seal', job, urgent: parts.closed.length > waitingPartsMax });
    if (this.#isClosed) return;
    const events = sealed.reduce((sum, part) => sum + part.index.entryCount, 0);
    if (facts === undefined && job.rules === undefined && events > 0) {
      throw new Error(`${events} events were not found in the parts that hold them`);
    }
    const segment = parts.sealed(sealed, madeBy(job, facts));
    if (segment !== undefined) removal.noteClean(segment, version);
  }

  /** Makes one segment of several, or of one without what is gone. */
  async #merge(merged: readonly OpenSegment[]): Promise<void> {
    try {
      await this.#mergeAll(merged);
    } catch (error) {
      // It would fail again, for something in there is damaged; the others need not wait for that.
      if (merged.length > 1) for (const segment of merged) this.#unmergeable.add(segment);
      throw error;
    }
  }

  /** Nothing that cannot be read lies between them, and neither has failed to merge. */
  #areNeighbours(a: OpenSegment, b: OpenSegment): boolean {
    if (this.#unmergeable.has(a) || this.#unmergeable.has(b)) return false;
    return !this.#parts.unreadable.some(
      ({ first, last }) => last > a.entry.last && first < b.entry.first,
    );
  }

  async #mergeAll(merged: readonly OpenSegment[]): Promise<void> {
    const { directory, number, parts, removal, work } = this.#parts;
    const version = removal.refresh();
    const job: MergeJob = {
      directory,
      shard: number,
      segments: merged.map(({ entry }) => entry.file),
      first: merged[0]!.entry.first,
      last: merged.at(-1)!.entry.last,
      generation: Math.max(...merged.map(({ segment }) => segment.summary.generation)) + 1,
      rules: removal.rulesForSegments(merged),
    };
    const facts = await work({ kind: 'merge', job, urgent: false });
    if (this.#isClosed) return;
    const segment = parts.merged(merged, madeBy(job, facts));
    if (segment !== undefined) removal.noteClean(segment, version);
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

/** A part whose commits all failed has no stamp of its own. */
function lastOf(parts: readonly Part[]): number {
  return Math.max(...parts.map(({ last }) => last));
}

/** As many as fit the memory of one job; at least one. */
function firstFew(parts: readonly Part[]): readonly Part[] {
  let events = 0;
  const fits = parts.findIndex((part, i) => {
    events += part.index.entryCount;
    return i > 0 && events > sealedEventsMax;
  });
  return fits === -1 ? parts : parts.slice(0, fits);
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
