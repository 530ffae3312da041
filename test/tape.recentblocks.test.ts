/** Blocks that a thread keeps: bounded by their bytes, the one not asked for longest goes first. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Block, BlockBuilder } from '../src/tape/block.ts';
import { blockBytes } from '../src/tape/layout.ts';
import { RecentBlocks } from '../src/tape/recentblocks.ts';

function makeBlock(stamp: number): Block {
  const builder = new BlockBuilder(blockBytes);
  builder.reset(1);
  builder.close(1);
  const block = Block.open(builder.stamp(stamp), stamp);
  assert.ok(block !== undefined);
  return block;
}

test('the block that was not asked for longest makes room for a new one', () => {
  const recent = new RecentBlocks(3 * blockBytes);
  const reader = recent.join();
  const blocks = [1, 2, 3, 4].map(makeBlock);
  for (const block of blocks.slice(0, 3)) recent.keep(reader, block.stamp, block);
  assert.equal(recent.find(reader, 1), blocks[0]);
  recent.keep(reader, 4, blocks[3]!);
  assert.equal(recent.find(reader, 2), undefined);
  for (const number of [1, 3, 4]) assert.equal(recent.find(reader, number), blocks[number - 1]);
});

test('readers do not see the blocks of others, and leave none behind', () => {
  const recent = new RecentBlocks(10 * blockBytes);
  const [one, other] = [recent.join(), recent.join()];
  const [block, otherBlock] = [makeBlock(7), makeBlock(7)];
  recent.keep(one, 7, block);
  assert.equal(recent.find(other, 7), undefined);
  recent.keep(other, 7, otherBlock);
  recent.leave(one);
  assert.equal(recent.find(one, 7), undefined);
  assert.equal(recent.find(other, 7), otherBlock);
});
