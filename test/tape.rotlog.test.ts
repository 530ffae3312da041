/**
 * A damaged hot log: whatever bit of a part is flipped and wherever it is cut, the shard opens, what it serves is
 * right, what it cannot read is counted and stays where it is, and new events get later stamps. Repeat one run with
 * TAPELINE_SEED; TAPELINE_FLIPS says how many bits are flipped, one at a time.
 */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { seededRandom } from '../src/std/random.ts';
import { parseEventPosition } from '../src/tape/cursor.ts';
import { event, files, openKit, place, storeParts } from './support/partfiles.ts';
import type { ShardKit } from './support/shardkit.ts';

const flipsDefault = 120;
const metaBytes = 2 * 4096;
const seed = Number(process.env['TAPELINE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** An open part of some ten pages and two trees, with nothing else; or parts that are indexed. */
async function makeSample(directory: string, kind: 'open' | 'indexed'): Promise<void> {
  const kit = openKit(directory);
  kit.isBusy = true;
  if (kind === 'indexed') await storeParts(kit, 2);
  else for (let n = 0; n < 9; n++) await kit.store([event(n, { data: { n } })]);
  await kit.close();
}

/** Events by cursor, as a stream has them. */
function contentOf(kit: ShardKit): Map<string, string> {
  return new Map(kit.tail().map((each) => [each['cursor'] as string, JSON.stringify(each)]));
}

const damagedIn = (kit: ShardKit): number =>
  kit.metric('parts_damaged_total') + kit.metric('blocks_damaged_total');

const stampOf = (cursor: string): number => parseEventPosition(cursor).stamp;

/** @param isAll false: the newest commit may be missing without a trace. */
async function checkDamaged(
  directory: string,
  whole: ReadonlyMap<string, string>,
  isAll: boolean,
): Promise<'part' | 'whole'> {
  const kit = openKit(directory);
  try {
    const content = contentOf(kit);
    for (const [cursor, text] of content) assert.equal(text, whole.get(cursor), cursor);
    const scanned = kit.scan({ customer: 'ann' }).map((each) => JSON.stringify(each));
    for (const text of scanned) assert.ok([...whole.values()].includes(text), text);
    const isWhole = content.size === whole.size && scanned.length === whole.size;
    if (isAll) assert.ok(isWhole || damagedIn(kit) > 0, 'what is missing is counted');
    const { accepted } = await kit.store([event(900)]);
    assert.equal(accepted, 1);
    const newest = kit.tail().find(({ id }) => id === 'e900')!['cursor'] as string;
    if (isAll) {
      for (const cursor of whole.keys()) assert.ok(stampOf(newest) > stampOf(cursor), cursor);
    }
    return isWhole ? 'whole' : 'part';
  } finally {
    await kit.close();
  }
}

for (const kind of ['open', 'indexed'] as const) {
  test(`bits flipped in a part (${kind}) are never served, and end nothing (seed ${seed})`, async (t) => {
    const random = seededRandom(seed);
    const sample = place(t);
    await makeSample(sample, kind);
    const kit = openKit(sample);
    const whole = contentOf(kit);
    await kit.close();
    const names = files(sample, 'part');
    const flips = Number(process.env['TAPELINE_FLIPS'] ?? flipsDefault) / 2;
    const outcomes = { part: 0, whole: 0 };
    for (let n = 0; n < flips; n++) {
      const copy = place(t);
      cpSync(sample, copy, { recursive: true });
      const path = join(copy, 'shard-0', names[n % names.length]!);
      const bytes = readFileSync(path);
      // Where it hurts most: the head of the file, and where there is something.
      let at: number;
      do at = random.below(n % 3 === 0 ? metaBytes : bytes.length);
      while (bytes[at] === 0);
      const bit = random.below(8);
      bytes[at]! ^= 1 << bit;
      writeFileSync(path, bytes);
      try {
        outcomes[await checkDamaged(copy, whole, at >= metaBytes)] += 1;
      } catch (error) {
        throw new Error(`bit ${bit} of byte ${at} of ${path}, seed ${seed}`, { cause: error });
      }
      rmSync(copy, { recursive: true, force: true });
    }
    t.diagnostic(JSON.stringify(outcomes));
    assert.ok(outcomes.part > 0 && outcomes.whole > 0);
  });
}

test('a part that was cut is left where it is, counted, and read again when it is restored', async (t) => {
  for (const kind of ['open', 'indexed'] as const) {
    const sample = place(t);
    await makeSample(sample, kind);
    const kit = openKit(sample);
    const whole = contentOf(kit);
    await kit.close();
    const name = files(sample, 'part')[0]!;
    const { length } = readFileSync(join(sample, 'shard-0', name));
    let left = 0;
    for (let bytes = 0; bytes < length; bytes += 4096 * 2 - 1) {
      const copy = place(t);
      cpSync(sample, copy, { recursive: true });
      const path = join(copy, 'shard-0', name);
      truncateSync(path, bytes);
      const found = await checkDamaged(copy, whole, true);
      // The pages of older trees are the last ones: without those it is whole.
      if (found === 'whole') continue;
      left += 1;
      assert.ok(files(copy, 'part').includes(name), `${kind}, cut to ${bytes}: it stays`);
      cpSync(join(sample, 'shard-0', name), path);
      const restored = openKit(copy);
      const content = contentOf(restored);
      for (const [cursor, text] of whole) assert.equal(content.get(cursor), text);
      assert.equal(content.size, whole.size + 1);
      assert.equal(restored.scan({ customer: 'ann' }).length, whole.size + 1);
      await restored.close();
    }
    assert.ok(left > 0);
  }
});
