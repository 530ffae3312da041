/** Taking records out of log blocks without moving the others' places. */
import { crc32 } from 'node:zlib';
import { Block } from './block.ts';
import type { Gone, GoneRecord } from './job.ts';
import { blockHeaderBytes, flagErased, header, row, rowBytes } from './layout.ts';
import { customerSpan } from './record.ts';

/** Which records of a log block are gone or erased already: 1 for each; undefined when none is. */
export function goneRecords(block: Block, isGone: Gone | undefined): Uint8Array | undefined {
  let gone: Uint8Array | undefined;
  for (let record = 0; record < block.records; record++) {
    if (!block.isErased(record) && !isRecordGone(block, record, isGone)) continue;
    gone ??= new Uint8Array(block.records);
    gone[record] = 1;
  }
  return gone;
}

export function isRecordGone(block: Block, record: number, isGone: Gone | undefined): boolean {
  if (isGone === undefined) return false;
  const { concerns } = isGone;
  const isConcerned =
    concerns === undefined || concerns(block.workspaceOf(record), block.customerHashOf(record));
  return isConcerned && isGone(describeRecord(block, record));
}

/** A record as `Gone` is asked about it. */
function describeRecord(block: Block, record: number): GoneRecord {
  return {
    workspace: block.workspaceOf(record),
    customerHash: block.customerHashOf(record),
    stamp: block.stampOf(record),
    received: block.receivedOf(record),
    time: block.timeOf(record),
    customer() {
      const place = { payloads: block.bytes, rows: block.view, rowAt: block.rowAt(record) };
      const { at, length } = customerSpan(place);
      return block.bytes.subarray(at, at + length);
    },
  };
}

/** A copy of a log block in which nothing of the records in `gone` is left but their places. */
export function eraseRecords(block: Block, gone: Uint8Array): Block {
  const { records, view } = block;
  const bytes = new Uint8Array(block.bytes.length);
  bytes.set(block.bytes.subarray(0, blockHeaderBytes));
  const rows = new Uint8Array(records * rowBytes);
  const rowsView = new DataView(rows.buffer);
  let end = blockHeaderBytes;
  for (let record = 0; record < records; record++) {
    const to = record * rowBytes;
    if (gone[record] === 1) {
      rowsView.setUint8(to + row.flags, flagErased);
      continue;
    }
    const at = block.rowAt(record);
    const from = view.getUint32(at + row.payloadAt, true);
    const length =
      view.getUint16(at + row.payloadBytes, true) + view.getUint16(at + row.extraBytes, true);
    bytes.set(block.bytes.subarray(from, from + length), end);
    rows.set(block.bytes.subarray(at, at + rowBytes), to);
    rowsView.setUint32(to + row.payloadAt, end, true);
    end += length;
  }
  const tableAt = (end + 7) & ~7;
  bytes.set(rows, tableAt);
  const whole = bytes.subarray(0, tableAt + rows.length);
  const wholeView = new DataView(whole.buffer, 0, whole.length);
  wholeView.setUint32(header.tableAt, tableAt, true);
  wholeView.setUint32(header.bytes, whole.length, true);
  wholeView.setUint32(header.crc, 0, true);
  wholeView.setUint32(header.crc, crc32(whole), true);
  return Block.open(whole, block.stamp)!;
}
