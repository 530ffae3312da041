/**
 * The feed in random play: subscribers with equal and different filters, fast and slow connections,
 * starts behind the edge, at it and ahead of it. Each gets every event that it follows, once and in
 * commit order, and nobody holds more than the bound. Repeat one run with TAPELINE_SEED;
 * TAPELINE_SEEDS says how many are played.
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { systemClock } from '../src/std/clock.ts';
import { createMetricsMemory, openMetrics, sumMetrics } from '../src/std/metrics.ts';
import { type Random, seededRandom } from '../src/std/random.ts';
import { Feed, type Subscription } from '../src/streams/feed.ts';
import type { LiveFilter } from '../src/streams/filter.ts';
import { subscriberBytesMax } from '../src/streams/subscriber.ts';
import { earliest, type Position, parsePosition } from '../src/tape/cursor.ts';
import { Tail } from '../src/tape/tail.ts';
import { ModelSink, Topics } from './support/livesinks.ts';
import { temporaryDirectory } from './support/server.ts';
import { ManualClock, ShardKit } from './support/shardkit.ts';

const seedsDefault = 8;
const steps = 60;
const paddingBytesMax = 1500;
/** Every character of such a text becomes six: some 90,000. */
const largeBytesMax = 15_000;
const silenceMsMax = 10_000;

interface Committed {
  readonly cursor: string;
  readonly workspace: number;
  readonly customer: string;
  readonly type: string;
  readonly channel?: string;
}

interface Listener {
  readonly filter: LiveFilter;
  readonly from: Position;
  readonly sink: ModelSink;
  readonly subscription: Subscription;
}

class Play {
  readonly #random: Random;
  readonly #kit: ShardKit;
  readonly #topics = new Topics();
  readonly #memory = createMetricsMemory(1);
  readonly #feed: Feed;
  readonly #listeners: Listener[] = [];
  #known: { horizon: number; events: readonly Committed[] } = { horizon: -1, events: [] };
  #isListening = false;
  #n = 0;

  constructor(seed: number, kit: ShardKit) {
    this.#random = seededRandom(seed);
    this.#kit = kit;
    this.#feed = new Feed({
      tape: kit.tape,
      clock: systemClock,
      metrics: openMetrics(this.#memory, 0),
      listen: (on) => {
        this.#isListening = on;
      },
      publish: this.#topics.publish,
    });
  }

  async run(): Promise<void> {
    for (let step = 0; step < steps; step++) await this.#step();
    await this.#settle();
    const committed = this.#committed();
    for (const { filter, from, sink } of this.#listeners) {
      const wanted = committed.filter((event) => isWanted(event, filter, from));
      assert.deepEqual(
        sink.cursors,
        wanted.map(({ cursor }) => cursor),
        JSON.stringify({ filter, from }),
      );
      assert.ok(sink.waitingMax <= subscriberBytesMax, `${sink.waitingMax} bytes waited`);
    }
    for (const { subscription } of this.#listeners) subscription.close();
    assert.equal(sumMetrics(this.#memory).get('live_subscribers'), 0);
    assert.equal(this.#isListening, false);
  }

  async #step(): Promise<void> {
    const chosen = this.#random.below(12);
    if (chosen < 4) await this.#store();
    else if (chosen < 7) this.#subscribe();
    // Shards ring some time after they have published.
    else if (chosen < 9) this.#wake();
    else if (chosen < 11) this.#drainSome();
    else this.#close();
    if (this.#random.below(3) === 0) await turn();
  }

  async #store(): Promise<void> {
    const events = Array.from({ length: 1 + this.#random.below(120) }, () => {
      const customer = this.#pick(customers);
      const channel = this.#pick(channels);
      const isLarge = this.#random.below(100) === 0;
      const characters = this.#random.below(isLarge ? largeBytesMax : paddingBytesMax);
      const pad = (isLarge ? '\u0001' : 'x').repeat(characters);
      const type = this.#pick(types);
      return { id: String(++this.#n), customer, type, data: { pad }, ...channelOf(channel) };
    });
    await this.#kit.store(events, this.#pick([1, 1, 1, 2]));
  }

  #subscribe(): void {
    const { tape } = this.#kit;
    // Many want the same: everything.
    const isOpen = this.#random.below(2) === 0;
    const some = (names: readonly string[]): string[] =>
      isOpen || this.#random.below(2) === 0 ? [] : [this.#pick(names), this.#pick(names)];
    const filter: LiveFilter = {
      workspace: this.#pick([1, 1, 1, 2]),
      customers: some(customers),
      types: some(types),
      channels: some(['web', 'store']),
    };
    const before = this.#committed();
    const starts = [tape.now(), tape.now(), earliest];
    if (before.length > 0) starts.push(parsePosition(this.#pick(before).cursor));
    const from = this.#pick(starts);
    const isTogether = this.#random.below(4) > 0;
    const systemBytes = this.#pick([1000, 20_000, 400_000]);
    const sink = new ModelSink(systemBytes, isTogether ? this.#topics : undefined);
    const subscription = this.#feed.subscribe(filter, from, sink);
    sink.onDrained = () => subscription.resume();
    this.#listeners.push({ filter, from, sink, subscription });
  }

  #wake(): void {
    if (this.#isListening) this.#feed.wake();
  }

  #drainSome(): void {
    for (const { sink } of this.#listeners) if (this.#random.below(2) === 0) sink.drain();
  }

  /** One leaves; what it got so far has to be a beginning of what it follows. */
  #close(): void {
    const index = this.#random.below(this.#listeners.length + 1);
    const [listener] = this.#listeners.splice(index, 1);
    if (listener === undefined) return;
    const { filter, from, sink, subscription } = listener;
    this.#topics.forget(sink);
    subscription.close();
    const wanted = this.#committed().filter((event) => isWanted(event, filter, from));
    const cursors = wanted.map(({ cursor }) => cursor);
    assert.deepEqual(sink.cursors, cursors.slice(0, sink.cursors.length));
  }

  /** Everybody reads until everybody has everything, or nothing comes any more. */
  async #settle(): Promise<void> {
    const committed = this.#committed();
    let [seen, seenAtMs] = [-1, 0];
    for (;;) {
      const now = this.#listeners.reduce((sum, { sink }) => sum + sink.cursors.length, 0);
      if (now !== seen) [seen, seenAtMs] = [now, performance.now()];
      if (performance.now() - seenAtMs > silenceMsMax) return;
      this.#wake();
      for (const { sink } of this.#listeners) {
        sink.flush();
        sink.drain();
      }
      const isDone = this.#listeners.every(({ filter, from, sink }) => {
        const wanted = committed.filter((event) => isWanted(event, filter, from));
        return sink.cursors.length >= wanted.length;
      });
      if (isDone) return;
      await turn();
    }
  }

  /** What is on the tape, in commit order. */
  #committed(): readonly Committed[] {
    const { tape } = this.#kit;
    if (this.#known.horizon === tape.horizon()) return this.#known.events;
    const all: Committed[] = [];
    const tail = new Tail(
      tape,
      tape.shards.map((_, number) => number),
      earliest,
    );
    const horizon = tape.horizon();
    const visit = (event: { json(): string; workspace: number }): boolean => {
      all.push({ ...(JSON.parse(event.json()) as Committed), workspace: event.workspace });
      return true;
    };
    while (tail.visitBlock(horizon, visit));
    this.#known = { horizon, events: all };
    return all;
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random.below(from.length)]!;
  }
}

const customers = ['a', 'b', 'c', 'd', 'ü'];
const types = ['Click', 'Login', 'Call Wrap'];
const channels = ['web', 'store', undefined];

function channelOf(channel: string | undefined): { channel?: string } {
  return channel === undefined ? {} : { channel };
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function isWanted(event: Committed, filter: LiveFilter, from: Position): boolean {
  const { ordinal, stamp } = parsePosition(event.cursor);
  if (stamp < from.stamp || (stamp === from.stamp && ordinal <= from.ordinal)) return false;
  const has = (names: readonly string[], name: string | undefined): boolean =>
    names.length === 0 || (name !== undefined && names.includes(name));
  return (
    event.workspace === filter.workspace &&
    has(filter.customers, event.customer) &&
    has(filter.types, event.type) &&
    has(filter.channels, event.channel)
  );
}

test('every subscriber gets what it follows, once and in order, whatever the others do', async () => {
  const given = process.env['TAPELINE_SEED'];
  const first = given === undefined ? 1 : Number(given);
  const count = given === undefined ? Number(process.env['TAPELINE_SEEDS'] ?? seedsDefault) : 1;
  for (let seed = first; seed < first + count; seed++) {
    const directory = temporaryDirectory();
    const kit = new ShardKit({ directory, shards: 1 + (seed % 2), clock: new ManualClock(1e12) });
    try {
      await new Play(seed, kit).run();
    } catch (error) {
      const { stack } = error as Error;
      throw new Error(`repeat with TAPELINE_SEED=${seed}: ${stack}`, { cause: error });
    } finally {
      await kit.close();
      rmSync(directory, { recursive: true, force: true });
    }
  }
});
