/** Carries a job of the upkeep out, on whatever thread calls it. Synchronous. */
import { unreachable } from '../std/assert.ts';
import { goneBy } from './gone.ts';
import { indexLog } from './indexlog.ts';
import type { SegmentFacts } from './job.ts';
import { merge } from './merge.ts';
import { seal } from './seal.ts';
import type { UpkeepJob } from './upkeep.ts';

export function perform(upkeep: UpkeepJob): SegmentFacts | undefined {
  const { rules } = upkeep.job;
  const gone = rules === undefined ? {} : goneBy(rules);
  switch (upkeep.kind) {
    case 'index':
      return indexLog(upkeep.job);
    case 'seal':
      return seal({ ...upkeep.job, ...gone });
    case 'merge':
      return merge({ ...upkeep.job, ...gone });
    default:
      return unreachable(upkeep);
  }
}
