/** Opening a shard: its log is read from the beginning and indexed again. Thread: the shard's own. */
import { join } from 'node:path';
import { assert } from '../std/assert.ts';
import type { Clock } from '../std/clock.ts';
import type { Log } from '../std/log.ts';
import type { Metrics } from '../std/metrics.ts';
import type { LogFaults } from '../store/log.ts';
import type { Block } from './block.ts';
import { HotLog } from './hotlog.ts';
import { IndexWriter } from './index.ts';
import { hotLogFile, row } from './layout.ts';
import { Shard, type ShardParts } from './shard.ts';
import { Stamps } from './stamps.ts';
import type { TapeMemory } from './tape.ts';

export interface OpenShardParts {
  readonly number: number;
  readonly memory: TapeMemory;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly faults?: LogFaults;
  readonly onWritable?: ShardParts['onWritable'];
  readonly onPublished?: ShardParts['onPublished'];
}

export interface OpenedShard {
  readonly shard: Shard;
  readonly index: IndexWriter;
  readonly events: number;
  close(): Promise<void>;
}

export function openShard(parts: OpenShardParts): OpenedShard {
  const { clock, memory, metrics, number } = parts;
  const path = join(memory.directory, hotLogFile(number));
  const log = HotLog.openWriter(path, metrics, parts.faults);
  const index = new IndexWriter(memory.shards[number]!);
  const stamps = new Stamps(memory.stamps);
  let stamp = 0;
  log.forEach(
    (block) => {
      indexBlock(index, block);
      stamp = block.stamp;
    },
    (damaged) => {
      stamp = damaged;
      parts.log.error('a block is damaged and its events cannot be read', {
        shard: number,
        damaged,
      });
    },
  );
  index.publish(index.entryCount, index.blockCount);
  stamps.raise(stamp);
  const { onWritable, onPublished } = parts;
  const shard = new Shard({
    number,
    log,
    index,
    stamps,
    clock,
    metrics,
    ...(onWritable === undefined ? {} : { onWritable }),
    ...(onPublished === undefined ? {} : { onPublished }),
  });
  return {
    shard,
    index,
    events: index.entryCount,
    async close() {
      await shard.close();
      await log.close();
    },
  };
}

function indexBlock(index: IndexWriter, block: Block): void {
  assert(index.reserve(block.records), 'the index holds every event of its hot log');
  index.setStamp(index.openBlock(), block.stamp);
  const { view } = block;
  for (let ordinal = 0; ordinal < block.records; ordinal++) {
    const at = block.rowAt(ordinal);
    index.append(
      view.getUint32(at + row.customerHash, true),
      view.getUint32(at + row.idHash, true),
      view.getUint16(at + row.typeHash, true),
      view.getFloat64(at + row.time, true),
    );
  }
}
