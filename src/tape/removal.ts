/**
 * What the files of a shard hold that is gone by the rules in force: which of them have to be written
 * anew without it, and what the makers of segments are told to leave out. Thread: the shard's own.
 */
import type { Clock } from '../std/clock.ts';
import { inQuarantine, type RulesReader } from './gone.ts';
import type { Part } from './hotpart.ts';
import type { Cut, ErasedCustomer, JobRules } from './job.ts';
import type { OpenSegment, Parts } from './parts.ts';
import { cutsInto, cutsOf, droppedWith, verdictOn } from './retention.ts';
import { ownerOf, shardOf } from './route.ts';

/** How often it is looked what is past its retention. */
const judgeMs = 10_000;

export interface RemovalParts {
  readonly number: number;
  readonly shards: number;
  readonly hashSeed: number;
  readonly parts: Parts;
  readonly rules: RulesReader;
  readonly clock: Clock;
}

export class Removal {
  readonly #parts: RemovalParts;
  /** Segments that hold nothing of what is gone by the rules of that version. */
  readonly #cleanFor = new WeakMap<OpenSegment, number>();
  /** Of the rules of `#version`: those that concern this shard. */
  #erased: readonly ErasedCustomer[] = [];
  #living: ReadonlySet<number> = new Set();
  #version = -1;
  /** How many segments there were when retention was looked at, and when it will be again. */
  #judged = 0;
  #judgeAt = 0;

  constructor(parts: RemovalParts) {
    this.#parts = parts;
  }

  /** Follows the rules; their version. */
  refresh(): number {
    const { number, rules, shards } = this.#parts;
    rules.refresh();
    const { erased, version, workspaces } = rules.rules;
    if (version !== this.#version) {
      this.#erased = erased.filter(({ customerHash }) => shardOf(customerHash, shards) === number);
      this.#living = new Set(workspaces);
      this.#version = version;
    }
    return version;
  }

  /** What the makers of a segment are to leave out; undefined: nothing, which costs nothing. */
  rulesForSegments(segments: readonly OpenSegment[]): JobRules | undefined {
    const hasDeleted = segments.some((segment) => this.#hasDeleted(segment));
    const erased = this.#erased.filter((each) => segments.some((one) => this.#mayBeIn(one, each)));
    const summaries = segments.map(({ segment }) => segment.summary);
    return this.#rulesFor(erased, hasDeleted, cutsInto(this.#cuts(), summaries));
  }

  #rulesFor(
    erased: readonly ErasedCustomer[],
    hasDeleted: boolean,
    cuts: readonly Cut[],
  ): JobRules | undefined {
    if (erased.length + cuts.length === 0 && !hasDeleted) return undefined;
    const { hashSeed: seed, rules } = this.#parts;
    const { workspaceNext: next, workspaces: living } = rules.rules;
    return { seed, erased, cuts, workspaces: hasDeleted ? { living, next } : undefined };
  }

  /** What is past its retention now. */
  #cuts(): readonly Cut[] {
    const { clock, parts, rules, shards } = this.#parts;
    const { retention } = rules.rules;
    if (retention.length === 0) return [];
    const summaries = parts.segments.map(({ segment }) => segment.summary);
    return cutsOf(retention, summaries, shards, clock.now());
  }

  /** Drops the segments of which nothing may be kept; a segment of which much may not be. @param isFree not being rewritten. */
  expire(isFree: (segment: OpenSegment) => boolean): OpenSegment | undefined {
    const { clock, parts, rules } = this.#parts;
    const isDue = parts.segments.length !== this.#judged || clock.monotonicMs() >= this.#judgeAt;
    if (rules.rules.retention.length === 0 || !isDue) return undefined;
    const cuts = this.#cuts();
    const verdicts = parts.segments.filter(isFree).map((segment) => {
      return { segment, verdict: verdictOn(segment.segment.summary, cuts) };
    });
    for (const { segment, verdict } of verdicts) {
      if (verdict === 'drop') parts.drop(segment, droppedWith(segment.segment.summary));
    }
    const rewritten = verdicts.find(({ verdict }) => verdict === 'rewrite');
    if (rewritten !== undefined) return rewritten.segment;
    this.#judged = parts.segments.length;
    this.#judgeAt = clock.monotonicMs() + judgeMs;
    return undefined;
  }

  /** Whether a part may hold something that is erased or of a deleted workspace. */
  isInPart(part: Part): boolean {
    if (part.last === 0) return false;
    if (part.first <= this.#parts.rules.rules.deletedUpTo) return true;
    return this.#erased.some((each) => this.#isErasedIn(part, each));
  }

  /** Segments that may hold something that is erased or of a deleted workspace. */
  segmentsLeft(): readonly OpenSegment[] {
    return this.#parts.parts.segments.filter((segment) => {
      if (this.#cleanFor.get(segment) === this.#version) return false;
      const isLeft = this.#isInSegment(segment);
      if (!isLeft) this.#cleanFor.set(segment, this.#version);
      return isLeft;
    });
  }

  /** A segment was made by the rules of that version. */
  noteClean(segment: OpenSegment, version: number): void {
    this.#cleanFor.set(segment, version);
  }

  #isInSegment(segment: OpenSegment): boolean {
    return this.#erased.some((each) => this.#mayBeIn(segment, each)) || this.#hasDeleted(segment);
  }

  #hasDeleted({ segment }: OpenSegment): boolean {
    const { workspaceNext } = this.#parts.rules.rules;
    return segment.summary.workspaces.some(({ workspace }) => {
      const owner = ownerOf(workspace);
      return owner < workspaceNext && !this.#living.has(owner);
    });
  }

  #isErasedIn({ index }: Part, erased: ErasedCustomer): boolean {
    return this.#hashesOf(erased).some((hash) => index.firstStampOf(hash) <= erased.upTo);
  }

  /** Another customer with the same hash, or the same one's later events, make it true too. */
  #mayBeIn({ entry, segment }: OpenSegment, erased: ErasedCustomer): boolean {
    if (erased.upTo < entry.first) return false;
    return this.#hashesOf(erased).some((hash) => segment.latest(hash) !== Number.NEGATIVE_INFINITY);
  }

  /** Where a customer's events may be: on the tape and in quarantine. */
  #hashesOf(erased: ErasedCustomer): readonly number[] {
    const { hashSeed } = this.#parts;
    return [erased.customerHash, inQuarantine(hashSeed, erased).customerHash];
  }
}
