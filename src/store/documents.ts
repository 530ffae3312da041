/**
 * Small JSON documents in an LMDB environment of their own: the definitions of workspaces, keys and
 * views, and the erasures under way. One thread (main) writes; it also holds them all in memory, so nobody reads here later.
 */
import { dirname } from 'node:path';
import { commitChanges, type Environment, openToWrite } from './environment.ts';

const documentsMapBytes = 2 ** 36;

/** Changes are atomic and durable when `commit` resolves; `undefined` removes. Keys ≤ 500 bytes. */
export interface DocumentStore {
  entries(): Iterable<[string, unknown]>;
  /** @throws AppError `unavailable` when there is no room. */
  commit(changes: readonly (readonly [key: string, value: unknown])[]): Promise<void>;
  close(): Promise<void>;
}

export class LmdbDocuments implements DocumentStore {
  readonly #environment: Environment;
  readonly #directory: string;

  constructor(path: string) {
    this.#environment = openToWrite(path, documentsMapBytes, 'freed');
    this.#directory = dirname(path);
  }

  *entries(): Iterable<[string, unknown]> {
    for (const { key, value } of this.#environment.getRange({})) {
      yield [key.toString('utf8'), JSON.parse(value.toString('utf8'))];
    }
  }

  async commit(changes: readonly (readonly [key: string, value: unknown])[]): Promise<void> {
    const environment = this.#environment;
    const rows = changes.map(([key, value]) => ({
      key: Buffer.from(key),
      value: value === undefined ? undefined : Buffer.from(JSON.stringify(value)),
    }));
    const size = rows.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
    await commitChanges(environment, this.#directory, size, function* () {
      for (const { key, value } of rows) {
        if (value === undefined) yield environment.remove(key);
        else yield environment.put(key, value);
      }
    });
  }

  async close(): Promise<void> {
    await this.#environment.close();
  }
}
