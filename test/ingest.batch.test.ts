/** Batches through the front's half of the sink: receipts, refusals and what they count. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import test from 'node:test';
import { pack } from 'msgpackr';
import { AppError } from '../src/std/errors.ts';
import { shardOf } from '../src/tape/route.ts';
import { temporaryDirectory } from './support/server.ts';
import { Gate, ManualClock, ShardKit } from './support/shardkit.ts';

function openKit(t: { after(run: () => unknown): void }, inflightBytesMax = 2 ** 20): ShardKit {
  const directory = temporaryDirectory();
  const clock = new ManualClock(1e12);
  const kit = new ShardKit({ directory, shards: 2, clock, inflightBytesMax });
  t.after(async () => {
    await kit.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return kit;
}

/** A customer of shard 0 and one of shard 1. */
function oneOfEach(kit: ShardKit): [string, string] {
  const names = Array.from({ length: 100 }, (_, n) => `customer-${n}`);
  const find = (shard: number): string =>
    names.find((name) => shardOf(kit.tape.customerHash(1, Buffer.from(name)), 2) === shard)!;
  return [find(0), find(1)];
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

test('a body that breaks off leaves nothing, and its neighbours whole', async (t) => {
  const kit = openKit(t);
  const batch = (name: string, count: number) =>
    Array.from({ length: count }, (_, n) => ({
      id: `${name}-${n}`,
      customer: `c${n % 5}`,
      type: 'a',
      data: { pad: 'x'.repeat(300) },
    }));
  const before = kit.send('json', json(batch('before', 50)));
  // Enough to fill several parcels before it breaks off.
  const broken = [json(batch('bad', 3000)), pack(batch('bad', 3000))] as const;
  for (const [format, bytes] of [
    ['json', broken[0]],
    ['msgpack', broken[1]],
  ] as const) {
    assert.throws(() => kit.send(format, bytes.subarray(0, -1)), { code: 'malformed' });
  }
  const after = kit.send('msgpack', pack(batch('after', 50)));
  await kit.commit();
  assert.equal((await before).accepted, 50);
  assert.equal((await after).accepted, 50);
  const ids = [0, 1, 2, 3, 4].flatMap((n) => kit.scan({ customer: `c${n}` })).map(({ id }) => id);
  assert.equal(ids.length, 100);
  assert.ok(ids.every((id) => !(id as string).startsWith('bad')));
});

test('a duplicate with another payload is a duplicate; the first stands and it is counted', async (t) => {
  const kit = openKit(t);
  const event = { id: 'e', customer: 'c', type: 'a', data: { n: 1 } };
  await kit.store([event]);
  const receipt = await kit.store([{ ...event, data: { n: 2 } }, event]);
  assert.deepEqual([receipt.accepted, receipt.duplicates], [0, 2]);
  assert.deepEqual(kit.scan({ customer: 'c' })[0]!['data'], { n: 1 });
  assert.equal(kit.metric('events_duplicate_different_total'), 1);
  assert.equal(kit.metric('events_duplicate_total'), 2);
  assert.equal(kit.metric('events_accepted_total'), 1);
});

test('a batch waits for all of its shards and sums what they say', async (t) => {
  const kit = openKit(t);
  const [first, second] = oneOfEach(kit);
  await kit.store([{ id: 'old', customer: second, type: 'a' }]);
  const gate = new Gate();
  kit.faults[1]!.before = gate;
  let isGiven = false;
  const events = [
    { id: 'e', customer: first, type: 'a' },
    { id: 'e', customer: second, type: 'a' },
    { id: 'old', customer: second, type: 'a' },
    { id: 'bad', customer: first },
  ];
  const receipt = kit.send('json', json(events)).then((told) => {
    isGiven = true;
    return told;
  });
  kit.deliver();
  const commits = kit.shards.map(({ shard }) => shard.commit());
  await commits[0];
  assert.equal(kit.scan({ customer: first }).length, 1);
  assert.equal(isGiven, false, 'a receipt before the other shard has flushed');
  gate.open();
  await commits[1];
  const { accepted, duplicates, rejected } = await receipt;
  assert.deepEqual([accepted, duplicates], [2, 1]);
  assert.deepEqual(
    rejected.map(({ code, id, index }) => [index, id, code]),
    [[3, 'bad', 'invalid']],
  );
});

test('when one shard cannot write, its events are refused by index and the others stored', async (t) => {
  const kit = openKit(t);
  const [first, second] = oneOfEach(kit);
  const events = [first, second, first, second].map((customer, n) => ({
    id: `e${n}`,
    customer,
    type: 'a',
  }));
  kit.faults[1]!.before = new AppError('unavailable', 'no room');
  const receipt = await kit.store(events);
  assert.equal(receipt.accepted, 2);
  assert.equal(receipt.unavailable, false);
  assert.deepEqual(
    receipt.rejected.map(({ code, index }) => [index, code]),
    [
      [1, 'unavailable'],
      [3, 'unavailable'],
    ],
  );
  assert.equal((await kit.store([events[1]!])).unavailable, true);
  kit.faults[1] = {};
  await kit.retry();
  const again = await kit.store(events);
  assert.deepEqual([again.accepted, again.duplicates], [2, 2]);
});

test('after a failed commit a resend is new, also when a duplicate was waiting', async (t) => {
  const kit = openKit(t);
  const event = { id: 'e', customer: 'c', type: 'a' };
  const gate = new Gate();
  for (const fault of kit.faults) fault.before = gate;
  const first = kit.send('json', json(event));
  const committing = kit.commit();
  const second = kit.send('json', json(event));
  kit.deliver();
  const third = kit.send('json', json({ ...event, id: 'behind' }));
  kit.deliver();
  gate.fail(new AppError('unavailable', 'no room'));
  await committing;
  for (const receipt of await Promise.all([first, second, third])) {
    assert.equal(receipt.unavailable, true);
  }
  for (const number of kit.faults.keys()) kit.faults[number] = {};
  while (kit.writable.includes(false)) await kit.retry();
  const resent = await kit.store([event, { ...event, id: 'behind' }]);
  assert.deepEqual([resent.accepted, resent.duplicates], [2, 0]);
  assert.equal(kit.scan({ customer: 'c' }).length, 2);
});

test('what is under way is counted in bytes until its receipt', async (t) => {
  const kit = openKit(t, 3000);
  const { budget } = kit.ingest;
  assert.equal(budget.isOver(1, 1_000_000), false, 'an idle front takes any batch');
  const body = json({ customer: 'c', type: 'a', data: { pad: 'x'.repeat(600) } });
  const receipt = kit.send('json', body);
  assert.equal(kit.metric('inflight_bytes'), body.length);
  assert.equal(budget.heldBy(1), body.length);
  assert.equal(budget.isOver(1, 3000 - 2 * body.length), false);
  assert.equal(budget.isOver(1, 3001 - 2 * body.length), true, 'as much as is free, no more');
  await kit.commit();
  await receipt;
  assert.equal(kit.metric('inflight_bytes'), 0);
  assert.equal(budget.isOver(1, 1_000_000), false);
  assert.equal(budget.active, 0);
  assert.equal(kit.ingest.pending, 0);
});
