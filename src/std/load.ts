/** How busy this thread is. */
import { type EventLoopUtilization, performance } from 'node:perf_hooks';

/** Long enough to mean something. */
const windowMsMin = 200;

/**
 * Whether the thread's loop had something to do for more than `share` of the time since it was asked
 * before; asked again within 200 ms, the answer is the same.
 */
export function openLoad(share: number): () => boolean {
  let since: EventLoopUtilization = performance.eventLoopUtilization();
  let isBusy = false;
  return () => {
    const used = performance.eventLoopUtilization(since);
    if (used.active + used.idle < windowMsMin) return isBusy;
    since = performance.eventLoopUtilization();
    isBusy = used.utilization > share;
    return isBusy;
  };
}
