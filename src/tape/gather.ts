/** Gathers records from log blocks in memory, and puts them into customer order. */
import type { Block } from './block.ts';
import type { CustomerWriter, RecordPlace } from './customers.ts';
import { blockHeaderBytes, row, rowBytes } from './layout.ts';
import { orderByKey, orderByTime } from './order.ts';

export interface GatherLimits {
  readonly payloadBytes: number;
  readonly records: number;
}

/** What may be gathered at once, and so what sealing takes: about 256 MiB: a million events of 160 bytes. */
export const gatherLimits: GatherLimits = {
  payloadBytes: 160 * 1024 * 1024,
  records: 1024 * 1024,
};

export class Gather {
  readonly #payloads: Uint8Array;
  readonly #rows: Uint8Array;
  readonly #rowsView: DataView;
  readonly #payloadAt: Uint32Array;
  readonly #hashes: Uint32Array;
  readonly #times: Float64Array;
  readonly #blocks: Uint32Array;
  readonly #ordinals: Uint16Array;
  readonly #stamps: number[] = [];
  readonly #received: number[] = [];
  #payloadBytes = 0;
  #count = 0;

  /** Memory is taken as it is used. */
  constructor({ payloadBytes, records }: GatherLimits) {
    this.#payloads = new Uint8Array(payloadBytes);
    this.#rows = new Uint8Array(records * rowBytes);
    this.#rowsView = new DataView(this.#rows.buffer);
    this.#payloadAt = new Uint32Array(records);
    this.#hashes = new Uint32Array(records);
    this.#times = new Float64Array(records);
    this.#blocks = new Uint32Array(records);
    this.#ordinals = new Uint16Array(records);
  }

  clear(): void {
    this.#payloadBytes = 0;
    this.#count = 0;
    this.#stamps.length = 0;
    this.#received.length = 0;
  }

  fits(payloadBytes: number, records: number): boolean {
    return (
      this.#payloadBytes + payloadBytes <= this.#payloads.length &&
      this.#count + records <= this.#hashes.length
    );
  }

  #addBlock(block: Block): void {
    this.#stamps.push(block.stamp);
    this.#received.push(block.receivedOf(0));
  }

  /** Adds all records of a block. `fits` has been asked with its bytes. */
  addAll(block: Block): void {
    const { bytes, records, tableAt } = block;
    this.#addBlock(block);
    const shift = this.#payloadBytes - blockHeaderBytes;
    this.#payloads.set(bytes.subarray(blockHeaderBytes, tableAt), this.#payloadBytes);
    this.#payloadBytes += tableAt - blockHeaderBytes;
    this.#rows.set(bytes.subarray(tableAt, block.rowAt(records)), this.#count * rowBytes);
    for (let record = 0; record < records; record++) {
      const rowAt = this.#count * rowBytes;
      this.#note(rowAt, record, this.#rowsView.getUint32(rowAt + row.payloadAt, true) + shift);
    }
  }

  /** Adds the records of a block that are not `gone` and whose customerHash is in [from, to). */
  addSome(block: Block, gone: Uint8Array | undefined, from: number, to: number): void {
    const { bytes, records, view } = block;
    this.#addBlock(block);
    for (let record = 0; record < records; record++) {
      if (gone?.[record] === 1) continue;
      const at = block.rowAt(record);
      const hash = view.getUint32(at + row.customerHash, true);
      if (hash < from || hash >= to) continue;
      const payloadAt = view.getUint32(at + row.payloadAt, true);
      const length =
        view.getUint16(at + row.payloadBytes, true) + view.getUint16(at + row.extraBytes, true);
      const rowAt = this.#count * rowBytes;
      this.#rows.set(bytes.subarray(at, at + rowBytes), rowAt);
      this.#payloads.set(bytes.subarray(payloadAt, payloadAt + length), this.#payloadBytes);
      this.#note(rowAt, record, this.#payloadBytes);
      this.#payloadBytes += length;
    }
  }

  #note(rowAt: number, record: number, payloadAt: number): void {
    const number = this.#count;
    this.#payloadAt[number] = payloadAt;
    this.#hashes[number] = this.#rowsView.getUint32(rowAt + row.customerHash, true);
    this.#times[number] = this.#rowsView.getFloat64(rowAt + row.time, true);
    this.#blocks[number] = this.#stamps.length - 1;
    this.#ordinals[number] = record;
    this.#count = number + 1;
  }

  /** Writes everything gathered, by (customerHash, time, stamp, ordinal). */
  write(writer: CustomerWriter): void {
    const count = this.#count;
    const hashes = this.#hashes;
    // Numbers were given in commit order, and both sorts are stable.
    const order = orderByKey(hashes, count);
    for (let from = 0; from < count; ) {
      let to = from + 1;
      while (to < count && hashes[to] === hashes[from]) to += 1;
      orderByTime(order, from, to, this.#times);
      from = to;
    }
    const place: RecordPlace = {
      rows: this.#rowsView,
      rowAt: 0,
      payloads: this.#payloads,
      payloadAt: 0,
      stamp: 0,
      received: 0,
      ordinal: 0,
    };
    for (let i = 0; i < count; i++) {
      const number = order[i]!;
      const block = this.#blocks[number]!;
      place.rowAt = number * rowBytes;
      place.payloadAt = this.#payloadAt[number]!;
      place.stamp = this.#stamps[block]!;
      place.received = this.#received[block]!;
      place.ordinal = this.#ordinals[number]!;
      writer.add(place);
    }
  }
}
