/**
 * Subscribers that stop reading: what waits for one outside the log is bounded, whatever the size of the
 * messages and whether they are published or sent, and once it reads again it gets everything in order.
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { pack } from 'msgpackr';
import { systemClock } from '../src/std/clock.ts';
import { createMetricsMemory, openMetrics } from '../src/std/metrics.ts';
import { Feed } from '../src/streams/feed.ts';
import { subscriberBytesMax } from '../src/streams/subscriber.ts';
import { ModelSink, Topics } from './support/livesinks.ts';
import { temporaryDirectory } from './support/server.ts';
import { count } from './support/session.ts';
import { ManualClock, ShardKit } from './support/shardkit.ts';

const filter = { workspace: 1, customers: [], types: [], channels: [] };
const turns = 20;

/** A front's feed and shards; rings when the test says so. */
function open(t: TestContext): { kit: ShardKit; feed: Feed; topics: Topics } {
  const directory = temporaryDirectory();
  const kit = new ShardKit({ directory, shards: 1, clock: new ManualClock(1e12) });
  t.after(async () => {
    await kit.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const topics = new Topics();
  const feed = new Feed({
    tape: kit.tape,
    clock: systemClock,
    metrics: openMetrics(createMetricsMemory(1), 0),
    listen: () => undefined,
    publish: topics.publish,
  });
  return { kit, feed, topics };
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Events whose texts have so many bytes as MessagePack; a control character becomes six on the way out. */
async function store(kit: ShardKit, sizes: readonly number[], character: string): Promise<void> {
  const events = sizes.map((size, n) => {
    return { id: String(n), customer: `c${n}`, type: 'T', data: { text: character.repeat(size) } };
  });
  const receipt = kit.send('msgpack', pack(events));
  await kit.commit();
  assert.equal((await receipt).accepted, sizes.length);
}

const plays = [
  { of: '15 KiB', sizes: count(60).map(() => 15 * 1024), character: 'x' },
  { of: '180 KiB', sizes: count(20).map(() => 30 * 1024), character: '\u0001' },
  { of: '200 bytes', sizes: count(2000).map(() => 10), character: 'x' },
  { of: '1 KiB', sizes: count(400).map(() => 1024), character: 'x' },
  {
    of: 'every size',
    sizes: count(200).map((n) => [10, 700, 4000, 15_000, 31_000][n % 5]!),
    character: 'x',
  },
];

for (const { character, of, sizes } of plays) {
  test(`messages of ${of} wait up to the bound for those who do not read`, async (t) => {
    const { feed, kit, topics } = open(t);
    const together = [new ModelSink(5000, topics), new ModelSink(20_000, topics)];
    const keen = count(2).map(() => new ModelSink(1e9, topics));
    const apart = [new ModelSink(5000), new ModelSink(20_000)];
    const sinks = [...together, ...keen, ...apart];
    for (const sink of sinks) {
      const subscription = feed.subscribe(filter, kit.tape.now(), sink);
      sink.onDrained = () => subscription.resume();
    }
    // The shards may ring several times in one turn.
    await store(kit, sizes, character);
    for (const _ of count(turns)) {
      feed.wake();
      feed.wake();
      await turn();
    }
    while (keen.some(({ cursors }) => cursors.length < sizes.length)) await turn();
    for (const { cursors, waitingMax } of [...together, ...apart]) {
      assert.ok(cursors.length < sizes.length, 'it waits');
      assert.ok(waitingMax <= subscriberBytesMax, `${waitingMax} bytes wait`);
    }
    while (sinks.some(({ cursors }) => cursors.length < sizes.length)) {
      for (const sink of sinks) sink.drain();
      await turn();
    }
    for (const { cursors, waitingMax } of sinks) {
      assert.deepEqual(cursors, keen[0]!.cursors);
      assert.equal(new Set(cursors).size, sizes.length);
      assert.ok(waitingMax <= subscriberBytesMax, `${waitingMax} bytes waited`);
    }
  });
}

test('of a message that is gone before all of it was sent the rest never comes: the connection ends', async (t) => {
  const { feed, kit, topics } = open(t);
  const sink = new ModelSink(20_000, topics);
  const subscription = feed.subscribe(filter, kit.tape.now(), sink);
  sink.onDrained = () => subscription.resume();
  await store(kit, [30 * 1024], '\u0001');
  feed.wake();
  await turn();
  assert.equal(sink.pieces, 2, 'the second piece waits');
  await kit.erase({ workspace: 1, customer: 'c0', now: false });
  // A thread that is busy lets those that lag wait.
  while (!sink.isInterrupted) {
    sink.drain();
    await turn();
  }
  assert.deepEqual([sink.pieces, sink.cursors], [2, []]);
  subscription.close();
});

test('who follows other identities from now on gets the rest of what was begun first', async (t) => {
  const { feed, kit, topics } = open(t);
  const sink = new ModelSink(20_000, topics);
  const wanted = { ...filter, customers: ['c0'] };
  const subscription = feed.subscribe(wanted, kit.tape.now(), sink);
  sink.onDrained = () => subscription.resume();
  await store(kit, [30 * 1024, 100, 100], '\u0001');
  feed.wake();
  await turn();
  assert.equal(sink.pieces, 2, 'the second piece waits');
  const { members } = kit.tape.membersOf(1, 'c1');
  kit.tape.membersOf = () => ({ members, mark: -1 });
  feed.relink([{ workspace: 1, identity: 'c0' }]);
  while (sink.cursors.length < 2) {
    sink.drain();
    await turn();
  }
  for (const _ of count(turns)) await turn();
  const [first, second] = kit.tail().map(({ cursor }) => cursor);
  assert.deepEqual(sink.cursors, [first, second]);
  subscription.close();
});
