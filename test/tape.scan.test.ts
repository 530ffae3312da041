/** Many identities over many sources: in order, in few steps, and within a budget from the first on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScanBudget, ScanTooLong } from '../src/tape/budget.ts';
import type { Run, RunBounds, Source } from '../src/tape/run.ts';
import { MergedRuns, type Share, shareSourceSteps } from '../src/tape/scan.ts';

const [members, sources, eventsEach] = [300, 20, 3];
let looks = 0;

/** One source: of every hash it has a few events, scattered over all times. */
function sourceAt(n: number): Source {
  const times = (hash: number): number[] => {
    const all = Array.from(
      { length: eventsEach },
      (_, k) => (hash * 7919 + n * 104729 + k) % 50021,
    );
    return all.sort((a, b) => b - a);
  };
  const run = (hash: number): Run => {
    let at = -1;
    const own = times(hash);
    return {
      get time() {
        looks += 1;
        return own[at]!;
      },
      stamp: hash,
      ordinal: n,
      typeHash: 0,
      next: () => ++at < own.length,
      event: () => undefined,
    };
  };
  const latest = (hash: number): number => times(hash)[0]!;
  return { timeMax: Number.POSITIVE_INFINITY, latest, run } as unknown as Source;
}

const all = Array.from({ length: sources }, (_, n) => sourceAt(n));
const bounds: RunBounds = {
  before: undefined,
  since: Number.NEGATIVE_INFINITY,
  until: Number.POSITIVE_INFINITY,
};
const shares = Array.from({ length: members }, (_, hash): Share => {
  const span = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };
  return { member: { customer: Buffer.of(), hash, ...span }, bounds, sources: all, erased: [] };
});

test('the newest come first, and each costs a few comparisons, however many runs there are', () => {
  const budget = new ScanBudget(Number.POSITIVE_INFINITY);
  const runs = new MergedRuns(shares, Number.NEGATIVE_INFINITY, undefined, budget);
  const found: number[] = [];
  for (let open = runs.next(); open !== undefined; open = runs.next()) found.push(open.run.time);
  const count = members * sources * eventsEach;
  assert.equal(found.length, count);
  assert.deepEqual(
    found,
    found.toSorted((a, b) => b - a),
  );
  // A walk over all open runs for each event would be some 100 million.
  assert.ok(looks < count * 100, `${looks} looks at times`);
});

test('what many identities cost is spent before any source is asked', () => {
  const steps = members * sources * shareSourceSteps;
  const made = (stepsMax: number) =>
    new MergedRuns(shares, Number.NEGATIVE_INFINITY, undefined, new ScanBudget(stepsMax));
  assert.throws(() => made(steps - 1), ScanTooLong);
  assert.ok(made(steps));
});
