/**
 * Values under keys in an LMDB environment of their own, too many to hold in memory. One thread writes;
 * any thread reads the file directly, and sees a commit as soon as it is flushed. Keys ≤ 500 bytes.
 */
import { dirname } from 'node:path';
import {
  commitChanges,
  type Environment,
  noteRead,
  openToRead,
  openToWrite,
  readShared,
  removeEnvironment,
  replaceEnvironment,
} from './environment.ts';

const keyedMapBytes = 2 ** 38;
/** Rows written to a new file in one transaction. */
const rewriteRows = 10_000;

/** `undefined` removes. */
export type KeyedChange = readonly [key: Buffer, value: Buffer | undefined];

export class KeyedReader {
  readonly #path: string;
  #environment: Environment;

  /** Call after the writer has opened the file. */
  constructor(path: string) {
    this.#path = path;
    this.#environment = openToRead(path, keyedMapBytes);
  }

  /** The file has been replaced: lets go of the old one. */
  reopen(): void {
    void this.#environment.close();
    this.#environment = openToRead(this.#path, keyedMapBytes);
  }

  /** From now on what was committed last is read. */
  refresh(): void {
    this.#environment.resetReadTxn();
  }

  /** Valid until the next read on this thread. */
  get(key: Buffer): Buffer | undefined {
    return readShared(this.#environment, key);
  }

  async close(): Promise<void> {
    await this.#environment.close();
  }
}

export class KeyedStore {
  readonly #path: string;
  #environment: Environment;

  constructor(path: string) {
    this.#path = path;
    // A rewrite that was cut.
    removeEnvironment(`${path}.new`);
    this.#environment = openToWrite(path, keyedMapBytes, 'freed');
  }

  /** Valid until the next read on this thread. */
  get(key: Buffer): Buffer | undefined {
    return readShared(this.#environment, key);
  }

  /** Lets the pool read what will be asked for, so that this thread does not wait for the disk then. */
  prefetch(keys: readonly Buffer[]): void {
    if (keys.length > 0) this.#environment.prefetch([...keys], () => undefined);
  }

  /** Rows whose keys begin with `prefix`, in key order. */
  *range(prefix: Buffer): Iterable<{ readonly key: Buffer; readonly value: Buffer }> {
    const end = Buffer.concat([prefix, Buffer.alloc(8, 0xff)]);
    this.#environment.resetReadTxn();
    yield* counted(this.#environment.getRange({ start: prefix, end }));
  }

  /** Keys from `start` up to but not including `end`, in order. */
  keysBetween(start: Buffer, end: Buffer): Iterable<Buffer> {
    this.#environment.resetReadTxn();
    return counted(this.#environment.getKeys({ start, end }));
  }

  /** Their keys alone, which is faster. */
  keys(prefix: Buffer): Iterable<Buffer> {
    const end = Buffer.concat([prefix, Buffer.alloc(8, 0xff)]);
    this.#environment.resetReadTxn();
    return counted(this.#environment.getKeys({ start: prefix, end }));
  }

  /** Atomic, and durable when it resolves. @throws AppError `unavailable` when there is no room. */
  async commit(changes: readonly KeyedChange[]): Promise<void> {
    await commitTo(this.#environment, this.#path, changes);
    this.#environment.resetReadTxn();
  }

  /**
   * Writes the file anew with the rows that `keep` keeps, so that nothing else is left in it, free pages
   * included. Nothing may be committed meanwhile. Readers `reopen` after it.
   *
   * @throws AppError `unavailable` when there is no room; the file is as before.
   */
  async rewrite(keep: (key: Buffer) => boolean): Promise<void> {
    const old = this.#environment;
    const fresh = await replaceEnvironment(this.#path, keyedMapBytes, async (environment) => {
      let rows: KeyedChange[] = [];
      old.resetReadTxn();
      for (const { key, value } of counted(old.getRange({}))) {
        if (!keep(key)) continue;
        rows.push([Buffer.from(key), Buffer.from(value)]);
        if (rows.length < rewriteRows) continue;
        await commitTo(environment, this.#path, rows);
        rows = [];
      }
      await commitTo(environment, this.#path, rows);
    });
    this.#environment = fresh;
    await old.close();
  }

  async close(): Promise<void> {
    await this.#environment.close();
  }
}

/** The library may hand out what it reads in the buffer that `readShared` has too. */
function* counted<Row>(rows: Iterable<Row>): Iterable<Row> {
  for (const row of rows) {
    noteRead();
    yield row;
  }
}

async function commitTo(
  environment: Environment,
  path: string,
  changes: readonly KeyedChange[],
): Promise<void> {
  if (changes.length === 0) return;
  const size = changes.reduce((sum, [key, value]) => sum + key.length + (value?.length ?? 0), 0);
  await commitChanges(environment, dirname(path), size, function* () {
    for (const [key, value] of changes) {
      if (value === undefined) yield environment.remove(key);
      else yield environment.put(key, value);
    }
  });
}
