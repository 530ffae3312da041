/** A tail whose visitor reads other things meanwhile, as the engine does: its events stay what they are. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TapeEvent } from '../src/tape/event.ts';
import { Tail } from '../src/tape/tail.ts';
import { count } from './support/session.ts';
import { ManualClock, ShardKit } from './support/shardkit.ts';

test('an event of an owned tail outlives other reads of the store, and so do its neighbours', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-tail-'));
  const limits = { events: 1_000_000, bytes: 2 ** 30, ageMs: 2 ** 40 };
  const clock = new ManualClock(1_763_740_000_000);
  const kit = new ShardKit({ directory, shards: 1, clock, limits });
  try {
    const sizes = [3, 700, 40];
    for (const [group, size] of sizes.entries()) {
      const data = { group, text: 'x'.repeat(size) };
      await kit.store(
        count(5).map((n) => ({ customer: `c${group}`, type: 'a', id: `${group}-${n}`, data })),
      );
    }
    const wanted = kit.tail().map((event) => JSON.stringify(event));
    const found: string[] = [];
    const tail = new Tail(kit.tape, [0], { stamp: 0, ordinal: 0 }, true);
    const visit = (event: TapeEvent): boolean => {
      // Of another block, so that the store's buffer holds something else.
      for (const group of sizes.keys()) assert.equal(kit.scan({ customer: `c${group}` }).length, 5);
      found.push(JSON.stringify(JSON.parse(event.json())));
      return true;
    };
    while (tail.visitBlock(kit.tape.horizon(), visit));
    assert.deepEqual(found, wanted);
  } finally {
    await kit.close();
    rmSync(directory, { recursive: true, force: true });
  }
});
