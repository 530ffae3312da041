/**
 * From bytes to receipt, on a front thread: events go into parcels by hash(workspace, customer), one
 * parcel per shard fills at a time, and leaves at the end of the turn or when it is full. A batch is
 * done when every parcel it has events in has come back.
 *
 *     batch ─ add ─▶ parcel of shard 0 ┐                 ┌▶ receipt: accepted, duplicates, rejected
 *           ─ add ─▶ parcel of shard 1 ┴─ send ─▶ … ─────┘
 *           ─ abandon: every parcel goes back to where it stood before
 *
 * What is under way is counted in bytes as received; past the budget no batch is opened.
 */
import type { Envelope, Rejection } from '../event/envelope.ts';
import { extraBase } from '../event/envelope.ts';
import { assert } from '../std/assert.ts';
import type { Clock } from '../std/clock.ts';
import { uuidv7Bytes } from '../std/ids.ts';
import type { Metrics } from '../std/metrics.ts';
import type { Random } from '../std/random.ts';
import { rowBytes } from '../tape/layout.ts';
import {
  ParcelBuilder,
  type ParcelData,
  type ParcelMark,
  parcelBytes,
  type RowFacts,
} from '../tape/parcel.ts';
import { outcomeWords, type ParcelReceipt } from '../tape/receipt.ts';
import { customerHashOf, idHashOf, shardOf, typeHashOf } from '../tape/route.ts';
import type { ByteBudget } from './budget.ts';
import type { Receipt, RejectedEvent } from './receipt.ts';

export interface IngestParts {
  readonly shards: number;
  readonly hashSeed: number;
  readonly budget: ByteBudget;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  send(shard: number, parcel: ParcelData): void;
}

/** A batch that is being filled or under way. */
export class Batch {
  readonly workspace: number;
  readonly ticket: number;
  readonly bytes: number;
  accepted = 0;
  duplicates = 0;
  events = 0;
  readonly rejected: RejectedEvent[] = [];
  /** Parcels with events of this batch that are not back yet. */
  parcels = 0;
  refused = 0;
  /** What it takes of the budget while it is under way. */
  held = 0;
  done: ((receipt: Receipt) => void) | undefined;

  constructor(workspace: number, ticket: number, bytes: number) {
    this.workspace = workspace;
    this.ticket = ticket;
    this.bytes = bytes;
  }
}

/** Where a shard's parcel stood before the open batch touched it. */
interface Touched {
  readonly builder: ParcelBuilder;
  readonly mark: ParcelMark;
}

const bufferPoolMax = 64;
/** About what the refusal of one event weighs in memory. */
const rejectedBytes = 160;
/** A parcel with less in it may wait for company. */
const smallParcelBytes = 16 * 1024;

export class Ingest {
  readonly #parts: IngestParts;
  readonly #open: (ParcelBuilder | undefined)[];
  #full: { shard: number; builder: ParcelBuilder }[] = [];
  readonly #touched: (Touched | undefined)[];
  readonly #batches = new Map<number, Batch>();
  readonly #pool: ArrayBuffer[] = [];
  readonly #facts: RowFacts = {
    workspace: 0,
    customerHash: 0,
    idHash: 0,
    typeHash: 0,
    encoding: 0,
    index: 0,
    ticket: 0,
    madeId: undefined,
  };
  readonly #madeId = Buffer.alloc(36);
  /** Parcels that each shard has of ours. */
  readonly #underWay: number[];
  #ticket = 0;
  #sendQueued = false;

  constructor(parts: IngestParts) {
    this.#parts = parts;
    this.#open = Array.from({ length: parts.shards }, () => undefined);
    this.#touched = Array.from({ length: parts.shards }, () => undefined);
    this.#underWay = Array.from({ length: parts.shards }, () => 0);
  }

  /** Batches that have no receipt yet. */
  get pending(): number {
    return this.#batches.size;
  }

  get budget(): ByteBudget {
    return this.#parts.budget;
  }

  /** Opens a batch; fill it and end it with `send` or `abandon` before opening another. */
  begin(workspace: number, bytes: number): Batch {
    this.#ticket = (this.#ticket + 1) >>> 0;
    this.#parts.metrics.add('batches_total', 1);
    return new Batch(workspace, this.#ticket, bytes);
  }

  /** Adds the event that the walker found in `source`, or its refusal. */
  add(batch: Batch, source: Uint8Array, envelope: Envelope, encoding: number): void {
    if (envelope.rejection !== undefined) {
      this.reject(batch, envelope.rejection, idText(source, envelope));
      return;
    }
    const { hashSeed, shards } = this.#parts;
    const facts = this.#facts;
    const customer = fieldBytes(source, envelope, envelope.customerAt);
    facts.customerHash = customerHashOf(
      hashSeed,
      batch.workspace,
      customer,
      fieldOffset(envelope.customerAt),
      envelope.customerBytes,
    );
    facts.madeId = undefined;
    if (envelope.idAt === -1) {
      uuidv7Bytes(this.#parts.clock.now(), this.#parts.random, this.#madeId);
      facts.madeId = this.#madeId;
      facts.idHash = idHashOf(facts.customerHash, this.#madeId, 0, 36);
    } else {
      const id = fieldBytes(source, envelope, envelope.idAt);
      const offset = fieldOffset(envelope.idAt);
      facts.idHash = idHashOf(facts.customerHash, id, offset, envelope.idBytes);
    }
    const type = fieldBytes(source, envelope, envelope.typeAt);
    facts.typeHash = typeHashOf(type, fieldOffset(envelope.typeAt), envelope.typeBytes);
    facts.workspace = batch.workspace;
    facts.encoding = encoding;
    facts.index = batch.events;
    facts.ticket = batch.ticket;
    const shard = shardOf(facts.customerHash, shards);
    this.#builderFor(shard, batch, envelope).add(source, envelope, facts);
    batch.events += 1;
  }

  reject(batch: Batch, rejection: Rejection, id: string | undefined): void {
    const { code, message } = rejection;
    const index = batch.events;
    batch.rejected.push(id === undefined ? { index, code, message } : { index, id, code, message });
    batch.events += 1;
  }

  #builderFor(shard: number, batch: Batch, envelope: Envelope): ParcelBuilder {
    const bytes = envelope.end - envelope.start + envelope.extraBytes + 36;
    let builder = this.#open[shard];
    if (builder !== undefined && this.#touched[shard] === undefined) {
      this.#touched[shard] = { builder, mark: builder.mark() };
      if (builder.fits(bytes)) batch.parcels += 1;
    }
    if (builder?.fits(bytes)) return builder;
    if (builder !== undefined) {
      builder.flushRun();
      this.#full.push({ shard, builder });
    }
    builder = new ParcelBuilder(this.#pool.pop() ?? new ArrayBuffer(parcelBytes));
    this.#open[shard] = builder;
    this.#touched[shard] ??= { builder, mark: builder.mark() };
    batch.parcels += 1;
    return builder;
  }

  /** The batch is complete: `done` is called once, when its receipt is true. */
  send(batch: Batch, done: (receipt: Receipt) => void): void {
    const { metrics } = this.#parts;
    metrics.add('events_rejected_total', batch.rejected.length);
    this.#forgetTouched();
    this.#sendFull();
    if (batch.parcels === 0) {
      done(receiptOf(batch));
      return;
    }
    batch.done = done;
    this.#batches.set(batch.ticket, batch);
    batch.held = batch.bytes + batch.rejected.length * rejectedBytes;
    this.#parts.budget.take(batch.held);
    metrics.add('event_bytes_total', batch.bytes);
    this.#sendSoon();
  }

  /** At the end of the turn, so that the batches of one turn share parcels. */
  #sendSoon(): void {
    if (this.#sendQueued) return;
    this.#sendQueued = true;
    setImmediate(() => {
      this.#sendQueued = false;
      this.#sendReady();
    });
  }

  /** The batch cannot be read: nothing of it is sent. */
  abandon(batch: Batch): void {
    this.#parts.metrics.add('batches_malformed_total', 1);
    for (const [shard, touched] of this.#touched.entries()) {
      if (touched === undefined) continue;
      touched.builder.rewind(touched.mark);
      const isEmpty = touched.builder.records === 0;
      this.#open[shard] = isEmpty ? undefined : touched.builder;
      if (isEmpty) this.#keep(touched.builder.buffer);
    }
    // Nothing is full between batches: what is full now was filled by this one.
    this.#full = [];
    this.#forgetTouched();
    batch.parcels = 0;
  }

  #forgetTouched(): void {
    for (const [shard, touched] of this.#touched.entries()) {
      if (touched !== undefined) this.#open[shard]?.flushRun();
      this.#touched[shard] = undefined;
    }
  }

  #sendFull(): void {
    for (const { shard, builder } of this.#full) this.#sendParcel(shard, builder);
    this.#full = [];
  }

  /**
   * Sends what is open. A small parcel waits while the shard has one already: it would wait there for
   * the commit under way as well, and meanwhile others join it. The next receipt sends it off.
   */
  #sendReady(): void {
    for (const [shard, builder] of this.#open.entries()) {
      if (builder === undefined) continue;
      const mayWait = this.#underWay[shard]! >= 1 && builder.bytesUsed < smallParcelBytes;
      if (!mayWait) this.#sendOne(shard);
    }
  }

  /** Sends everything that is open, however small. */
  sendOpen(): void {
    for (const shard of this.#open.keys()) this.#sendOne(shard);
  }

  #sendOne(shard: number): void {
    const builder = this.#open[shard];
    if (builder === undefined) return;
    this.#open[shard] = undefined;
    this.#sendParcel(shard, builder);
  }

  #sendParcel(shard: number, builder: ParcelBuilder): void {
    assert(builder.records > 0, 'a parcel that is sent holds something');
    this.#underWay[shard]! += 1;
    this.#parts.send(shard, { buffer: builder.buffer, records: builder.records });
  }

  /** Parcels came back from their shard, in one message. */
  settle(shard: number, receipts: readonly ParcelReceipt[]): void {
    this.#underWay[shard]! -= receipts.length;
    for (const receipt of receipts) this.#settleParcel(receipt);
    this.#sendOne(shard);
  }

  #settleParcel(receipt: ParcelReceipt): void {
    this.#keep(receipt.buffer);
    const { outcomes } = receipt;
    for (let at = 0; at < outcomes.length; at += outcomeWords) {
      const batch = this.#batches.get(outcomes[at]!)!;
      batch.accepted += outcomes[at + 1]!;
      batch.duplicates += outcomes[at + 2]!;
      this.#parcelDone(batch);
    }
    for (const { ticket, events } of receipt.refused) {
      const batch = this.#batches.get(ticket)!;
      batch.refused += events.length;
      for (const { id, index } of events) {
        batch.rejected.push(
          id === undefined ? { index, ...unavailable } : { index, id, ...unavailable },
        );
      }
      this.#parcelDone(batch);
    }
  }

  #keep(buffer: ArrayBuffer): void {
    if (this.#pool.length < bufferPoolMax) this.#pool.push(buffer);
  }

  #parcelDone(batch: Batch): void {
    batch.parcels -= 1;
    if (batch.parcels > 0) return;
    const { metrics } = this.#parts;
    this.#batches.delete(batch.ticket);
    this.#parts.budget.give(batch.held);
    metrics.add('events_accepted_total', batch.accepted);
    metrics.add('events_duplicate_total', batch.duplicates);
    batch.rejected.sort((a, b) => a.index - b.index);
    batch.done?.(receiptOf(batch));
  }
}

const unavailable = {
  code: 'unavailable',
  message: 'the event could not be written; send it again',
} as const;

function receiptOf(batch: Batch): Receipt {
  const stored = batch.accepted + batch.duplicates;
  return {
    accepted: batch.accepted,
    duplicates: batch.duplicates,
    rejected: batch.rejected,
    unavailable: stored === 0 && batch.refused > 0,
  };
}

function fieldBytes(source: Uint8Array, envelope: Envelope, at: number): Uint8Array {
  return at >= extraBase ? envelope.extra : source;
}

function fieldOffset(at: number): number {
  return at >= extraBase ? at - extraBase : at;
}

/** The id of a refused event, where it was found. */
function idText(source: Uint8Array, envelope: Envelope): string | undefined {
  if (envelope.idAt === -1) return undefined;
  const bytes = fieldBytes(source, envelope, envelope.idAt);
  const at = fieldOffset(envelope.idAt);
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, envelope.idBytes).toString('utf8');
}

/** Rows and payloads of the largest legal event fit an empty parcel. */
assert(parcelBytes > 2 * 32 * 1024 + rowBytes, 'any event fits a parcel');
