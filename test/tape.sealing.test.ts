/** Parts become segments, segments become fewer: what readers, resends and restarts see of it. */
import { strict as assert } from 'node:assert';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AppError } from '../src/std/errors.ts';
import { mergeWidth } from '../src/tape/upkeep.ts';
import {
  event,
  files,
  type Kind,
  nowMs,
  openKit,
  place,
  small,
  storeParts,
} from './support/partfiles.ts';

test('a full part becomes a segment and its file goes', async (t) => {
  const directory = place(t);
  const kit = openKit(directory);
  await storeParts(kit, 3);
  assert.ok(files(directory, 'segment').length >= 2);
  assert.equal(files(directory, 'part').length, 1);
  assert.equal(kit.scan({ customer: 'ann' }).length, 33);
  await kit.close();
  const again = openKit(directory);
  t.after(() => again.close());
  assert.equal(again.scan({ customer: 'ann' }).length, 33);
  assert.equal(again.shards[0]!.events, 33);
});

test('neighbours are merged, and everything is still there in both orders', async (t) => {
  const directory = place(t);
  const kit = openKit(directory);
  t.after(() => kit.close());
  await storeParts(kit, mergeWidth + 2);
  assert.ok(files(directory, 'segment').length < mergeWidth);
  const ids = kit.scan({ customer: 'ann' }).map(({ id }) => id);
  assert.equal(new Set(ids).size, (mergeWidth + 2) * 11);
  assert.equal(kit.tail().length, (mergeWidth + 2) * 11);
});

test('a resend is recognised however long ago the first sending was sealed', async (t) => {
  const kit = openKit(place(t));
  t.after(() => kit.close());
  await storeParts(kit, 5);
  const again = await kit.store(Array.from({ length: 50 }, (_, n) => event(n)));
  assert.deepEqual([again.accepted, again.duplicates], [0, 50]);
  const timeless = { id: 'no time', customer: 'ann', type: 'Click' };
  assert.equal((await kit.store([timeless])).accepted, 1);
  await storeParts(kit, 3, 500);
  kit.clock.advance(86_400_000);
  assert.equal((await kit.store([timeless])).duplicates, 1);
});

test('a reader keeps what it reads until it is done', async (t) => {
  const directory = place(t);
  const kit = openKit(directory);
  t.after(() => kit.close());
  await kit.store(Array.from({ length: 10 }, (_, n) => event(n)));
  kit.tape.enter();
  await kit.store([event(11)]);
  await kit.settle();
  assert.equal(files(directory, 'segment').length, 1, 'sealed');
  assert.ok(files(directory, 'part').length > 1, 'but still there');
  kit.tape.leave();
  kit.clock.advance(100);
  await kit.settle();
  assert.equal(files(directory, 'part').length, 1);
});

test('sealing that is behind refuses nothing: the part grows', async (t) => {
  const kit = openKit(place(t));
  t.after(() => kit.close());
  kit.work = () => new Promise(() => undefined);
  for (let n = 0; n < 60; n++) {
    const receipt = await kit.store(Array.from({ length: 10 }, (_, i) => event(n * 10 + i)));
    assert.equal(receipt.accepted, 10);
  }
  assert.equal(kit.scan({ customer: 'ann' }).length, 600);
});

test('work that fails is tried again and loses nothing', async (t) => {
  const directory = place(t);
  const kit = openKit(directory);
  t.after(() => kit.close());
  const { work } = kit;
  kit.work = () => Promise.reject(new Error('no room'));
  await storeParts(kit, 2);
  assert.equal(files(directory, 'segment').length, 0);
  kit.work = work;
  kit.clock.advance(60_000);
  await kit.settle();
  assert.ok(files(directory, 'segment').length > 0);
  assert.equal(kit.scan({ customer: 'ann' }).length, 22);
});

test('what a crash leaves behind is put in order at the start', async (t) => {
  const directory = place(t);
  const kit = openKit(directory);
  const shard = join(directory, 'shard-0');
  const saved = join(directory, 'saved');
  mkdirSync(saved);
  const save = (kind: Kind): void => {
    for (const name of files(directory, kind)) copyFileSync(join(shard, name), join(saved, name));
  };
  await kit.store(Array.from({ length: 10 }, (_, n) => event(n)));
  save('part');
  await storeParts(kit, mergeWidth - 2, 100);
  save('segment');
  await storeParts(kit, 3, 1000);
  const expected = kit.scan({ customer: 'ann' }).map(({ id }) => id);
  await kit.close();
  for (const name of readdirSync(saved)) {
    if (!readdirSync(shard).includes(name)) copyFileSync(join(saved, name), join(shard, name));
  }
  writeFileSync(join(shard, 'segment-00000000001-00000000002-0001.mdb.tmp'), 'half');
  const again = openKit(directory);
  t.after(() => again.close());
  assert.deepEqual(
    again.scan({ customer: 'ann' }).map(({ id }) => id),
    expected,
  );
  await again.settle();
  assert.equal(files(directory, 'part').length, 1);
  assert.ok(!readdirSync(shard).some((name) => name.includes('.tmp')));
});

test('a quiet part is sealed when it comes of age', async (t) => {
  const directory = place(t);
  const kit = openKit(directory, { ...small, events: 1000, ageMs: 60_000 });
  t.after(() => kit.close());
  await kit.store([event(1)]);
  kit.clock.advance(59_000);
  kit.shards[0]!.upkeep.look();
  await kit.settle();
  assert.equal(files(directory, 'segment').length, 0);
  kit.clock.advance(1000);
  kit.shards[0]!.upkeep.look();
  await kit.settle();
  assert.equal(files(directory, 'segment').length, 1);
  assert.equal(kit.scan({ customer: 'ann' }).length, 1);
});

test('a part whose first commit failed takes nothing with it', async (t) => {
  const kit = openKit(place(t), { ...small, ageMs: 60_000 });
  t.after(() => kit.close());
  const { work } = kit;
  kit.work = () => Promise.reject(new AppError('unavailable', 'no room'));
  await kit.store(Array.from({ length: 12 }, (_, n) => event(n)));
  kit.shards[0]!.shard.rotate();
  kit.faults[0] = { before: new AppError('unavailable', 'no room') };
  assert.equal((await kit.store([event(50)])).unavailable, true);
  kit.faults[0] = {};
  kit.clock.advance(61_000);
  kit.shards[0]!.shard.rotate();
  kit.work = work;
  kit.clock.advance(10_000);
  kit.shards[0]!.upkeep.look();
  await kit.settle();
  assert.equal(kit.scan({ customer: 'ann' }).length, 12);
  assert.equal(kit.tail().length, 12);
});

test('a damaged segment stays where it is, and its stamps are not used again', async (t) => {
  const directory = place(t);
  const kit = openKit(directory);
  await storeParts(kit, 3);
  await kit.close();
  const shard = join(directory, 'shard-0');
  const names = files(directory, 'segment');
  const damaged = join(shard, names[1]!);
  const copy = join(directory, 'copy');
  copyFileSync(damaged, copy);
  truncateSync(damaged, statSync(damaged).size - 4096);
  const again = openKit(directory);
  const issued = again.tape.issued();
  await storeParts(again, mergeWidth + 1, 500);
  const found = again.scan({ customer: 'ann' }).length;
  await again.close();
  assert.ok(readdirSync(shard).includes(names[1]!), 'nothing took its place');
  copyFileSync(copy, damaged);
  const restored = openKit(directory);
  t.after(() => restored.close());
  assert.ok(restored.scan({ customer: 'ann' }).length > found, 'what was restored is read');
  assert.equal(restored.scan({ customer: 'ann' }).length, 33 + (mergeWidth + 1) * 11);
  assert.ok(issued >= 3);
});

test('stamps go on even when the newest segment cannot be read', async (t) => {
  const directory = place(t);
  const kit = openKit(directory);
  await storeParts(kit, 2);
  const before = kit.tape.issued();
  await kit.close();
  for (const name of files(directory, 'part')) rmSync(join(directory, 'shard-0', name));
  const last = join(directory, 'shard-0', files(directory, 'segment').at(-1)!);
  truncateSync(last, statSync(last).size - 4096);
  const again = openKit(directory);
  t.after(() => again.close());
  assert.ok(again.tape.issued() >= before - 1);
  await again.store([event(900)]);
  assert.ok(again.tape.issued() > before - 1);
});

test('a full disk while a part is due to end refuses nothing for that', async (t) => {
  const kit = openKit(place(t));
  t.after(() => kit.close());
  await kit.store(Array.from({ length: 10 }, (_, n) => event(n)));
  const { parts } = kit.shards[0]!;
  const open = parts.openPart.bind(parts);
  parts.openPart = () => {
    throw new AppError('unavailable', 'there is no room to write');
  };
  assert.equal((await kit.store([event(11)])).accepted, 1);
  parts.openPart = open;
  assert.equal((await kit.store([event(12)])).accepted, 1);
  await kit.settle();
  assert.equal(kit.scan({ customer: 'ann' }).length, 12);
});

test('a resend with another time is recognised by its id', async (t) => {
  const kit = openKit(place(t));
  t.after(() => kit.close());
  await storeParts(kit, mergeWidth + 1);
  const again = Array.from({ length: 50 }, (_, n) => event(n, { time: nowMs - n }));
  const receipt = await kit.store(again);
  assert.deepEqual([receipt.accepted, receipt.duplicates], [0, 50]);
});
