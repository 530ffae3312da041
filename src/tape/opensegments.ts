/**
 * Opening the segments of a shard, and the indexes of parts: those that count, by their names. What is damaged is told
 * and stays where it is. Thread: the shard's own.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import type { Log } from '../std/log.ts';
import type { Metrics } from '../std/metrics.ts';
import { removeEnvironment } from '../store/environment.ts';
import { parseShardFile, partIndexGeneration } from './layout.ts';
import type { OpenSegment } from './parts.ts';
import { PartDamaged, Segment } from './segment.ts';
import type { TapeMemory } from './tape.ts';
import type { StampRange } from './upkeep.ts';

/** What a shard is opened with, as far as its files go. */
export interface Opening {
  readonly number: number;
  readonly memory: TapeMemory;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Called after each part that has been indexed again. */
  readonly onProgress?: (events: number, partsLeft: number) => void;
}

export interface FoundSegments {
  readonly segments: OpenSegment[];
  /** There, but damaged: nothing may take their place, for they may be restored from a copy. */
  readonly unreadable: StampRange[];
  /** Numbers of damaged parts whose indexes are whole: those stay, since they tell what is missing. */
  readonly damagedParts: number[];
  /** The greatest stamp that any of them stands for. */
  readonly last: number;
}

/** The segments that count; what a crash left behind and what a newer one replaces is removed. */
export function openSegments(directory: string, open: Opening): FoundSegments {
  const segments: OpenSegment[] = [];
  const unreadable: StampRange[] = [];
  const damagedParts: number[] = [];
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
    if (opened instanceof PartDamaged) {
      damagedParts.push(opened.part);
      unreadable.push({ first, last });
    } else if (opened !== undefined) segments.push(opened);
    // An index is made again of its part, if that is there.
    else if (isReplaced || isIndex) removeEnvironment(join(directory, name));
    else unreadable.push({ first, last });
  }
  segments.sort((a, b) => a.entry.first - b.entry.first);
  const last = Math.max(0, ...candidates.map((each) => each.last));
  return { segments, unreadable, damagedParts, last };
}

/**
 * Undefined when it is damaged: that is counted, and what it replaced, if that is still there, counts again.
 * @throws what else keeps it from being opened: to start without it would be to hide events.
 */
export function openSegment(
  directory: string,
  name: string,
  open: Opening,
): OpenSegment | PartDamaged | undefined {
  try {
    const segment = Segment.open(join(directory, name), open.metrics, 'found');
    const { events, first, last, timeMax, timeMin } = segment.summary;
    return { segment, entry: { file: name, first, last, events, timeMin, timeMax } };
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'invalid') throw error;
    const { message } = error;
    const isPart = error instanceof PartDamaged;
    open.metrics.add(isPart ? 'parts_damaged_total' : 'segments_damaged_total', 1);
    const what = isPart ? 'a part' : 'a segment';
    open.log.error(`${what} cannot be read`, { shard: open.number, file: name, message });
    return isPart ? error : undefined;
  }
}
