/** Entry of a pool thread: seals parts and merges segments. Stateless. */
import { setPriority } from 'node:os';
import type { SegmentFacts } from '../tape/job.ts';
import { perform } from '../tape/perform.ts';
import type { UpkeepJob } from '../tape/upkeep.ts';

/** Linux gives each thread a niceness of its own: work that can wait takes what others leave. */
const patient = 15;

export function run(upkeep: UpkeepJob): SegmentFacts | undefined {
  setPriority(upkeep.urgent ? 0 : patient);
  return perform(upkeep);
}
