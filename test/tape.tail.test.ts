/**
 * Tails as the engine has them: the visitor reads other things meanwhile, and events stay what they are; blocks
 * without any type that is wanted are not read, and nothing that is wanted is missed.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { seededRandom } from '../src/std/random.ts';
import { readsSoFar } from '../src/store/environment.ts';
import type { TapeEvent } from '../src/tape/event.ts';
import { typeHashOf } from '../src/tape/route.ts';
import { Tail } from '../src/tape/tail.ts';
import { TypeSet } from '../src/tape/typeset.ts';
import { count } from './support/session.ts';
import { ManualClock, ShardKit } from './support/shardkit.ts';

async function withKit(shards: number, events: number, run: (kit: ShardKit) => Promise<void>) {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-tail-'));
  const limits = { events, bytes: 2 ** 30, ageMs: 2 ** 40 };
  const clock = new ManualClock(1_763_740_000_000);
  const kit = new ShardKit({ directory, shards, clock, limits });
  try {
    await run(kit);
  } finally {
    await kit.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

test('an event of an owned tail outlives other reads of the store, and so do its neighbours', async () => {
  await withKit(1, 1_000_000, async (kit) => {
    const sizes = [3, 700, 40];
    for (const [group, size] of sizes.entries()) {
      const data = { group, text: 'x'.repeat(size) };
      await kit.store(
        count(5).map((n) => ({ customer: `c${group}`, type: 'a', id: `${group}-${n}`, data })),
      );
    }
    const wanted = kit.tail().map((event) => JSON.stringify(event));
    const found: string[] = [];
    const tail = new Tail(kit.tape, [0], { stamp: 0, ordinal: 0 }, true);
    const visit = (event: TapeEvent): boolean => {
      // Of another block, so that the store's buffer holds something else.
      for (const group of sizes.keys()) assert.equal(kit.scan({ customer: `c${group}` }).length, 5);
      found.push(JSON.stringify(JSON.parse(event.json())));
      return true;
    };
    while (tail.visitBlock(kit.tape.horizon(), visit));
    assert.deepEqual(found, wanted);
  });
});

/** Goes on to the horizon. @returns ids of what was visited, and how many values of stores were read. */
function passTo(kit: ShardKit, tail: Tail, types: TypeSet): { ids: string[]; reads: number } {
  const before = readsSoFar();
  const ids: string[] = [];
  const visit = (event: TapeEvent): boolean => {
    ids.push(event.id);
    return true;
  };
  const wants = (_workspace: number, _customer: number, typeHash: number): boolean => {
    return types.has(typeHash);
  };
  while (tail.visitBlock(kit.tape.horizon(), visit, wants, types));
  return { ids, reads: readsSoFar() - before };
}

test('a block without a wanted type is passed over unread, until such a type comes', async () => {
  await withKit(2, 1_000_000, async (kit) => {
    const types = new TypeSet();
    types.add('wanted');
    const tail = new Tail(kit.tape, [0, 1], { stamp: 0, ordinal: 0 }, true);
    const groupOf = (type: string, group: number): object[] => {
      return count(40).map((n) => ({ customer: `c${n}`, type, id: `${type}-${group}-${n}` }));
    };
    for (const group of count(5)) await kit.store(groupOf('other', group));
    assert.deepEqual(passTo(kit, tail, types), { ids: [], reads: 0 });
    assert.equal(tail.position.stamp, kit.tape.horizon());
    await kit.store([...groupOf('other', 6), { customer: 'c1', type: 'wanted', id: 'it' }]);
    await kit.store(groupOf('other', 7));
    const { ids, reads } = passTo(kit, tail, types);
    assert.deepEqual(ids, ['it']);
    assert.ok(reads > 0 && reads <= 2, `${reads} reads for one event`);
  });
});

test('however blocks lie in parts and segments, a tail by types misses nothing', async () => {
  const random = seededRandom(7);
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (const seed of count(12)) {
    await withKit(2, 150, async (kit) => {
      const types = new TypeSet();
      for (const name of names) if (random.next() < 0.3) types.add(name);
      const tail = new Tail(kit.tape, [0, 1], { stamp: 0, ordinal: 0 }, true);
      const found: string[] = [];
      for (const group of count(8)) {
        const some = names.filter(() => random.next() < 0.4);
        await kit.store(
          count(1 + random.below(70)).map((n) => ({
            customer: `c${random.below(9)}`,
            type: some[random.below(some.length)] ?? 'a',
            id: `${seed}-${group}-${n}`,
            data: { text: 'x'.repeat(random.below(400)) },
          })),
        );
        if (random.next() < 0.3) await kit.settle();
        if (random.next() < 0.5) found.push(...passTo(kit, tail, types).ids);
      }
      found.push(...passTo(kit, tail, types).ids);
      const whole = new Tail(kit.tape, [0, 1], { stamp: 0, ordinal: 0 }, true);
      const wanted: string[] = [];
      const visit = (event: TapeEvent): boolean => {
        if (isIn(types, event.type)) wanted.push(event.id);
        return true;
      };
      while (whole.visitBlock(kit.tape.horizon(), visit));
      assert.deepEqual(found, wanted);
    });
  }
});

function isIn(types: TypeSet, name: string): boolean {
  return types.has(typeHashOf(Buffer.from(name), 0, name.length));
}
