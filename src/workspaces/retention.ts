/**
 * How long a workspace's events are kept. A member that is absent falls back to the setting of the
 * server; null means no limit, whatever the setting says. Kept as sent; `rulesOf` is what holds.
 */
import { AppError } from '../std/errors.ts';
import type { RetentionRule } from '../tape/gone.ts';
import { quarantineOf } from '../tape/route.ts';
import type { Workspace } from './types.ts';

export interface Retention {
  readonly days?: number | null;
  /** As the events were sent. */
  readonly bytes?: number | null;
}

export const retentionDaysMin = 1;
export const retentionDaysMax = 36_500;
export const retentionBytesMin = 1;
export const retentionBytesMax = Number.MAX_SAFE_INTEGER;
const dayMs = 86_400_000;

/** @throws AppError invalid, naming the member. */
export function checkRetention(retention: Retention): void {
  const check = (member: keyof Retention, least: number, most: number): void => {
    const value = retention[member];
    if (value === undefined || value === null) return;
    if (Number.isInteger(value) && value >= least && value <= most) return;
    const range = `${least} to ${most}`;
    throw new AppError('invalid', `${member} must be null or a whole number from ${range}`);
  };
  check('days', retentionDaysMin, retentionDaysMax);
  check('bytes', retentionBytesMin, retentionBytesMax);
}

/** What holds for a workspace and for its quarantine, each by itself; nothing when it keeps everything. */
export function rulesOf({ number, retention }: Workspace, fallback: Retention): RetentionRule[] {
  const limit = (member: keyof Retention): number | null => {
    const own = retention?.[member];
    return (own === undefined ? fallback[member] : own) ?? null;
  };
  const [days, bytes] = [limit('days'), limit('bytes')];
  if (days === null && bytes === null) return [];
  const rule = { workspace: number, ageMs: days === null ? null : days * dayMs, bytes };
  return [rule, { ...rule, workspace: quarantineOf(number) }];
}
