/**
 * What the files of a shard hold that is gone by the rules in force: which of them have to be written
 * anew without it, and what the makers of segments are told to leave out. Thread: the shard's own.
 */
import type { RulesReader } from './gone.ts';
import type { ErasedCustomer, JobRules } from './job.ts';
import type { OpenSegment, Part, Parts } from './parts.ts';
import { shardOf } from './route.ts';

export interface RemovalParts {
  readonly number: number;
  readonly shards: number;
  readonly hashSeed: number;
  readonly parts: Parts;
  readonly rules: RulesReader;
}

export class Removal {
  readonly #parts: RemovalParts;
  /** Segments that hold nothing of what is gone by the rules of that version. */
  readonly #cleanFor = new WeakMap<OpenSegment, number>();
  /** Of the rules of `#version`: those that concern this shard. */
  #erased: readonly ErasedCustomer[] = [];
  #living: ReadonlySet<number> = new Set();
  #version = -1;

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

  /** What the makers of a segment are to leave out; undefined: nothing. */
  rulesForParts(parts: readonly Part[]): JobRules | undefined {
    const { deletedUpTo } = this.#parts.rules.rules;
    const hasDeleted = parts.some(({ first }) => first <= deletedUpTo);
    return this.#rulesFor(parts[0]!.first, hasDeleted);
  }

  rulesForSegments(segments: readonly OpenSegment[]): JobRules | undefined {
    const hasDeleted = segments.some((segment) => this.#hasDeleted(segment));
    return this.#rulesFor(segments[0]!.entry.first, hasDeleted);
  }

  #rulesFor(first: number, hasDeleted: boolean): JobRules | undefined {
    const { hashSeed, rules } = this.#parts;
    const erased = this.#erased.filter(({ upTo }) => upTo >= first);
    if (erased.length === 0 && !hasDeleted) return undefined;
    const { workspaceNext: next, workspaces: living } = rules.rules;
    return { seed: hashSeed, erased, workspaces: hasDeleted ? { living, next } : undefined };
  }

  /** Whether a part may hold something that is gone. */
  isInPart({ first, index }: Part): boolean {
    if (first === 0) return false;
    if (first <= this.#parts.rules.rules.deletedUpTo) return true;
    return this.#erased.some(({ customerHash, upTo }) => index.firstStampOf(customerHash) <= upTo);
  }

  /** Segments that may hold something that is gone. */
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
    const { first } = segment.entry;
    const isHeld = ({ customerHash, upTo }: ErasedCustomer): boolean =>
      upTo >= first && segment.segment.latest(customerHash) !== Number.NEGATIVE_INFINITY;
    return this.#erased.some(isHeld) || this.#hasDeleted(segment);
  }

  #hasDeleted({ segment }: OpenSegment): boolean {
    const { workspaceNext } = this.#parts.rules.rules;
    return segment.summary.workspaces.some(
      ({ workspace }) => workspace < workspaceNext && !this.#living.has(workspace),
    );
  }
}
