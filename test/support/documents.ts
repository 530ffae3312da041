/** A document store for tests of what is kept in one. */
import assert from 'node:assert/strict';
import type { DocumentStore } from '../../src/store/documents.ts';

/** A store in memory that writes JSON as the real one does, and can be told to fail or to wait. */
export class FakeStore implements DocumentStore {
  readonly documents = new Map<string, string>();
  failure: Error | undefined;
  gate: Promise<void> = Promise.resolve();
  commits = 0;

  *entries(): Iterable<[string, unknown]> {
    for (const key of [...this.documents.keys()].sort()) {
      yield [key, JSON.parse(this.documents.get(key)!)];
    }
  }

  async commit(changes: readonly (readonly [key: string, value: unknown])[]): Promise<void> {
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    this.commits += 1;
    for (const [key, value] of changes) {
      assert.ok(Buffer.byteLength(key) <= 500, key);
      if (value === undefined) assert.ok(this.documents.delete(key), `${key} was there`);
      else this.documents.set(key, JSON.stringify(value));
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
