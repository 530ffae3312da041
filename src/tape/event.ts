/** A stored event as readers meet it: positions into a block, rendered on demand. */
import {
  type FieldName,
  fieldText,
  type RenderedSource,
  renderData,
  renderEvent,
  writeEvent,
} from '../event/render.ts';
import { writePackedEvent } from '../event/repack.ts';
import type { Block } from './block.ts';
import { formatCursor } from './cursor.ts';
import { row } from './layout.ts';
import {
  customerSpan,
  encodingOf,
  idSpan,
  isMadeId,
  noteOf,
  payloadSpan,
  type StoredRecord,
  spanIs,
  typeSpan,
} from './record.ts';
import { isApart } from './route.ts';

/**
 * Valid until anything else is read on this thread, or the next event asked for: the bytes belong to the store.
 */
export class TapeEvent {
  readonly #record: StoredRecord;
  readonly stamp: number;
  readonly ordinal: number;
  readonly time: number;
  readonly received: number;
  readonly workspace: number;
  readonly customerHash: number;

  /** @param record its number in the block. */
  constructor(block: Block, record: number) {
    const rowAt = block.rowAt(record);
    this.#record = { payloads: block.bytes, rows: block.view, rowAt };
    this.stamp = block.stampOf(record);
    this.ordinal = block.ordinalOf(record);
    this.received = block.receivedOf(record);
    this.time = block.view.getFloat64(rowAt + row.time, true);
    this.workspace = block.view.getUint32(rowAt + row.workspace, true);
    this.customerHash = block.view.getUint32(rowAt + row.customerHash, true);
  }

  get cursor(): string {
    return formatCursor(this.stamp, this.ordinal, this.time);
  }

  get payloadBytes(): number {
    return payloadSpan(this.#record).length;
  }

  get id(): string {
    return this.#text(idSpan(this.#record));
  }

  get customer(): string {
    return this.#text(customerSpan(this.#record));
  }

  /** Valid as the event is. */
  get customerBytes(): Uint8Array {
    const { at, length } = customerSpan(this.#record);
    return this.#record.payloads.subarray(at, at + length);
  }

  /** Why it was flagged or quarantined; undefined when it was not. */
  get note(): string | undefined {
    return noteOf(this.#record);
  }

  get type(): string {
    return this.#text(typeSpan(this.#record));
  }

  /** Of its type: equal types have the same. */
  get typeHash(): number {
    const { rowAt, rows } = this.#record;
    return rows.getUint16(rowAt + row.typeHash, true);
  }

  isOf(workspace: number, customer: Uint8Array): boolean {
    return (
      this.workspace === workspace && spanIs(this.#record, customerSpan(this.#record), customer)
    );
  }

  hasType(type: Uint8Array): boolean {
    return spanIs(this.#record, typeSpan(this.#record), type);
  }

  channel(): string | undefined {
    return this.text('channel');
  }

  /** A field of the envelope as text; undefined when the event has none. */
  text(field: FieldName): string | undefined {
    if (field === 'id' && isMadeId(this.#record)) return this.#text(idSpan(this.#record));
    const { at, length } = payloadSpan(this.#record);
    const { payloads } = this.#record;
    return fieldText(payloads, at, at + length, encodingOf(this.#record), field);
  }

  /** JSON text of `data`. */
  data(): string | undefined {
    const { at, length } = payloadSpan(this.#record);
    return renderData(this.#record.payloads, at, at + length, encodingOf(this.#record));
  }

  /** The whole event as JSON text on one line. */
  json(): string {
    return renderEvent(this.#source());
  }

  /** Writes the same to the text that was begun (`event/transcode.ts`). */
  write(): void {
    writeEvent(this.#source());
  }

  /** The same as MessagePack. */
  writePacked(): void {
    writePackedEvent(this.#source());
  }

  #source(): RenderedSource {
    const { at, length } = payloadSpan(this.#record);
    return {
      bytes: this.#record.payloads,
      payloadAt: at,
      payloadEnd: at + length,
      encoding: encodingOf(this.#record),
      time: this.time,
      received: this.received,
      stamp: this.stamp,
      ordinal: this.ordinal,
      flagged: isApart(this.workspace) ? undefined : this.note,
      madeId: isMadeId(this.#record) ? this.#text(idSpan(this.#record)) : undefined,
    };
  }

  #text({ at, length }: { at: number; length: number }): string {
    return textOf(this.#record.payloads, at, length);
  }
}

let viewed: Uint8Array = Buffer.alloc(0);
let buffer: Buffer = Buffer.alloc(0);

/** UTF-8 of a block as text. The view of it is kept: many texts are of one block, and to make one takes as long. */
function textOf(bytes: Uint8Array, at: number, length: number): string {
  if (viewed !== bytes) {
    viewed = bytes;
    // All there is: the store says another length in the same buffer with each read.
    buffer = Buffer.from(bytes.buffer, bytes.byteOffset);
  }
  return buffer.toString('utf8', at, at + length);
}
