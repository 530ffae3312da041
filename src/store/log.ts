/**
 * The block log of one shard: an LMDB environment that maps a commit stamp (8 bytes, big-endian, so
 * that key order is commit order) to a block of events. Written by the shard's thread alone; read by
 * every thread.
 */
import { dirname } from 'node:path';
import {
  commitChanges,
  type Environment,
  openToRead,
  openToWrite,
  readShared,
} from './environment.ts';

/** Address space of one log. */
const logMapBytes = 2 ** 35;

export interface LogBlock {
  readonly stamp: number;
  readonly bytes: Uint8Array;
}

/** The seam for tests: called around each commit; throwing makes the commit fail. */
export interface LogFaults {
  beforeCommit?(blocks: readonly LogBlock[]): Promise<void> | void;
  afterCommit?(blocks: readonly LogBlock[]): Promise<void> | void;
}

export class BlockLog {
  readonly #environment: Environment;
  readonly #directory: string;
  readonly #faults: LogFaults;
  readonly #key = Buffer.alloc(8);

  private constructor(path: string, environment: Environment, faults: LogFaults) {
    this.#environment = environment;
    this.#directory = dirname(path);
    this.#faults = faults;
  }

  /** Opens the log to write it. Thread: the shard's own. @throws AppError `invalid` when it is damaged. */
  static openWriter(path: string, faults: LogFaults = {}): BlockLog {
    return new BlockLog(path, openToWrite(path, logMapBytes, 'kept'), faults);
  }

  /** Opens the log to read it, on any thread, after its writer has opened it. */
  static openReader(path: string): BlockLog {
    return new BlockLog(path, openToRead(path, logMapBytes), {});
  }

  /** Writes all blocks in one transaction. @see commitChanges */
  async commit(blocks: readonly LogBlock[]): Promise<void> {
    await this.#faults.beforeCommit?.(blocks);
    const environment = this.#environment;
    const size = blocks.reduce((sum, { bytes }) => sum + bytes.length, 0);
    await commitChanges(environment, this.#directory, size, function* () {
      for (const { bytes, stamp } of blocks) {
        const value = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
        yield environment.put(stampKey(Buffer.allocUnsafe(8), stamp), value);
      }
    });
    await this.#faults.afterCommit?.(blocks);
  }

  /** The block at `stamp`. The bytes are valid until the next read on this thread. */
  read(stamp: number): Uint8Array | undefined {
    return readShared(this.#environment, stampKey(this.#key, stamp));
  }

  /** From here on, reads see everything flushed so far. Call before a group of reads. */
  refresh(): void {
    this.#environment.resetReadTxn();
  }

  /** Calls `visit` for each block in commit order, in bounded snapshots. Bytes: valid for the call; none, where they are lost. */
  forEach(visit: (stamp: number, bytes: Uint8Array) => void): void {
    let start: Buffer = stampKey(Buffer.alloc(8), 0);
    for (;;) {
      const keys = [...this.#environment.getKeys({ start, limit: 4096, snapshot: false })];
      if (keys.length === 0) return;
      for (const key of keys) {
        // Nothing is ever removed from a log: what is not found has a damaged key.
        visit(stampOf(key), readShared(this.#environment, key) ?? none);
      }
      // Right behind it, whatever it says: a damaged key may be no stamp.
      start = Buffer.concat([keys.at(-1)!, Buffer.of(0)]);
      this.refresh();
    }
  }

  async close(): Promise<void> {
    await this.#environment.close();
  }
}

const none = new Uint8Array(0);

/** Stamps are integers below 2^53. */
function stampKey(key: Buffer, stamp: number): Buffer {
  key.writeUInt32BE(Math.floor(stamp / 2 ** 32), 0);
  key.writeUInt32BE(stamp % 2 ** 32, 4);
  return key;
}

function stampOf(key: Buffer): number {
  return key.readUInt32BE(0) * 2 ** 32 + key.readUInt32BE(4);
}
