/** Writes parts of a hot log as a shard would, in this process: no deduplication, no index, no server. */
import { join } from 'node:path';
import { Envelope, encodingJson, encodingMsgpack, extraBase } from '../src/event/envelope.ts';
import { walkJsonEvent } from '../src/event/json.ts';
import { walkMsgpackEvent } from '../src/event/msgpack.ts';
import { BlockLog, type LogBlock } from '../src/store/log.ts';
import { BlockBuilder } from '../src/tape/block.ts';
import { partFile, row } from '../src/tape/layout.ts';
import { ParcelBuilder, parcelBytes, parcelRowAt } from '../src/tape/parcel.ts';
import { customerHashOf, idHashOf, typeHashOf } from '../src/tape/route.ts';

const blocksPerCommit = 512;

export interface PartOptions {
  readonly directory: string;
  readonly shard: number;
  readonly number: number;
  /** Of its first block; the next ones follow. */
  readonly firstStamp: number;
  readonly hashSeed: number;
  /** Replaces the hash of a customer: so that a test can make hashes meet. */
  readonly hashOf?: (customer: Uint8Array, workspace: number) => number;
}

export class PartWriter {
  readonly #options: PartOptions;
  readonly #log: BlockLog;
  readonly #envelope = new Envelope();
  #parcel = new ParcelBuilder(new ArrayBuffer(parcelBytes));
  #block: BlockBuilder | undefined;
  #blocks: LogBlock[] = [];
  /** The stamp that the next block gets. */
  stamp: number;
  received = 0;

  constructor(options: PartOptions) {
    this.#options = options;
    this.stamp = options.firstStamp;
    const { directory, number, shard } = options;
    this.#log = BlockLog.openWriter(join(directory, partFile(shard, number)));
  }

  /** Adds the event at `at`; returns where the next begins. `received` is its time if it has none. */
  add(bytes: Uint8Array, at: number, isMsgpack: boolean, workspace = 1): number {
    const envelope = this.#envelope;
    const walk = isMsgpack ? walkMsgpackEvent : walkJsonEvent;
    const end = walk(bytes, at, bytes.length, this.received, envelope);
    if (end < 0 || envelope.rejection !== undefined) {
      throw new Error(`an event is not valid: ${envelope.rejection?.message ?? 'malformed'}`);
    }
    const field = (from: number, length: number): Buffer => {
      const source = from >= extraBase ? envelope.extra : bytes;
      const start = from >= extraBase ? from - extraBase : from;
      return Buffer.from(source.buffer, source.byteOffset + start, length);
    };
    const customer = field(envelope.customerAt, envelope.customerBytes);
    const id = field(envelope.idAt, envelope.idBytes);
    const type = field(envelope.typeAt, envelope.typeBytes);
    const { hashOf, hashSeed } = this.#options;
    const customerHash =
      hashOf?.(customer, workspace) ??
      customerHashOf(hashSeed, workspace, customer, 0, customer.length);
    if (!this.#parcel.fits(envelope.end - envelope.start + envelope.extraBytes)) this.#deliver();
    this.#parcel.add(bytes, envelope, {
      workspace,
      customerHash,
      idHash: idHashOf(customerHash, id, 0, id.length),
      typeHash: typeHashOf(type, 0, type.length),
      linkFlags: 0,
      encoding: isMsgpack ? encodingMsgpack : encodingJson,
      index: 0,
      ticket: 0,
      madeId: undefined,
    });
    return end;
  }

  /** Copies what has been added into blocks. The bytes given to `add` may change from then on. */
  #deliver(): void {
    const parcel = this.#parcel;
    parcel.flushRun();
    const view = new DataView(parcel.buffer);
    for (let record = 0; record < parcel.records; record++) {
      const at = parcelRowAt(parcel.bytes.length, record);
      const bytes =
        view.getUint16(at + row.payloadBytes, true) + view.getUint16(at + row.extraBytes, true);
      if (this.#block === undefined || !this.#block.fits(bytes)) this.#openBlock(bytes);
      this.#block!.add(parcel.bytes, view, at, view.getFloat64(at + row.time, true));
    }
    this.#block?.flushRun();
    this.#parcel = new ParcelBuilder(parcel.buffer);
  }

  #openBlock(bytes: number): void {
    this.endBlock(false);
    this.#block = new BlockBuilder(BlockBuilder.bytesFor(bytes));
    this.#block.reset(0);
  }

  /** Ends the open block; the next event begins another. */
  endBlock(deliver = true): void {
    if (deliver) this.#deliver();
    if (this.#block === undefined) return;
    this.#block.close(this.received);
    this.#blocks.push({ stamp: this.stamp, bytes: this.#block.stamp(this.stamp) });
    this.#block = undefined;
    this.stamp += 1;
  }

  /** Writes the blocks so far when there are `blocksMin`. */
  async commit(blocksMin = blocksPerCommit): Promise<void> {
    this.#deliver();
    if (this.#blocks.length < blocksMin) return;
    await this.#log.commit(this.#blocks);
    this.#blocks = [];
  }

  /** @returns the last stamp. */
  async close(): Promise<number> {
    this.endBlock();
    await this.commit(1);
    await this.#log.close();
    return this.stamp - 1;
  }
}
