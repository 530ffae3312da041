/**
 * Live views in random play, on a clock that the test holds: events of now, of the past and ahead of time,
 * erasures, other templates, followers that come, go and take nothing for a while. When all is quiet each
 * follower has what a new scan gives, and none was sent the same twice in a row. Repeat one with TAPELINE_SEED.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AppError } from '../src/std/errors.ts';
import { createMetricsMemory, type Metrics, openMetrics, sumMetrics } from '../src/std/metrics.ts';
import { type Random, seededRandom } from '../src/std/random.ts';
import { Feed } from '../src/streams/feed.ts';
import { ScanBudget } from '../src/tape/budget.ts';
import { answerText, scanViews } from '../src/views/answer.ts';
import {
  type Follower,
  Followers,
  type FollowersParts,
  watchesMax,
} from '../src/views/followers.ts';
import type { LiveAnswer } from '../src/views/liveanswer.ts';
import { ViewReader } from '../src/views/reader.ts';
import { createShownMemory } from '../src/views/shown.ts';
import type { ViewSink } from '../src/views/watch.ts';
import type { ViewRecord } from '../src/workspaces/types.ts';
import { parseViewTemplate } from '../src/workspaces/view.ts';
import { ManualClock, ShardKit } from './support/shardkit.ts';

const startMs = 1_790_000_000_000;
const seedsDefault = 10;
const steps = 80;
const restMs = 25;
const tickMs = 250;

/** A manual clock whose periodic timers run too. */
class TickingClock extends ManualClock {
  readonly #periodic: (() => void)[] = [];

  override every(_periodMs?: number, run?: () => void): () => void {
    if (run !== undefined) this.#periodic.push(run);
    return () => undefined;
  }

  tick(): void {
    this.advance(tickMs);
    for (const run of this.#periodic) run();
  }
}

class ModelSink implements ViewSink {
  readonly customer: string;
  readonly answers: string[] = [];
  isBlocked = false;
  failed: AppError | undefined;
  follower: Follower | undefined;
  #waiting = 0;

  constructor(customer: string) {
    this.customer = customer;
  }

  bufferedBytes(): number {
    return this.#waiting;
  }

  send({ text }: LiveAnswer): void {
    assert.equal(this.#waiting, 0, 'it has room');
    this.answers.push(text);
    if (this.isBlocked) this.#waiting = text.length;
  }

  fail(error: AppError): void {
    this.failed = error;
  }

  unblock(): void {
    this.isBlocked = false;
    this.#waiting = 0;
    this.follower?.resume();
  }
}

const templates = [
  { fields: [{ name: 'n', event: 'A', lookback: '9s', type: 'count' }] },
  {
    where: 'event.data.v != 1',
    fields: [
      { name: 'last', event: 'A', attribute: 'v', limit: 2, lookback: '5s', type: 'value' },
      { name: 'all', event: '*', type: 'count' },
    ],
  },
].map((template) => parseViewTemplate(template));

/** What followers need, on a kit. */
function partsOf(
  { tape }: ShardKit,
  clock: TickingClock,
  metrics: Metrics,
  stored: () => ViewRecord | undefined,
): FollowersParts {
  const feed = new Feed({
    ...{ tape, clock, metrics },
    listen: () => undefined,
    publish: () => assert.fail('nobody follows a topic'),
  });
  const reader = new ViewReader({
    ...{ tape, metrics, clock },
    shown: createShownMemory(),
    pool: () => assert.fail('nothing is that long'),
  });
  const log = { info: assert.fail, warn: assert.fail, error: assert.fail };
  return { ...{ tape, feed, reader, clock, metrics, log, stored } };
}

class Play {
  readonly #random: Random;
  readonly #kit: ShardKit;
  readonly #clock: TickingClock;
  readonly #memory = createMetricsMemory(1);
  readonly #feed: Feed;
  readonly #followers: Followers;
  readonly #sinks: ModelSink[] = [];
  #record: ViewRecord | undefined;
  #version = 0;

  constructor(seed: number, kit: ShardKit, clock: TickingClock) {
    this.#random = seededRandom(seed);
    this.#kit = kit;
    this.#clock = clock;
    const parts = partsOf(kit, clock, openMetrics(this.#memory, 0), () => this.#record);
    this.#feed = parts.feed;
    this.#followers = new Followers(parts);
    this.#putView();
  }

  async run(): Promise<void> {
    for (let step = 0; step < steps; step++) {
      await this.#step();
      if (this.#random.below(3) === 0) await this.#settle(`step ${step}`);
    }
    await this.#settle('the end');
    this.#record = undefined;
    this.#followers.followDefinitions();
    for (const { failed } of this.#sinks) assert.equal(failed?.code, 'not_found');
    const gauges = sumMetrics(this.#memory);
    assert.equal(gauges.get('live_views'), 0);
    assert.equal(gauges.get('live_subscribers'), 0);
  }

  async #step(): Promise<void> {
    const chosen = this.#random.below(16);
    if (chosen < 5) await this.#store();
    else if (chosen < 8) this.#follow();
    else if (chosen === 8)
      await this.#kit.erase({ workspace: 1, customer: this.#customer(), now: false });
    else if (chosen === 9) this.#putView();
    else if (chosen < 12) this.#clock.advance(this.#pick([1, 30, 700, 2500]));
    else if (chosen === 12) this.#leave();
    else if (chosen === 13) for (const sink of this.#sinks) sink.isBlocked = true;
    else if (chosen === 14) for (const sink of this.#sinks) sink.unblock();
    else await turn();
  }

  async #store(): Promise<void> {
    const customer = this.#customer();
    const events = Array.from({ length: 1 + this.#random.below(30) }, () => {
      const time = this.#clock.now() + this.#pick([-12_000, -4000, -1, 0, 0, 600, 3000]);
      return {
        customer,
        type: this.#pick(['A', 'A', 'B']),
        time,
        data: { v: this.#random.below(3) },
      };
    });
    await this.#kit.store(events);
    this.#feed.wake();
  }

  #follow(): void {
    const { name, template, version } = this.#record!;
    const sink = new ModelSink(this.#customer());
    const view = { name, template, version, variant: '' };
    this.#sinks.push(sink);
    sink.follower = this.#followers.follow(1, sink.customer, view, sink);
  }

  #leave(): void {
    const [sink] = this.#sinks.splice(this.#random.below(Math.max(1, this.#sinks.length)), 1);
    sink?.follower?.close();
  }

  #putView(): void {
    const template = this.#pick(templates);
    this.#version += 1;
    this.#record = { workspace: 1, name: 'v', template, version: this.#version, updatedAt: 0 };
    this.#followers.followDefinitions();
  }

  /** Everything rings, rests and is read; then each follower that takes has what is true. */
  async #settle(when: string): Promise<void> {
    for (const sink of this.#sinks) sink.unblock();
    for (let round = 0; round < 4; round++) {
      this.#feed.wake();
      await turn();
      this.#clock.advance(restMs);
      await turn();
      this.#clock.tick();
      await turn();
    }
    const asOf = this.#clock.now();
    for (const { answers, customer } of this.#sinks) {
      const ask = { workspace: 1, customer, asOf, isNow: false, wishes: [this.#record!] };
      const [found] = scanViews(this.#kit.tape, ask, new ScanBudget(Number.POSITIVE_INFINITY));
      const fields = (text: string): string => text.slice(text.indexOf('"fields"'));
      const texts = answers.map(fields);
      assert.equal(texts.at(-1), fields(answerText(customer, 'v', found!)), when);
      for (let n = 1; n < texts.length; n++) assert.notEqual(texts[n], texts[n - 1], when);
    }
  }

  #customer(): string {
    return this.#pick(['ada', 'bob']);
  }

  #pick<Value>(values: readonly Value[]): Value {
    return values[this.#random.below(values.length)]!;
  }
}

/** What was put off to the end of the turn runs. */
async function turn(): Promise<void> {
  for (let n = 0; n < 3; n++) await new Promise<void>((resolve) => setImmediate(resolve));
}

async function withKit(run: (kit: ShardKit, clock: TickingClock) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-followers-'));
  const clock = new TickingClock(startMs);
  const limits = { events: 2 ** 20, bytes: 2 ** 30, ageMs: 2 ** 40 };
  const kit = new ShardKit({ directory, shards: 2, clock, limits });
  try {
    await run(kit, clock);
  } finally {
    await kit.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

test('each follower has in the end what a new scan gives', async () => {
  const given = process.env['TAPELINE_SEED'];
  const seeds =
    given === undefined ? Array.from({ length: seedsDefault }, (_, n) => n + 1) : [Number(given)];
  for (const seed of seeds) {
    await withKit(async (kit, clock) => {
      try {
        await new Play(seed, kit, clock).run();
      } catch (error) {
        const { stack } = error as Error;
        throw new Error(`repeat with TAPELINE_SEED=${seed}: ${stack}`, { cause: error });
      }
    });
  }
});

test('one workspace cannot follow so much that nothing is left for others', async () => {
  await withKit(async (kit, clock) => {
    const memory = createMetricsMemory(1);
    const followers = new Followers(partsOf(kit, clock, openMetrics(memory, 0), () => undefined));
    const view = { name: 'v', template: templates[0]!, version: 1, variant: '' };
    const follow = (workspace: number, n: number): Follower => {
      const sink = new ModelSink(`customer-${n}`);
      return followers.follow(workspace, sink.customer, view, sink);
    };
    const followAll = (workspace: number): Follower[] => {
      const open: Follower[] = [];
      try {
        while (open.length <= watchesMax) open.push(follow(workspace, open.length));
      } catch (error) {
        assert.equal((error as AppError).code, 'overloaded');
      }
      return open;
    };
    const first = followAll(1);
    assert.equal(first.length, watchesMax / 2, 'half of it all');
    first.push(follow(1, 0));
    const second = followAll(2);
    assert.equal(second.length, watchesMax / 4);
    first.pop()!.close();
    assert.throws(() => follow(1, -1), 'another one follows the same');
    for (const follower of first) follower.close();
    assert.equal(followAll(3).length, (watchesMax * 3) / 8, 'what is given back can be taken');
    for (const follower of second) follower.close();
  });
});
