/**
 * The on-disk format, version 1. Everything is little-endian. Numbers here are written to disk: DO NOT
 * RENUMBER; a new meaning takes a new version.
 *
 *     data/
 *       tapeline.json          what the directory is: format, number of shards, hash seed
 *       workspaces.mdb         definitions (JSON documents)
 *       shard-0/hot.mdb        hot log of shard 0: stamp (8 bytes, big-endian) → block
 *       shard-0/segment-*.mdb  sealed segments (drawn below; not written yet)
 *
 * A block is one LMDB value: a header, the payloads exactly as they were sent, and a table of records.
 * Payloads of one sender lie next to each other as they did in the frame, so a run is one copy.
 *
 *     ┌ header, 32 bytes ────────────────────────────────────────────────────────────────────┐
 *     │ 0 version u8 │ 1 spare u8 │ 2 records u16 │ 4 bytes u32 │ 8 stamp f64 │ 16 received f64 │
 *     │ 24 crc32 u32 (of the block with this field 0) │ 28 tableAt u32                          │
 *     ├ payloads: [event as sent][extra bytes], …, padded to 8 ───────────────────────────────┤
 *     ├ table: `records` × 48 bytes, in commit order ──────────────────────────────────────────┤
 *     │ 0 payloadAt u32 │ 4 payloadBytes u16 │ 6 extraBytes u16 │ 8 workspace u32               │
 *     │ 12 customerHash u32 │ 16 time f64 │ 24 idHash u32 │ 28 typeHash u16 │ 30 index u16        │
 *     │ 32 customerAt u16 │ 34 idAt u16 │ 36 typeAt u16 │ 38 customerBytes-1 u8 │ 39 idBytes-1 u8 │
 *     │ 40 typeBytes u8 │ 41 flags u8 │ 42 spare u16 │ 44 ticket u32                              │
 *     └────────────────────────────────────────────────────────────────────────────────────────┘
 *
 * `…At` of a field counts from the payload's first byte; at or past `payloadBytes` it lies in the
 * extra bytes (decoded JSON escapes, ids made by the server). `index` and `ticket` matter only on the
 * way in (a parcel's table has the same rows) and are 0 on disk. A position in commit order is
 * (stamp, ordinal), the ordinal being the row's number in the table. A block with no records is
 * legal: it proves that the shard can write again after a failure.
 *
 * Sealed segment (the next format, laid out so that nothing above changes): an environment of its own
 * with `c` workspace, customerHash, customer, time, stamp, ordinal → runs of records in the same row
 * format; `s` stamp → postings in commit order; `f` filters on customers and ids; `h` bounds, counts
 * per type and per minute. Both orders address an event by (stamp, ordinal), so cursors survive.
 */

export const formatVersion = 1;

export const blockHeaderBytes = 32;
/**
 * A block's value and the 24-byte page header of lmdb's LMDB together fill two pages exactly. A scan
 * copies and checks a whole block for each event, so smaller is faster to read: half of 16 KiB took a
 * view of ten rows over 100 events from 1.3 to 0.8 ms and cost ingest nothing that could be measured.
 */
export const blockBytes = 2 * 4096 - 24;

export const rowBytes = 48;

/** Payloads of one sender this close together are copied in one go, the gap with them. */
export const gapBytesMax = 16;

/** Bits of a row's flags. */
export const flagMsgpack = 1;
export const flagMadeId = 2;
/** Only in parcels: the sender gave no time, the shard uses the block's `received`. */
export const flagNoTime = 4;

/** Byte offsets in a block's header. */
export const header = {
  version: 0,
  records: 2,
  bytes: 4,
  stamp: 8,
  received: 16,
  crc: 24,
  tableAt: 28,
} as const;

/** Byte offsets in a row. */
export const row = {
  payloadAt: 0,
  payloadBytes: 4,
  extraBytes: 6,
  workspace: 8,
  customerHash: 12,
  time: 16,
  idHash: 24,
  typeHash: 28,
  index: 30,
  customerAt: 32,
  idAt: 34,
  typeAt: 36,
  customerBytesLessOne: 38,
  idBytesLessOne: 39,
  typeBytes: 40,
  flags: 41,
  ticket: 44,
} as const;

/** The ordinal that comes after every record of a block. */
export const ordinalMax = 0xffff;

export const workspacesFile = 'workspaces.mdb';

export function hotLogFile(shard: number): string {
  return `shard-${shard}/hot.mdb`;
}
