/**
 * `journeys.mdb` as the engine has it: what was put and is not committed yet is read all the same. Commits
 * follow one another; what is put meanwhile goes with the next. Thread: the engine's, which alone writes.
 *
 * What is in it is a function of the tape, so it is committed together with how far that was applied: a
 * checkpoint begins with a cut, and what is put after it is the next one's.
 *
 *     put ─▶ state ─cut─▶ cut ─checkpoint─▶ committing ─▶ the file
 */
import { AppError } from '../../std/errors.ts';
import { type KeyedChange, KeyedStore } from '../../store/keyed.ts';
import { roomKey, roomPrefix } from './layout.ts';
import type { StateRows } from './work.ts';

/** By key as latin1 text, so that they sort as their bytes do; `undefined` removes. */
type Changes = Map<string, Buffer | undefined>;

export class JourneyStore {
  readonly #store: KeyedStore;
  #state: Changes = new Map();
  /** Of the checkpoint that is being made. */
  #cut: Changes = new Map();
  /** What the commit under way writes: it is not in the file before its end. */
  #committing: Changes = new Map();
  #line: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#store = new KeyedStore(path);
  }

  /** Changes that wait for a commit. */
  get pending(): number {
    return this.#state.size + this.#cut.size;
  }

  /** The newest first. */
  get #waiting(): readonly Changes[] {
    return [this.#state, this.#cut, this.#committing];
  }

  /** Valid until the next read. */
  get(key: Buffer): Buffer | undefined {
    if (this.pending + this.#committing.size > 0) {
      const name = key.toString('latin1');
      for (const changes of this.#waiting) if (changes.has(name)) return changes.get(name);
    }
    return this.#store.get(key);
  }

  /** They will be read soon: whatever of them is on the disk comes into memory meanwhile. */
  prefetch(keys: readonly Buffer[]): void {
    this.#store.prefetch(keys);
  }

  /** `undefined` removes. Durable with the checkpoint that is cut next. */
  put(key: Buffer, value: Buffer | undefined): void {
    this.#state.set(key.toString('latin1'), value);
  }

  /** A checkpoint begins: what was put so far is of it. One that could not be committed goes with it. */
  cut(): void {
    for (const [name, value] of this.#state) this.#cut.set(name, value);
    this.#state = new Map();
  }

  /** As `put`, for the checkpoint that was cut: how it was then. */
  putCut(key: Buffer, value: Buffer | undefined): void {
    this.#cut.set(key.toString('latin1'), value);
  }

  /** In key order; every key and value is the caller's own. */
  *range(prefix: Buffer): Iterable<readonly [key: Buffer, value: Buffer]> {
    const text = prefix.toString('latin1');
    const found: Changes = new Map();
    for (const { key, value } of this.#store.range(prefix)) {
      found.set(key.toString('latin1'), Buffer.from(value));
    }
    for (const changes of [...this.#waiting].reverse()) {
      for (const [key, value] of changes) if (key.startsWith(text)) found.set(key, value);
    }
    const keys = [...found.keys()].sort();
    for (const key of keys) {
      const value = found.get(key);
      if (value !== undefined) yield [Buffer.from(key, 'latin1'), value];
    }
  }

  /** Keys from `start` up to but not including `end` that are in the file and wait for no change, in order. */
  *settledKeys(start: Buffer, end: Buffer): Iterable<Buffer> {
    const waiting = this.#waiting.filter(({ size }) => size > 0);
    for (const key of this.#store.keysBetween(start, end)) {
      if (waiting.length === 0) yield key;
      else {
        const name = key.toString('latin1');
        if (!waiting.some((changes) => changes.has(name))) yield key;
      }
    }
  }

  /** Keys from `start` up to but not including `end` that wait to be written, in no order. */
  *waitingKeys(start: Buffer, end: Buffer): Iterable<Buffer> {
    const [from, to] = [start.toString('latin1'), end.toString('latin1')];
    const seen = new Set<string>();
    for (const changes of this.#waiting) {
      for (const [name, value] of changes) {
        if (name < from || name >= to || seen.has(name)) continue;
        seen.add(name);
        if (value !== undefined) yield Buffer.from(name, 'latin1');
      }
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
   * What was cut is durable when it resolves, in one transaction.
   * @throws AppError unavailable when there is no room; it is tried again with the next checkpoint.
   */
  checkpoint(): Promise<void> {
    return this.#next(() => this.#commit());
  }

  #next(work: () => Promise<void>): Promise<void> {
    const turn = this.#line.then(work);
    this.#line = turn.catch(() => undefined);
    return turn;
  }

  async #commit(): Promise<void> {
    const changes = this.#cut;
    if (changes.size === 0) return;
    this.#cut = new Map();
    this.#committing = changes;
    try {
      await this.#store.commit(sorted(changes));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#cut = new Map([...changes, ...this.#cut]);
      throw error;
    } finally {
      this.#committing = new Map();
    }
  }

  /** Writes the file anew, so that nothing that was removed is left in it. @throws AppError unavailable. */
  rewrite(keep: (key: Buffer) => boolean): Promise<void> {
    return this.#next(() => this.#store.rewrite(keep));
  }

  /** The rows of one room. */
  rows(room: string): StateRows {
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
    };
  }

  *#rowsOf(start: Buffer, prefixBytes: number): Iterable<readonly [string, unknown]> {
    for (const [key, value] of this.range(start)) {
      yield [key.toString('utf8', prefixBytes), JSON.parse(value.toString('utf8')) as unknown];
    }
  }

  /** What was not committed is lost. */
  async close(): Promise<void> {
    await this.#line;
    await this.#store.close();
  }
}

/** In key order, so that the pages of the tree are written one after the other. */
function sorted(changes: Changes): KeyedChange[] {
  const keys = [...changes.keys()].sort();
  return keys.map((key) => [Buffer.from(key, 'latin1'), changes.get(key)]);
}
