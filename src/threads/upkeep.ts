/** Entry of a pool thread: seals parts and merges segments. Stateless. */
import { setPriority } from 'node:os';
import { unreachable } from '../std/assert.ts';
import type { SegmentFacts } from '../tape/job.ts';
import { merge } from '../tape/merge.ts';
import { seal } from '../tape/seal.ts';
import type { UpkeepJob } from '../tape/upkeep.ts';

/** Linux gives each thread a niceness of its own: work that can wait takes what others leave. */
const patient = 15;

export function run({ job, kind, urgent }: UpkeepJob): SegmentFacts | undefined {
  setPriority(urgent ? 0 : patient);
  switch (kind) {
    case 'seal':
      return seal(job);
    case 'merge':
      return merge(job);
    default:
      return unreachable(kind);
  }
}
