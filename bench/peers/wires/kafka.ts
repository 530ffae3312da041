/**
 * Kafka: its protocol, in the oldest versions that a 4.x broker speaks. A batch of events is one record
 * batch, keyed by customer, for the partition of this connection: every customer has one partition,
 * as with a producer that hashes the key.
 *
 * Kafka has no index by key. The newest events of a customer are somewhere in the partition, so a
 * read here fetches all of it; what a client would then have to decode is left out.
 */
import { pack } from 'msgpackr';
import { crc32c } from './crc32c.ts';
import { type Answer, Assembly, int16, int32, nothing, type Wire, type WirePlan } from './wire.ts';

export const kafkaTopic = 'tape';

const apiProduce = 0;
const apiFetch = 1;
const timeoutMs = 30_000;
/** Of one fetch, at most. */
const fetchBytes = 1024 * 1024;
/** Where a record batch's fields are, from its start. */
const field = { bytes: 8, crc: 17, checked: 21, lastOffsetDelta: 23, baseTime: 27, records: 61 };

export function kafkaWire(plan: WirePlan, answer: Answer): Wire {
  let crcAt = 0;
  let next: Buffer | undefined;
  const take = (body: Buffer): void => {
    if (body.readInt32BE(0) === apiProduce) {
      checkError(body.readInt16BE(18 + kafkaTopic.length));
      answer(plan.batch);
      return;
    }
    const offset = offsetAfter(body);
    if (offset === undefined) answer(undefined);
    else next = fetchRequest(plan.lane, offset);
  };
  return {
    hello: () => nothing,
    isOpen: true,
    encode(events) {
      const records = events.map(({ customer, time: _, ...event }, n) =>
        record(n, Buffer.from(customer), pack(event)),
      );
      const bytes = records.reduce((sum, { length }) => sum + length, field.records);
      const head = produceHead(plan.lane, bytes);
      const batch = new Assembly().add(int32(head.length + bytes)).add(head);
      crcAt = batch.length + field.crc;
      batch
        .add(Buffer.alloc(8))
        .add(int32(bytes - 12))
        .add(int32(0));
      batch
        .add(Buffer.from([2]))
        .add(int32(0))
        .add(int16(0))
        .add(int32(events.length - 1));
      batch.time().time(); // of the first event, and the latest
      batch.add(Buffer.alloc(14, 0xff)).add(int32(events.length)); // no producer id
      for (const bytesOf of records) batch.withId(bytesOf);
      return batch.done();
    },
    seal({ bytes }) {
      bytes.writeUInt32BE(crc32c(bytes, crcAt + 4), crcAt);
    },
    read: () => fetchRequest(plan.lane, 0n),
    take(bytes, at) {
      if (at + 4 > bytes.length) return -1;
      const end = at + 4 + bytes.readInt32BE(at);
      if (end > bytes.length) return -1;
      take(bytes.subarray(at + 4, end));
      return end;
    },
    followUp() {
      const bytes = next;
      next = undefined;
      return bytes;
    },
  };
}

/** The correlation id says what an answer is to. */
export function requestHead(api: number, version: number): Buffer {
  return Buffer.concat([int16(api), int16(version), int32(api), text('bench')]);
}

export function text(value: string): Buffer {
  return Buffer.concat([int16(value.length), Buffer.from(value)]);
}

export function framed(...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([int32(length), ...parts]);
}

/** @throws Error unless the error code of an answer is that of success. */
export function checkError(code: number): void {
  if (code !== 0) throw new Error(`Kafka answered with error ${code}`);
}

function produceHead(partition: number, recordsBytes: number): Buffer {
  return Buffer.concat([
    requestHead(apiProduce, 3),
    int16(-1), // no transaction
    int16(-1), // acks=all
    int32(timeoutMs),
    int32(1),
    text(kafkaTopic),
    int32(1),
    int32(partition),
    int32(recordsBytes),
  ]);
}

function fetchRequest(partition: number, offset: bigint): Buffer {
  const from = Buffer.alloc(8);
  from.writeBigInt64BE(offset);
  return framed(
    requestHead(apiFetch, 4),
    int32(-1), // not a replica
    int32(0), // do not wait
    int32(1),
    int32(fetchBytes),
    Buffer.from([0]), // uncommitted too
    int32(1),
    text(kafkaTopic),
    int32(1),
    int32(partition),
    from,
    int32(fetchBytes),
  );
}

/** Where to go on after the batches of a fetch; undefined: that was all. */
function offsetAfter(body: Buffer): bigint | undefined {
  // correlation, throttle, one topic, its name, one partition, its number
  const errorAt = 4 + 4 + 4 + 2 + kafkaTopic.length + 4 + 4;
  checkError(body.readInt16BE(errorAt));
  const highest = body.readBigInt64BE(errorAt + 2);
  const aborted = Math.max(0, body.readInt32BE(errorAt + 18));
  const recordsAt = errorAt + 22 + aborted * 16 + 4;
  let next = 0n;
  for (let at = recordsAt; at + field.records <= body.length; ) {
    const end = at + 12 + body.readInt32BE(at + field.bytes);
    if (end > body.length && next > 0n) break;
    next = body.readBigInt64BE(at) + BigInt(body.readInt32BE(at + field.lastOffsetDelta)) + 1n;
    at = end;
  }
  return next === 0n || next >= highest ? undefined : next;
}

function record(n: number, key: Buffer, value: Buffer): Buffer {
  const body = Buffer.concat([
    Buffer.from([0, 0]), // no attributes, time as the batch's
    varint(n),
    varint(key.length),
    key,
    varint(value.length),
    value,
    varint(0),
  ]);
  return Buffer.concat([varint(body.length), body]);
}

/** Zigzag, seven bits a byte. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value * 2;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
