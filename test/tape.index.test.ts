/** The reverse index: equal hashes, growth under a reader's feet, and taking back. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import test from 'node:test';
import { IndexReader, IndexWriter, reserveIndex } from '../src/tape/index.ts';
import { customerHashOf, idHashOf } from '../src/tape/route.ts';
import { temporaryDirectory } from './support/server.ts';
import { collidingCustomers, ManualClock, ShardKit } from './support/shardkit.ts';

const hashSeed = 7;

function openKit(t: { after(run: () => unknown): void }): ShardKit {
  const directory = temporaryDirectory();
  const kit = new ShardKit({ directory, shards: 2, hashSeed, clock: new ManualClock(1e12) });
  t.after(async () => {
    await kit.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return kit;
}

test('two customers with one hash keep their events and their ids apart', async (t) => {
  const kit = openKit(t);
  const [first, second] = collidingCustomers(hashSeed, 1);
  const of = (customer: string, id: string) => ({ customer, id, type: 'a', time: 1e12 });
  const receipt = await kit.store([of(first, 'x'), of(second, 'x'), of(second, 'y')]);
  assert.deepEqual([receipt.accepted, receipt.duplicates], [3, 0]);
  const again = await kit.store([of(second, 'x'), of(first, 'x'), of(first, 'y')]);
  assert.deepEqual([again.accepted, again.duplicates], [1, 2]);
  const idsOf = (customer: string) => kit.scan({ customer }).map(({ id }) => id);
  assert.deepEqual(idsOf(first), ['y', 'x']);
  assert.deepEqual(idsOf(second), ['y', 'x']);
});

/** Two ids of one customer whose hashes are equal. */
function collidingIds(customer: string): [string, string] {
  const bytes = Buffer.from(customer);
  const customerHash = customerHashOf(hashSeed, 1, bytes, 0, bytes.length);
  const seen = new Map<number, string>();
  for (let n = 0; ; n++) {
    const id = `id-${n}`;
    const hash = idHashOf(customerHash, Buffer.from(id), 0, id.length);
    const other = seen.get(hash);
    if (other !== undefined) return [other, id];
    seen.set(hash, id);
  }
}

test('two ids with one hash are two events', async (t) => {
  const kit = openKit(t);
  const [first, second] = collidingIds('c1');
  const events = [first, second].map((id) => ({ customer: 'c1', id, type: 'a' }));
  assert.equal((await kit.store(events)).accepted, 2);
  assert.equal((await kit.store(events)).duplicates, 2);
});

/** Appends `count` entries, one block each `perBlock`, and publishes them. */
function fill(writer: IndexWriter, count: number, perBlock: number): void {
  for (let n = 0; n < count; n++) {
    assert.ok(writer.reserve(1));
    if (n % perBlock === 0) writer.setStamp(writer.openBlock(), writer.blockCount);
    writer.append(n % 1000, n, 0, n);
  }
  writer.publish(writer.entryCount, writer.blockCount);
}

test('a reader that was opened before the columns grew finds what came after', () => {
  for (const perBlock of [1, 100]) {
    const memory = reserveIndex();
    const writer = new IndexWriter(memory);
    const reader = new IndexReader(memory);
    fill(writer, 1000, perBlock);
    assert.equal(reader.newestEntry(5), 6);
    fill(writer, 150_000, perBlock);
    const entry = reader.newestEntry(999);
    assert.equal(entry, 151_000);
    assert.equal(reader.stamp[reader.block[entry]!], 151_000 / perBlock);
    assert.equal(reader.previous[entry], 150_000);
    assert.equal(reader.blockFrom(1), 1);
    assert.equal(reader.blockFrom(1e9), reader.publishedBlocks() + 1);
  }
});

test('what is not published is skipped, and taking it back leaves no trace', () => {
  const memory = reserveIndex();
  const writer = new IndexWriter(memory);
  const reader = new IndexReader(memory);
  fill(writer, 10, 5);
  const hashes = new Map<number, number>();
  const add = (customerHash: number, idHash: number): void => {
    writer.append(customerHash, idHash, 0, 1);
    hashes.set(writer.entryCount, customerHash);
  };
  for (let round = 0; round < 3; round++) {
    writer.reserve(4);
    writer.openBlock();
    add(3, 100);
    add(5000, 101);
    add(5000 + 2 ** 20, 102);
    add(3, 103);
    assert.equal(reader.newestEntry(3), 4);
    assert.equal(reader.newestEntry(5000), 0);
    assert.equal(writer.ids.find(103, 0), 14);
    writer.takeBack((entry) => hashes.get(entry)!);
    assert.equal(writer.entryCount, 10);
    assert.equal(writer.blockCount, 2);
    for (const id of [100, 101, 102, 103]) assert.equal(writer.ids.find(id, 0), 0);
    assert.equal(reader.newestEntry(3), 4);
    assert.equal(reader.newestEntry(5000 + 2 ** 20), 0);
  }
});
