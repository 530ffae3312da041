/**
 * The check of an environment's pages: what a killed or stopped writer leaves is whole, and whatever bit of the trees is
 * flipped, the check tells, or the store is filled anew, or LMDB reads and writes on without harm. A process of its own plays each of them, since what LMDB does
 * to a damaged one may end it. Repeat one run with TAPELINE_SEED; TAPELINE_FLIPS says how many bits are flipped.
 */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from './support/server.ts';

const flips = Number(process.env['TAPELINE_FLIPS'] ?? 120);
const seed = Number(process.env['TAPELINE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const entry = fileURLToPath(new URL('support/pageflips.js', import.meta.url));

interface Outcomes {
  readonly commits: number;
  readonly told: number;
  readonly refilled: number;
  readonly harmless: number;
}

test(`flipped bits of a store's trees are told, mended, or do no harm (seed ${seed})`, async (t) => {
  const directory = temporaryDirectory();
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const child = fork(entry, [JSON.stringify({ directory, flips, seed })]);
  let last: unknown;
  child.on('message', (message) => {
    last = message;
  });
  const [code, signal] = await once(child, 'exit');
  assert.deepEqual([code, signal], [0, null], JSON.stringify(last));
  const outcomes = last as Outcomes;
  t.diagnostic(JSON.stringify(outcomes));
  const { commits, harmless, refilled, told } = outcomes;
  assert.equal(told + refilled + harmless, flips);
  assert.ok(told > 0 && refilled > 0 && harmless > 0 && commits > 0);
});
