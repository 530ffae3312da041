/**
 * Kept answers against answers made anew, in random play: events of the past, of now and of the
 * future, steps of the clock, two customers and two workspaces.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { type Random, seededRandom } from '../src/std/random.ts';
import { ScanBudget } from '../src/tape/budget.ts';
import { answerView, type ViewAsk } from '../src/views/answer.ts';
import { KeptAnswers } from '../src/views/kept.ts';
import { parseViewTemplate } from '../src/workspaces/view.ts';
import { ManualClock, ShardKit } from './support/shardkit.ts';

const startMs = 1_790_000_000_000;
const template = parseViewTemplate({
  fields: [
    { name: 'newest', event: 'A', attribute: 'v', limit: 2, lookback: '5s', type: 'value' },
    { name: 'all', event: 'A', lookback: '9s', type: 'count' },
    { name: 'kinds', event: 'B', attribute: 'v', limit: 2, lookback: '7s', type: 'distinct' },
    { name: 'ever', event: 'C', attribute: 'v', type: 'sum' },
  ],
});

async function withKit(run: (kit: ShardKit, clock: ManualClock) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-kept-'));
  const clock = new ManualClock(startMs);
  // So small that answers are kept across sealing and merging.
  const limits = { events: 1, bytes: 2 ** 30, ageMs: 2 ** 40 };
  const kit = new ShardKit({ directory, shards: 2, clock, limits });
  try {
    await run(kit, clock);
  } finally {
    await kit.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

function askOf(clock: ManualClock, customer: string, workspace = 1): ViewAsk {
  return { workspace, customer, name: 'basic', template, asOf: clock.now() };
}

function unlimited(): ScanBudget {
  return new ScanBudget(Number.POSITIVE_INFINITY);
}

function pick<Value>(random: Random, values: readonly Value[]): Value {
  return values[random.below(values.length)]!;
}

/** Plays one seed; returns how many answers were kept ones. */
async function play(seed: number): Promise<number> {
  const random = seededRandom(seed);
  const kept = new KeptAnswers();
  let found = 0;
  await withKit(async (kit, clock) => {
    for (let step = 0; step < 120; step++) {
      const customer = pick(random, ['ada', 'bob']);
      const workspace = pick(random, [1, 2]);
      if (random.below(6) === 0) {
        const time = clock.now() + pick(random, [-12_000, -6000, -1000, 0, 500, 3000]);
        const event = { customer, type: pick(random, ['A', 'B', 'C', 'D']), data: { v: step % 3 } };
        await kit.store([{ ...event, time }], workspace);
        if (random.below(3) === 0) await kit.settle();
      }
      if (random.below(3) === 0) clock.advance(pick(random, [1, 400, 1000, 2500]));
      if (random.below(40) === 0) clock.step(-800);
      const ask = askOf(clock, customer, workspace);
      const old = kept.find(kit.tape, ask);
      if (old !== undefined) found += 1;
      const wanted = answerView(kit.tape, ask, unlimited());
      assert.equal(old ?? kept.make(kit.tape, ask, unlimited()), wanted, `step ${step}`);
    }
  });
  return found;
}

test('a kept answer is what a new scan would give', async () => {
  const given = process.env['TAPELINE_SEED'];
  const seeds = given === undefined ? Array.from({ length: 12 }, (_, n) => n + 1) : [Number(given)];
  let found = 0;
  for (const seed of seeds) {
    try {
      found += await play(seed);
    } catch (error) {
      const { stack } = error as Error;
      throw new Error(`repeat with TAPELINE_SEED=${seed}: ${stack}`, { cause: error });
    }
  }
  assert.ok(found > 20 * seeds.length, `only ${found} answers were kept ones`);
});

test('an answer does not outlive the next event of its customer', async () => {
  await withKit(async (kit, clock) => {
    const kept = new KeptAnswers();
    const ask = askOf(clock, 'ada');
    await kit.store([{ customer: 'ada', type: 'C', time: startMs - 1, data: { v: 1 } }]);
    kept.make(kit.tape, ask, unlimited());
    assert.ok(kept.find(kit.tape, ask)?.includes('"ever","value":1'));
    await kit.store([{ customer: 'ada', type: 'C', time: startMs - 2, data: { v: 4 } }]);
    assert.equal(kept.find(kit.tape, ask), undefined);
    assert.ok(kept.make(kit.tape, ask, unlimited()).includes('"ever","value":5'));
  });
});

test('answers are forgotten when the definitions change, and the oldest when they are too many', async () => {
  await withKit(async (kit, clock) => {
    const kept = new KeptAnswers(4000);
    const make = (customer: string) => kept.make(kit.tape, askOf(clock, customer), unlimited());
    const isKept = (customer: string) => kept.find(kit.tape, askOf(clock, customer)) !== undefined;
    kept.follow(1);
    make('ada');
    kept.follow(1);
    assert.ok(isKept('ada'));
    kept.follow(2);
    assert.ok(!isKept('ada'));
    const customers = Array.from({ length: 40 }, (_, n) => `customer-${n}`);
    for (const customer of customers) make(customer);
    assert.ok(!isKept('customer-0'));
    assert.ok(isKept('customer-39'));
    const count = customers.filter(isKept).length;
    assert.ok(count >= 2 && count < 16, `${count} are kept`);
  });
});
