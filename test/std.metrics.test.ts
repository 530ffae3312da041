/** Counters and histograms in shared memory: threads add to rows of their own, and anyone sums them. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import {
  bucketBounds,
  createMetricsMemory,
  openMetrics,
  sumHistogram,
  sumMetrics,
} from '../src/std/metrics.ts';

test('what threads add is summed, and gauges go down too', () => {
  const memory = createMetricsMemory(2);
  const [one, other] = [openMetrics(memory, 0), openMetrics(memory, 1)];
  one.add('batches_total', 2);
  other.add('batches_total', 3);
  one.add('segments', 5);
  other.add('segments', -1);
  const sums = sumMetrics(memory);
  assert.equal(sums.get('batches_total'), 5);
  assert.equal(sums.get('segments'), 4);
  assert.equal(sums.get('commits_total'), 0);
});

test('a duration counts in the bucket whose bound it does not exceed, and in all above', () => {
  const memory = createMetricsMemory(2);
  const [one, other] = [openMetrics(memory, 0), openMetrics(memory, 1)];
  assert.deepEqual(sumHistogram(memory, 'read_seconds').count, 0);
  const durations = [0, 0.0001, 0.00011, 0.002, 10, 11];
  for (const [n, seconds] of durations.entries()) {
    (n % 2 === 0 ? one : other).observe('read_seconds', seconds);
  }
  const { count, sum, upTo } = sumHistogram(memory, 'read_seconds');
  assert.equal(count, durations.length);
  assert.ok(Math.abs(sum - 21.00221) < 1e-9, String(sum));
  assert.deepEqual(
    upTo.map(([bound]) => bound),
    bucketBounds,
  );
  for (const [bound, counted] of upTo) {
    assert.equal(counted, durations.filter((seconds) => seconds <= bound).length, `≤ ${bound}`);
  }
  assert.equal(sumHistogram(memory, 'receipt_seconds').count, 0, 'each has its own');
  assert.ok([...sumMetrics(memory).values()].every((value) => value === 0));
});
