/** The pool that seals and merges: closed amid a job it gives that up, leaves nothing behind, and takes no other. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { seededRandom } from '../src/std/random.ts';
import type { UpkeepJob } from '../src/tape/upkeep.ts';
import { openUpkeepPool } from '../src/threads/pool.ts';
import { writePart } from './support/segmentplay.ts';

const entry = new URL('../src/threads/upkeep.js', import.meta.url);

test('a pool that is closed while it seals gives up, and takes nothing more', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-pool-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(join(directory, 'shard-0'), { recursive: true });
  const place = { directory, number: 1, firstStamp: 1, events: 4000 };
  const last = await writePart(seededRandom(3), place);
  const job = { directory, shard: 0, parts: [1], first: 1, last, generation: 0 };
  const upkeep: UpkeepJob = { kind: 'seal', job };
  const pool = openUpkeepPool(entry);
  // Its thread is there, and has sealed before: from now on it is within the job most of the time.
  const sealed = await pool.run(upkeep);
  assert.equal(sealed!.events, 4000);
  const under = Array.from({ length: 20 }, (_, generation) =>
    pool.run({ kind: 'seal', job: { ...job, generation: generation + 1 } }),
  );
  await Promise.race(under);
  await pool.close();
  const ends = await Promise.allSettled(under);
  const given = ends.filter((end) => end.status === 'rejected');
  assert.ok(given.length > 0, 'some were given up');
  for (const { reason } of given) assert.match(String(reason), /shutting down/);
  const left = readdirSync(join(directory, 'shard-0')).filter((name) => name.includes('.tmp'));
  assert.deepEqual(left, []);
  await assert.rejects(pool.run(upkeep), /shutting down/);
});
