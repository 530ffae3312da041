/**
 * `journeys.mdb` as the engine has it: what was put and is not committed yet is read all the same. Commits
 * follow one another; what is put meanwhile goes with the next. Thread: the engine's, which alone writes.
 */
import { AppError } from '../../std/errors.ts';
import { type KeyedChange, KeyedStore } from '../../store/keyed.ts';
import { roomKey, roomPrefix } from './layout.ts';
import type { Rows } from './work.ts';

export class JourneyStore {
  readonly #store: KeyedStore;
  /** By key as latin1 text, so that they sort as their bytes do. */
  #pending = new Map<string, Buffer | undefined>();
  /** What the commit under way writes: it is not in the file before its end. */
  #committing: ReadonlyMap<string, Buffer | undefined> = new Map();
  #line: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#store = new KeyedStore(path);
  }

  /** Changes that wait for a commit. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Valid until the next read. */
  get(key: Buffer): Buffer | undefined {
    const name = key.toString('latin1');
    if (this.#pending.has(name)) return this.#pending.get(name);
    if (this.#committing.has(name)) return this.#committing.get(name);
    return this.#store.get(key);
  }

  /** `undefined` removes. Durable with the next commit. */
  put(key: Buffer, value: Buffer | undefined): void {
    this.#pending.set(key.toString('latin1'), value);
  }

  /** In key order; every key and value is the caller's own. */
  *range(prefix: Buffer): Iterable<readonly [key: Buffer, value: Buffer]> {
    const text = prefix.toString('latin1');
    const found = new Map<string, Buffer | undefined>();
    for (const { key, value } of this.#store.range(prefix)) {
      found.set(key.toString('latin1'), Buffer.from(value));
    }
    for (const changes of [this.#committing, this.#pending]) {
      for (const [key, value] of changes) if (key.startsWith(text)) found.set(key, value);
    }
    const keys = [...found.keys()].sort();
    for (const key of keys) {
      const value = found.get(key);
      if (value !== undefined) yield [Buffer.from(key, 'latin1'), value];
    }
  }

  /** Keys from `start` up to but not including `end`, in no order: for more than there is memory for. */
  *keysBetween(start: Buffer, end: Buffer): Iterable<Buffer> {
    const isChanged = (name: string): boolean =>
      this.#pending.has(name) || this.#committing.has(name);
    for (const key of this.#store.keysBetween(start, end)) {
      if (!isChanged(key.toString('latin1'))) yield key;
    }
    const [from, to] = [start.toString('latin1'), end.toString('latin1')];
    for (const [name, value] of new Map([...this.#committing, ...this.#pending])) {
      if (value !== undefined && name >= from && name < to) yield Buffer.from(name, 'latin1');
    }
  }

  /** At most so many keys from `start` up to but not including `end`, in order, as they are in the file. */
  firstKeys(start: Buffer, end: Buffer, count: number): Buffer[] {
    const keys: Buffer[] = [];
    for (const key of this.#store.keysBetween(start, end)) {
      keys.push(Buffer.from(key));
      if (keys.length === count) break;
    }
    return keys;
  }

  /**
   * All that was put before is durable when it resolves.
   * @throws AppError unavailable when there is no room; it is tried again with the next commit.
   */
  commit(): Promise<void> {
    const turn = this.#line.then(() => this.#commit());
    this.#line = turn.catch(() => undefined);
    return turn;
  }

  async #commit(): Promise<void> {
    if (this.#pending.size === 0) return;
    const changes = this.#pending;
    this.#pending = new Map();
    this.#committing = changes;
    try {
      await this.#store.commit(sorted(changes));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#pending = new Map([...changes, ...this.#pending]);
      throw error;
    } finally {
      this.#committing = new Map();
    }
  }

  /** Writes the file anew, so that nothing that was removed is left in it. @throws AppError unavailable. */
  rewrite(keep: (key: Buffer) => boolean): Promise<void> {
    const turn = this.#line.then(() => this.#commit()).then(() => this.#store.rewrite(keep));
    this.#line = turn.catch(() => undefined);
    return turn;
  }

  /** The rows of one room. */
  rows(room: string): Rows {
    const prefix = roomPrefix(room);
    return {
      get: (key) => {
        const value = this.get(roomKey(room, key));
        return value === undefined ? undefined : (JSON.parse(value.toString('utf8')) as unknown);
      },
      range: (start) => this.#rowsOf(roomKey(room, start), prefix.length),
      put: (key, value) => {
        const json = value === undefined ? undefined : Buffer.from(JSON.stringify(value));
        this.put(roomKey(room, key), json);
      },
      flush: () => this.commit(),
    };
  }

  *#rowsOf(start: Buffer, prefixBytes: number): Iterable<readonly [string, unknown]> {
    for (const [key, value] of this.range(start)) {
      yield [key.toString('utf8', prefixBytes), JSON.parse(value.toString('utf8')) as unknown];
    }
  }

  /** Commits what waits, if there is room. */
  async close(): Promise<void> {
    await this.commit().catch((error: unknown) => {
      if (!(error instanceof AppError)) throw error;
    });
    await this.#store.close();
  }
}

/** In key order, so that the pages of the tree are written one after the other. */
function sorted(changes: ReadonlyMap<string, Buffer | undefined>): KeyedChange[] {
  const keys = [...changes.keys()].sort();
  return keys.map((key) => [Buffer.from(key, 'latin1'), changes.get(key)]);
}
