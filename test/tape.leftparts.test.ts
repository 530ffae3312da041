/** Damaged parts and what comes after them: stamps are never given out twice, however often the server starts. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseEventPosition } from '../src/tape/cursor.ts';
import { event, files, openKit, place } from './support/partfiles.ts';
import type { ShardKit } from './support/shardkit.ts';

const cutBytes = 2 * 4096;

function stampsOf(kit: ShardKit): Map<string, number> {
  return new Map(
    kit.tail().map((each) => {
      return [each['id'] as string, parseEventPosition(each['cursor'] as string).stamp];
    }),
  );
}

const ten = Array.from({ length: 10 }, (_, n) => event(n));

/** A full part, as of `kind`. @returns the stamps of its events. */
async function makeFull(directory: string, kind: 'indexed' | 'followed'): Promise<number[]> {
  const kit = openKit(directory);
  kit.isBusy = true;
  // The next part is begun and has no event yet; this one gets its index or not.
  if (kind === 'followed') kit.work = () => new Promise(() => undefined);
  await kit.store(ten);
  kit.shards[0]!.upkeep.look();
  if (kind === 'indexed') await kit.settle();
  const stamps = [...stampsOf(kit).values()];
  await kit.close();
  return stamps;
}

const pathOf = (directory: string): string =>
  join(directory, 'shard-0', files(directory, 'part')[0]!);

for (const kind of ['indexed', 'followed'] as const) {
  test(`a part that was cut (${kind}) is counted once a start, and its stamps stay its own`, async (t) => {
    const directory = place(t);
    const stamps = await makeFull(directory, kind);
    assert.equal(files(directory, 'index').length, kind === 'indexed' ? 1 : 0);
    const path = pathOf(directory);
    const copy = join(place(t), 'whole');
    copyFileSync(path, copy);
    truncateSync(path, cutBytes);
    for (let start = 0; start < 2; start++) {
      const kit = openKit(directory);
      assert.equal(kit.metric('parts_damaged_total'), 1);
      assert.equal(kit.metric('segments_damaged_total'), 0);
      await kit.close();
    }
    const kit = openKit(directory);
    await kit.store([event(900)]);
    assert.ok(stampsOf(kit).get('e900')! > Math.max(...stamps));
    await kit.close();
    copyFileSync(copy, path);
    const restored = openKit(directory);
    assert.deepEqual(
      [...stampsOf(restored).keys()],
      [...ten.map(({ id }: { id?: string }) => id), 'e900'],
    );
    assert.equal(restored.scan({ customer: 'ann' }).length, 11);
    assert.equal(restored.metric('parts_damaged_total'), 0);
    await restored.close();
  });
}

test('a file of no bytes is not a new one', (t) => openCut(t, 0));
test('half a page is no file', (t) => openCut(t, 2048));

async function openCut(t: TestContext, bytes: number): Promise<void> {
  const directory = place(t);
  const [stamp] = await makeFull(directory, 'followed');
  truncateSync(pathOf(directory), bytes);
  const kit = openKit(directory);
  assert.equal(kit.metric('parts_damaged_total'), 1);
  await kit.store([event(900)]);
  assert.ok(stampsOf(kit).get('e900')! > stamp!);
  await kit.close();
}

/** Where the last entry of the rightmost leaf has its key. */
function lastKeyAt(file: Buffer): number {
  const meta = file.readBigUInt64LE(152) < file.readBigUInt64LE(4096 + 152) ? 4096 : 0;
  let at = Number(file.readBigUInt64LE(meta + 96 + 40)) * 4096;
  for (;;) {
    const count = file.readUInt16LE(at + 20) >> 1;
    const entry = at + 24 + file.readUInt16LE(at + 24 + 2 * (count - 1));
    if (file.readUInt16LE(at + 18) === 2) return entry + 8;
    at = file.readUInt32LE(entry) * 4096;
  }
}

test('a damaged last key says no stamp: what follows is written, indexed and sealed', async (t) => {
  for (let bit = 0; bit < 64; bit++) {
    const directory = place(t);
    const kit = openKit(directory);
    kit.isBusy = true;
    for (let n = 0; n < 7; n++) await kit.store([event(n, { data: { n } })]);
    await kit.close();
    const path = pathOf(directory);
    const file = readFileSync(path);
    file[lastKeyAt(file) + 7 - (bit >> 3)]! ^= 1 << (bit & 7);
    writeFileSync(path, file);
    const damaged = openKit(directory);
    damaged.isBusy = true;
    const counted = damaged.metric('blocks_damaged_total') + damaged.metric('parts_damaged_total');
    assert.ok(counted > 0, `bit ${bit}`);
    for (let n = 900; n < 910; n++) await damaged.store([event(n)]);
    damaged.shards[0]!.upkeep.look();
    damaged.isBusy = false;
    await damaged.settle();
    const stamps = [...stampsOf(damaged).values()];
    assert.equal(new Set(stamps).size, stamps.length);
    assert.ok(stamps.at(-1)! < 2 ** 32, `bit ${bit}`);
    await damaged.close();
    const again = openKit(directory);
    const seen = again.scan({ customer: 'ann' }).map((each) => each['id']);
    for (let n = 900; n < 910; n++) assert.ok(seen.includes(`e${n}`), `bit ${bit}: e${n}`);
    await again.close();
  }
});
