/**
 * Sealing: parts of a hot log become a segment. The log is read once in commit order, which writes the
 * frames and counts; the records are gathered on the way, sorted and written by customer. What does
 * not fit into memory is read again, once for each range of hashes that does, and once for each piece of a
 * customer that does not.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { goOn } from '../store/halt.ts';
import { BlockLog } from '../store/log.ts';
import { Block } from './block.ts';
import { type Composer, composing, SegmentComposer } from './compose.ts';
import { eraseRecords, goneRecords } from './erase.ts';
import { Gather, type GatherLimits, type GatherRange, gatherLimits } from './gather.ts';
import type { SealJob, SegmentFacts } from './job.ts';
import { blockHeaderBytes, partFile, row, rowBytes } from './layout.ts';
import { orderByKey } from './order.ts';
import { Pieces } from './pieces.ts';
import { idCheckOf } from './route.ts';

/** How finely hashes are told apart when the records have to be gathered in ranges. */
const sliceBits = 16;

/**
 * Makes a segment of a job's parts. Synchronous, for a background thread; nobody writes the parts.
 *
 * @returns undefined when there is nothing to keep.
 * @throws AppError `unavailable` when there is no room.
 */
export function seal(job: SealJob, limits = gatherLimits): SegmentFacts | undefined {
  return composing(new SegmentComposer(job), (composer) =>
    new Sealing(job, composer, limits).run(),
  );
}

class Sealing {
  readonly #job: SealJob;
  readonly #composer: SegmentComposer;
  readonly #limits: GatherLimits;
  #gather: Gather;
  /** Everything fits into memory, as far as is known. */
  #isGathered: boolean;
  #damaged = 0;
  /** Of the records that stay: the hashes of their ids; and, two words each, their rows and what their customers are checked by. */
  #idHashes: Uint32Array;
  #idPlaces: Uint32Array;
  #ids = 0;
  /** Records and payload bytes whose customerHash begins with each `sliceBits` bits. */
  readonly #sliceRecords = new Float64Array(1 << sliceBits);
  readonly #sliceBytes = new Float64Array(1 << sliceBits);
  /** For each block with any: which of its records are gone. */
  readonly #gone = new Map<number, Uint8Array>();

  constructor(job: SealJob, composer: SegmentComposer, limits: GatherLimits) {
    this.#limits = limits;
    this.#job = job;
    this.#composer = composer;
    const bytes = job.parts.reduce((sum, part) => sum + statSync(this.#path(part)).size, 0);
    const records = Math.ceil(bytes / rowBytes);
    this.#gather = Gather.sized({
      payloadBytes: Math.min(bytes, limits.payloadBytes),
      records: Math.min(records, limits.records),
    });
    this.#isGathered = (job.events ?? 0) <= limits.records;
    this.#idHashes = new Uint32Array(records);
    this.#idPlaces = new Uint32Array(2 * records);
  }

  #path(part: number): string {
    return join(this.#job.directory, partFile(this.#job.shard, part));
  }

  run(): SegmentFacts | undefined {
    this.#eachBlock(
      (block) => this.#take(block),
      () => {
        this.#damaged += 1;
      },
    );
    if (this.#ids === 0) return undefined;
    if (this.#isGathered) this.#gather.write(this.#composer.customers);
    else this.#gatherInRanges();
    return this.#composer.finish(this.#writeIds(), this.#damaged);
  }

  #eachBlock(visit: (block: Block) => void, damaged?: () => void): void {
    const { first, last, parts } = this.#job;
    for (const part of parts) {
      const log = BlockLog.openReader(this.#path(part));
      try {
        log.forEach((stamp, bytes) => {
          if (stamp < first || stamp > last) return;
          goOn();
          // The library's buffer is longer than its `length` says; a view of it is a true array.
          const block = Block.open(bytes.subarray(0, bytes.length), stamp);
          if (block === undefined) damaged?.();
          else if (block.records > 0) visit(block);
        });
      } finally {
        void log.close();
      }
    }
  }

  #take(block: Block): void {
    const { frames, tally } = this.#composer;
    const gone = goneRecords(block, this.#job.isGone);
    const firstRow = frames.rows;
    if (gone === undefined) frames.add(block);
    else {
      this.#gone.set(block.stamp, gone);
      if (!gone.includes(0)) return;
      frames.add(eraseRecords(block, gone));
    }
    const { view } = block;
    for (let record = 0; record < block.records; record++) {
      if (gone?.[record] === 1) continue;
      const at = block.rowAt(record);
      tally.add(block, record);
      this.#idHashes[this.#ids] = view.getUint32(at + row.idHash, true);
      const customerHash = view.getUint32(at + row.customerHash, true);
      this.#idPlaces[2 * this.#ids] = firstRow + record;
      this.#idPlaces[2 * this.#ids + 1] = idCheckOf(customerHash);
      this.#ids += 1;
      const slice = customerHash >>> (32 - sliceBits);
      this.#sliceRecords[slice]! += 1;
      this.#sliceBytes[slice]! +=
        view.getUint16(at + row.payloadBytes, true) + view.getUint16(at + row.extraBytes, true);
    }
    this.#gatherAll(block, gone);
  }

  #gatherAll(block: Block, gone: Uint8Array | undefined): void {
    if (!this.#isGathered) return;
    this.#isGathered = this.#gather.fits(block.tableAt - blockHeaderBytes, block.records);
    if (!this.#isGathered) return;
    if (gone === undefined) this.#gather.addAll(block);
    else this.#gather.addSome(block, gone, { from: 0, to: 2 ** 32 });
  }

  #gatherInRanges(): void {
    const slices = 1 << sliceBits;
    const width = 2 ** (32 - sliceBits);
    for (let from = 0; from < slices; ) {
      let records = this.#sliceRecords[from]!;
      let bytes = this.#sliceBytes[from]!;
      let to = from + 1;
      for (; to < slices; to++) {
        records += this.#sliceRecords[to]!;
        bytes += this.#sliceBytes[to]!;
        if (records > this.#limits.records || bytes > this.#limits.payloadBytes) {
          records -= this.#sliceRecords[to]!;
          bytes -= this.#sliceBytes[to]!;
          break;
        }
      }
      const range = { from: from * width, to: to * width };
      if (to - from > 1 || this.#gather.holds({ records, payloadBytes: bytes })) {
        this.#gatherRange(range);
      } else this.#gatherPieces(range, records);
      from = to;
    }
  }

  #gatherRange(range: GatherRange): void {
    this.#gather.clear();
    this.#eachBlock((block) => this.#gather.addSome(block, this.#gone.get(block.stamp), range));
    this.#gather.write(this.#composer.customers);
  }

  /** A single slice can be larger than what is gathered at once: one customer with very many events. */
  #gatherPieces(range: GatherRange, records: number): void {
    const planned = new Pieces(records);
    this.#eachBlock((block) => this.#notePieces(block, range, planned));
    const { pieceOf, pieces } = planned.plan(this.#limits);
    if (!this.#gather.holds({ records: 1, payloadBytes: planned.bytesMax })) {
      this.#gather = Gather.sized({ ...this.#limits, payloadBytes: planned.bytesMax });
    }
    for (let piece = 0; piece < pieces; piece++) {
      let number = 0;
      this.#gatherRange({ ...range, isWanted: () => pieceOf[number++] === piece });
    }
  }

  #notePieces(block: Block, { from, to }: GatherRange, planned: Pieces): void {
    const gone = this.#gone.get(block.stamp);
    const { view } = block;
    for (let record = 0; record < block.records; record++) {
      const hash = block.customerHashOf(record);
      if (gone?.[record] === 1 || hash < from || hash >= to) continue;
      const at = block.rowAt(record);
      const bytes =
        view.getUint16(at + row.payloadBytes, true) + view.getUint16(at + row.extraBytes, true);
      planned.note(hash, block.timeOf(record), bytes);
    }
  }

  #writeIds(): ReturnType<Composer['ids']> {
    const ids = this.#composer.ids(this.#ids);
    const order = orderByKey(this.#idHashes, this.#ids);
    for (let i = 0; i < this.#ids; i++) {
      const at = 2 * order[i]!;
      ids.add(this.#idHashes[i]!, this.#idPlaces[at]!, this.#idPlaces[at + 1]!);
    }
    return ids;
  }
}
