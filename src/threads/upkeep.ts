/** Entry of a pool thread: indexes and seals parts, merges segments. Stateless. */
import { setPriority } from 'node:os';
import { workerData } from 'node:worker_threads';
import { heed } from '../store/halt.ts';
import type { SegmentFacts } from '../tape/job.ts';
import { perform } from '../tape/perform.ts';
import type { UpkeepJob } from '../tape/upkeep.ts';

heed(workerData as SharedArrayBuffer);

/** Linux gives each thread a niceness of its own: work that can wait takes what others leave. */
const patient = 15;

export function run(upkeep: UpkeepJob): SegmentFacts | undefined {
  // Never back: that takes privileges. What is indexed runs in threads of its own, as fast as it can.
  if (upkeep.kind !== 'index') setPriority(patient);
  return perform(upkeep);
}
