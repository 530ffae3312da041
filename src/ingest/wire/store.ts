/**
 * The one way in for foreign bodies: a door of another product's format translates what it was sent
 * into native events, and these enter as the body of `POST /v1/events` does, through the same walker,
 * limits, quotas, budget and parcels.
 *
 *     foreign body ─ door ─▶ WireSource[] ─ made, one by one ─▶ JSON ─▶ readBody ─▶ Ingest ─▶ one receipt, by the door's indexes
 */
import {
  batchBytesMax,
  batchEventsMax,
  Envelope,
  encodingJson,
  eventBytesMax,
  type Rejection,
} from '../../event/envelope.ts';
import { walkJsonEvent } from '../../event/json.ts';
import { dataTooDeep, tooLarge, typeReserved } from '../../event/refusal.ts';
import { assert } from '../../std/assert.ts';
import { AppError } from '../../std/errors.ts';
import type { Metrics } from '../../std/metrics.ts';
import type { Limit } from '../../workspaces/quota.ts';
import { readBody } from '../body.ts';
import type { Batch, Ingest } from '../ingest.ts';
import type { Quotas } from '../quotas.ts';
import type { Receipt, RejectedEvent } from '../receipt.ts';
import { writeJson } from './json.ts';

/**
 * A native event, as a door made it. Nothing needs to be checked by the door: what the contract does not
 * allow is refused by index, like an event that came by itself. Members that are undefined are absent.
 */
export interface WireEvent {
  /** With `customer` the idempotency key: without it a batch that is sent again is stored again. */
  readonly id?: string | undefined;
  readonly customer: string | undefined;
  readonly previous?: string | undefined;
  readonly type: string | undefined;
  /** RFC 3339, or integer epoch milliseconds. */
  readonly time?: string | number | undefined;
  readonly channel?: string | undefined;
  readonly source?: string | undefined;
  readonly data?: Readonly<Record<string, unknown>> | undefined;
  /** Another customer under whom it may be stored by an earlier sending; no part of the event. */
  readonly formerly?: string | undefined;
}

/** What a door found no event in; it takes its place in the receipt. */
export interface WireRefusal {
  readonly refused: {
    readonly code: 'invalid' | 'malformed' | 'too_large';
    readonly message: string;
  };
  readonly id?: string | undefined;
}

/** An event of the server's own for the quarantine, as JSON that the walker takes but for its type. */
export interface WireApart {
  readonly apart: Uint8Array;
  /** At most `noteBytesMax` bytes. */
  readonly reason: string;
}

export type WireItem = WireEvent | WireRefusal;

/** An item, or what makes it when its turn comes, so that a refused body costs its sender's turn alone. */
export type WireSource = WireItem | (() => WireItem);
export type StorableItem = WireSource | WireApart;

/**
 * What the events of one body may come to, as JSON: enough for any body a door takes, however it writes
 * them. Only what a body says once for many events makes more of it; what is beyond is never made.
 */
export const doorBytesMax = 2 * batchBytesMax;
/** Items of one body. */
export const doorItemsMax = 10 * batchEventsMax;

const pastDoorBytes: Rejection = Object.freeze({
  code: 'too_large',
  message: `the events of one body may come to ${doorBytesMax} bytes; send fewer at a time`,
});

/** Whose events they are, and what they go through. */
export interface WireSink {
  readonly ingest: Ingest;
  readonly quotas: Quotas;
  readonly metrics: Metrics;
  readonly workspace: number;
  /** False: a `publish` key sends them. */
  readonly isTrusted: boolean;
  readonly limits: readonly Limit[];
  readonly nowMs: number;
}

/** As much of the items as fits one batch. */
interface Chunk {
  readonly texts: string[];
  readonly apart: WireApart[];
  /** Where each of them stands among the items: the texts, and those kept apart. */
  readonly places: number[];
  readonly apartPlaces: number[];
  bytes: number;
}

/**
 * Stores what a door made of a body; resolves when everything accepted is durable. Indexes of the
 * receipt count the items. More than a batch may hold goes in several. Thread: a front.
 *
 * @throws AppError `rate_limited` or `overloaded`, with nothing stored.
 */
export async function storeEvents(
  items: readonly StorableItem[],
  sink: WireSink,
): Promise<Receipt> {
  const { ingest, metrics, quotas, workspace } = sink;
  quotas.check(sink.limits);
  const refused: RejectedEvent[] = [];
  const chunks = chunksOf(items, refused);
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
  if (ingest.budget.isOver(workspace, bytes)) {
    metrics.add('batches_overloaded_total', 1);
    const message = 'too many events are waiting to be written; send them again';
    throw new AppError('overloaded', message, { retryAfterSeconds: 1 });
  }
  metrics.add('events_rejected_total', refused.length);
  quotas.charge(sink.limits, refused.length, 0);
  // All of them now: once one is on its way, no other may be refused as a whole.
  const receipts = await Promise.all(chunks.map((chunk) => sendChunk(chunk, sink)));
  return merged(receipts, refused);
}

/** Writes events as JSON and cuts them where a batch is full; what cannot be one is refused. */
function chunksOf(items: readonly StorableItem[], refused: RejectedEvent[]): Chunk[] {
  const chunks: Chunk[] = [];
  let spent = 0;
  for (const [index, source] of items.entries()) {
    if (spent >= doorBytesMax) {
      refused.push({ index, ...pastDoorBytes });
      continue;
    }
    if (typeof source === 'object' && 'apart' in source) {
      const chunk = chunkFor(chunks, source.apart.length);
      chunk.apart.push(source);
      chunk.apartPlaces.push(index);
      continue;
    }
    const item = made(source);
    const { bytes, text } = 'refused' in item ? { bytes: 0, text: item.refused } : textOf(item);
    spent += bytes;
    if (typeof text === 'string') {
      const chunk = chunkFor(chunks, Buffer.byteLength(text) + 1);
      chunk.texts.push(text);
      chunk.places.push(index);
    } else refused.push({ index, ...(item.id !== undefined && { id: item.id }), ...text });
  }
  return chunks;
}

/** The last one if the bytes fit it, which are counted then. */
function chunkFor(chunks: Chunk[], bytes: number): Chunk {
  let chunk = chunks.at(-1);
  const isFull =
    chunk === undefined ||
    chunk.texts.length + chunk.apart.length === batchEventsMax ||
    chunk.bytes + bytes > batchBytesMax;
  if (chunk === undefined || isFull) {
    chunk = { texts: [], apart: [], places: [], apartPlaces: [], bytes: 1 };
    chunks.push(chunk);
  }
  chunk.bytes += bytes;
  return chunk;
}

/** An item. One that cannot be made is refused like any bad event: its neighbours are none the worse. */
export function made(source: WireSource): WireItem {
  if (typeof source !== 'function') return source;
  try {
    return source();
  } catch (error) {
    return { refused: rejectionOf(error) };
  }
}

/** @throws what is not an item's own fault. */
function rejectionOf(error: unknown): WireRefusal['refused'] {
  // Thousands of levels: more than can be walked or written, and far more than an event may have.
  if (error instanceof RangeError) return { code: 'invalid', message: dataTooDeep.message };
  if (error instanceof TypeError) return { code: 'invalid', message: 'it cannot be read' };
  if (error instanceof AppError && isOfItem(error.code)) {
    return { code: error.code, message: error.message };
  }
  throw error;
}

function isOfItem(code: string): code is WireRefusal['refused']['code'] {
  return code === 'invalid' || code === 'malformed' || code === 'too_large';
}

/** The JSON text of an event, or why there is none, and what it has cost to find out. */
function textOf(event: WireEvent): { bytes: number; text: string | Rejection } {
  const { channel, customer, data, id, previous, source, time, type } = event;
  try {
    const text = writeJson({ id, customer, previous, type, time, channel, source, data });
    const bytes = Buffer.byteLength(text);
    return { bytes, text: bytes > eventBytesMax ? tooLarge : text };
  } catch (error) {
    return { bytes: eventBytesMax, text: rejectionOf(error) };
  }
}

function sendChunk(chunk: Chunk, sink: WireSink): Promise<Receipt> {
  const { ingest, isTrusted, limits, nowMs, quotas, workspace } = sink;
  const body = Buffer.from(`[${chunk.texts.join(',')}]`);
  const batch = ingest.begin(workspace, chunk.bytes, isTrusted);
  try {
    readBody('json', body, nowMs, ingest, batch);
  } catch (error) {
    ingest.abandon(batch);
    throw error;
  }
  for (const { apart, reason } of chunk.apart) addApart(apart, reason, nowMs, ingest, batch);
  quotas.charge(limits, batch.events, chunk.bytes);
  const places = [...chunk.places, ...chunk.apartPlaces];
  return new Promise((resolve) => {
    ingest.send(batch, (receipt) => {
      const rejected = receipt.rejected.map((each) => ({ ...each, index: places[each.index]! }));
      resolve({ ...receipt, rejected });
    });
  });
}

const envelope = new Envelope();

/** Adds an event that the server made to the batch's quarantine; its type is one that nobody may send. */
export function addApart(
  body: Uint8Array,
  reason: string,
  nowMs: number,
  ingest: Ingest,
  batch: Batch,
): void {
  walkJsonEvent(body, 0, body.length, nowMs, envelope);
  assert(envelope.rejection === typeReserved, 'the server alone makes events of a reserved type');
  envelope.rejection = undefined;
  ingest.addApart(batch, body, envelope, encodingJson, reason);
}

function merged(receipts: readonly Receipt[], refused: readonly RejectedEvent[]): Receipt {
  const rejected = [...refused];
  let accepted = 0;
  let duplicates = 0;
  let quarantined = 0;
  let flagged = 0;
  for (const receipt of receipts) {
    quarantined += receipt.quarantined;
    flagged += receipt.flagged;
    accepted += receipt.accepted;
    duplicates += receipt.duplicates;
    for (const each of receipt.rejected) rejected.push(each);
  }
  rejected.sort((a, b) => a.index - b.index);
  const isNothing = accepted + duplicates === 0;
  const isUnlinked = receipts.some((each) => each.unavailable && each.accepted > 0);
  const unavailable = isUnlinked || (isNothing && isIncomplete({ rejected }));
  return { accepted, duplicates, rejected, quarantined, flagged, unavailable };
}

/**
 * Whether something could not be written that is worth sending again. Senders that know only whole
 * bodies then send all of it: what is stored already answers as a duplicate.
 */
export function isIncomplete({ rejected }: Pick<Receipt, 'rejected'>): boolean {
  return rejected.some(({ code }) => code === 'unavailable');
}
