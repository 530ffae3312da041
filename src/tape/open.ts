/**
 * Opening a shard: what its directory holds is put in order, and the parts of the hot log that have no
 * index of their own are read and indexed again. Segments bring theirs. Thread: the shard's own.
 */
import { join } from 'node:path';
import type { PartLimits } from '../config.ts';
import { makeDirectory } from '../store/environment.ts';
import type { LogFaults } from '../store/log.ts';
import { RulesReader } from './gone.ts';
import { shardDirectory } from './layout.ts';
import { openParts } from './openparts.ts';
import { type Opening, openSegments } from './opensegments.ts';
import { Parts } from './parts.ts';
import { Removal } from './removal.ts';
import { Shard, type ShardParts } from './shard.ts';
import { Stamps } from './stamps.ts';
import { Upkeep, type UpkeepParts, type Work } from './upkeep.ts';

export interface OpenShardParts extends Opening {
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
  const { last, ...there } = openSegments(directory, open);
  const { segments, unreadable } = there;
  const found = openParts(directory, there, parts, open);
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
