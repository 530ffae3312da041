/**
 * Sends quarantined events through the taxonomy again, with their own ids and times. What passes goes to
 * its customer's tape as anything that is sent, so an event that got there already stays one; only when
 * that is durable is it marked as replayed. Between the two a crash leaves it unmarked, to be replayed
 * again, harmlessly. What still fails gets a mark with the new reason. Thread: a front's own.
 *
 *     page of the quarantine ─ judge ─▶ passes ─ storeEvents ─▶ durable ─▶ marks, durable ─▶ answer
 *                                  └──▶ fails, for another reason ────────▶
 */
import { Envelope, encodingJson } from '../event/envelope.ts';
import { walkJsonEvent } from '../event/json.ts';
import { isAllowanceLow } from '../event/validator.ts';
import { assert } from '../std/assert.ts';
import { markType, type QuarantineMark } from '../tape/quarantine.ts';
import type { Receipt } from './receipt.ts';
import type { Taxonomy } from './taxonomy.ts';
import { writeJson } from './wire/json.ts';
import { addApart, storeEvents, type WireEvent, type WireSink } from './wire/store.ts';

/** An event as a page of the quarantine gives it. */
export interface QuarantinedEvent extends WireEvent {
  readonly id: string;
  readonly customer: string;
  readonly type: string;
  readonly time: number;
  readonly received: number;
  readonly reason: string;
  readonly cursor: string;
}

/** What is sent for a quarantined event, or why nothing can be; or the replay has to end before it. */
export type Renewal =
  | { readonly events: readonly WireEvent[] }
  | { readonly reason: string }
  | { readonly spent: string };

export interface ReplayParts extends WireSink {
  readonly taxonomy: Taxonomy | undefined;
  /** Mostly the event itself. */
  renew(event: QuarantinedEvent): Renewal;
}

export interface ReplayResult {
  /** On the tape now, or before. */
  readonly replayed: number;
  readonly failed: number;
  /** How many of the events were looked at: all, or as many as the allowance was enough for. */
  readonly done: number;
}

/** @throws AppError as `storeEvents` does; what was replayed until then is found to be so next time. */
export async function replay(
  quarantined: readonly QuarantinedEvent[],
  parts: ReplayParts,
): Promise<ReplayResult> {
  const items: WireEvent[] = [];
  /** Which quarantined event each item is of. */
  const owners: QuarantinedEvent[] = [];
  const failures = new Map<QuarantinedEvent, string>();
  let done = 0;
  for (const event of quarantined) {
    // The next one must not fail for what those before it took.
    if (done > 0 && parts.taxonomy !== undefined && isAllowanceLow()) break;
    const renewal = parts.renew(event);
    if ('spent' in renewal) break;
    done += 1;
    const reason = 'reason' in renewal ? renewal.reason : problemOf(renewal.events, parts);
    if (reason !== undefined) failures.set(event, reason);
    else if ('events' in renewal) {
      for (const item of renewal.events) {
        items.push(item);
        owners.push(event);
      }
    }
  }
  if (items.length > 0) {
    const { rejected } = await storeEvents(items, parts);
    // Not written: it stays as it is, to be tried again.
    for (const { index, message } of rejected) failures.set(owners[index]!, message);
  }
  const passed = [...new Set(owners)].filter((event) => !failures.has(event));
  const marks = [
    ...passed.map((event) => markOf(event, { id: event.id })),
    ...[...failures]
      .filter(([{ reason }, now]) => reason !== now)
      .map(([event, reason]) => markOf(event, { id: event.id, reason })),
  ];
  await storeMarks(marks, parts);
  return { replayed: passed.length, failed: failures.size, done };
}

const envelope = new Envelope();

/** Why one of the events would not be stored; undefined when all would. */
function problemOf(
  events: readonly WireEvent[],
  { nowMs, taxonomy }: ReplayParts,
): string | undefined {
  for (const event of events) {
    const bytes = Buffer.from(writeJson(plain(event)));
    const end = walkJsonEvent(bytes, 0, bytes.length, nowMs, envelope);
    assert(end === bytes.length, 'what was written as JSON is JSON');
    if (envelope.rejection !== undefined) return envelope.rejection.message;
    const verdict = taxonomy?.judge(bytes, envelope, encodingJson);
    if (verdict !== undefined && verdict.mode !== 'flag') return verdict.reason;
  }
  return undefined;
}

function plain(event: WireEvent): WireEvent {
  const { channel, customer, data, id, previous, source, time, type } = event;
  return { id, customer, previous, type, time, channel, source, data };
}

function markOf({ customer, time }: QuarantinedEvent, data: QuarantineMark): Uint8Array {
  return Buffer.from(JSON.stringify({ customer, type: markType, time, data }));
}

/** Resolves when the marks are durable, as far as they can be written. */
function storeMarks(marks: readonly Uint8Array[], parts: WireSink): Promise<Receipt | undefined> {
  if (marks.length === 0) return Promise.resolve(undefined);
  const { ingest, nowMs, workspace } = parts;
  const bytes = marks.reduce((sum, mark) => sum + mark.length, 0);
  const batch = ingest.begin(workspace, bytes, true);
  for (const mark of marks) addApart(mark, '', nowMs, ingest, batch);
  return new Promise((resolve) => ingest.send(batch, resolve));
}
