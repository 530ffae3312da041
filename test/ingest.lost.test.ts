/** Links that could not be written are written later, and recovery need not go back for them any more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Statement } from '../src/identity/rules.ts';
import { LostStatements, lostStatementsMax } from '../src/ingest/lost.ts';
import { AppError } from '../src/std/errors.ts';
import { ManualClock } from './support/shardkit.ts';

function statement(n: number): Statement {
  return { workspace: 1, customer: `c${n}`, previous: `cookie:${n}`, time: n, isTrusted: true };
}

test('lost statements are tried again in order until they are written, and then forgotten', async () => {
  const clock = new ManualClock(1_790_000_000_000);
  const written: string[] = [];
  let isFull = true;
  const establish = async (statements: readonly Statement[]): Promise<void> => {
    if (isFull) throw new AppError('unavailable', 'the disk is full');
    written.push(...statements.map(({ customer }) => customer));
  };
  const lost = new LostStatements({ clock, establish });
  const pass = async (): Promise<void> => {
    clock.advance(5000);
    await new Promise((resolve) => setImmediate(resolve));
  };
  assert.equal(lost.at, Number.POSITIVE_INFINITY);
  lost.note({ at: 20, erasures: 0, statements: [statement(1), statement(2)] });
  lost.note({ at: 10, erasures: 0, statements: [statement(3)] });
  await pass();
  assert.deepEqual([lost.at, written], [10, []]);
  isFull = false;
  await pass();
  assert.deepEqual([lost.at, written], [Number.POSITIVE_INFINITY, ['c1', 'c2', 'c3']]);
  await pass();
  assert.equal(written.length, 3);
  // What is too much to hold is left to the next start.
  const statements = Array.from({ length: lostStatementsMax + 1 }, (_, n) => statement(n));
  lost.note({ at: 30, erasures: 0, statements });
  await pass();
  assert.deepEqual([lost.at, written.length], [30, 3]);
});
