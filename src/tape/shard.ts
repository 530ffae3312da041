/**
 * A shard: the single writer of many tapes. Synchronous but for the commit.
 *
 *     parcel ─▶ deduplicate ─▶ index ─▶ open block ─▶ … ─▶ group ─▶ stamps ─▶ one transaction, flushed
 *                    │                                                            │
 *                    └─ duplicate: waits for the group of its original            ├─▶ publish, receipts
 *                                                                                 └─▶ failed: take back
 *
 * While one group is being flushed the next one fills. Groups stack on each other in the index, so a
 * failed commit takes back its own entries and those of the group behind it, and both are refused.
 * After that the shard refuses everything until an empty block could be written.
 *
 * Thread: the shard's own. Nobody else writes its environment or its index.
 */

import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import type { Metrics } from '../std/metrics.ts';
import type { LogBlock } from '../store/log.ts';
import { BlockBuilder } from './block.ts';
import type { HotLog } from './hotlog.ts';
import { type IndexWriter, warmMax } from './index.ts';
import { flagNoTime, row, rowBytes } from './layout.ts';
import { type ParcelData, parcelRowAt } from './parcel.ts';
import { recordsEqual, type StoredRecord, sentId } from './record.ts';
import type { Stamps } from './stamps.ts';

/** What became of one batch's events in one parcel: ticket, accepted, duplicates. */
export const outcomeWords = 3;

/** The answer to one parcel; `buffer` goes back to its front. */
export interface ParcelReceipt {
  readonly buffer: ArrayBuffer;
  /** `outcomeWords` for each batch: one array crosses threads far more cheaply than many objects. */
  readonly outcomes: Uint32Array;
  /** New events that are not stored. */
  readonly refused: readonly RefusedEvents[];
}

/** Events of one batch that could not be stored: their numbers in it, and their ids as sent. */
export interface RefusedEvents {
  readonly ticket: number;
  readonly events: readonly { readonly index: number; readonly id: string | undefined }[];
}

interface WaitingParcel {
  readonly parcel: ParcelData;
  readonly outcomes: number[];
  readonly reply: (receipt: ParcelReceipt) => void;
}

/** Events that are committed together, and who waits for that. */
interface Group {
  readonly blocks: BlockBuilder[];
  readonly waiting: WaitingParcel[];
}

export interface ShardParts {
  readonly number: number;
  readonly log: HotLog;
  readonly index: IndexWriter;
  readonly stamps: Stamps;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Called when the shard stops or resumes accepting events. */
  readonly onWritable?: (writable: boolean, reason: string) => void;
  /** Called after each publish. */
  readonly onPublished?: () => void;
}

/** How long after a failed commit the shard tries to write again. */
const retryMs = 500;
/**
 * A commit that takes longer never ends: the library loses those that it cannot even begin, as after
 * a failed write of a meta page. The next one after a failure is an empty block and has less time.
 */
const commitMsMax = 10_000;
const probeMsMax = 5_000;
const indexFull = 'a shard holds as many events as it can';

export class Shard {
  readonly #parts: ShardParts;
  #open: Group = { blocks: [], waiting: [] };
  #inFlight: Group | undefined;
  #block: BlockBuilder | undefined;
  #received = 0;
  #writable = true;
  #free: BlockBuilder[] = [];
  #committing: Promise<void> | undefined;
  #cancelRetry: (() => void) | undefined;
  #probing: Promise<void> | undefined;
  #isClosed = false;
  readonly #customerHashes = new Uint32Array(warmMax);
  readonly #idHashes = new Uint32Array(warmMax);

  constructor(parts: ShardParts) {
    this.#parts = parts;
  }

  /**
   * Takes a parcel in. `reply` is called once, later, when what it says is durable.
   * Call `commit` some time after.
   */
  accept(parcel: ParcelData, reply: (receipt: ParcelReceipt) => void): void {
    if (this.#writable && !this.#parts.index.reserve(parcel.records)) {
      this.#writable = false;
      this.#parts.onWritable?.(false, indexFull);
    }
    if (!this.#writable) {
      reply(refuse({ parcel, outcomes: [], reply }));
      return;
    }
    const waiting: WaitingParcel = { parcel, outcomes: [], reply };
    const mustWait = this.#append(parcel, waiting.outcomes);
    if (!mustWait) reply(receiptOf(waiting));
    else if (this.#open.blocks.length > 0) this.#open.waiting.push(waiting);
    else (this.#inFlight ?? this.#open).waiting.push(waiting);
  }

  /** Appends what is new; true when the receipt has to wait for a flush. */
  #append(parcel: ParcelData, outcomes: number[]): boolean {
    const bytes = new Uint8Array(parcel.buffer);
    const view = new DataView(parcel.buffer);
    const { index } = this.#parts;
    const published = index.publishedCount;
    this.#received = Math.max(this.#received, this.#parts.clock.now());
    let mustWait = false;
    let outcome = -outcomeWords;
    this.#warm(view, parcel.records);
    for (let record = 0; record < parcel.records; record++) {
      const at = parcelRowAt(bytes.length, record);
      const ticket = view.getUint32(at + row.ticket, true);
      if (outcomes[outcome] !== ticket) {
        outcome += outcomeWords;
        outcomes.push(ticket, 0, 0);
      }
      const idHash = this.#idHashes[record]!;
      const first = index.findId(idHash, 0);
      const original = first === 0 ? 0 : this.#findDuplicate(bytes, view, at, first);
      if (original === 0) {
        const time = this.#add(bytes, view, at);
        const typeHash = view.getUint16(at + row.typeHash, true);
        index.append(this.#customerHashes[record]!, idHash, typeHash, time);
        outcomes[outcome + 1]! += 1;
        mustWait = true;
      } else {
        outcomes[outcome + 2]! += 1;
        if (original > published) mustWait = true;
      }
    }
    this.#block?.flushRun();
    return mustWait;
  }

  /** Reads the hashes of a parcel ahead and lets the index fetch what they lead to. */
  #warm(view: DataView, records: number): void {
    const customerHashes = this.#customerHashes;
    const idHashes = this.#idHashes;
    for (let record = 0; record < records; record++) {
      const at = parcelRowAt(view.byteLength, record);
      customerHashes[record] = view.getUint32(at + row.customerHash, true);
      idHashes[record] = view.getUint32(at + row.idHash, true);
    }
    this.#parts.index.warm(customerHashes, idHashes, records);
  }

  /** Copies a record into the open block; returns its time. */
  #add(bytes: Uint8Array, view: DataView, at: number): number {
    const payloadBytes =
      view.getUint16(at + row.payloadBytes, true) + view.getUint16(at + row.extraBytes, true);
    let block = this.#block;
    if (block === undefined || !block.fits(payloadBytes)) {
      this.#closeBlock();
      block = this.#openBlock(BlockBuilder.bytesFor(payloadBytes));
    }
    const noTime = (view.getUint8(at + row.flags) & flagNoTime) !== 0;
    const time = noTime ? this.#received : view.getFloat64(at + row.time, true);
    block.add(bytes, view, at, time);
    return time;
  }

  #openBlock(bytesMax: number): BlockBuilder {
    const spare = this.#free.at(-1);
    const block = spare?.bytesMax === bytesMax ? spare : new BlockBuilder(bytesMax);
    if (block === spare) this.#free.pop();
    block.reset(this.#parts.index.openBlock());
    this.#block = block;
    this.#open.blocks.push(block);
    return block;
  }

  #closeBlock(): void {
    this.#block?.close(this.#received);
    this.#block = undefined;
  }

  /**
   * The entry that already holds the event at row `at`, or 0. Compares bytes, never hashes alone.
   *
   * @param first the newest entry with the same id hash.
   */
  #findDuplicate(bytes: Uint8Array, view: DataView, at: number, first: number): number {
    const { index, metrics } = this.#parts;
    const idHash = view.getUint32(at + row.idHash, true);
    for (let entry = first; entry !== 0; entry = index.findId(idHash, entry)) {
      const stored = this.#recordOf(entry);
      if (stored === undefined) continue;
      const verdict = recordsEqual(stored, { payloads: bytes, rows: view, rowAt: at });
      if (verdict === 'different') metrics.add('events_duplicate_different_total', 1);
      if (verdict !== 'unrelated') return entry;
    }
    return 0;
  }

  /** The record of an entry, flushed or not. Undefined when its block is damaged. */
  #recordOf(entry: number): StoredRecord | undefined {
    const { index, log } = this.#parts;
    const number = index.block[entry]!;
    const ordinal = entry - index.first[number]!;
    const pending = this.#pendingBlock(number);
    if (pending !== undefined) {
      pending.flushRun();
      return { payloads: pending.payloads, rows: pending.rows, rowAt: ordinal * rowBytes };
    }
    const block = log.block(index.stamp[number]!);
    if (block === undefined) return undefined;
    return { payloads: block.bytes, rows: block.view, rowAt: block.rowAt(ordinal) };
  }

  #pendingBlock(number: number): BlockBuilder | undefined {
    const first = this.#inFlight?.blocks[0] ?? this.#open.blocks[0];
    if (first === undefined || number < first.number) return undefined;
    const inFlight = this.#inFlight?.blocks ?? [];
    const position = number - first.number;
    return inFlight[position] ?? this.#open.blocks[position - inFlight.length];
  }

  /**
   * Commits what is open, group after group, until nothing is. Resolves when all is settled.
   *
   * @throws what the store threw when the device failed: the process must end.
   */
  commit(): Promise<void> {
    this.#committing ??= this.#commitAll().finally(() => {
      this.#committing = undefined;
    });
    return this.#committing;
  }

  /** Commits what is open. From then on nothing is written; do not call `accept` again. */
  async close(): Promise<void> {
    await this.commit();
    this.#isClosed = true;
    this.#cancelRetry?.();
    await this.#probing;
  }

  async #commitAll(): Promise<void> {
    while (this.#open.blocks.length > 0) {
      this.#closeBlock();
      const group = this.#open;
      this.#open = { blocks: [], waiting: [] };
      this.#inFlight = group;
      const last = group.blocks.at(-1)!;
      const entries = this.#parts.index.first[last.number]! + last.records - 1;
      try {
        await this.#write(group.blocks, commitMsMax);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        this.#takeBack(group, error);
        return;
      }
      this.#settle(group, entries, last.number);
    }
  }

  async #write(blocks: readonly BlockBuilder[], timeoutMs: number): Promise<void> {
    const { clock, index, log, metrics, number, stamps } = this.#parts;
    const first = stamps.take(number, blocks.length);
    const values: LogBlock[] = blocks.map((block, position) => {
      index.setStamp(block.number, first + position);
      return { stamp: first + position, bytes: block.stamp(first + position) };
    });
    const started = clock.monotonicMs();
    const cancel = clock.after(timeoutMs, () => {
      throw new Error(`a commit of shard ${number} did not end within ${timeoutMs} ms`);
    });
    await log.commit(values).finally(cancel);
    metrics.add('commits_total', 1);
    metrics.add('commit_seconds_total', (clock.monotonicMs() - started) / 1000);
    metrics.add('blocks_total', values.length);
    metrics.add(
      'block_bytes_total',
      values.reduce((sum, { bytes }) => sum + bytes.length, 0),
    );
  }

  /** The group is durable: readers first, then its stamps, then the receipts. */
  #settle(group: Group, entries: number, blocks: number): void {
    const { index, number, stamps } = this.#parts;
    index.publish(entries, blocks);
    stamps.settle(number);
    this.#inFlight = undefined;
    for (const waiting of group.waiting) waiting.reply(receiptOf(waiting));
    for (const block of group.blocks) this.#recycle(block);
    this.#parts.onPublished?.();
  }

  #recycle(block: BlockBuilder): void {
    if (block.bytesMax === BlockBuilder.bytesFor(0) && this.#free.length < 1024) {
      this.#free.push(block);
    }
  }

  /** The group is not stored, nor is anything that was accepted after it. */
  #takeBack(failed: Group, error: AppError): void {
    const { index, metrics } = this.#parts;
    this.#closeBlock();
    const blocks = [...failed.blocks, ...this.#open.blocks];
    const waiting = [...failed.waiting, ...this.#open.waiting];
    const firstBlock = blocks[0]!.number;
    index.takeBack((entry) => {
      const number = index.block[entry]!;
      const at = (entry - index.first[number]!) * rowBytes;
      return blocks[number - firstBlock]!.rows.getUint32(at + row.customerHash, true);
    });
    this.#inFlight = undefined;
    this.#open = { blocks: [], waiting: [] };
    metrics.add('commits_failed_total', 1);
    for (const parcel of waiting) parcel.reply(refuse(parcel));
    for (const block of blocks) this.#recycle(block);
    this.#stopWriting(error.message);
  }

  #stopWriting(reason: string): void {
    this.#writable = false;
    this.#parts.onWritable?.(false, reason);
    if (this.#isClosed) return;
    this.#cancelRetry = this.#parts.clock.after(retryMs, () => {
      this.#probing = this.#tryAgain();
    });
  }

  /** Writes an empty block: if that is durable, the shard takes events again. */
  async #tryAgain(): Promise<void> {
    const { index } = this.#parts;
    if (!index.reserve(1)) {
      this.#parts.onWritable?.(false, indexFull);
      return;
    }
    const probe = new BlockBuilder(BlockBuilder.bytesFor(0));
    probe.reset(index.openBlock());
    probe.close(this.#received);
    try {
      await this.#write([probe], probeMsMax);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      index.takeBack(() => 0);
      this.#stopWriting(error.message);
      return;
    }
    this.#settle({ blocks: [], waiting: [] }, index.entryCount, probe.number);
    this.#writable = true;
    this.#parts.onWritable?.(true, '');
  }
}

function receiptOf({ parcel, outcomes }: WaitingParcel): ParcelReceipt {
  return { buffer: parcel.buffer, outcomes: Uint32Array.from(outcomes), refused: [] };
}

/** Refuses a whole parcel, naming each event by its batch and its number there. */
function refuse({ parcel }: WaitingParcel): ParcelReceipt {
  const view = new DataView(parcel.buffer);
  const payloads = new Uint8Array(parcel.buffer);
  const refused: { ticket: number; events: { index: number; id: string | undefined }[] }[] = [];
  for (let record = 0; record < parcel.records; record++) {
    const at = parcelRowAt(parcel.buffer.byteLength, record);
    const ticket = view.getUint32(at + row.ticket, true);
    if (refused.at(-1)?.ticket !== ticket) refused.push({ ticket, events: [] });
    const id = sentId({ payloads, rows: view, rowAt: at });
    refused.at(-1)!.events.push({ index: view.getUint16(at + row.index, true), id });
  }
  return { buffer: parcel.buffer, outcomes: new Uint32Array(0), refused };
}
