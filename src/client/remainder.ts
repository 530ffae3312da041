/**
 * What is left of a frame that was stored in part: the events refused with `unavailable`, because
 * their shard could not write. They go again as a frame of their own, whose receipt completes that
 * of the first, so that the sender sees one receipt and only refusals that are final.
 */
import { marksOf } from './marks.ts';
import { pick } from './pick.ts';
import type { Receipt, Refusal } from './types.ts';
import type { Frame } from './window.ts';
import { frameBytesOf } from './wire.ts';

/** The refusals of a receipt that say: send it again. In the order of the batch, each index once. */
export function resendable(receipt: Receipt): readonly Refusal[] {
  if (receipt.rejected.length === 0) return receipt.rejected;
  const byIndex = new Map<number, Refusal>();
  for (const refusal of receipt.rejected) {
    if (refusal.code === 'unavailable') byIndex.set(refusal.index, refusal);
  }
  return [...byIndex.values()].sort((a, b) => a.index - b.index);
}

/**
 * The frame in which `refusals` go again. Whatever it resolves with is added to `receipt`, its
 * indexes being turned into those of `frame`.
 *
 * @throws RangeError when a refusal is of an event the frame does not have.
 */
export function remainderOf(
  frame: Frame,
  receipt: Receipt,
  refusals: readonly Refusal[],
  nowMs: number,
): Frame {
  const indexes = refusals.map(({ index }) => index);
  const batch = pick(frame.batch, indexes);
  const settled = receipt.rejected.filter(({ code }) => code !== 'unavailable');
  return {
    batch,
    bytes: frameBytesOf(batch),
    admitted: () => {},
    reject: frame.reject,
    remains: { sinceMs: nowMs, refusals: refusals.map((one, index) => ({ ...one, index })) },
    resolve(rest) {
      const late = rest.rejected.map((one) => ({ ...one, index: indexes[one.index]! }));
      frame.resolve({
        accepted: receipt.accepted + rest.accepted,
        duplicates: receipt.duplicates + rest.duplicates,
        ...marksOf([receipt, rest]),
        rejected: [...settled, ...late].sort((a, b) => a.index - b.index),
      });
    },
  };
}
