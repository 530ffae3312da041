/**
 * A parcel carries events from a front to a shard: payloads from the front of the buffer, rows
 * (`layout.ts`, 48 bytes each) from its end towards them. The buffer moves between threads without a
 * copy and comes back with the receipts.
 *
 *     ┌ payloads → ──────────────┬ free ─┬──────────────── ← rows ┐
 *     0                     payloadEnd   size - records × 48     size
 */
import { type Envelope, encodingMsgpack, extraBase } from '../event/envelope.ts';
import {
  flagMadeId,
  flagMsgpack,
  flagNoTime,
  flagNoted,
  gapBytesMax,
  row,
  rowBytes,
} from './layout.ts';

/** The size of every parcel's buffer; it comes back and is used again. */
export const parcelBytes = 256 * 1024;

/** As it crosses threads. */
export interface ParcelData {
  readonly buffer: ArrayBuffer;
  readonly records: number;
}

/** What a row needs that the envelope does not know. */
export interface RowFacts {
  workspace: number;
  customerHash: number;
  idHash: number;
  typeHash: number;
  encoding: number;
  /** `flagLink` and `flagUntrusted`, or 0. */
  linkFlags: number;
  /** The event's number in its batch, and the batch's ticket. */
  index: number;
  ticket: number;
  /** 36 ASCII bytes of an id made by the server, or undefined. */
  madeId: Uint8Array | undefined;
}

/** Fills one buffer. Thread: the front's. */
export class ParcelBuilder {
  readonly buffer: ArrayBuffer;
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #payloadEnd = 0;
  records = 0;
  /** A run of the source that is promised to `[#payloadEnd, …)` and not copied yet. */
  #source: Uint8Array | undefined;
  #runStart = 0;
  #runEnd = 0;

  constructor(buffer: ArrayBuffer) {
    this.buffer = buffer;
    this.bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
  }

  /** Bytes of payloads so far. */
  get bytesUsed(): number {
    return this.#payloadEnd + this.#runEnd - this.#runStart;
  }

  /** Whether an event of `bytes` (extra bytes included) fits. */
  fits(bytes: number): boolean {
    const end = this.#payloadEnd + (this.#runEnd - this.#runStart) + gapBytesMax + bytes;
    return end + (this.records + 1) * rowBytes <= this.bytes.length;
  }

  /** Adds the event that `envelope` describes in `source`. `fits` has been asked. */
  add(source: Uint8Array, envelope: Envelope, facts: RowFacts): void {
    const payloadAt = this.#place(source, envelope.start, envelope.end);
    const madeIdBytes = facts.madeId === undefined ? 0 : facts.madeId.length;
    const extraBytes = envelope.extraBytes + madeIdBytes;
    if (extraBytes > 0) this.#appendExtra(envelope, facts.madeId);

    const payloadBytes = envelope.end - envelope.start;
    const view = this.#view;
    this.records += 1;
    const at = this.bytes.length - this.records * rowBytes;
    const noTime = Number.isNaN(envelope.time);
    view.setUint32(at + row.payloadAt, payloadAt, true);
    view.setUint16(at + row.payloadBytes, payloadBytes, true);
    view.setUint16(at + row.extraBytes, extraBytes, true);
    view.setUint32(at + row.workspace, facts.workspace, true);
    view.setUint32(at + row.customerHash, facts.customerHash, true);
    view.setFloat64(at + row.time, noTime ? 0 : envelope.time, true);
    view.setUint32(at + row.idHash, facts.idHash, true);
    view.setUint16(at + row.typeHash, facts.typeHash, true);
    view.setUint16(at + row.index, facts.index, true);
    view.setUint16(at + row.customerAt, fieldAt(envelope.customerAt, envelope), true);
    view.setUint16(at + row.typeAt, fieldAt(envelope.typeAt, envelope), true);
    view.setUint8(at + row.customerBytesLessOne, envelope.customerBytes - 1);
    view.setUint8(at + row.typeBytes, envelope.typeBytes);
    let flags = facts.linkFlags | (facts.encoding === encodingMsgpack ? flagMsgpack : 0);
    if (noTime) flags |= flagNoTime;
    if (madeIdBytes > 0) {
      flags |= flagMadeId;
      view.setUint16(at + row.idAt, payloadBytes + envelope.extraBytes, true);
      view.setUint8(at + row.idBytesLessOne, madeIdBytes - 1);
    } else {
      view.setUint16(at + row.idAt, fieldAt(envelope.idAt, envelope), true);
      view.setUint8(at + row.idBytesLessOne, envelope.idBytes - 1);
    }
    view.setUint8(at + row.flags, flags);
    view.setUint32(at + row.ticket, facts.ticket, true);
  }

  /** The last event has a note at the end of its extra bytes; with `apart` it is kept in quarantine. */
  amendLast(
    apart: { readonly workspace: number; readonly customerHash: number } | undefined,
  ): void {
    const view = this.#view;
    const at = this.bytes.length - this.records * rowBytes;
    view.setUint8(at + row.flags, view.getUint8(at + row.flags) | flagNoted);
    if (apart === undefined) return;
    view.setUint32(at + row.workspace, apart.workspace, true);
    view.setUint32(at + row.customerHash, apart.customerHash, true);
  }

  /** Reserves room for `[start, end)` of the source, in the open run if it continues it. */
  #place(source: Uint8Array, start: number, end: number): number {
    const gap = start - this.#runEnd;
    if (source !== this.#source || gap < 0 || gap > gapBytesMax) {
      this.flushRun();
      this.#source = source;
      this.#runStart = start;
    }
    this.#runEnd = end;
    return this.#payloadEnd + start - this.#runStart;
  }

  #appendExtra(envelope: Envelope, madeId: Uint8Array | undefined): void {
    this.flushRun();
    if (envelope.extraBytes > 0) {
      this.bytes.set(envelope.extra.subarray(0, envelope.extraBytes), this.#payloadEnd);
      this.#payloadEnd += envelope.extraBytes;
    }
    if (madeId !== undefined) {
      this.bytes.set(madeId, this.#payloadEnd);
      this.#payloadEnd += madeId.length;
    }
  }

  /** Copies the open run; call before the source's bytes change. */
  flushRun(): void {
    if (this.#source !== undefined) {
      this.bytes.set(this.#source.subarray(this.#runStart, this.#runEnd), this.#payloadEnd);
      this.#payloadEnd += this.#runEnd - this.#runStart;
    }
    this.#source = undefined;
    this.#runStart = 0;
    this.#runEnd = 0;
  }

  /** A mark to go back to when a batch turns out to be unreadable. Takes the open run along. */
  mark(): ParcelMark {
    this.flushRun();
    return { payloadEnd: this.#payloadEnd, records: this.records };
  }

  rewind(mark: ParcelMark): void {
    this.#source = undefined;
    this.#runStart = 0;
    this.#runEnd = 0;
    this.#payloadEnd = mark.payloadEnd;
    this.records = mark.records;
  }
}

export interface ParcelMark {
  readonly payloadEnd: number;
  readonly records: number;
}

/** A field's place relative to the payload; decoded fields stand right behind it. */
function fieldAt(at: number, envelope: Envelope): number {
  if (at >= extraBase) return envelope.end - envelope.start + at - extraBase;
  return at - envelope.start;
}

/** Where row `record` of a parcel begins. */
export function parcelRowAt(size: number, record: number): number {
  return size - (record + 1) * rowBytes;
}
