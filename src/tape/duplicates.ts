/**
 * Whether an event that comes in is on the tape already: same workspace, customer and id. Hashes find,
 * bytes decide. Thread: the shard's own.
 *
 *     always                       every part, and the segments with the newest `idAloneEventsMax`
 *     when its own time says that  the older segments: who sends an event again as it was sends its
 *     it may be in there           time again, so most of them are ruled out without their filter
 *     when it carries no time      the older segments, too: a resend would get a new time
 *     when the server made its id  only the parts: nobody can have sent it before
 *
 * What is erased is on the tape no more: sent again, it is new.
 */
import type { Metrics } from '../std/metrics.ts';
import type { BlockBuilder } from './block.ts';
import { isErased, type RulesReader } from './gone.ts';
import type { Part } from './hotpart.ts';
import { flagMadeId, flagNoTime, row, rowBytes } from './layout.ts';
import type { OpenSegment, Parts } from './parts.ts';
import { mayBeOf } from './recentids.ts';
import { customerSpan, recordsEqual, type StoredRecord } from './record.ts';

/** Where an event was found. */
export const original = { none: 0, durable: 1, pending: 2 } as const;
export type Original = (typeof original)[keyof typeof original];

export class Duplicates {
  readonly #parts: Parts;
  readonly #metrics: Metrics;
  readonly #rules: RulesReader;
  /** A block of a part that is not durable yet. */
  readonly #pending: (part: Part, block: number) => BlockBuilder | undefined;
  #bytes: Uint8Array = new Uint8Array(0);
  #rows: DataView = new DataView(new ArrayBuffer(0));
  #rowAt = 0;

  constructor(
    parts: Parts,
    metrics: Metrics,
    rules: RulesReader,
    pending: (part: Part, block: number) => BlockBuilder | undefined,
  ) {
    this.#parts = parts;
    this.#metrics = metrics;
    this.#rules = rules;
    this.#pending = pending;
  }

  /** Looks for the event whose row is at `rowAt` of a parcel. */
  find(bytes: Uint8Array, rows: DataView, rowAt: number, idHash: number): Original {
    this.#bytes = bytes;
    this.#rows = rows;
    this.#rowAt = rowAt;
    if (this.#parts.recent.mayHold(idHash)) {
      const found = this.#findInParts(idHash);
      if (found !== original.none) return found;
    }
    if (this.#parts.idLookups.filtered.length === 0) return original.none;
    const flags = rows.getUint8(rowAt + row.flags);
    if ((flags & flagMadeId) !== 0) return original.none;
    const time = (flags & flagNoTime) === 0 ? rows.getFloat64(rowAt + row.time, true) : Number.NaN;
    return this.#findInSegments(idHash, time);
  }

  #findInParts(idHash: number): Original {
    const { closed, idLookups, open } = this.#parts;
    let found = this.#findInPart(open, idHash);
    for (let i = closed.length - 1; i >= 0 && found === original.none; i--) {
      found = this.#findInPart(closed[i]!, idHash);
    }
    if (found !== original.none) return found;
    return idLookups.indexed.some(
      (each) => mayBeOf(each.recent!, idHash) && this.#isInSegment(each, idHash),
    )
      ? original.durable
      : original.none;
  }

  /** @param time NaN: the event carries none. */
  #findInSegments(idHash: number, time: number): Original {
    const anyTime = Number.isNaN(time);
    for (const { each, isIdAlone } of this.#parts.idLookups.filtered) {
      if (!anyTime && !isIdAlone && !each.segment.mayHaveTime(time)) continue;
      if (this.#isInSegment(each, idHash)) return original.durable;
    }
    return original.none;
  }

  #findInPart(part: Part, idHash: number): Original {
    const { ids } = part.index;
    for (let entry = ids.find(idHash, 0); entry !== 0; entry = ids.find(idHash, entry)) {
      const stored = this.#recordOf(part, entry);
      if (stored === undefined || !this.#isSame(stored, stampOf(part, entry))) continue;
      return entry > part.index.publishedCount ? original.pending : original.durable;
    }
    return original.none;
  }

  #isInSegment({ segment }: OpenSegment, idHash: number): boolean {
    if (!segment.mayHoldId(idHash)) return false;
    const customerHash = this.#rows.getUint32(this.#rowAt + row.customerHash, true);
    for (const stored of segment.recordsWithId(idHash, customerHash)) {
      if (this.#isSame(stored, stored.stamp)) return true;
    }
    return false;
  }

  #isSame(stored: StoredRecord, stamp: number): boolean {
    const sent = { payloads: this.#bytes, rows: this.#rows, rowAt: this.#rowAt };
    const verdict = recordsEqual(stored, sent);
    if (verdict !== 'unrelated') {
      const time = stored.rows.getFloat64(stored.rowAt + row.time, true);
      if (this.#isErased(sent, stamp, time)) return false;
    }
    if (verdict === 'different') this.#metrics.add('events_duplicate_different_total', 1);
    return verdict !== 'unrelated';
  }

  /** Whether an event of the same customer with that stamp and time is erased. */
  #isErased(sent: StoredRecord, stamp: number, time: number): boolean {
    const { erased } = this.#rules;
    if (erased.isEmpty) return false;
    const workspace = sent.rows.getUint32(sent.rowAt + row.workspace, true);
    const customerHash = sent.rows.getUint32(sent.rowAt + row.customerHash, true);
    const { at, length } = customerSpan(sent);
    const customer = (): Uint8Array => sent.payloads.subarray(at, at + length);
    return isErased(erased.of(workspace, customerHash, customer), stamp, time);
  }

  /** The record of an entry, flushed or not. Undefined when its block is damaged. */
  #recordOf(part: Part, entry: number): StoredRecord | undefined {
    const { index, log } = part;
    const number = index.block[entry]!;
    const ordinal = entry - index.first[number]!;
    const pending = this.#pending(part, number);
    if (pending !== undefined) {
      pending.flushRun();
      return { payloads: pending.payloads, rows: pending.rows, rowAt: ordinal * rowBytes };
    }
    const block = log.block(index.stamp[number]!);
    if (block === undefined) return undefined;
    return { payloads: block.bytes, rows: block.view, rowAt: block.rowAt(ordinal) };
  }
}

/** Infinity while the entry's block waits to be written. */
function stampOf({ index }: Part, entry: number): number {
  return index.stamp[index.block[entry]!]!;
}
