/** Commit stamps and the horizon: what is settled stays settled. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { seededRandom } from '../src/std/random.ts';
import { createStampMemory, Stamps } from '../src/tape/stamps.ts';

test('the horizon never falls, and never passes a stamp that is not durable', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seededRandom(seed);
    const shards = 1 + random.below(4);
    const stamps = new Stamps(createStampMemory(shards));
    const waiting: number[][] = Array.from({ length: shards }, () => []);
    let last = 0;
    for (let step = 0; step < 200; step++) {
      const shard = random.below(shards);
      const mine = waiting[shard]!;
      if (mine.length === 0 || random.below(4) === 0) {
        // A second take without a settle is what a shard does after a failed commit.
        const count = 1 + random.below(3);
        const first = stamps.take(shard, count);
        for (let n = 0; n < count; n++) mine.push(first + n);
      } else {
        stamps.settle(shard);
        mine.length = 0;
      }
      const horizon = stamps.horizon();
      assert.ok(horizon >= last, `seed ${seed}: the horizon fell`);
      const least = Math.min(...waiting.flat());
      assert.ok(horizon < least, `seed ${seed}: ${horizon} is past ${least}`);
      last = horizon;
    }
    for (let shard = 0; shard < shards; shard++) stamps.settle(shard);
    const first = stamps.take(0, 1);
    assert.equal(stamps.horizon(), first - 1, `seed ${seed}: idle shards hold up the horizon`);
  }
});

test('a failed commit holds the horizon until its shard has written again', () => {
  const stamps = new Stamps(createStampMemory(2));
  assert.equal(stamps.take(0, 2), 1);
  assert.equal(stamps.take(1, 1), 3);
  stamps.settle(1);
  assert.equal(stamps.horizon(), 0);
  assert.equal(stamps.take(0, 1), 4);
  assert.equal(stamps.horizon(), 0);
  stamps.settle(0);
  assert.equal(stamps.horizon(), 4);
});

test('shards that open at the same time leave the counter at the greatest stamp of all', async () => {
  const rounds = 300;
  const url = new URL('../src/tape/stamps.js', import.meta.url).href;
  const gate = new SharedArrayBuffer(8);
  const memories = Array.from({ length: rounds }, () => createStampMemory(2));
  const code = `
    const { workerData: { gate, memories, stamp, url } } = require('node:worker_threads');
    import(url).then(({ Stamps }) => {
      const words = new Int32Array(gate);
      Atomics.add(words, 0, 1);
      while (Atomics.load(words, 0) < 2);
      for (const [round, memory] of memories.entries()) {
        Atomics.add(words, 1, 1);
        while (Atomics.load(words, 1) < 2 * (round + 1));
        new Stamps(memory).raise(stamp);
      }
    });`;
  const ends = [100, 50].map((stamp) => {
    const worker = new Worker(code, { eval: true, workerData: { gate, memories, stamp, url } });
    return new Promise<void>((resolve, reject) => {
      worker.on('error', reject).on('exit', () => resolve());
    });
  });
  await Promise.all(ends);
  for (const memory of memories) assert.equal(new Stamps(memory).horizon(), 100);
});
