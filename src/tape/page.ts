/** One page of a tape, as the answer's JSON text. */

import type { ScanBudget } from './budget.ts';
import { cursorExpired, formatCursor, parseEventPosition } from './cursor.ts';
import { type ScanQuery, scan } from './scan.ts';
import type { Tape } from './tape.ts';

/** A page of large events ends early, with `next`, so that nobody can ask for an answer of any size. */
export const pageCharactersMax = 4 * 1024 * 1024;

export interface PageQuery extends Omit<ScanQuery, 'before'> {
  /** 1…1000. */
  readonly limit: number;
  readonly before: string | undefined;
}

/**
 * @throws AppError `invalid` when `before` is not a cursor, `cursor_expired` when its event is no
 * longer kept; ScanTooLong past the budget.
 */
export function tapePage(tape: Tape, query: PageQuery, budget: ScanBudget): string {
  const before = query.before === undefined ? undefined : parseEventPosition(query.before);
  if (before !== undefined) {
    const hash = tape.customerHash(query.workspace, Buffer.from(query.customer, 'utf8'));
    const dropped = tape.droppedUpTo(query.workspace, [hash]);
    if (before.stamp <= dropped) throw cursorExpired(dropped);
  }
  // Taken first: what is committed during the scan comes again in the stream rather than not at all.
  const now = tape.now();
  const events: string[] = [];
  let characters = 0;
  let last = '';
  let next: string | null = null;
  for (const event of scan(tape, { ...query, before }, budget)) {
    if (events.length === query.limit || characters >= pageCharactersMax) {
      next = last;
      break;
    }
    const json = event.json();
    events.push(json);
    characters += json.length;
    last = event.cursor;
  }
  const live = formatCursor(now.stamp, now.ordinal);
  return `{"customer":${JSON.stringify(query.customer)},"events":[${events.join(',')}],"next":${JSON.stringify(next)},"live":"${live}"}`;
}
