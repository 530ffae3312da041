/** Parts with an index, before they are sealed: what readers, resends, erasures and restarts see of them. */
import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { event, files, nowMs, openKit, place, storeParts } from './support/partfiles.ts';

test('sealing that never ends refuses nothing either: parts are indexed, and their memory is free again', async (t) => {
  const directory = place(t);
  const kit = openKit(directory);
  t.after(() => kit.close());
  const { work } = kit;
  kit.work = (job) => (job.kind === 'index' ? work(job) : new Promise(() => undefined));
  for (let n = 0; n < 80; n++) {
    const receipt = await kit.store(Array.from({ length: 10 }, (_, i) => event(n * 10 + i)));
    assert.equal(receipt.accepted, 10);
    while (kit.shards[0]!.parts.closed.length > 0) await new Promise(setImmediate);
    await kit.shards[0]!.parts.removals();
  }
  assert.ok(files(directory, 'index').length > 36, 'more than there are slots');
  assert.equal(kit.metric('events_unindexed'), 0);
  assert.equal(kit.scan({ customer: 'ann' }).length, 800);
  assert.equal((await kit.store(Array.from({ length: 90 }, (_, n) => event(n)))).duplicates, 90);
});

test('while a shard is busy its parts are indexed, and sealed no later than that', async (t) => {
  const directory = place(t);
  const kit = openKit(directory);
  t.after(() => kit.close());
  kit.isBusy = true;
  await storeParts(kit, 2);
  assert.deepEqual([files(directory, 'index').length, files(directory, 'segment').length], [2, 0]);
  assert.equal(kit.metric('events_unindexed'), 0);
  assert.equal(kit.metric('events_unsealed'), 22);
  kit.clock.advance(90_000);
  kit.shards[0]!.upkeep.look();
  await kit.settle();
  assert.equal(files(directory, 'index').length, 0);
  assert.ok(files(directory, 'segment').length > 0);
  assert.equal(files(directory, 'part').length, 1, 'parts go with their index');
  assert.equal(kit.metric('events_unsealed'), 0);
  assert.equal(kit.scan({ customer: 'ann' }).length, 22);
});

test('parts with an index are read, and recognise resends, like all others', async (t) => {
  const directory = place(t);
  const kit = openKit(directory);
  kit.isBusy = true;
  await kit.store([event(700, { type: 'Login', time: nowMs - 5e6 })]);
  await storeParts(kit, 4);
  const hits = kit.scan({ customer: 'ann' }).map(({ id }) => id);
  const history = kit.tail().map(({ id }) => id);
  const page = kit.page({ customer: 'ann' }, 7);
  const next = kit.page({ customer: 'ann' }, 60, page.next!);
  assert.equal(hits.length, 45);
  assert.deepEqual(
    [...page.events, ...next.events].map(({ id }) => id),
    hits,
  );
  const until = nowMs - 1e6 + 12_000;
  const middle = kit.scan({ customer: 'ann', until, since: until - 5000 }).map(({ id }) => id);
  assert.deepEqual(middle, ['e12', 'e11', 'e10', 'e9', 'e8', 'e7']);
  assert.deepEqual(kit.scan({ customer: 'ann', types: ['Login'] }).length, 1);
  assert.equal(kit.scan({ customer: 'bob' }).length, 0);
  await kit.close();
  const again = openKit(directory);
  t.after(() => again.close());
  again.isBusy = true;
  assert.equal(
    again.shards[0]!.parts.closed.length,
    0,
    'nothing but the last part is indexed again',
  );
  assert.deepEqual(
    again.scan({ customer: 'ann' }).map(({ id }) => id),
    hits,
  );
  assert.deepEqual(
    again.tail().map(({ id }) => id),
    history,
  );
  const resent = await again.store(Array.from({ length: 40 }, (_, n) => event(n, { time: nowMs })));
  assert.deepEqual([resent.accepted, resent.duplicates], [0, 40]);
});

test('an erased customer goes from a part with an index as well', async (t) => {
  const directory = place(t);
  const kit = openKit(directory);
  t.after(() => kit.close());
  kit.isBusy = true;
  await kit.store([event(1, { customer: 'bob' })]);
  await storeParts(kit, 2);
  await kit.erase({ workspace: 1, customer: 'bob', now: true });
  assert.equal(kit.scan({ customer: 'bob' }).length, 0);
  assert.equal(kit.scan({ customer: 'ann' }).length, 22);
  const left = readdirSync(join(directory, 'shard-0'), { withFileTypes: true })
    .filter((file) => file.name.endsWith('.mdb'))
    .filter((file) => readFileSync(join(directory, 'shard-0', file.name)).includes('"bob"'));
  assert.deepEqual(left, []);
});

test('an index that is damaged, or has lost its part, counts for nothing', async (t) => {
  const directory = place(t);
  const kit = openKit(directory);
  kit.isBusy = true;
  await storeParts(kit, 3);
  const expected = kit.scan({ customer: 'ann' }).map(({ id }) => id);
  const history = kit.tail().map(({ id }) => id);
  await kit.close();
  const shard = join(directory, 'shard-0');
  const paths = files(directory, 'index').map((name) => join(shard, name));
  const spoil = [
    (path: string) => truncateSync(path, statSync(path).size - 4096),
    (path: string) => writeFileSync(path, 'nothing of ours'),
    (path: string) => rmSync(path),
  ];
  for (const spoiled of [paths, paths.slice(0, 1), paths.slice(1, 2), paths.slice(2)]) {
    for (const [i, path] of spoiled.entries()) spoil[i]!(path);
    const again = openKit(directory);
    again.isBusy = true;
    const found = again.scan({ customer: 'ann' }).map(({ id }) => id);
    assert.deepEqual(found, expected);
    assert.deepEqual(
      again.tail().map(({ id }) => id),
      history,
    );
    again.shards[0]!.upkeep.look();
    await again.settle();
    assert.equal(files(directory, 'index').length, 3, 'they are made again');
    await again.close();
  }
  rmSync(join(shard, files(directory, 'part')[1]!));
  const without = openKit(directory);
  t.after(() => without.close());
  assert.equal(files(directory, 'index').length, 2);
  assert.equal(without.scan({ customer: 'ann' }).length, expected.length - 11);
});
