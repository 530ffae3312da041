/** What receipts say of the workspace's taxonomy, added up; nothing where they say nothing. */
import type { Receipt } from './types.ts';

type Marks = Pick<Receipt, 'quarantined' | 'flagged'>;

export function marksOf(receipts: readonly Marks[]): Marks {
  const sum = (name: keyof Marks): number =>
    receipts.reduce((total, receipt) => total + (receipt[name] ?? 0), 0);
  const [quarantined, flagged] = [sum('quarantined'), sum('flagged')];
  return { ...(quarantined > 0 && { quarantined }), ...(flagged > 0 && { flagged }) };
}
