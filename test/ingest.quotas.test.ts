/** Token buckets that threads share, and quotas at the door, on a clock that the test holds. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { Quotas } from '../src/ingest/quotas.ts';
import { Buckets, burstMs, createBucketMemory } from '../src/std/buckets.ts';
import { AppError } from '../src/std/errors.ts';
import { createMetricsMemory, openMetrics, sumMetrics } from '../src/std/metrics.ts';
import { seededRandom } from '../src/std/random.ts';
import { checkQuota, type Limit, ratesOf } from '../src/workspaces/quota.ts';
import { ManualClock } from './support/shardkit.ts';

const second = 1000;

test('a bucket gives a burst, then its rate, token by token', () => {
  const buckets = new Buckets(createBucketMemory(1));
  let now = 5 * second;
  for (let token = 0; token < 10; token++) {
    assert.equal(buckets.waitMs(0, 10, now), 0);
    buckets.charge(0, 10, 1, now);
  }
  for (let token = 0; token < 20; token++) {
    assert.equal(buckets.waitMs(0, 10, now), 100);
    assert.equal(buckets.waitMs(0, 10, now + 99), 1);
    now += 100;
    assert.equal(buckets.waitMs(0, 10, now), 0);
    buckets.charge(0, 10, 1, now);
  }
  now += 50 * burstMs;
  buckets.charge(0, 10, 10, now);
  assert.equal(buckets.waitMs(0, 10, now), 100, 'time without traffic is not saved up');
});

test('more than the burst is taken at once and waited for afterwards', () => {
  const buckets = new Buckets(createBucketMemory(2));
  buckets.charge(1, 100, 1000, 0);
  // 1000 tokens, of which 100 were there; one more to go on with.
  assert.equal(buckets.waitMs(1, 100, 0), 9010);
  assert.equal(buckets.waitMs(1, 100, 9009), 1);
  assert.equal(buckets.waitMs(1, 100, 9010), 0);
  assert.equal(buckets.waitMs(0, 100, 0), 0, 'the bucket beside it is its own');
  buckets.fill(1);
  assert.equal(buckets.waitMs(1, 100, 0), 0);
});

test('whoever comes back when told is taken, and over time no more than the rate', (t) => {
  const seed = Number(process.env['SEED'] ?? 1 + Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`seed ${seed}`);
  const random = seededRandom(seed);
  for (let run = 0; run < 200; run++) {
    const buckets = new Buckets(createBucketMemory(1));
    const perSecond = 1 + random.below(10 ** (1 + random.below(8)));
    const largest = 1 + random.below(10_000);
    const start = random.below(2 ** 31) + random.next();
    let now = start;
    let taken = 0;
    for (let step = 0; step < 100; step++) {
      const waitMs = buckets.waitMs(0, perSecond, now);
      assert.ok(Number.isInteger(waitMs) && waitMs >= 0);
      if (waitMs > 1) assert.ok(buckets.waitMs(0, perSecond, now + waitMs - 1) > 0, 'no longer');
      now += waitMs;
      assert.equal(buckets.waitMs(0, perSecond, now), 0, `run ${run}, step ${step}`);
      const tokens = 1 + random.below(largest);
      buckets.charge(0, perSecond, tokens, now);
      taken += tokens;
      const allowed = perSecond * ((now - start + burstMs) / second) + largest;
      assert.ok(taken <= allowed * 1.000_001, `${taken} of ${allowed}`);
    }
  }
});

test('threads that charge one bucket at once lose nothing', async () => {
  const memory = createBucketMemory(1);
  const url = new URL('../src/std/buckets.js', import.meta.url).href;
  const code = `
    const { workerData } = require('node:worker_threads');
    import(workerData.url).then(({ Buckets }) => {
      const buckets = new Buckets(workerData.memory);
      for (let n = 0; n < 20000; n++) buckets.charge(0, 1000, 1, 0);
    });`;
  const workers = [1, 2, 3].map(
    () => new Worker(code, { eval: true, workerData: { memory, url } }),
  );
  await Promise.all(
    workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve))),
  );
  assert.equal(new Buckets(memory).waitMs(0, 1000, 0), 60 * second - burstMs + 1);
});

interface Door {
  readonly quotas: Quotas;
  readonly clock: ManualClock;
  refused(): number;
}

function openDoor(): Door {
  const clock = new ManualClock(1e12);
  const metrics = createMetricsMemory(1);
  const quotas = new Quotas(createBucketMemory(6), clock, openMetrics(metrics, 0));
  return { quotas, clock, refused: () => sumMetrics(metrics).get('batches_rate_limited_total')! };
}

const limit = (slot: number, eventsPerSecond?: number, bytesPerSecond?: number): Limit => ({
  owner: `owner-${slot}`,
  slot,
  eventsPerSecond,
  bytesPerSecond,
});

function refusal(quotas: Quotas, limits: readonly Limit[]): AppError {
  try {
    quotas.check(limits);
  } catch (error) {
    assert.ok(error instanceof AppError && error.code === 'rate_limited');
    return error;
  }
  throw new assert.AssertionError({ message: 'was not refused' });
}

test('of all limits that hold the longest wait counts, and says which it is', () => {
  const { clock, quotas, refused } = openDoor();
  const key = limit(0, 10, 100_000);
  const workspace = limit(1, 1000);
  const both = [key, workspace];
  quotas.check(both);
  quotas.charge(both, 30, 500_000);
  const first = refusal(quotas, both);
  assert.match(first.message, /100000 bytes a second; send the batch again in 4001 ms/);
  assert.equal(first.retryAfterSeconds, 4.001);
  quotas.check([workspace]);
  quotas.charge([workspace], 9000, 0);
  const second = refusal(quotas, both);
  assert.match(second.message, /1000 events a second/);
  assert.equal(second.retryAfterSeconds, 8.031);
  clock.advance(4001);
  quotas.check([key]);
  clock.advance(4030);
  quotas.check(both);
  assert.equal(refused(), 2);
});

test('without limits nothing is counted and nothing refused', () => {
  const { quotas, refused } = openDoor();
  for (let n = 0; n < 1000; n++) {
    quotas.check([]);
    quotas.charge([], 10_000, 2 ** 24);
  }
  assert.equal(refused(), 0);
});

test('a quota falls back where it says nothing, and null lifts a limit', () => {
  const fallback = { eventsPerSecond: 5, bytesPerSecond: null };
  const rates = (eventsPerSecond?: number, bytesPerSecond?: number) => {
    return { eventsPerSecond, bytesPerSecond };
  };
  assert.deepEqual(ratesOf(undefined, fallback), rates(5));
  assert.deepEqual(ratesOf({}, fallback), rates(5));
  assert.deepEqual(ratesOf({ bytesPerSecond: 2048 }, fallback), rates(5, 2048));
  assert.deepEqual(ratesOf({ eventsPerSecond: 7 }, fallback), rates(7));
  assert.equal(ratesOf({ eventsPerSecond: null }, fallback), undefined);
  assert.equal(ratesOf(undefined, {}), undefined);
});

test('rates are whole numbers within their limits', () => {
  for (const good of [{}, { eventsPerSecond: 1 }, { eventsPerSecond: 1e9, bytesPerSecond: 1e12 }]) {
    checkQuota(good);
  }
  checkQuota({ bytesPerSecond: 1024, eventsPerSecond: null });
  const bad = [0, -1, 1.5, 1e9 + 1, Number.NaN, Number.POSITIVE_INFINITY];
  for (const eventsPerSecond of bad) {
    assert.throws(() => checkQuota({ eventsPerSecond }), { code: 'invalid', message: /events/ });
  }
  for (const bytesPerSecond of [0, 1023, 1e12 + 1]) {
    assert.throws(() => checkQuota({ bytesPerSecond }), { code: 'invalid', message: /bytes/ });
  }
});
