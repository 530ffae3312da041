/**
 * From bytes to receipt, on a front thread: events go into parcels by hash(workspace, customer), which
 * leave at the end of the turn or when they are full, as far as their shard takes them (`lanes.ts`).
 * A batch is done when every parcel it has events in has come back.
 *
 *     batch ─ add ─▶ parcel of shard 0 ┐                 ┌▶ receipt: accepted, duplicates, rejected
 *           ─ add ─▶ parcel of shard 1 ┴─ send ─▶ … ─────┘
 *           ─ abandon: every parcel goes back to where it stood before
 *
 * What is under way is counted in bytes as received; past the budget no batch is opened.
 */
import type { Envelope, Rejection } from '../event/envelope.ts';
import { assert } from '../std/assert.ts';
import { AppError } from '../std/errors.ts';
import { uuidv7Bytes } from '../std/ids.ts';
import { rowBytes } from '../tape/layout.ts';
import { ParcelBuilder, type ParcelMark, parcelBytes, type RowFacts } from '../tape/parcel.ts';
import { outcomeWords, type ParcelReceipt } from '../tape/receipt.ts';
import {
  customerHashOf,
  idHashOf,
  quarantineHashOf,
  quarantineOf,
  shardOf,
  typeHashOf,
} from '../tape/route.ts';
import { Batch, receiptOf } from './batch.ts';
import type { ByteBudget } from './budget.ts';
import { fieldBytes, fieldOffset, idText } from './fields.ts';
import { type Lane, lightBytesMax, parcelsOfFront, ShardLanes, type Which } from './lanes.ts';
import { noteBytesMax, writeNote } from './note.ts';
import { Pace } from './pace.ts';
import type { IngestParts } from './parts.ts';
import type { Receipt } from './receipt.ts';
import { linkFlagsOf, saysLink } from './statements.ts';
import type { Verdict } from './taxonomy.ts';

export type { Batch } from './batch.ts';

/** The lane of the open batch to a shard, and where its open parcel stood before, if there was one. */
interface Touched {
  readonly lane: Lane;
  readonly builder: ParcelBuilder | undefined;
  readonly mark: ParcelMark | undefined;
}

const bufferPoolMax = 64;
/** About what the refusal of one event weighs in memory. */
const rejectedBytes = 160;
export class Ingest {
  readonly #parts: IngestParts;
  readonly #lanes: readonly ShardLanes[];
  /** Filled by the open batch. */
  #full: { readonly lane: Lane; readonly builder: ParcelBuilder }[] = [];
  readonly #touched: (Touched | undefined)[];
  /** Batches that have a receipt to come, by ticket. */
  readonly #batches: (Batch | undefined)[] = [];
  readonly #freeTickets: number[] = [];
  #pending = 0;
  readonly #pool: ArrayBuffer[] = [];
  readonly #facts: RowFacts = {
    workspace: 0,
    customerHash: 0,
    idHash: 0,
    typeHash: 0,
    encoding: 0,
    linkFlags: 0,
    index: 0,
    ticket: 0,
    madeId: undefined,
  };
  readonly #madeId = Buffer.alloc(36);
  readonly #parcelsAlone: number;
  readonly #parcelsContended: number;
  #sendQueued = false;
  readonly #pace: Pace;

  constructor(parts: IngestParts) {
    this.#parts = parts;
    this.#pace = new Pace(parts.clock);
    this.#lanes = Array.from({ length: parts.shards }, () => new ShardLanes());
    this.#touched = Array.from({ length: parts.shards }, () => undefined);
    const { alone, contended } = parcelsOfFront(parts.fronts);
    this.#parcelsAlone = alone;
    this.#parcelsContended = contended;
  }

  /** Batches that have no receipt yet. */
  get pending(): number {
    return this.#pending;
  }

  get budget(): ByteBudget {
    return this.#parts.budget;
  }

  /**
   * Opens a batch; fill it and end it with `send` or `abandon` before opening another.
   * @param isTrusted false: a `publish` key sends it, which may link less.
   */
  begin(workspace: number, bytes: number, isTrusted: boolean): Batch {
    const { budget, contention, metrics } = this.#parts;
    metrics.add('batches_total', 1);
    contention.note(workspace);
    // Not taken before the batch is sent: one that is abandoned leaves nothing behind.
    const ticket = this.#freeTickets.at(-1) ?? this.#batches.length;
    const batch = new Batch(workspace, ticket, bytes, isTrusted);
    batch.isHeavy = budget.heldBy(workspace) + bytes > lightBytesMax;
    batch.taxonomy = this.#parts.taxonomyOf?.(workspace);
    return batch;
  }

  /** Adds the event that the walker found in `source`, or its refusal. */
  add(batch: Batch, source: Uint8Array, envelope: Envelope, encoding: number): void {
    if (envelope.rejection !== undefined) {
      this.reject(batch, envelope.rejection, idText(source, envelope));
      return;
    }
    let verdict: Verdict | undefined;
    if (batch.taxonomy !== undefined) {
      verdict = batch.taxonomy.judge(source, envelope, encoding);
      if (verdict?.mode === 'reject') {
        this.reject(batch, { code: 'invalid', message: verdict.reason }, idText(source, envelope));
        return;
      }
    }
    this.#put(batch, source, envelope, encoding, verdict);
  }

  /**
   * Adds an event to the workspace's quarantine, whatever its taxonomy says.
   *
   * @param reason at most `noteBytesMax` bytes.
   */
  addApart(
    batch: Batch,
    source: Uint8Array,
    envelope: Envelope,
    encoding: number,
    reason: string,
  ): void {
    this.#put(batch, source, envelope, encoding, { mode: 'quarantine', reason });
  }

  /** The event's row and its bytes into the parcel of its shard. */
  #put(
    batch: Batch,
    source: Uint8Array,
    envelope: Envelope,
    encoding: number,
    verdict: Verdict | undefined,
  ): void {
    if (verdict !== undefined) writeNote(envelope, verdict.reason);
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
    // What is kept apart says nothing before it is replayed.
    const says = verdict?.mode !== 'quarantine' && saysLink(customer, envelope);
    if (says) {
      const refusal = this.#parts.statements?.note(batch, source, envelope, batch.events);
      if (refusal !== undefined) {
        this.reject(batch, refusal, idText(source, envelope));
        return;
      }
    }
    facts.linkFlags = says ? linkFlagsOf(batch) : 0;
    facts.workspace = batch.workspace;
    facts.encoding = encoding;
    facts.index = batch.events;
    facts.ticket = batch.ticket;
    const shard = shardOf(facts.customerHash, shards);
    const builder = this.#builderFor(shard, batch, envelope);
    builder.add(source, envelope, facts);
    if (verdict !== undefined) {
      batch.mark(verdict.mode);
      builder.amendLast(verdict.mode === 'flag' ? undefined : this.#apartOf(batch));
    }
    batch.events += 1;
  }

  #apartOf({ workspace }: Batch): { workspace: number; customerHash: number } {
    const customerHash = quarantineHashOf(this.#parts.hashSeed, workspace);
    return { workspace: quarantineOf(workspace), customerHash };
  }

  reject(batch: Batch, rejection: Rejection, id: string | undefined): void {
    batch.addRefusal(rejection, id);
  }

  #builderFor(shard: number, batch: Batch, envelope: Envelope): ParcelBuilder {
    const bytes = envelope.end - envelope.start + envelope.extraBytes + 36;
    const builder = this.#touched[shard]?.lane.open;
    if (builder?.fits(bytes)) return builder;
    return this.#nextBuilder(shard, batch, bytes);
  }

  /** The first event of a batch for a shard, or one that does not fit any more. */
  #nextBuilder(shard: number, batch: Batch, bytes: number): ParcelBuilder {
    const { lane } = this.#touched[shard] ?? this.#touch(shard, batch, bytes);
    let builder = lane.open;
    if (builder?.fits(bytes)) return builder;
    if (builder !== undefined) {
      builder.flushRun();
      this.#full.push({ lane, builder });
    }
    builder = new ParcelBuilder(this.#pool.pop() ?? new ArrayBuffer(parcelBytes));
    lane.open = builder;
    batch.parcels += 1;
    return builder;
  }

  #touch(shard: number, batch: Batch, bytes: number): Touched {
    const lane = this.#lanes[shard]!.laneOf(batch.workspace, batch.isHeavy);
    const builder = lane.open;
    if (builder?.fits(bytes)) batch.parcels += 1;
    const touched = { lane, builder, mark: builder?.mark() };
    this.#touched[shard] = touched;
    return touched;
  }

  /** The batch is complete: `done` is called once, when its receipt is true. */
  send(batch: Batch, done: (receipt: Receipt) => void): void {
    const { clock, metrics } = this.#parts;
    metrics.add('events_rejected_total', batch.rejected.length);
    this.#forgetTouched();
    this.#sendFull();
    if (batch.parcels === 0) {
      done(receiptOf(batch));
      return;
    }
    batch.sent(done, clock.monotonicMs());
    this.#freeTickets.pop();
    this.#batches[batch.ticket] = batch;
    this.#pending += 1;
    batch.held = batch.bytes + batch.rejected.length * rejectedBytes;
    this.#parts.budget.take(batch.workspace, batch.held);
    metrics.add('event_bytes_total', batch.bytes);
    this.#pace.note(this.#pending);
    this.#sendSoon();
  }

  /** At the end of the turn, so that the batches of one turn share parcels. */
  #sendSoon(): void {
    if (this.#sendQueued) return;
    this.#sendQueued = true;
    setImmediate(() => {
      this.#sendQueued = false;
      this.#pace.endTurn();
      for (const [shard, own] of this.#lanes.entries()) this.#sendTo(shard, this.#pace.which(own));
      if (this.#pace.isHolding) this.#sendSoon();
      this.#pace.rest();
    });
  }

  /** The batch cannot be read: nothing of it is sent. */
  abandon(batch: Batch): void {
    this.#parts.metrics.add('batches_malformed_total', 1);
    for (const touched of this.#touched) {
      if (touched === undefined) continue;
      const { builder, lane, mark } = touched;
      if (lane.open !== undefined && lane.open !== builder) this.#keep(lane.open.buffer);
      if (mark !== undefined) builder?.rewind(mark);
      lane.open = builder;
    }
    // Nothing is full between batches: what is full now was filled by this one.
    this.#full = [];
    this.#forgetTouched();
    batch.parcels = 0;
    this.#parts.statements?.drop(batch);
  }

  #forgetTouched(): void {
    for (let shard = 0; shard < this.#touched.length; shard++) {
      const touched = this.#touched[shard];
      if (touched === undefined) continue;
      touched.lane.open?.flushRun();
      this.#touched[shard] = undefined;
    }
  }

  #sendFull(): void {
    if (this.#full.length === 0) return;
    for (const { builder, lane } of this.#full) lane.closed.push(builder);
    this.#full = [];
    this.#sendAll('full');
  }

  /** Sends what is open, however small. What a shard does not take now, the next receipts send off. */
  sendOpen(): void {
    this.#sendAll('any');
  }

  /**
   * A small parcel waits while the shard has one already: it would wait there for the commit under
   * way as well, and meanwhile others join it. The next receipt sends it off.
   */
  #sendAll(which: Which): void {
    for (const shard of this.#lanes.keys()) this.#sendTo(shard, which);
  }

  #sendTo(shard: number, which: Which): void {
    const lanes = this.#lanes[shard]!;
    const light = this.#parts.budget.active - lanes.own;
    while (this.#takesMore(lanes.underWay)) {
      const builder = lanes.next(which, light);
      if (builder === undefined) return;
      this.#parts.send(shard, { buffer: builder.buffer, records: builder.records });
    }
  }

  #takesMore(underWay: number): boolean {
    if (underWay < this.#parcelsContended) return true;
    return underWay < this.#parcelsAlone && !this.#parts.contention.isContended();
  }

  /** Parcels came back from their shard, in one message. */
  settle(shard: number, receipts: readonly ParcelReceipt[]): void {
    this.#lanes[shard]!.underWay -= receipts.length;
    for (const receipt of receipts) this.#settleParcel(receipt);
    if (this.#pace.isFlowing && this.#lanes[shard]!.underWay === 0) this.#sendSoon();
    else this.#sendTo(shard, 'any');
  }

  #settleParcel(receipt: ParcelReceipt): void {
    this.#keep(receipt.buffer);
    const { outcomes } = receipt;
    for (let at = 0; at < outcomes.length; at += outcomeWords) {
      const batch = this.#batches[outcomes[at]!]!;
      batch.accepted += outcomes[at + 1]!;
      batch.duplicates += outcomes[at + 2]!;
      this.#parcelDone(batch);
    }
    for (const { ticket, events } of receipt.refused) {
      const batch = this.#batches[ticket]!;
      batch.addUnwritten(events);
      this.#parcelDone(batch);
    }
  }

  #keep(buffer: ArrayBuffer): void {
    if (this.#pool.length < bufferPoolMax) this.#pool.push(buffer);
  }

  #parcelDone(batch: Batch): void {
    batch.parcels -= 1;
    if (batch.parcels > 0) return;
    if (batch.statements === undefined) this.#finish(batch);
    else void this.#establish(batch);
  }

  /** A receipt means that what the events say is in force; the events alone are not enough for one. */
  async #establish(batch: Batch): Promise<void> {
    const refused = new Set(batch.rejected.map(({ index }) => index));
    try {
      await this.#parts.statements!.establish(batch, refused);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      batch.isUnlinked = true;
    }
    this.#finish(batch);
  }

  #finish(batch: Batch): void {
    const { clock, metrics } = this.#parts;
    this.#batches[batch.ticket] = undefined;
    this.#freeTickets.push(batch.ticket);
    this.#pending -= 1;
    this.#parts.budget.give(batch.workspace, batch.held);
    metrics.add('events_accepted_total', batch.accepted);
    metrics.add('events_duplicate_total', batch.duplicates);
    const receipt = receiptOf(batch);
    if (receipt.quarantined > 0) metrics.add('events_quarantined_total', receipt.quarantined);
    if (receipt.flagged > 0) metrics.add('events_flagged_total', receipt.flagged);
    batch.rejected.sort((a, b) => a.index - b.index);
    metrics.observe('receipt_seconds', (clock.monotonicMs() - batch.sentMs) / 1000);
    batch.done?.(receipt);
  }
}

/** Rows and payloads of the largest legal event fit an empty parcel. */
assert(parcelBytes > 2 * 32 * 1024 + noteBytesMax + rowBytes, 'any event fits a parcel');
