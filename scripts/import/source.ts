/** Where the bytes come from: a file or standard input, gzip or not, read once and in pieces. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

export interface Source {
  /** The content, uncompressed. */
  readonly chunks: AsyncIterable<Buffer>;
  /** SHA-256 over the first 64 KiB of the content, 12 hex digits: the same file, the same name. */
  readonly fingerprint: string;
  /** Size as it lies on disk; undefined for standard input. */
  readonly bytesTotal: number | undefined;
  /** How much of that has been read. */
  bytesRead(): number;
}

const fingerprintBytes = 64 * 1024;

/** Opens `path`, or standard input for `-`. gzip is recognised by its first two bytes. */
export async function openSource(path: string): Promise<Source> {
  const bytesTotal = path === '-' ? undefined : (await stat(path)).size;
  const input: AsyncIterable<Buffer> = path === '-' ? process.stdin : createReadStream(path);
  let bytesRead = 0;
  const counted = (async function* () {
    for await (const chunk of input) {
      bytesRead += chunk.length;
      yield chunk;
    }
  })();
  const start = await peek(counted, 2);
  const isGzip = start.head[0] === 0x1f && start.head[1] === 0x8b;
  const plain = isGzip ? gunzip(start.chunks) : start.chunks;
  const content = await peek(plain, fingerprintBytes);
  const hash = createHash('sha256').update(content.head.subarray(0, fingerprintBytes));
  return {
    chunks: content.chunks,
    fingerprint: hash.digest('hex').slice(0, 12),
    bytesTotal,
    bytesRead: () => bytesRead,
  };
}

function gunzip(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const output = createGunzip();
  // A failure destroys `output` with the same error, so whoever reads it learns of it.
  pipeline(Readable.from(chunks), output, () => undefined);
  return output;
}

/** Reads until `bytes` are there, and gives them back at the head of the stream. */
async function peek(
  chunks: AsyncIterable<Buffer>,
  bytes: number,
): Promise<{ head: Buffer; chunks: AsyncIterable<Buffer> }> {
  const iterator = chunks[Symbol.asyncIterator]();
  const parts: Buffer[] = [];
  let have = 0;
  let isEnded = false;
  while (have < bytes && !isEnded) {
    const next = await iterator.next();
    if (next.done) isEnded = true;
    else {
      parts.push(next.value);
      have += next.value.length;
    }
  }
  const head = Buffer.concat(parts);
  const rest = (async function* () {
    if (head.length > 0) yield head;
    while (!isEnded) {
      const next = await iterator.next();
      if (next.done) return;
      yield next.value;
    }
  })();
  return { head, chunks: rest };
}
