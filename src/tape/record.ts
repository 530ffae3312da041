/** One stored event: where its row and its payload are, and what can be read from them cheaply. */
import { type Encoding, encodingJson, encodingMsgpack } from '../event/envelope.ts';
import { flagMadeId, flagMsgpack, flagNoted, row } from './layout.ts';

/** Positions only; valid as long as the bytes are. */
export interface StoredRecord {
  readonly payloads: Uint8Array;
  readonly rows: DataView;
  readonly rowAt: number;
}

/**
 * Whether two records are the same event (workspace, customer, id), byte by byte.
 * `different`: the same event with another payload.
 */
export function recordsEqual(a: StoredRecord, b: StoredRecord): 'same' | 'different' | 'unrelated' {
  const workspaceA = a.rows.getUint32(a.rowAt + row.workspace, true);
  if (workspaceA !== b.rows.getUint32(b.rowAt + row.workspace, true)) return 'unrelated';
  const sameId = spansEqual(a, idSpan(a), b, idSpan(b));
  if (!sameId || !spansEqual(a, customerSpan(a), b, customerSpan(b))) return 'unrelated';
  return spansEqual(a, payloadSpan(a), b, payloadSpan(b)) ? 'same' : 'different';
}

interface Span {
  readonly at: number;
  readonly length: number;
}

function spansEqual(a: StoredRecord, spanA: Span, b: StoredRecord, spanB: Span): boolean {
  if (spanA.length !== spanB.length) return false;
  for (let i = 0; i < spanA.length; i++) {
    if (a.payloads[spanA.at + i] !== b.payloads[spanB.at + i]) return false;
  }
  return true;
}

export function payloadSpan({ rows, rowAt }: StoredRecord): Span {
  return {
    at: rows.getUint32(rowAt + row.payloadAt, true),
    length: rows.getUint16(rowAt + row.payloadBytes, true),
  };
}

export function customerSpan({ rows, rowAt }: StoredRecord): Span {
  const payloadAt = rows.getUint32(rowAt + row.payloadAt, true);
  return {
    at: payloadAt + rows.getUint16(rowAt + row.customerAt, true),
    length: rows.getUint8(rowAt + row.customerBytesLessOne) + 1,
  };
}

export function idSpan({ rows, rowAt }: StoredRecord): Span {
  const payloadAt = rows.getUint32(rowAt + row.payloadAt, true);
  return {
    at: payloadAt + rows.getUint16(rowAt + row.idAt, true),
    length: rows.getUint8(rowAt + row.idBytesLessOne) + 1,
  };
}

export function typeSpan({ rows, rowAt }: StoredRecord): Span {
  const payloadAt = rows.getUint32(rowAt + row.payloadAt, true);
  return {
    at: payloadAt + rows.getUint16(rowAt + row.typeAt, true),
    length: rows.getUint8(rowAt + row.typeBytes),
  };
}

export function isMadeId({ rows, rowAt }: StoredRecord): boolean {
  return (rows.getUint8(rowAt + row.flags) & flagMadeId) !== 0;
}

/** Why an event was flagged or quarantined; undefined when it was not. */
export function noteOf(record: StoredRecord): string | undefined {
  const { payloads, rowAt, rows } = record;
  if ((rows.getUint8(rowAt + row.flags) & flagNoted) === 0) return undefined;
  const payload = payloadSpan(record);
  const extraEnd = payload.at + payload.length + rows.getUint16(rowAt + row.extraBytes, true);
  const end = isMadeId(record) ? idSpan(record).at : extraEnd;
  const length = payloads[end - 1]!;
  const { buffer, byteOffset } = payloads;
  return Buffer.from(buffer, byteOffset + end - 1 - length, length).toString('utf8');
}

/** The id that the sender gave; undefined when the server made it. */
export function sentId(record: StoredRecord): string | undefined {
  if (isMadeId(record)) return undefined;
  const { at, length } = idSpan(record);
  const { buffer, byteOffset } = record.payloads;
  return Buffer.from(buffer, byteOffset + at, length).toString('utf8');
}

export function encodingOf({ rows, rowAt }: StoredRecord): Encoding {
  const isMsgpack = (rows.getUint8(rowAt + row.flags) & flagMsgpack) !== 0;
  return isMsgpack ? encodingMsgpack : encodingJson;
}

/** Whether the record's `span` holds exactly `bytes`. */
export function spanIs(record: StoredRecord, span: Span, bytes: Uint8Array): boolean {
  if (span.length !== bytes.length) return false;
  for (let i = 0; i < bytes.length; i++) {
    if (record.payloads[span.at + i] !== bytes[i]) return false;
  }
  return true;
}
