/** Which ids the parts of a shard may hold: never a no for one that is there, and rarely a yes for one that is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../src/std/random.ts';
import { mayBeOf, RecentIds, type RecentPart } from '../src/tape/recentids.ts';

const idsPerPart = 2000;

test('ids of parts that wait are held, whatever else is sealed meanwhile', () => {
  const random = seededRandom(11);
  const recent = new RecentIds();
  let waiting: { part: RecentPart; ids: number[] }[] = [];
  const sizes = new Set<number>();
  // 130 parts come; sealing falls behind, catches up with all but the open one, and falls behind again.
  for (let number = 0; number < 130; number++) {
    const part = recent.begin();
    sizes.add(part.partsMax);
    const ids = Array.from({ length: idsPerPart }, () => random.below(2 ** 32));
    for (const id of ids) recent.add(id);
    waiting.push({ part, ids });
    if (number === 70) {
      for (const each of waiting.slice(0, -1)) recent.end(each.part);
      waiting = waiting.slice(-1);
    }
    for (const each of [waiting[0]!, waiting.at(-1)!]) {
      assert.ok(each.ids.every((id) => recent.mayHold(id) && mayBeOf(each.part, id)));
    }
  }
  assert.deepEqual(
    [...sizes].sort((a, b) => a - b),
    [16, 32, 64],
  );
  const strangers = Array.from({ length: 20_000 }, () => random.below(2 ** 32));
  const suspected = strangers.filter((id) => recent.mayHold(id)).length;
  assert.ok(suspected < 100, `${suspected} of 20,000 strangers are suspected`);
  for (const { part } of waiting.slice(0, -1)) recent.end(part);
  // Of those that are sealed nothing is known but what shares a generation with the open part.
  const others = waiting.filter(({ part }) => part !== waiting.at(-1)!.part);
  assert.ok(others[0]!.ids.filter((id) => recent.mayHold(id)).length < 100);
});
