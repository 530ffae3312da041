/**
 * The on-disk format. Everything is little-endian. Numbers here are written to disk: DO NOT
 * RENUMBER; a new meaning takes a new version.
 *
 *     data/
 *       tapeline.json          what the directory is: format, number of shards, hash seed
 *       workspaces.mdb         definitions (JSON documents)
 *       erasures.mdb           erasures under way (JSON documents)
 *       mailbox.mdb            messages to visitors (JSON documents)
 *       identities.mdb         which identities are of which customer: see `identity/node.ts`
 *       journeys.mdb           what the engine knows of customers, made of the tape: see `journeys/engine/layout.ts`
 *       rooms.mdb              what the engine keeps that no tape tells: agents, presence, deliveries of webhooks
 *       shard-0/part-*.mdb     parts of the hot log of shard 0, numbered: stamp (8 bytes, big-endian) → block
 *       shard-0/segment-*.mdb  sealed segments: first stamp, last stamp, generation, in base 36;
 *                              of generation 0: the index of a part, which stays where it is
 *       shard-0/ended.json     the last stamp of files that went, and what was dropped with them (JSON)
 *       *.tmp                  a segment being written; nothing of it counts
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
 * extra bytes (decoded JSON escapes, notes of the taxonomy, ids made by the server). The high bit of
 * `workspace` marks what is kept apart in the workspace's quarantine. `index` and `ticket` matter only on the
 * way in (a parcel's table has the same rows) and are 0 on disk. A position in commit order is
 * (stamp, ordinal), the ordinal being the row's number in the table. A block with no records is
 * legal: it proves that the shard can write again after a failure.
 *
 * A gap in the ranges of stamps of two neighbouring files is legal: nothing was written there.
 *
 * A sealed segment holds the same events in both orders. It is written once, each stream in key order, renamed
 * when it is flushed, and never changed. Its content is a few byte streams; each is cut into values
 * that fill four pages, under the key (stream u8, extent u32 big-endian):
 *
 *     ┌ 1 frames ──────┬ 2 blocks ─────────┬ 3…6 tables ────────────┬ 7, 8 filters ┬ 9 summary ┬ 255 head ┐
 *     │ commit order    │ (customer, time)   │ frames, blocks,        │ ids,         │ JSON      │ JSON     │
 *     │                 │                    │ customers, ids         │ customers    │           │          │
 *     └─────────────────┴────────────────────┴────────────────────────┴──────────────┴───────────┴──────────┘
 *
 * Frames, blocks, filters, summary and head are *items*; the checksum covers what is stored and the
 * item's name (a frame's first stamp, a block's number, else 0), so no item can pass for another:
 *
 *     item    0 bytes u32 │ 4 rawBytes u32 │ 8 crc32 u32 │ 12 version u8, kind u8, spare u16 │ 16 stored bytes
 *             stored bytes: deflateRaw of rawBytes, or as they are when `bytes` equals `rawBytes`
 *     frame   blocks as they stand in a log, one after the other at multiples of 8, rows folded
 *     block   block version 2: as in a log, header `stamp` its number, `crc` 0, and behind the table
 *             records × 24 bytes: 0 stamp f64 │ 8 received f64 │ 16 ordinal u16; both tables folded.
 *             Rows ascend by (customerHash, time, stamp, ordinal) through all the blocks; idHash is 0
 *     folded  rows of words: word 0 of every row, then word 1, …; each less the one of the row before
 *
 * A table has rows of one size, sorted, in chunks of 4,088 bytes: rows, padding, crc32 (of the chunk
 * before it, begun with the chunk's number). Behind the last chunk its *top*: each chunk's first row,
 * then a crc32 begun with the number of chunks. The top stays in memory; a lookup reads one chunk.
 *
 *     frames     0 firstStamp u32 │ 4 lastStamp u32 (both less the segment's first) │ 8 firstRow u32 │ 12 rows u32 │ 16 at f64
 *     blocks     0 hash u32 │ 4 ordinal u16 │ 8 time f64 │ 16 stamp f64 (of its first row) │ 24 at f64 │ 32 records u32
 *     customers  0 hash u32 │ 4 records u32 │ 8 newest f64 │ 16 lastBlock u32 │ 20 lastRow u16
 *     ids        0 idHash u32 │ 4 row u32 (its number in commit order, through all the frames; above it, in the
 *                bits that no row needs, check bits of the customer's hash: `idCheckBits` in the head, as many
 *                as all had that were merged)
 *
 * A filter has 64-byte lines, some sixteen bits for each hash, seven of them set in one line (`filter.ts`).
 * An event that was erased or has expired keeps its row in its frame, so that positions stay, with
 * nothing but the flag `erased`; it is in no block, table or filter.
 *
 * The index of a part is a segment without frames and blocks: its head names the part, in
 * which they are. Its table of frames has a row for each block of the part (`at` is 0), a row of
 * `customers` names the last of that customer's rows in one more table (`lastRow` is 0):
 *
 *     10 postings    0 time f64 │ 8 stamp u32 (less the first) │ 12 ordinal u16 │ 14 typeHash u16
 *                    in the order (customerHash, time, stamp, ordinal)
 */

/** Of the data directory. Version 1 had one log for each shard and nothing sealed; it was never released. */
export const directoryVersion = 2;
/** Of a block of the log. */
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
/** Only in segments: the event is gone; nothing but its row's place is left. */
export const flagErased = 8;
/** The event says something of identities (`identity/recover.ts`); the second: with a `publish` key. */
export const flagLink = 16;
export const flagUntrusted = 32;
/** The extra bytes end with a note (before an id made by the server): UTF-8, then its length u8. */
export const flagNoted = 64;

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

/** Version of a block in (customer, time) order: its rows bring their own positions. */
export const customerBlockVersion = 2;

/** A record's position, behind the rows of a block of version 2. */
export const positionBytes = 24;
export const position = { stamp: 0, received: 8, ordinal: 16 } as const;

/** In each item of a segment. */
export const itemVersion = 1;
/** In the head of a sealed segment, and of the index of a part. The rows of ids in older ones have no check bits. */
export const segmentVersion = 3;
export const partIndexVersion = 4;
export const segmentVersionsBefore: readonly number[] = [1];
export const partIndexVersionsBefore: readonly number[] = [2];
/** Of the index of a part. What is sealed has a higher one, and so takes its place. */
export const partIndexGeneration = 0;

/** Streams of a segment. */
export const stream = {
  frames: 1,
  blocks: 2,
  frameTable: 3,
  blockTable: 4,
  customerTable: 5,
  idTable: 6,
  idFilter: 7,
  customerFilter: 8,
  summary: 9,
  postings: 10,
  head: 255,
} as const;

/** Four pages less the header of the first and the 8 bytes that four chunks leave. */
export const extentBytes = 4 * 4096 - 32;
/** A quarter of an extent: no chunk lies in two. */
export const chunkBytes = extentBytes / 4;

export const itemHeaderBytes = 16;
/** Byte offsets in an item's header. */
export const item = { bytes: 0, rawBytes: 4, crc: 8, version: 12, stream: 13 } as const;

/** Byte offsets in the rows of a segment's tables. */
export const frameRow = { first: 0, last: 4, firstRow: 8, rows: 12, at: 16, size: 24 } as const;
export const blockRow = {
  hash: 0,
  ordinal: 4,
  time: 8,
  stamp: 16,
  at: 24,
  records: 32,
  size: 40,
} as const;
export const customerRow = {
  hash: 0,
  records: 4,
  newest: 8,
  lastBlock: 16,
  lastRow: 20,
  size: 24,
} as const;
export const idRow = { hash: 0, row: 4, size: 8 } as const;
export const postingRow = { time: 0, stamp: 8, ordinal: 12, typeHash: 14, size: 16 } as const;

/** The ordinal that comes after every record of a block. */
export const ordinalMax = 0xffff;

/** See `ended.ts`. */
export const endedFile = 'ended.json';
export const workspacesFile = 'workspaces.mdb';
export const erasuresFile = 'erasures.mdb';
export const mailboxFile = 'mailbox.mdb';
export const identitiesFile = 'identities.mdb';
export const journeysFile = 'journeys.mdb';
export const roomsFile = 'rooms.mdb';

export function shardDirectory(shard: number): string {
  return `shard-${shard}`;
}

/** A segment by its name in its shard's directory. */
export function segmentPath(shard: number, file: string): string {
  return `${shardDirectory(shard)}/${file}`;
}

/** A part of a shard's hot log; its number rises by one. */
export function partFile(shard: number, number: number): string {
  return `${shardDirectory(shard)}/${partName(number)}`;
}

export function partName(number: number): string {
  return `part-${String(number).padStart(8, '0')}.mdb`;
}

/** A sealed segment that stands for the stamps `first`…`last` of a shard. Names sort by stamps. */
export function segmentFile(
  shard: number,
  first: number,
  last: number,
  generation: number,
): string {
  const [from, to] = [first, last].map((stamp) => stamp.toString(36).padStart(11, '0'));
  return `shard-${shard}/segment-${from}-${to}-${generation.toString(36).padStart(4, '0')}.mdb`;
}

/** What a file in a shard's directory is, by its name. */
export type ShardFile =
  | { readonly kind: 'part'; readonly number: number }
  | {
      readonly kind: 'segment';
      readonly first: number;
      readonly last: number;
      readonly generation: number;
    }
  | { readonly kind: 'temporary' };

/** @param name without the directory; undefined when the file is none of ours. */
export function parseShardFile(name: string): ShardFile | undefined {
  if (/\.(tmp|new)(-lock)?$/.test(name)) return { kind: 'temporary' };
  const part = /^part-(\d{8})\.mdb$/.exec(name);
  if (part !== null) return { kind: 'part', number: Number(part[1]) };
  const parts = /^segment-([0-9a-z]{11})-([0-9a-z]{11})-([0-9a-z]{4})\.mdb$/.exec(name);
  if (parts === null) return undefined;
  const [first, last, generation] = parts.slice(1).map((digits) => parseInt(digits, 36));
  return { kind: 'segment', first: first!, last: last!, generation: generation! };
}
