/** Blocks: building them on the way in, opening and checking them on the way out (`layout.ts`). */
import { crc32 } from 'node:zlib';
import {
  blockBytes,
  blockHeaderBytes,
  customerBlockVersion,
  flagErased,
  flagNoTime,
  formatVersion,
  gapBytesMax,
  header,
  position,
  positionBytes,
  row,
  rowBytes,
} from './layout.ts';

const zero = new Uint8Array(4);

/**
 * A block being filled from the rows of parcels. Neighbouring payloads are copied as one run, when the
 * run ends: `flushRun` must be called before a parcel's bytes change. Reusable. Thread: the shard's.
 */
export class BlockBuilder {
  number = 0;
  records = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #table: Uint8Array;
  readonly #tableView: DataView;
  #source: Uint8Array = zero;
  #runStart = 0;
  #runEnd = 0;
  #payloadEnd = blockHeaderBytes;
  #length = 0;

  constructor(bytesMax: number) {
    this.#bytes = new Uint8Array(bytesMax);
    this.#view = new DataView(this.#bytes.buffer);
    this.#table = new Uint8Array(Math.ceil(bytesMax / rowBytes) * rowBytes);
    this.#tableView = new DataView(this.#table.buffer);
  }

  /** The size a block needs for one record with `payloadBytes` (extra bytes included). */
  static bytesFor(payloadBytes: number): number {
    return Math.max(blockBytes, blockHeaderBytes + align(payloadBytes) + rowBytes);
  }

  get bytesMax(): number {
    return this.#bytes.length;
  }

  reset(number: number): void {
    this.number = number;
    this.records = 0;
    this.#source = zero;
    this.#runStart = 0;
    this.#runEnd = 0;
    this.#payloadEnd = blockHeaderBytes;
  }

  /** Whether one more record with `payloadBytes` (extra bytes included) fits. */
  fits(payloadBytes: number): boolean {
    const run = this.#runEnd - this.#runStart;
    const end = align(this.#payloadEnd + run + gapBytesMax + payloadBytes);
    const alone = this.records === 0;
    return alone || end + (this.records + 1) * rowBytes <= this.#bytes.length;
  }

  /** Adds the record whose row is at `rowAt` of a parcel. `time` replaces the row's. */
  add(source: Uint8Array, view: DataView, rowAt: number, time: number): void {
    const payloadAt = view.getUint32(rowAt + row.payloadAt, true);
    const length =
      view.getUint16(rowAt + row.payloadBytes, true) + view.getUint16(rowAt + row.extraBytes, true);
    const gap = payloadAt - this.#runEnd;
    if (source !== this.#source || gap < 0 || gap > gapBytesMax) {
      this.flushRun();
      this.#source = source;
      this.#runStart = payloadAt;
    }
    this.#runEnd = payloadAt + length;

    const table = this.#tableView;
    const to = this.records * rowBytes;
    for (let offset = 4; offset < row.ticket; offset += 4) {
      table.setUint32(to + offset, view.getUint32(rowAt + offset, true), true);
    }
    table.setUint32(to + row.payloadAt, this.#payloadEnd + payloadAt - this.#runStart, true);
    table.setFloat64(to + row.time, time, true);
    table.setUint16(to + row.index, 0, true);
    table.setUint8(to + row.flags, view.getUint8(rowAt + row.flags) & ~flagNoTime);
    table.setUint32(to + row.ticket, 0, true);
    this.records += 1;
  }

  /** Copies the open run. */
  flushRun(): void {
    if (this.#runEnd > this.#runStart) {
      this.#bytes.set(this.#source.subarray(this.#runStart, this.#runEnd), this.#payloadEnd);
      this.#payloadEnd += this.#runEnd - this.#runStart;
    }
    this.#source = zero;
    this.#runStart = 0;
    this.#runEnd = 0;
  }

  /** Ends the block: payloads, table and header in place; the checksum waits for the stamp. */
  close(received: number): void {
    this.flushRun();
    const tableAt = align(this.#payloadEnd);
    this.#bytes.fill(0, this.#payloadEnd, tableAt);
    this.#bytes.set(this.#table.subarray(0, this.records * rowBytes), tableAt);
    this.#length = tableAt + this.records * rowBytes;
    this.#view.setUint8(header.version, formatVersion);
    this.#view.setUint16(header.records, this.records, true);
    this.#view.setUint32(header.bytes, this.#length, true);
    this.#view.setFloat64(header.received, received, true);
    this.#view.setUint32(header.tableAt, tableAt, true);
  }

  /** Stamps a closed block and returns its bytes, valid until `reset`. */
  stamp(stamp: number): Uint8Array {
    const bytes = this.#bytes.subarray(0, this.#length);
    this.#view.setFloat64(header.stamp, stamp, true);
    this.#view.setUint32(header.crc, 0, true);
    this.#view.setUint32(header.crc, crc32(bytes), true);
    return bytes;
  }

  /** The rows so far, row `ordinal` at `ordinal * rowBytes`. */
  get rows(): DataView {
    return this.#tableView;
  }

  /** The payloads so far; call `flushRun` first. */
  get payloads(): Uint8Array {
    return this.#bytes;
  }
}

export function align(bytes: number): number {
  return (bytes + 7) & ~7;
}

/** A block that has been read: positions into its bytes, valid as long as they are. */
export class Block {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly records: number;
  /** Of a block in (customer, time) order, its number. */
  readonly stamp: number;
  readonly tableAt: number;
  readonly #received: number;
  /** Where the positions of its records begin; 0: the block is of the log, its own position is theirs. */
  readonly #positionsAt: number;

  private constructor(bytes: Uint8Array, view: DataView) {
    this.bytes = bytes;
    this.view = view;
    this.records = view.getUint16(header.records, true);
    this.stamp = view.getFloat64(header.stamp, true);
    this.#received = view.getFloat64(header.received, true);
    this.tableAt = view.getUint32(header.tableAt, true);
    const isOfCustomers = view.getUint8(header.version) === customerBlockVersion;
    this.#positionsAt = isOfCustomers ? this.rowAt(this.records) : 0;
  }

  /** Opens and checks a block; undefined when it is damaged or not the block of `stamp`. */
  static open(bytes: Uint8Array, stamp: number): Block | undefined {
    if (bytes.length < blockHeaderBytes) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const crc = view.getUint32(header.crc, true);
    const found = crc32(
      bytes.subarray(header.crc + 4),
      crc32(zero, crc32(bytes.subarray(0, header.crc))),
    );
    if (found !== crc) return undefined;
    if (view.getUint8(header.version) !== formatVersion) return undefined;
    if (view.getUint32(header.bytes, true) !== bytes.length) return undefined;
    if (view.getFloat64(header.stamp, true) !== stamp) return undefined;
    return new Block(bytes, view);
  }

  /** The stamp that a whole block says it has; undefined when it is damaged. */
  static stampIn(bytes: Uint8Array): number | undefined {
    if (bytes.length < blockHeaderBytes) return undefined;
    const { buffer, byteOffset, length } = bytes;
    const stamp = new DataView(buffer, byteOffset, length).getFloat64(header.stamp, true);
    return Block.open(bytes, stamp)?.stamp;
  }

  /** The same in bytes of `room`, which is no smaller: it stays when something else is read. */
  copyTo(room: Uint8Array): Block {
    const { buffer, byteOffset, length } = this.bytes;
    // The store's buffer is larger than it says: to copy all of it takes milliseconds.
    room.set(new Uint8Array(buffer, byteOffset, length));
    return Block.reopen(room.subarray(0, length));
  }

  /** Opens a block of the log that was opened before, byte for byte the same: it is not checked again. */
  static reopen(bytes: Uint8Array): Block {
    return new Block(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
  }

  /** Opens a block of version 2 whose item has been checked; undefined when it is not block `number`. */
  static openCustomers(bytes: Uint8Array, number: number): Block | undefined {
    if (bytes.length < blockHeaderBytes) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (view.getUint8(header.version) !== customerBlockVersion) return undefined;
    if (view.getFloat64(header.stamp, true) !== number) return undefined;
    const block = new Block(bytes, view);
    const bytesExpected = block.rowAt(block.records) + block.records * positionBytes;
    return bytesExpected === bytes.length ? block : undefined;
  }

  /** Asks `wants` with what the record's row tells. */
  isWanted(
    record: number,
    wants: (workspace: number, customerHash: number, typeHash: number) => boolean,
  ): boolean {
    const { view } = this;
    const at = this.rowAt(record);
    return wants(
      view.getUint32(at + row.workspace, true),
      view.getUint32(at + row.customerHash, true),
      view.getUint16(at + row.typeHash, true),
    );
  }

  workspaceOf(record: number): number {
    return this.view.getUint32(this.rowAt(record) + row.workspace, true);
  }

  customerHashOf(record: number): number {
    return this.view.getUint32(this.rowAt(record) + row.customerHash, true);
  }

  timeOf(record: number): number {
    return this.view.getFloat64(this.rowAt(record) + row.time, true);
  }

  /** Whether nothing but the place of a record is left; readers pass it over. */
  isErased(record: number): boolean {
    return (this.view.getUint8(this.rowAt(record) + row.flags) & flagErased) !== 0;
  }

  /** A record's position in commit order is (stampOf, ordinalOf). */
  stampOf(record: number): number {
    if (this.#positionsAt === 0) return this.stamp;
    return this.view.getFloat64(this.#positionAt(record) + position.stamp, true);
  }

  ordinalOf(record: number): number {
    if (this.#positionsAt === 0) return record;
    return this.view.getUint16(this.#positionAt(record) + position.ordinal, true);
  }

  receivedOf(record: number): number {
    if (this.#positionsAt === 0) return this.#received;
    return this.view.getFloat64(this.#positionAt(record) + position.received, true);
  }

  /** Where row `record` begins; in a block of the log that is its ordinal. */
  rowAt(record: number): number {
    return this.tableAt + record * rowBytes;
  }

  #positionAt(record: number): number {
    return this.#positionsAt + record * positionBytes;
  }
}
