/**
 * Which events of a shard are past their retention, judged by what segments say of themselves. A
 * segment of which nothing may be kept is dropped whole; one of which half may not is written anew;
 * otherwise a workspace's shorter retention waits until the segment is rewritten for another reason.
 *
 *     by age     received before a time
 *     by bytes   the newer segments hold the workspace's share of this shard already; so at least that
 *                much is kept, and the newest segment of a workspace always
 *
 * Pure. What is in the parts is not looked at: they become segments within the hour.
 */
import type { DroppedUpTo } from './catalogue.ts';
import { type RetentionRule, receivedFrom } from './gone.ts';
import type { Cut } from './job.ts';
import type { SegmentSummary, WorkspaceSummary } from './summary.ts';

/** A segment of which this much is past its retention is written anew. */
export const rewrittenShare = 0.5;

/** @param summaries of the shard's segments, oldest first. @param shards among which bytes are shared. */
export function cutsOf(
  rules: readonly RetentionRule[],
  summaries: readonly SegmentSummary[],
  shards: number,
  nowMs: number,
): readonly Cut[] {
  return rules.map((rule): Cut => {
    const { workspace } = rule;
    const stampUpTo = rule.bytes === null ? 0 : bytesCut(workspace, rule.bytes / shards, summaries);
    return { workspace, receivedFrom: receivedFrom(rule, nowMs), stampUpTo };
  });
}

function bytesCut(workspace: number, share: number, summaries: readonly SegmentSummary[]): number {
  let newer = 0;
  for (const { workspaces } of [...summaries].reverse()) {
    const own = workspaces.find((each) => each.workspace === workspace);
    if (own === undefined) continue;
    if (newer > 0 && newer >= share) return own.lastStamp;
    newer += own.bytes;
  }
  return 0;
}

/** About which share of a workspace's events in a segment is past its retention. */
function pastShare(own: WorkspaceSummary, cut: Cut | undefined): number {
  if (cut === undefined) return 0;
  if (own.lastStamp <= cut.stampUpTo || own.receivedMax < cut.receivedFrom) return 1;
  const span = own.receivedMax - own.receivedMin;
  return span === 0 ? 0 : Math.max(0, Math.min(1, (cut.receivedFrom - own.receivedMin) / span));
}

export type Verdict = 'keep' | 'rewrite' | 'drop';

/** What is to become of a segment. One whose counts are damaged is kept. */
export function verdictOn({ events, workspaces }: SegmentSummary, cuts: readonly Cut[]): Verdict {
  if (workspaces.length === 0 || cuts.length === 0) return 'keep';
  const cutOf = new Map(cuts.map((cut) => [cut.workspace, cut]));
  const shares = workspaces.map((own) => pastShare(own, cutOf.get(own.workspace)));
  if (shares.every((share) => share === 1)) return 'drop';
  const past = workspaces.reduce((sum, own, i) => sum + own.events * shares[i]!, 0);
  return past >= events * rewrittenShare ? 'rewrite' : 'keep';
}

/** What is dropped with a segment as a whole. */
export function droppedWith({ dropped, workspaces }: SegmentSummary): readonly DroppedUpTo[] {
  const own = workspaces.map(({ lastStamp, workspace }): DroppedUpTo => [workspace, lastStamp]);
  return [...(dropped ?? []), ...own];
}

/** The cuts that may leave something of these segments out. */
export function cutsInto(
  cuts: readonly Cut[],
  summaries: readonly SegmentSummary[],
): readonly Cut[] {
  return cuts.filter(({ receivedFrom: from, stampUpTo, workspace }) =>
    summaries.some(({ workspaces }) =>
      workspaces.some(
        (own) =>
          own.workspace === workspace && (own.receivedMin < from || own.firstStamp <= stampUpTo),
      ),
    ),
  );
}
