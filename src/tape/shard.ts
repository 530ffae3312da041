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
import { Duplicates, original } from './duplicates.ts';
import type { RulesReader } from './gone.ts';
import type { Part } from './hotpart.ts';
import { warmMax } from './index.ts';
import { flagMadeId, flagNoTime, row, rowBytes } from './layout.ts';
import { type ParcelData, parcelRowAt } from './parcel.ts';
import type { Parts } from './parts.ts';
import {
  outcomeWords,
  type ParcelReceipt,
  receiptOf,
  refuse,
  type WaitingParcel,
} from './receipt.ts';
import type { Stamps } from './stamps.ts';

/** Events of one part that are committed together, and who waits for that. */
interface Group {
  readonly part: Part;
  readonly blocks: BlockBuilder[];
  readonly waiting: WaitingParcel[];
}

export interface ShardParts {
  readonly number: number;
  readonly parts: Parts;
  readonly stamps: Stamps;
  readonly rules: RulesReader;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Called when the shard stops or resumes accepting events. */
  readonly onWritable?: (writable: boolean, reason: string) => void;
  /** Called after each publish. */
  readonly onPublished?: () => void;
  /** Called when a full part has nothing under way any more. */
  readonly onSealable?: () => void;
}

/** How long after a failed commit the shard tries to write again. */
const retryMs = 500;
/**
 * A commit that takes longer never ends: the library loses those that it cannot even begin, as after
 * a failed write of a meta page. The next one after a failure is an empty block and has less time.
 */
const commitMsMax = 10_000;
const probeMsMax = 5_000;
/** Blocks kept for the next group, 16 KiB each: two groups of a busy shard. */
const freeBlocksMax = 3072;
const indexFull = 'a shard holds as many events as it can';

export class Shard {
  readonly #parts: ShardParts;
  #open: Group;
  #inFlight: Group | undefined;
  #block: BlockBuilder | undefined;
  #received = 0;
  #writable = true;
  #free: BlockBuilder[] = [];
  #committing: Promise<void> | undefined;
  #cancelRetry: (() => void) | undefined;
  #probing: Promise<void> | undefined;
  #isClosed = false;
  /** A part that is to be sealed although it is not full. */
  #ended: Part | undefined;
  readonly #customerHashes = new Uint32Array(warmMax);
  readonly #idHashes = new Uint32Array(warmMax);
  /** Those of them that somebody may have sent before. */
  readonly #sentHashes = new Uint32Array(warmMax);
  readonly #duplicates: Duplicates;

  constructor(parts: ShardParts) {
    this.#parts = parts;
    this.#open = { part: parts.parts.open, blocks: [], waiting: [] };
    this.#duplicates = new Duplicates(parts.parts, parts.metrics, parts.rules, (part, block) =>
      this.#pendingBlock(part, block),
    );
  }

  /**
   * Takes a parcel in. `reply` is called once, later, when what it says is durable.
   * Call `commit` some time after.
   */
  accept(parcel: ParcelData, reply: (receipt: ParcelReceipt) => void): void {
    if (this.#writable && !this.#open.part.index.reserve(parcel.records)) {
      this.#stopWriting(indexFull);
    }
    if (!this.#writable) {
      reply(refuse({ parcel, outcomes: [], reply }));
      return;
    }
    this.#parts.rules.refresh();
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
    const { index } = this.#open.part;
    const { recent } = this.#parts.parts;
    this.#received = Math.max(this.#received, this.#parts.clock.now());
    let mustWait = false;
    let outcome = -outcomeWords;
    for (let record = 0; record < parcel.records; record++) {
      if (record % warmMax === 0) this.#warm(view, record, parcel.records);
      const at = parcelRowAt(bytes.length, record);
      const ticket = view.getUint32(at + row.ticket, true);
      if (outcomes[outcome] !== ticket) {
        outcome += outcomeWords;
        outcomes.push(ticket, 0, 0);
      }
      const idHash = this.#idHashes[record % warmMax]!;
      const found = this.#duplicates.find(bytes, view, at, idHash);
      if (found === original.none) {
        const time = this.#add(bytes, view, at);
        const typeHash = view.getUint16(at + row.typeHash, true);
        index.append(this.#customerHashes[record % warmMax]!, idHash, typeHash, time);
        recent.add(idHash);
        outcomes[outcome + 1]! += 1;
        mustWait = true;
      } else {
        outcomes[outcome + 2]! += 1;
        if (found === original.pending) mustWait = true;
      }
    }
    this.#block?.flushRun();
    return mustWait;
  }

  /** Reads the hashes of the next rows of a parcel ahead and lets the index fetch what they lead to. */
  #warm(view: DataView, first: number, records: number): void {
    const customerHashes = this.#customerHashes;
    const idHashes = this.#idHashes;
    const count = Math.min(warmMax, records - first);
    let sent = 0;
    for (let i = 0; i < count; i++) {
      const at = parcelRowAt(view.byteLength, first + i);
      customerHashes[i] = view.getUint32(at + row.customerHash, true);
      idHashes[i] = view.getUint32(at + row.idHash, true);
      const isMade = (view.getUint8(at + row.flags) & flagMadeId) !== 0;
      if (!isMade) this.#sentHashes[sent++] = idHashes[i]!;
    }
    this.#open.part.index.warm(customerHashes, idHashes, count);
    this.#parts.parts.recent.warm(idHashes, count);
    for (const { each, isIdAlone } of this.#parts.parts.idLookups.filtered) {
      if (isIdAlone && sent > 0) each.segment.warmIds(this.#sentHashes, sent);
    }
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
    block.reset(this.#open.part.index.openBlock());
    this.#block = block;
    this.#open.blocks.push(block);
    return block;
  }

  #closeBlock(): void {
    this.#block?.close(this.#received);
    this.#block = undefined;
  }

  #pendingBlock(part: Part, number: number): BlockBuilder | undefined {
    for (const group of [this.#inFlight, this.#open]) {
      const first = group?.part === part ? group.blocks[0]?.number : undefined;
      if (first !== undefined && number >= first) {
        const block = group!.blocks[number - first];
        if (block !== undefined) return block;
      }
    }
    return undefined;
  }

  /** Begins another part although this one is not full, now or with the next commit. */
  rotate(): void {
    this.#ended = this.#parts.parts.open;
    this.rotateIfFull();
  }

  /** Begins another part when this one is full. Nothing may wait to be written to it. */
  rotateIfFull(): void {
    const { parts } = this.#parts;
    const isDue = parts.open === this.#ended || parts.isFull(parts.open);
    if (this.#open.blocks.length > 0 || !isDue) return;
    parts.rotate();
    this.#open = { part: parts.open, blocks: [], waiting: this.#open.waiting };
  }

  /** Full parts with nothing under way, oldest first. */
  sealable(): readonly Part[] {
    return this.#parts.parts.closed.filter((part) => part !== this.#inFlight?.part);
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
      this.#open = { part: group.part, blocks: [], waiting: [] };
      this.#inFlight = group;
      this.rotateIfFull();
      const last = group.blocks.at(-1)!;
      const entries = group.part.index.first[last.number]! + last.records - 1;
      try {
        await this.#write(group, commitMsMax);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        this.#takeBack(group, error);
        return;
      }
      this.#settle(group, entries, last.number);
    }
  }

  async #write({ blocks, part }: Group, timeoutMs: number): Promise<void> {
    const { clock, metrics, number, parts, stamps } = this.#parts;
    const { index, log } = part;
    const first = stamps.take(number, blocks.length);
    parts.announce(part, first);
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
    const bytes = values.reduce((sum, value) => sum + value.bytes.length, 0);
    metrics.add('blocks_total', values.length);
    metrics.add('block_bytes_total', bytes);
    part.last = first + blocks.length - 1;
    part.bytes += bytes;
  }

  /** The group is durable: readers first, then its stamps, then the receipts. */
  #settle(group: Group, entries: number, blocks: number): void {
    const { number, stamps } = this.#parts;
    group.part.index.publish(entries, blocks);
    stamps.settle(number);
    this.#inFlight = undefined;
    for (const waiting of group.waiting) waiting.reply(receiptOf(waiting));
    for (const block of group.blocks) this.#recycle(block);
    this.#parts.onPublished?.();
    if (group.part !== this.#open.part) this.#parts.onSealable?.();
  }

  #recycle(block: BlockBuilder): void {
    if (block.bytesMax === BlockBuilder.bytesFor(0) && this.#free.length < freeBlocksMax) {
      this.#free.push(block);
    }
  }

  /** The group is not stored, nor is anything that was accepted after it. */
  #takeBack(failed: Group, error: AppError): void {
    const { metrics } = this.#parts;
    this.#closeBlock();
    const groups = [failed, this.#open];
    const blocks = groups.flatMap((group) => group.blocks);
    const waiting = groups.flatMap((group) => group.waiting);
    for (const part of new Set(groups.map((group) => group.part))) {
      const own = groups.flatMap((group) => (group.part === part ? group.blocks : []));
      part.index.takeBack((entry) => {
        const number = part.index.block[entry]!;
        const at = (entry - part.index.first[number]!) * rowBytes;
        return own[number - own[0]!.number]!.rows.getUint32(at + row.customerHash, true);
      });
    }
    this.#inFlight = undefined;
    this.#open = { part: this.#open.part, blocks: [], waiting: [] };
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
    // When the index was full, what was accepted before may still be on its way.
    await this.commit();
    this.rotateIfFull();
    const { part } = this.#open;
    const { index } = part;
    if (!index.reserve(1)) {
      this.#stopWriting(indexFull);
      return;
    }
    const probe = new BlockBuilder(BlockBuilder.bytesFor(0));
    probe.reset(index.openBlock());
    probe.close(this.#received);
    const group: Group = { part, blocks: [probe], waiting: [] };
    // The part is not done with, even if it comes of age meanwhile.
    this.#inFlight = group;
    try {
      await this.#write(group, probeMsMax);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#inFlight = undefined;
      index.takeBack(() => 0);
      this.#stopWriting(error.message);
      return;
    }
    this.#settle(group, index.entryCount, probe.number);
    this.#writable = true;
    this.#parts.onWritable?.(true, '');
  }
}
