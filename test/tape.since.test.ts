/** Where an instant is in commit order: nothing after it is missed, and little before it is read. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { positionSince } from '../src/tape/since.ts';
import { Tail } from '../src/tape/tail.ts';
import { ManualClock, ShardKit } from './support/shardkit.ts';

const startMs = 1_763_740_000_000;
const stepMs = 60_000;
const groups = 40;

for (const events of [1_000_000, 5]) {
  test(`a reader begins at an instant (${events === 5 ? 'sealed' : 'one part'})`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'tapeline-since-'));
    const clock = new ManualClock(startMs);
    const limits = { events, bytes: 2 ** 30, ageMs: 2 ** 40 };
    const kit = new ShardKit({ directory, shards: 2, clock, limits });
    try {
      for (let group = 0; group < groups; group++) {
        // Every third group is of one shard alone, so that the shards have different gaps.
        const customers = group % 3 === 0 ? ['c1'] : ['c1', 'c2', 'c3', 'c4'];
        await kit.store(customers.map((customer) => ({ customer, type: 'a', id: `e${group}` })));
        clock.step(stepMs);
      }
      await kit.settle();
      for (const group of [0, 1, 17, groups - 1, groups]) {
        const since = startMs + group * stepMs;
        const seen = readFrom(kit, since);
        const wanted = Array.from({ length: groups - group }, (_, n) => `e${group + n}`);
        assert.deepEqual(
          [...new Set(seen)].filter((id) => wanted.includes(id)),
          wanted,
        );
        assert.ok(
          new Set(seen).size <= wanted.length + 1,
          `${seen.length} events from ${group} on`,
        );
      }
    } finally {
      await kit.close();
      rmSync(directory, { recursive: true });
    }
  });
}

function readFrom({ tape }: ShardKit, since: number): string[] {
  const ids: string[] = [];
  const tail = new Tail(tape, [0, 1], positionSince(tape, since));
  const horizon = tape.horizon();
  const visit = (event: { readonly id: string }): boolean => ids.push(event.id) > 0;
  while (tail.visitBlock(horizon, visit));
  return ids;
}
