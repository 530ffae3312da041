/** Cuts events into frames that the server takes, and joins the receipts again. */
import { marksOf } from './marks.ts';
import type { Event, Receipt, Refusal, WireEncoding } from './types.ts';
import { type Batch, encodeBatch, frameBytesOf } from './wire.ts';

/** A batch of the contract holds at most this many events. */
const batchEventsMax = 10_000;

interface Part {
  readonly batch: Batch;
  /** Index of its first event within what was sent. */
  readonly start: number;
}

export interface Parts {
  readonly sent: readonly Part[];
  /** One receipt for the whole, given those of the parts in order. */
  join(receipts: readonly Receipt[]): Receipt;
}

/** Gives an id to every event that has none, so that sending it twice stores it once. */
export function withIds(events: readonly Event[]): readonly Event[] {
  if (events.every((event) => event.id !== undefined)) return events;
  return events.map((event) =>
    event.id === undefined ? { ...event, id: globalThis.crypto.randomUUID() } : event,
  );
}

/**
 * Encodes events in as few frames of at most `frameBytesMax` bytes as halving finds. An event that
 * fits no frame is refused here, by index, as the server would.
 */
export function split(
  encoding: WireEncoding,
  events: readonly Event[],
  frameBytesMax: number,
): Parts {
  const sent: Part[] = [];
  const refused: Refusal[] = [];
  const cut = (start: number, end: number): void => {
    if (end - start > batchEventsMax) {
      for (let at = start; at < end; at += batchEventsMax) {
        cut(at, Math.min(end, at + batchEventsMax));
      }
      return;
    }
    const isWhole = start === 0 && end === events.length;
    const batch = encodeBatch(encoding, isWhole ? events : events.slice(start, end));
    if (frameBytesOf(batch) <= frameBytesMax) {
      sent.push({ batch, start });
    } else if (end - start > 1) {
      const middle = (start + end) >>> 1;
      cut(start, middle);
      cut(middle, end);
    } else {
      const id = events[start]!.id;
      const message = 'the event is larger than a frame may be';
      refused.push({ index: start, ...(id && { id }), code: 'too_large', message });
    }
  };
  cut(0, events.length);
  return { sent, join: (receipts) => join(sent, refused, receipts) };
}

function join(
  parts: readonly Part[],
  refused: readonly Refusal[],
  receipts: readonly Receipt[],
): Receipt {
  if (receipts.length === 1 && refused.length === 0) return receipts[0]!;
  let accepted = 0;
  let duplicates = 0;
  const rejected = [...refused];
  for (const [part, receipt] of receipts.entries()) {
    accepted += receipt.accepted;
    duplicates += receipt.duplicates;
    const { start } = parts[part]!;
    for (const refusal of receipt.rejected) {
      rejected.push({ ...refusal, index: refusal.index + start });
    }
  }
  rejected.sort((a, b) => a.index - b.index);
  return { accepted, duplicates, rejected, ...marksOf(receipts) };
}
