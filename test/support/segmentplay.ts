/** Random parts of a hot log, and what segments made of them must hold, told by plain arrays. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { PartWriter } from '../../bench/parts.ts';
import { hashBytes } from '../../src/std/hash.ts';
import { createMetricsMemory, openMetrics, sumMetrics } from '../../src/std/metrics.ts';
import type { Random } from '../../src/std/random.ts';
import { BlockLog } from '../../src/store/log.ts';
import { Block } from '../../src/tape/block.ts';
import { TapeEvent } from '../../src/tape/event.ts';
import { partFile, row } from '../../src/tape/layout.ts';
import { payloadSpan, recordsEqual } from '../../src/tape/record.ts';
import { idCheckOf } from '../../src/tape/route.ts';
import { Segment } from '../../src/tape/segment.ts';

/** A record as the log has it. */
export interface Known {
  readonly stamp: number;
  readonly ordinal: number;
  readonly time: number;
  readonly received: number;
  readonly workspace: number;
  readonly hash: number;
  readonly idHash: number;
  readonly json: string;
  readonly type: string;
  readonly payloadBytes: number;
  readonly block: Block;
}

export interface Model {
  readonly records: readonly Known[];
  readonly blocks: readonly Block[];
}

const timeBase = 1_790_000_000_000;

function randomEvent(random: Random, number: number): string {
  const kinds = ['a', 'Page "Viewed"', 'Käufe', `kind-${random.below(30)}`];
  const size = random.below(300) === 0 ? random.below(31_000) : random.below(120);
  // Late, equal and far events; customers of very different activity.
  const time = timeBase + [random.below(100), random.below(100_000), 77, number][random.below(4)]!;
  const customer = `customer-${Math.floor(40 * random.next() ** 4)}`;
  return JSON.stringify({
    id: `${number}${random.below(20) === 0 ? ' "id"\n' : ''}`,
    customer,
    type: kinds[random.below(kinds.length)],
    time: random.below(50) === 0 ? random.below(10_000) : time,
    data: { pad: 'x'.repeat(size), n: random.below(1000) },
  });
}

/** Writes a part of some `events` events; returns its last stamp. */
export async function writePart(
  random: Random,
  options: { directory: string; number: number; firstStamp: number; events: number },
): Promise<number> {
  // Few hashes, two customers and more to most of them, spread over all 32 bits.
  const hashOf = (customer: Uint8Array): number =>
    Math.imul(hashBytes(customer, 0, customer.length, 5) % 23, 0x0b21642c) >>> 0;
  const writer = new PartWriter({ ...options, shard: 0, hashSeed: 5, hashOf });
  for (let n = 0; n < options.events; n++) {
    writer.received = timeBase + options.number * 100_000 + n;
    const bytes = Buffer.from(randomEvent(random, options.number * 1_000_000 + n));
    writer.add(bytes, 0, false, 1 + random.below(3));
    if (random.below(40) === 0) writer.endBlock();
    // The log has the blocks of all shards in one order: this one's stamps have gaps.
    if (random.below(60) === 0) {
      writer.endBlock();
      writer.stamp += random.below(1000);
    }
    await writer.commit();
  }
  return writer.close();
}

/** What the parts hold, read from the logs. */
export async function readModel(directory: string, parts: readonly number[]): Promise<Model> {
  const blocks: Block[] = [];
  for (const part of parts) {
    const log = BlockLog.openReader(join(directory, partFile(0, part)));
    log.forEach((stamp, bytes) => {
      const block = Block.open(Uint8Array.from(bytes.subarray(0, bytes.length)), stamp);
      assert.ok(block);
      if (block.records > 0) blocks.push(block);
    });
    await log.close();
  }
  const records = blocks.flatMap((block) =>
    Array.from({ length: block.records }, (_, ordinal): Known => {
      const event = new TapeEvent(block, ordinal);
      const { payloadBytes, received, stamp, time, type, workspace } = event;
      const idHash = block.view.getUint32(block.rowAt(ordinal) + row.idHash, true);
      const hash = event.customerHash;
      const json = event.json();
      return {
        ...{ stamp, ordinal, time, received, workspace, hash, idHash, json, type, payloadBytes },
        block,
      };
    }),
  );
  return { blocks, records };
}

export function newestFirst(a: Known, b: Known): number {
  return b.time - a.time || b.stamp - a.stamp || b.ordinal - a.ordinal;
}

export interface Opened {
  readonly segment: Segment;
  /** How often something damaged was met. */
  damaged(): number;
}

export function openSegment(directory: string, file: string): Opened {
  const memory = createMetricsMemory(1);
  const segment = Segment.open(join(directory, 'shard-0', file), openMetrics(memory, 0));
  return { segment, damaged: () => sumMetrics(memory).get('blocks_damaged_total')! };
}

function runOf(segment: Segment, hash: number, before?: Known, until?: number): string[] {
  const found: string[] = [];
  const run = segment.run(hash, before, until);
  while (run.next()) {
    const event = run.event()!;
    const { ordinal, stamp, time } = run;
    assert.deepEqual([event.time, event.stamp, event.ordinal], [time, stamp, ordinal]);
    found.push(event.json());
  }
  assert.equal(run.next(), false);
  return found;
}

/** The segment holds exactly `kept`, in both orders; `all` are the blocks it was made of. */
export function checkSegment(
  { damaged, segment }: Opened,
  kept: readonly Known[],
  all: Model,
  random: Random,
): void {
  checkRuns(segment, kept, random);
  checkCommitOrder(segment, kept, all);
  checkIds(segment, kept, all);
  checkSummary(segment, kept);
  assert.equal(damaged(), 0);
}

function checkRuns(segment: Segment, kept: readonly Known[], random: Random): void {
  const hashes = new Set(kept.map(({ hash }) => hash));
  for (const hash of [...hashes, 0xffffffff, 1, [...hashes][0]! + 1]) {
    const own = kept.filter((record) => record.hash === hash).sort(newestFirst);
    assert.equal(segment.latest(hash), own[0]?.time ?? Number.NEGATIVE_INFINITY);
    assert.deepEqual(
      runOf(segment, hash),
      own.map(({ json }) => json),
    );
    for (let n = 0; n < 6 && own.length > 0; n++) {
      const before = own[random.below(own.length)]!;
      const until = own[random.below(own.length)]!.time - random.below(2);
      const older = own.slice(own.indexOf(before) + 1);
      const json = (records: Known[]): string[] => records.map((record) => record.json);
      assert.deepEqual(runOf(segment, hash, before), json(older));
      assert.deepEqual(
        runOf(segment, hash, before, until),
        json(older.filter(({ time }) => time <= until)),
      );
      assert.deepEqual(
        runOf(segment, hash, undefined, until),
        json(own.filter(({ time }) => time <= until)),
      );
    }
  }
}

function checkCommitOrder(segment: Segment, kept: readonly Known[], all: Model): void {
  const keptAt = new Set(kept.map(({ ordinal, stamp }) => `${stamp}.${ordinal}`));
  const found: string[] = [];
  let last = 0;
  for (let stamp = segment.nextStamp(0); stamp !== Infinity; stamp = segment.nextStamp(last + 1)) {
    const block = segment.block(stamp)!;
    const original = all.blocks.find((each) => each.stamp === stamp)!;
    assert.equal(block.records, original.records, 'ordinals stay');
    const ordinals = Array.from({ length: block.records }, (_, ordinal) => ordinal);
    for (const ordinal of ordinals) {
      assert.equal(block.isErased(ordinal), !keptAt.has(`${stamp}.${ordinal}`));
      if (!block.isErased(ordinal)) found.push(new TapeEvent(block, ordinal).json());
      else assert.deepEqual([block.workspaceOf(ordinal), block.customerHashOf(ordinal)], [0, 0]);
    }
    if (!ordinals.some((ordinal) => block.isErased(ordinal))) {
      // The library's buffer is longer than its `length` says; a view of it is a true array.
      const bytes = block.bytes.subarray(0, block.bytes.length);
      assert.ok(Buffer.from(bytes).equals(original.bytes), 'the block as it was');
    }
    last = stamp;
  }
  assert.deepEqual(
    found,
    kept.map(({ json }) => json),
  );
  // What is asked of a log and is not in it counts as damaged.
  if (segment.part === undefined) assert.equal(segment.block(last + 1), undefined);
}

function checkIds(segment: Segment, kept: readonly Known[], all: Model): void {
  const keptSet = new Set(kept);
  const rowMask = 0xffffffff >>> segment.idCheckBits;
  for (const known of all.records) {
    const place = { payloads: known.block.bytes, rows: known.block.view };
    const asStored = { ...place, rowAt: known.block.rowAt(known.ordinal) };
    let hits = 0;
    const customerHash = known.block.customerHashOf(known.ordinal);
    for (const record of segment.recordsWithId(known.idHash, customerHash)) {
      if (recordsEqual(record, asStored) === 'same') hits += 1;
    }
    assert.equal(hits, keptSet.has(known) ? 1 : 0);
    if (!keptSet.has(known)) continue;
    // Another customer's id of the same hash is told apart without reading any event.
    const stranger = customerHash ^ 1;
    const isTold = ((idCheckOf(stranger) ^ idCheckOf(customerHash)) & ~rowMask) !== 0;
    if (isTold) assert.deepEqual([...segment.recordsWithId(known.idHash, stranger)], []);
    assert.ok(segment.mayHoldId(known.idHash));
    assert.ok(segment.mayHaveTime(known.time));
  }
  const strangers = Array.from({ length: 2000 }, (_, n) => Math.imul(n, 0x9e3779b1) >>> 0);
  const known = new Set(all.records.map(({ idHash }) => idHash));
  const falseHits = strangers.filter((hash) => !known.has(hash) && segment.mayHoldId(hash));
  assert.ok(falseHits.length < 100, `${falseHits.length} of 2,000 strangers pass the filter`);
  assert.equal(segment.mayHaveTime(timeBase + 10 ** 9), false);
}

function checkSummary(segment: Segment, kept: readonly Known[]): void {
  const { summary } = segment;
  const sum = (records: readonly Known[]): object => ({
    events: records.length,
    bytes: records.reduce((bytes, { payloadBytes }) => bytes + payloadBytes, 0),
  });
  assert.equal(summary.events, kept.length);
  assert.equal(summary.timeMin, Math.min(...kept.map(({ time }) => time)));
  assert.equal(summary.timeMax, Math.max(...kept.map(({ time }) => time)));
  for (const { bytes, events, ...bounds } of summary.workspaces) {
    const own = kept.filter(({ workspace }) => workspace === bounds.workspace);
    assert.deepEqual({ events, bytes }, sum(own));
    assert.equal(bounds.receivedMin, Math.min(...own.map(({ received }) => received)));
    assert.equal(bounds.receivedMax, Math.max(...own.map(({ received }) => received)));
    assert.equal(bounds.firstStamp, Math.min(...own.map(({ stamp }) => stamp)));
    assert.equal(bounds.lastStamp, Math.max(...own.map(({ stamp }) => stamp)));
  }
  for (const { bytes, events, type, workspace } of summary.types) {
    const own = kept.filter((each) => each.workspace === workspace && each.type === type);
    assert.deepEqual({ events, bytes }, sum(own));
  }
  const { counts, unitMs } = summary.minutes;
  for (const [unit, events] of counts) {
    const own = kept.filter(({ time }) => Math.floor(time / unitMs) === unit);
    assert.equal(events, own.length);
  }
  const counted = counts.reduce((events, [, ofUnit]) => events + ofUnit, 0);
  assert.equal(counted, kept.length);
}

/** Everything that can be read of a segment, ready for JSON. */
export interface Content {
  /** The events of each customer hash, newest first: position and JSON. */
  readonly runs: Readonly<Record<string, readonly string[]>>;
  /** For each block in commit order: its stamp, and its events by ordinal. */
  readonly blocks: Readonly<Record<string, readonly (string | null)[]>>;
  /** Payloads by idHash. */
  readonly ids: Readonly<Record<string, readonly string[]>>;
}

/** Reads both orders; `hashes` and `ids` (with their customers' hashes) are looked up besides those of the rows in commit order. */
export function contentOf(
  segment: Segment,
  hashes: readonly number[] = [],
  ids: ReadonlyMap<number, number> = new Map(),
): Content {
  const content = {
    runs: {} as Record<string, string[]>,
    blocks: {} as Record<string, (string | null)[]>,
    ids: {} as Record<string, string[]>,
  };
  const allHashes = new Set(hashes);
  const allIds = new Map(ids);
  for (let stamp = segment.nextStamp(0); stamp !== Infinity; stamp = segment.nextStamp(stamp + 1)) {
    const block = segment.block(stamp);
    if (block === undefined) continue;
    content.blocks[stamp] = Array.from({ length: block.records }, (_, ordinal) => {
      if (block.isErased(ordinal)) return null;
      allHashes.add(block.customerHashOf(ordinal));
      const idHash = block.view.getUint32(block.rowAt(ordinal) + row.idHash, true);
      allIds.set(idHash, block.customerHashOf(ordinal));
      return new TapeEvent(block, ordinal).json();
    });
  }
  for (const hash of allHashes) {
    const found: string[] = [];
    const run = segment.run(hash);
    while (run.next()) found.push(`${run.stamp}.${run.ordinal} ${run.event()!.json()}`);
    content.runs[hash] = found;
  }
  for (const [idHash, customerHash] of allIds) {
    // Each is valid until the next.
    content.ids[idHash] = Array.from(segment.recordsWithId(idHash, customerHash), (record) => {
      const { at, length } = payloadSpan(record);
      return Buffer.from(record.payloads.subarray(at, at + length)).toString();
    });
  }
  return content;
}
