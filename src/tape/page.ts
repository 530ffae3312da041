/** One page of a tape, as the answer's bytes: JSON, or MessagePack. */
import { beginPacked, endPacked, writePackedNil, writePackedText } from '../event/repack.ts';
import { beginText, bytesWritten, endBytes, writeAscii, writeText } from '../event/transcode.ts';
import type { ScanBudget } from './budget.ts';
import { cursorExpired, type EventPosition, formatCursor, parseEventPosition } from './cursor.ts';
import type { TapeEvent } from './event.ts';
import { type ScanQuery, scan } from './scan.ts';
import type { Tape } from './tape.ts';

/** A page of large events ends early, with `next`, so that nobody can ask for an answer of any size. */
export const pageBytesMax = 4 * 1024 * 1024;

/** What a page is written in. */
export type PageForm = 'json' | 'msgpack';

export interface PageQuery extends Omit<ScanQuery, 'before'> {
  /** 1…1000. */
  readonly limit: number;
  readonly before: string | undefined;
  /** `json` when absent. */
  readonly form?: PageForm;
}

/**
 * @throws AppError `invalid` when `before` is not a cursor, `cursor_expired` when its event is no
 * longer kept; ScanTooLong past the budget.
 */
export function tapePage(tape: Tape, query: PageQuery, budget: ScanBudget): Uint8Array {
  const before = query.before === undefined ? undefined : parseEventPosition(query.before);
  if (before !== undefined) {
    const hashes = tape.hashesOf(query.workspace, query.customer);
    const dropped = tape.droppedUpTo(query.workspace, hashes);
    if (dropped > 0 && before.stamp <= dropped) throw cursorExpired(dropped);
  }
  // Taken first: what is committed during the scan comes again in the stream rather than not at all.
  const now = tape.now();
  const page = query.form === 'msgpack' ? packedPage : jsonPage;
  return page(
    query,
    scan(tape, { ...query, before }, budget),
    formatCursor(now.stamp, now.ordinal),
  );
}

// Bytes all the way: a string for each event took longer to make than the event.

function jsonPage(query: PageQuery, events: Iterable<TapeEvent>, live: string): Uint8Array {
  beginText();
  writeAscii('{"customer":');
  writeText(JSON.stringify(query.customer));
  writeAscii(',"events":[');
  let count = 0;
  const next = fill(query.limit, events, (event) => {
    if (count++ > 0) writeAscii(',');
    event.write();
  });
  writeAscii(`],"next":${JSON.stringify(next)},"live":"${live}"}`);
  return endBytes();
}

function packedPage(query: PageQuery, events: Iterable<TapeEvent>, live: string): Uint8Array {
  beginText();
  const pageAt = beginPacked('map');
  writePackedText('customer');
  writePackedText(query.customer);
  writePackedText('events');
  const eventsAt = beginPacked('array');
  let count = 0;
  const next = fill(query.limit, events, (event) => {
    count += 1;
    event.writePacked();
  });
  endPacked(eventsAt, count);
  writePackedText('next');
  if (next === null) writePackedNil();
  else writePackedText(next);
  writePackedText('live');
  writePackedText(live);
  endPacked(pageAt, 4);
  return endBytes();
}

/** Writes the events of a page. @returns the cursor of the last one when there are more. */
function fill(
  limit: number,
  events: Iterable<TapeEvent>,
  write: (event: TapeEvent) => void,
): string | null {
  let count = 0;
  let last: EventPosition | undefined;
  for (const event of events) {
    if (last !== undefined && (count === limit || bytesWritten() >= pageBytesMax)) {
      return formatCursor(last.stamp, last.ordinal, last.time);
    }
    write(event);
    count += 1;
    last = event;
  }
  return null;
}
