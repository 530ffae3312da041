/**
 * Opening the parts of a hot log that have no index of their own: each is read and indexed again, oldest first. What
 * is damaged stays where it is, and the shard goes on behind it. Thread: the shard's own.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../std/assert.ts';
import { AppError } from '../std/errors.ts';
import { removeEnvironment } from '../store/environment.ts';
import type { Block } from './block.ts';
import { type Part, partStampsMax } from './hotpart.ts';
import type { IndexWriter } from './index.ts';
import { indexLog } from './indexlog.ts';
import { parseShardFile, partIndexGeneration, partName, row, shardDirectory } from './layout.ts';
import { type FoundSegments, type Opening, openSegment } from './opensegments.ts';
import type { OpenSegment, Parts } from './parts.ts';
import type { RecentIds } from './recentids.ts';
import { salvageStamps } from './salvage.ts';
import { PartDamaged } from './segment.ts';
import type { StampRange } from './upkeep.ts';

type Found = Omit<FoundSegments, 'last'>;

/** @returns the parts that stay, oldest first; the last one goes on being written. What has been found of segments is added to. */
export function openParts(directory: string, found: Found, parts: Parts, open: Opening): Part[] {
  return new PartsOpening(directory, found, parts, open).run();
}

class PartsOpening {
  readonly #directory: string;
  readonly #found: Found;
  readonly #parts: Parts;
  readonly #open: Opening;
  readonly #stay: Part[] = [];
  /** Damaged, without an index. */
  readonly #left: { readonly number: number; readonly stamps: StampRange | undefined }[] = [];
  /** Of parts that have an index. */
  readonly #newestIndexed: number;

  constructor(directory: string, found: Found, parts: Parts, open: Opening) {
    this.#directory = directory;
    this.#found = found;
    this.#parts = parts;
    this.#open = open;
    this.#newestIndexed = Math.max(0, ...found.segments.map(({ segment }) => segment.part ?? 0));
  }

  run(): Part[] {
    const { damagedParts, segments } = this.#found;
    const indexed = new Set([...damagedParts, ...segments.map(({ segment }) => segment.part)]);
    const numbers = readdirSync(this.#directory).flatMap((name) => {
      const file = parseShardFile(name);
      return file?.kind === 'part' && !indexed.has(file.number) ? [file.number] : [];
    });
    numbers.sort((a, b) => a - b);
    for (const [i, number] of numbers.entries()) {
      const part = this.#openPart(number);
      if (part === undefined) this.#salvage(number);
      else this.#take(part, numbers.length - i - 1);
    }
    segments.sort((a, b) => a.entry.first - b.entry.first);
    this.#leave();
    return this.#stay;
  }

  /** Undefined when it is damaged. */
  #openPart(number: number): Part | undefined {
    const { log, metrics, number: shard } = this.#open;
    try {
      return newPart(this.#parts, number);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'invalid') throw error;
      metrics.add('parts_damaged_total', 1);
      const { message } = error;
      log.error('a part cannot be read', { shard, file: this.#pathOf(number), message });
      return undefined;
    }
  }

  #pathOf(number: number): string {
    return join(this.#directory, partName(number));
  }

  #take(part: Part, partsLeft: number): void {
    const { segments } = this.#found;
    this.#index(part);
    const isSealed = segments.some(
      ({ entry }) => part.first !== 0 && entry.first <= part.first && part.last <= entry.last,
    );
    const isOlder = part.number < this.#newestIndexed;
    const isLast = partsLeft === 0 && !isOlder;
    const again = isOlder && !isSealed ? this.#indexAgain(part) : undefined;
    this.#open.onProgress?.(part.index.entryCount, partsLeft);
    if (again !== undefined) {
      segments.push(again);
      this.#parts.release(part);
    } else if (isSealed || isOlder || (part.first === 0 && !isLast)) this.#parts.discard(part);
    else this.#stay.push(part);
  }

  /** The index of a part among others that have theirs was damaged. Undefined: there is no event in it. */
  #indexAgain({ first, index, last, number }: Part): OpenSegment | undefined {
    const { memory, number: shard } = this.#open;
    const place = { directory: memory.directory, shard, part: number, eventsMax: index.entryCount };
    const facts = indexLog({ ...place, first, last, generation: partIndexGeneration });
    const again = facts && openSegment(this.#directory, facts.file, this.#open);
    return again instanceof PartDamaged ? undefined : again;
  }

  #index(part: Part): void {
    const { clock, log, number } = this.#open;
    const { index } = part;
    const { recent } = this.#parts;
    let lost = 0;
    part.log.forEach(
      (block) => {
        if (part.first === 0) {
          part.first = block.stamp;
          part.openedMs = Math.min(clock.now(), block.receivedOf(0));
        }
        indexBlock(index, recent, block);
        part.last = block.stamp;
        part.bytes += block.bytes.length;
      },
      (damaged) => {
        lost = Math.max(lost, damaged);
        log.error('a block is damaged and its events cannot be read', { shard: number, damaged });
      },
    );
    index.publish(index.entryCount, index.blockCount);
    if (lost <= part.last) return;
    // A damaged key may say any stamp: it counts as far as it can be one.
    part.last = Math.min(lost, Math.max(part.last, this.#known()) + partStampsMax);
    if (part.first === 0) part.first = part.last;
  }

  /** What can be told of a damaged part. One whose place a segment has taken already is removed. */
  #salvage(number: number): void {
    const path = this.#pathOf(number);
    const stamps = salvageStamps(path, this.#known() + partStampsMax);
    const isSealed = this.#found.segments.some(
      ({ entry }) => stamps && entry.first <= stamps.first && stamps.last <= entry.last,
    );
    if (isSealed) {
      removeEnvironment(path);
      return;
    }
    // Where it was cut it does not tell: then nothing is merged, for it might be across it.
    this.#found.unreadable.push(stamps ?? { first: 0, last: Number.POSITIVE_INFINITY });
    this.#left.push({ number, stamps });
  }

  /** The greatest stamp that any shard is known to have given out, those of parts that are not opened yet aside. */
  #known(): number {
    const { memory } = this.#open;
    const named = memory.shards.flatMap((_, shard) =>
      lastsIn(join(memory.directory, shardDirectory(shard))),
    );
    return Math.max(this.#parts.endedLast, ...named, ...this.#stay.map(({ last }) => last));
  }

  /** What is written from now on is younger than all that damaged parts may hold, and goes into a later one. */
  #leave(): void {
    const { damagedParts } = this.#found;
    for (const { number, stamps } of this.#left) {
      const last = Math.max(this.#known(), stamps?.last ?? 0) + partStampsMax;
      this.#parts.leave(number, this.#isFollowed(number, stamps) ? 0 : last);
    }
    for (const number of damagedParts) this.#parts.leave(number, 0);
    const newest = Math.max(0, ...damagedParts, ...this.#left.map(({ number }) => number));
    const open = this.#stay.at(-1);
    if (open !== undefined && open.number < newest) this.#stay.push(newPart(this.#parts));
  }

  /** Whether an event is known that is younger than all of a damaged part. */
  #isFollowed(number: number, stamps: StampRange | undefined): boolean {
    return (
      this.#stay.some((part) => part.number > number && part.first !== 0) ||
      this.#found.segments.some(({ entry, segment }) => {
        return (segment.part ?? 0) > number || (stamps !== undefined && entry.first > stamps.last);
      })
    );
  }
}

/** What the names of segments say. */
function lastsIn(directory: string): number[] {
  const names = existsSync(directory) ? readdirSync(directory) : [];
  return names.flatMap((name) => {
    const file = parseShardFile(name);
    return file?.kind === 'segment' ? [file.last] : [];
  });
}

/** @param number of one that is there; absent: the next. */
function newPart(parts: Parts, number?: number): Part {
  const part = parts.openPart(number);
  assert(part !== undefined, 'there are as many slots as there can be parts');
  return part;
}

function indexBlock(index: IndexWriter, recent: RecentIds, block: Block): void {
  assert(index.reserve(block.records), 'the index holds every event of its part');
  index.setStamp(index.openBlock(), block.stamp);
  const { view } = block;
  for (let ordinal = 0; ordinal < block.records; ordinal++) {
    const at = block.rowAt(ordinal);
    const idHash = view.getUint32(at + row.idHash, true);
    recent.add(idHash);
    index.append(
      view.getUint32(at + row.customerHash, true),
      idHash,
      view.getUint16(at + row.typeHash, true),
      view.getFloat64(at + row.time, true),
    );
  }
}
