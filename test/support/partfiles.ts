/** Parts of a few events, and the files that come of them. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { PartLimits } from '../../src/config.ts';
import { parseShardFile, partIndexGeneration } from '../../src/tape/layout.ts';
import { temporaryDirectory } from './server.ts';
import { ManualClock, ShardKit } from './shardkit.ts';

export const nowMs = 1_790_000_000_000;
/** Parts of ten events. */
export const small: PartLimits = { events: 10, bytes: 2 ** 30, ageMs: 2 ** 40 };

/** A directory of its own, gone after the test. */
export function place(t: TestContext): string {
  const directory = temporaryDirectory();
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function openKit(directory: string, limits = small): ShardKit {
  return new ShardKit({ directory, shards: 1, clock: new ManualClock(nowMs), limits });
}

export function event(n: number, more: object = {}): object {
  return { id: `e${n}`, customer: 'ann', type: 'Click', time: nowMs - 1e6 + n * 1000, ...more };
}

/** Stores so many parts of ten events each and lets all of the background work happen. */
export async function storeParts(kit: ShardKit, parts: number, from = 0): Promise<void> {
  for (let part = 0; part < parts; part++) {
    await kit.store(Array.from({ length: 10 }, (_, n) => event(from + part * 10 + n)));
    await kit.store([event(10_000 + from + part)]);
    await kit.settle();
  }
}

export type Kind = 'part' | 'index' | 'segment';

function kindOf(name: string): Kind | undefined {
  const file = parseShardFile(name);
  if (file?.kind !== 'segment') return file?.kind === 'part' ? 'part' : undefined;
  return file.generation === partIndexGeneration ? 'index' : 'segment';
}

/** Indexes of parts and sealed segments have names of one kind; they differ in their generation. */
export function files(directory: string, kind: Kind): string[] {
  return readdirSync(join(directory, 'shard-0'))
    .filter((name) => kindOf(name) === kind)
    .sort();
}
