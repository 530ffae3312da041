/** A store of rows under heavy change: what the library keeps of free pages from commit to commit must never be wrong. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Random, seededRandom } from '../src/std/random.ts';
import { type KeyedChange, KeyedStore } from '../src/store/keyed.ts';
import { checkPages } from '../src/store/pages.ts';
import { temporaryDirectory } from './support/server.ts';

const keys = 20_000;
const starts = 3;
const commits = 160;

function keyOf(n: number): Buffer {
  const key = Buffer.alloc(4 + (n % 24), n % 251);
  key.writeUInt32BE(Math.imul(n, 2654435761) >>> 0);
  return key;
}

function valueOfSize(random: Random): Buffer {
  const kind = random.next();
  const max = kind < 0.5 ? 200 : kind < 0.8 ? 3000 : 9000;
  return Buffer.alloc(random.below(max), random.below(256));
}

/** Now and then very many rows change, some of them twice; every third part of the time most are removed. */
function changesOf(random: Random, commit: number): KeyedChange[] {
  const isRemoving = Math.floor(commit / 40) % 3 === 2;
  const many = random.next() < 0.03 ? 3000 : 60;
  const changes: KeyedChange[] = [];
  for (let n = 1 + random.below(many); n > 0; n--) {
    const key = keyOf(random.below(keys));
    const isRemoved = random.next() < (isRemoving ? 0.85 : 0.2);
    changes.push([key, isRemoved ? undefined : valueOfSize(random)]);
    // Pages that are taken and freed again by one commit.
    if (!isRemoved && random.next() < 0.1) changes.push([key, valueOfSize(random)]);
    if (random.next() < 0.03) changes.push([key, undefined]);
  }
  if (random.next() < 0.004) for (let n = 0; n < keys; n++) changes.push([keyOf(n), undefined]);
  return changes;
}

test('commits that remove as much as they write are all taken, and leave a whole file', async (t) => {
  const directory = temporaryDirectory();
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'rows.mdb');
  const random = seededRandom(Number(process.env['TAPELINE_SEED'] ?? 1));
  const rows = new Map<string, Buffer>();
  for (let start = 0; start < starts; start++) {
    const store = new KeyedStore(path);
    for (let commit = 0; commit < commits; commit++) {
      const changes = changesOf(random, commit);
      await store.commit(changes);
      for (const [key, value] of changes) {
        if (value === undefined) rows.delete(key.toString('latin1'));
        else rows.set(key.toString('latin1'), value);
      }
    }
    await store.close();
    assert.equal(checkPages(path, 'freed'), 'writable');
  }
  const store = new KeyedStore(path);
  let found = 0;
  for (const { key, value } of store.range(Buffer.alloc(0))) {
    assert.ok(rows.get(key.toString('latin1'))?.equals(value));
    found += 1;
  }
  assert.equal(found, rows.size);
  await store.close();
});
