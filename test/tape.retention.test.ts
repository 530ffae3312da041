/** What is kept for how long: whole segments go, cursors that miss something are told, stamps never go back. */
import { strict as assert } from 'node:assert';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parsePosition } from '../src/tape/cursor.ts';
import { ageStepMs, type RetentionRule } from '../src/tape/gone.ts';
import { FakeStore } from './support/documents.ts';
import { RetentionPlay } from './support/retentionplay.ts';
import { temporaryDirectory } from './support/server.ts';
import { Gate, ManualClock, ShardKit } from './support/shardkit.ts';

const startMs = 1_790_000_000_000;
const dayMs = 86_400_000;
const limits = { events: 10, bytes: 2 ** 30, ageMs: 3_600_000 };

function place(t: TestContext): string {
  const directory = temporaryDirectory();
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function keep(kit: ShardKit, ...retention: RetentionRule[]): void {
  kit.erasures.follow({ living: [1, 2], next: 3, retention });
  kit.erasures.tellTime();
}

const days = (workspace: number, number: number): RetentionRule => {
  return { workspace, ageMs: number * dayMs, bytes: null };
};

async function look(kit: ShardKit): Promise<void> {
  kit.erasures.tellTime();
  for (const { upkeep } of kit.shards) upkeep.look();
  await kit.settle();
}

function files(directory: string, kind: string): string[] {
  return readdirSync(join(directory, 'shard-0')).filter((name) => name.startsWith(kind));
}

let sent = 0;
/** Eleven events, which are a part and the beginning of the next. */
async function storePart(kit: ShardKit, workspace = 1, customer = 'ann'): Promise<void> {
  const events = Array.from({ length: 11 }, () => {
    sent += 1;
    return { id: `e${sent}`, customer, type: 'Click', data: { n: sent } };
  });
  await kit.store(events, workspace);
  await kit.settle();
}

const numbersOf = (events: readonly Record<string, unknown>[]): number[] =>
  events.map((event) => (event['data'] as { n: number }).n);

test('segments past their days are dropped, and what is kept stays in both orders', async (t) => {
  const directory = place(t);
  const clock = new ManualClock(startMs);
  const kit = new ShardKit({ directory, shards: 1, clock, limits });
  t.after(() => kit.close());
  keep(kit, days(1, 3));
  for (let day = 0; day < 6; day++) {
    await storePart(kit);
    clock.advance(dayMs);
    await look(kit);
  }
  const kept = numbersOf(kit.scan({ customer: 'ann' }));
  assert.equal(kept.length, 33, 'of the last three days');
  assert.deepEqual(numbersOf(kit.tail()).slice(-33), kept.toReversed());
  assert.ok(kit.metric('segments_dropped_total') > 0);
  assert.ok(kit.tail().length < 66);
});

test('a workspace that keeps everything is not touched by one that does not', async (t) => {
  const clock = new ManualClock(startMs);
  const kit = new ShardKit({ directory: place(t), shards: 1, clock, limits });
  t.after(() => kit.close());
  keep(kit, days(2, 1));
  for (let day = 0; day < 4; day++) {
    await storePart(kit, 1, 'kept');
    await storePart(kit, 2, 'short');
    clock.advance(dayMs + ageStepMs);
    await look(kit);
  }
  assert.equal(kit.scan({ customer: 'kept' }).length, 44);
  assert.equal(kit.scan({ workspace: 2, customer: 'short' }).length, 0);
  const held = kit.tail().filter(({ customer }) => customer === 'short').length;
  assert.ok(held < 44, `${held} of 44 are left`);
  const old = { stamp: 1, ordinal: 0 };
  assert.equal(kit.tape.missedSince(old, 1, []), undefined, 'nothing of it was dropped');
  assert.notEqual(kit.tape.missedSince(old, 2, []), undefined);
});

test('by bytes the oldest segments go, and at least so many bytes are kept', async (t) => {
  const directory = place(t);
  const clock = new ManualClock(startMs);
  const kit = new ShardKit({ directory, shards: 1, clock, limits });
  t.after(() => kit.close());
  for (let part = 0; part < 6; part++) await storePart(kit);
  const [first] = kit.shards[0]!.parts.segments;
  const bytes = first!.segment.summary.sentBytes * 2;
  keep(kit, { workspace: 1, ageMs: null, bytes });
  const before = numbersOf(kit.tail());
  await look(kit);
  const after = numbersOf(kit.tail());
  assert.ok(after.length < before.length);
  assert.deepEqual(after, before.slice(-after.length), 'the newest stay');
  const kept = kit.shards[0]!.parts.segments.reduce(
    (sum, { segment }) => sum + segment.summary.sentBytes,
    0,
  );
  assert.ok(kept >= bytes, `${kept} of at least ${bytes}`);
});

test('stamps never go back, not even when everything was dropped', async (t) => {
  const directory = place(t);
  const clock = new ManualClock(startMs);
  const documents = new FakeStore();
  let kit = new ShardKit({ directory, shards: 1, clock, limits, documents });
  await storePart(kit);
  clock.advance(3_600_000);
  await look(kit);
  const issued = kit.tape.issued();
  keep(kit, days(1, 1));
  clock.advance(3 * dayMs);
  await look(kit);
  assert.deepEqual(kit.tail(), []);
  assert.equal(files(directory, 'segment-').length, 0);
  await kit.close();
  kit = new ShardKit({ directory, shards: 1, clock, limits, documents });
  t.after(() => kit.close());
  assert.ok(kit.tape.issued() >= issued, `${kit.tape.issued()} after ${issued}`);
  assert.equal(kit.tape.missedSince({ stamp: issued, ordinal: 0 }, 1, []), issued);
  await storePart(kit);
  assert.equal(kit.tail().length, 11);
});

test('erasing everything leaves no stamp to be issued again', async (t) => {
  const directory = place(t);
  const clock = new ManualClock(startMs);
  const kit = new ShardKit({ directory, shards: 1, clock, limits });
  await storePart(kit);
  const issued = kit.tape.issued();
  const { status } = await kit.erase({ workspace: 1, customer: 'ann', now: true });
  assert.equal(status, 'done');
  assert.deepEqual(files(directory, 'segment-'), []);
  await kit.close();
  const again = new ShardKit({ directory, shards: 1, clock, limits });
  t.after(() => again.close());
  assert.ok(again.tape.issued() >= issued);
  assert.equal(again.tape.missedSince({ stamp: 1, ordinal: 0 }, 1, []), undefined);
});

test('a page whose cursor is of a dropped event is told the earliest one', async (t) => {
  const clock = new ManualClock(startMs);
  const kit = new ShardKit({ directory: place(t), shards: 1, clock, limits });
  t.after(() => kit.close());
  for (let part = 0; part < 3; part++) await storePart(kit);
  const { events } = kit.page({ customer: 'ann' }, 33);
  keep(kit, days(1, 1));
  clock.advance(2 * dayMs);
  await storePart(kit);
  await look(kit);
  const oldest = events.at(-1)!['cursor'] as string;
  assert.throws(
    () => kit.page({ customer: 'ann' }, 10, oldest),
    (error: { code: string; earliest: string }) => {
      assert.equal(error.code, 'cursor_expired');
      const from = parsePosition(error.earliest);
      return kit.tape.missedSince(from, 1, []) === undefined;
    },
  );
  const newest = kit.page({ customer: 'ann' }, 1).next!;
  assert.equal(kit.page({ customer: 'ann' }, 50, newest).events.length, 10);
});

test('an erasure whose files are not written in time is answered, and done later', async (t) => {
  const clock = new ManualClock(startMs);
  const kit = new ShardKit({ directory: place(t), shards: 1, clock, limits, answerMs: 25_000 });
  t.after(() => kit.close());
  await storePart(kit);
  const { work } = kit;
  const gate = new Gate();
  kit.work = (job) => gate.promise.then(() => work(job));
  const { id, status } = await kit.erase({ workspace: 1, customer: 'ann', now: true });
  assert.equal(status, 'pending');
  assert.ok(clock.monotonicMs() >= 25_000);
  assert.deepEqual(kit.scan({ customer: 'ann' }), [], 'it is in force all the same');
  gate.open();
  const state = (): string => kit.erasures.list(1).find((each) => each.id === id)!.status;
  while (state() === 'pending') {
    await new Promise(setImmediate);
    kit.tape.refresh();
    clock.advance(5);
  }
  assert.equal(state(), 'done');
});

test('whatever is erased, expires or is restarted: readers see what a list says', async (t) => {
  const given = process.env['TAPELINE_SEED'];
  const first = given === undefined ? 1 : Number(given);
  const count = given === undefined ? Number(process.env['TAPELINE_SEEDS'] ?? 60) : 1;
  t.diagnostic(`seeds ${first} to ${first + count - 1}`);
  for (let seed = first; seed < first + count; seed++) {
    const directory = temporaryDirectory();
    try {
      await new RetentionPlay(seed, directory).run();
    } catch (error) {
      const { stack } = error as Error;
      throw new Error(`repeat with TAPELINE_SEED=${seed}: ${stack}`, { cause: error });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
});
