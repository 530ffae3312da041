/**
 * Opening a shard: what its directory holds is put in order, and the parts of the hot log that have no
 * index of their own are read and indexed again. Segments bring theirs. Thread: the shard's own.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PartLimits } from '../config.ts';
import { assert } from '../std/assert.ts';
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import type { Log } from '../std/log.ts';
import type { Metrics } from '../std/metrics.ts';
import { makeDirectory, removeEnvironment } from '../store/environment.ts';
import type { LogFaults } from '../store/log.ts';
import type { Block } from './block.ts';
import { RulesReader } from './gone.ts';
import type { IndexWriter } from './index.ts';
import { indexLog } from './indexlog.ts';
import { parseShardFile, partIndexGeneration, partName, row, shardDirectory } from './layout.ts';
import { type OpenSegment, type Part, Parts } from './parts.ts';
import type { RecentIds } from './recentids.ts';
import { Removal } from './removal.ts';
import { salvageStamps } from './salvage.ts';
import { Segment } from './segment.ts';
import { Shard, type ShardParts } from './shard.ts';
import { Stamps } from './stamps.ts';
import type { TapeMemory } from './tape.ts';
import { type StampRange, Upkeep, type UpkeepParts, type Work } from './upkeep.ts';

/** No part spans as many stamps, those of all shards while it is written. */
const partStampsMax = 2 ** 30;

export interface OpenShardParts {
  readonly number: number;
  readonly memory: TapeMemory;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly limits: PartLimits;
  /** Where parts are sealed and segments merged. */
  readonly work: Work;
  /** Absent: never. */
  readonly isBusy?: UpkeepParts['isBusy'];
  readonly faults?: LogFaults;
  readonly onWritable?: ShardParts['onWritable'];
  readonly onPublished?: ShardParts['onPublished'];
  /** Called as a sweep goes on: files still to be written anew. */
  readonly onSweeping?: UpkeepParts['onSweeping'];
  /** Called after each part that has been indexed again. */
  readonly onProgress?: (events: number, partsLeft: number) => void;
}

export interface OpenedShard {
  readonly shard: Shard;
  readonly parts: Parts;
  readonly upkeep: Upkeep;
  /** Found on the tape. */
  readonly events: number;
  close(): Promise<void>;
}

export function openShard(open: OpenShardParts): OpenedShard {
  const { clock, faults, limits, log, memory, metrics, number, work } = open;
  const directory = join(memory.directory, shardDirectory(number));
  makeDirectory(directory);
  const parts = new Parts({
    shard: number,
    directory: memory.directory,
    memory: memory.shards[number]!,
    epochs: memory.epochs,
    clock,
    metrics,
    limits,
    faults,
  });
  const { last, segments, unreadable } = openSegments(directory, open);
  const found = openParts(directory, { segments, unreadable }, parts, open);
  parts.begin(found, segments);
  const stamps = new Stamps(memory.stamps);
  stamps.raise(Math.max(last, parts.lastStamp));
  const { onPublished, onSweeping, onWritable } = open;
  const { directory: root, hashSeed, shards } = memory;
  const rules = new RulesReader(memory);
  const count = shards.length;
  const removal = new Removal({ number, shards: count, hashSeed, parts, rules, clock });
  let upkeep: Upkeep | undefined;
  const shard = new Shard({
    number,
    parts,
    stamps,
    rules,
    clock,
    metrics,
    onSealable: () => upkeep?.look(),
    ...(onWritable === undefined ? {} : { onWritable }),
    ...(onPublished === undefined ? {} : { onPublished }),
  });
  const isBusy = open.isBusy ?? (() => false);
  const place = { number, directory: root, parts, shard, removal, clock, log, work };
  const more = { isBusy, unreadable, ...(onSweeping === undefined ? {} : { onSweeping }) };
  upkeep = new Upkeep({ ...place, ...more });
  const sealed = segments.reduce((sum, { entry }) => sum + entry.events, 0);
  const hot = found.reduce((sum, { index }) => sum + index.entryCount, 0);
  return {
    shard,
    parts,
    upkeep,
    events: sealed + hot,
    async close() {
      upkeep.close();
      await shard.close();
      await parts.close();
    },
  };
}

interface FoundSegments {
  readonly segments: OpenSegment[];
  /** There, but damaged: nothing may take their place, for they may be restored from a copy. */
  readonly unreadable: StampRange[];
  /** The greatest stamp that any of them stands for. */
  readonly last: number;
}

/** The segments that count; what a crash left behind and what a newer one replaces is removed. */
function openSegments(directory: string, open: OpenShardParts): FoundSegments {
  const segments: OpenSegment[] = [];
  const unreadable: StampRange[] = [];
  const candidates = readdirSync(directory).flatMap((name) => {
    const file = parseShardFile(name);
    if (file?.kind === 'temporary') removeEnvironment(join(directory, name));
    return file?.kind === 'segment' ? [{ name, ...file }] : [];
  });
  candidates.sort((a, b) => b.generation - a.generation);
  for (const { first, generation, last, name } of candidates) {
    const isReplaced = segments.some(({ entry }) => first <= entry.last && entry.first <= last);
    const opened = isReplaced ? undefined : openSegment(directory, name, open);
    const isIndex = generation === partIndexGeneration;
    if (opened !== undefined) segments.push(opened);
    // An index is made again of its part, if that is there.
    else if (isReplaced || isIndex) removeEnvironment(join(directory, name));
    else unreadable.push({ first, last });
  }
  segments.sort((a, b) => a.entry.first - b.entry.first);
  return { segments, unreadable, last: Math.max(0, ...candidates.map((each) => each.last)) };
}

/**
 * Undefined when it is damaged: then what it replaced, if that is still there, counts again.
 * @throws what else keeps it from being opened: to start without it would be to hide events.
 */
function openSegment(
  directory: string,
  name: string,
  open: OpenShardParts,
): OpenSegment | undefined {
  try {
    const segment = Segment.open(join(directory, name), open.metrics, true);
    const { events, first, last, timeMax, timeMin } = segment.summary;
    return { segment, entry: { file: name, first, last, events, timeMin, timeMax } };
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'invalid') throw error;
    open.metrics.add('segments_damaged_total', 1);
    const { message } = error;
    open.log.error('a segment cannot be read', { shard: open.number, file: name, message });
    return undefined;
  }
}

/** Opens and indexes the parts that have no index of their own, oldest first. What cannot be opened stays where it is. */
function openParts(
  directory: string,
  { segments, unreadable }: Pick<FoundSegments, 'segments' | 'unreadable'>,
  parts: Parts,
  open: OpenShardParts,
): Part[] {
  const indexed = new Set(segments.map(({ segment }) => segment.part));
  const newestIndexed = Math.max(0, ...segments.map(({ segment }) => segment.part ?? 0));
  const numbers = readdirSync(directory).flatMap((name) => {
    const file = parseShardFile(name);
    return file?.kind === 'part' && !indexed.has(file.number) ? [file.number] : [];
  });
  numbers.sort((a, b) => a - b);
  const found: Part[] = [];
  for (const [i, number] of numbers.entries()) {
    const part = openPart(directory, number, parts, open);
    if (part === undefined) {
      const stamps = salvageStamps(join(directory, partName(number)));
      const left = stamps?.first ?? 0;
      if (segments.some(({ entry }) => entry.first <= left && left <= entry.last)) {
        // A segment has taken its place already.
        removeEnvironment(join(directory, partName(number)));
        continue;
      }
      // Where it was cut it does not tell: then nothing is merged, for it might be across it.
      unreadable.push(stamps ?? { first: 0, last: Number.POSITIVE_INFINITY });
      const isNewest = number === numbers.at(-1) && number > newestIndexed;
      // What is written from now on is younger than all that it may hold.
      const known = [...segments.map(({ entry }) => entry.last), ...found.map(({ last }) => last)];
      const last = Math.max(0, ...known, stamps?.last ?? 0) + partStampsMax;
      parts.leave(number, isNewest ? last : 0);
      if (isNewest) found.push(newPart(parts));
      continue;
    }
    indexPart(part, parts, open);
    const isSealed = segments.some(
      ({ entry }) => part.first !== 0 && entry.first <= part.first && part.last <= entry.last,
    );
    const isOlder = number < newestIndexed;
    const isLast = i === numbers.length - 1 && !isOlder;
    const again = isOlder && !isSealed ? indexAgain(directory, part, open) : undefined;
    open.onProgress?.(part.index.entryCount, numbers.length - i - 1);
    if (again !== undefined) {
      segments.push(again);
      parts.release(part);
    } else if (isSealed || isOlder || (part.first === 0 && !isLast)) parts.discard(part);
    else found.push(part);
  }
  segments.sort((a, b) => a.entry.first - b.entry.first);
  return found;
}

/** Undefined when it is damaged. */
function openPart(
  directory: string,
  number: number,
  parts: Parts,
  open: OpenShardParts,
): Part | undefined {
  try {
    return newPart(parts, number);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'invalid') throw error;
    open.metrics.add('parts_damaged_total', 1);
    const { message } = error;
    const file = join(directory, partName(number));
    open.log.error('a part cannot be read', { shard: open.number, file, message });
    return undefined;
  }
}

/** @param number of one that is there; absent: the next. */
function newPart(parts: Parts, number?: number): Part {
  const part = parts.openPart(number);
  assert(part !== undefined, 'there are as many slots as there can be parts');
  return part;
}

/** The index of a part among others that have theirs was damaged. Undefined: there is no event in it. */
function indexAgain(directory: string, part: Part, open: OpenShardParts): OpenSegment | undefined {
  const { memory, number: shard } = open;
  const { first, index, last, number } = part;
  const place = { directory: memory.directory, shard, part: number, eventsMax: index.entryCount };
  const facts = indexLog({ ...place, first, last, generation: partIndexGeneration });
  return facts && openSegment(directory, facts.file, open);
}

function indexPart(part: Part, { recent }: Parts, open: OpenShardParts): void {
  const { clock, log, number } = open;
  const { index } = part;
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
      if (part.first === 0) part.first = damaged;
      part.last = damaged;
      log.error('a block is damaged and its events cannot be read', { shard: number, damaged });
    },
  );
  index.publish(index.entryCount, index.blockCount);
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
