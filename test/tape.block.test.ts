/** Blocks: every damage is noticed, harms one block only, and runs are copied as they were sent. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { BlockLog } from '../src/store/log.ts';
import { Block } from '../src/tape/block.ts';
import { parseEventPosition, parsePosition } from '../src/tape/cursor.ts';
import { blockHeaderBytes, header, partFile } from '../src/tape/layout.ts';
import { temporaryDirectory } from './support/server.ts';
import { ManualClock, ShardKit } from './support/shardkit.ts';

const nowMs = 1_763_740_000_000;

function openKit(directory: string): ShardKit {
  return new ShardKit({ directory, shards: 1, clock: new ManualClock(nowMs) });
}

function events(batch: number, count: number): object[] {
  return Array.from({ length: count }, (_, n) => ({
    id: `${batch}-${n}`,
    customer: `c${n % 3}`,
    type: 'Click',
    time: nowMs - batch,
    data: { text: 'é'.repeat((n * 7) % 50), n },
  }));
}

/** Three commits on disk, the blocks as they were written. */
async function store(directory: string): Promise<{ stamp: number; bytes: Uint8Array }[]> {
  const kit = openKit(directory);
  for (const batch of [1, 2, 3]) await kit.store(events(batch, 20));
  const stamps = kit.written.flat().map(({ stamp }) => stamp);
  kit.tape.refresh();
  const log = kit.tape.shards[0]!;
  const blocks = stamps.map((stamp) => ({
    stamp,
    bytes: Uint8Array.from(log.block(stamp)!.bytes.subarray(0, log.block(stamp)!.bytes.length)),
  }));
  await kit.close();
  return blocks;
}

test('a flipped bit anywhere in a block is found', async (t) => {
  const directory = temporaryDirectory();
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const [{ bytes, stamp }] = (await store(directory)) as [{ bytes: Uint8Array; stamp: number }];
  assert.ok(Block.open(bytes, stamp));
  for (let at = 0; at < bytes.length; at++) {
    bytes[at]! ^= 1 << (at % 8);
    assert.equal(Block.open(bytes, stamp), undefined, `byte ${at}`);
    bytes[at]! ^= 1 << (at % 8);
  }
  for (const length of [0, 1, blockHeaderBytes - 1, blockHeaderBytes, bytes.length - 1]) {
    assert.equal(Block.open(bytes.subarray(0, length), stamp), undefined, `${length} bytes`);
  }
  assert.equal(Block.open(bytes, stamp + 1), undefined, 'another stamp');
});

for (const [what, at] of [
  ['header', header.records],
  ['stamp', header.stamp + 1],
  ['checksum', header.crc],
  ['payloads', blockHeaderBytes + 40],
  ['table', -20],
] as const) {
  test(`a block with a damaged ${what} is lost alone, at once and after a restart`, async (t) => {
    const directory = temporaryDirectory();
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const blocks = await store(directory);
    const { bytes, stamp } = blocks[1]!;
    bytes[at < 0 ? bytes.length + at : at]! ^= 0x10;
    const log = BlockLog.openWriter(join(directory, partFile(0, 1)));
    await log.commit([{ stamp, bytes }]);
    await log.close();
    const kit = openKit(directory);
    t.after(() => kit.close());
    const found = ['c0', 'c1', 'c2'].flatMap((customer) => kit.scan({ customer }));
    assert.equal(found.length, 40);
    assert.ok(found.every(({ id }) => !(id as string).startsWith('2-')));
    assert.ok(kit.metric('blocks_damaged_total') > 0);
    const again = await kit.store([...events(1, 20), ...events(2, 20)]);
    assert.deepEqual([again.accepted, again.duplicates], [20, 20]);
    assert.equal(kit.scan({ customer: 'c0' }).length, 21);
  });
}

test('what is damaged while readers have it indexed is passed over', async (t) => {
  const directory = temporaryDirectory();
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const blocks = await store(directory);
  const kit = openKit(directory);
  t.after(() => kit.close());
  const { bytes, stamp } = blocks[0]!;
  bytes[100]! ^= 1;
  const log = BlockLog.openWriter(join(directory, partFile(0, 1)));
  await log.commit([{ stamp, bytes }]);
  await log.close();
  kit.tape.refresh();
  kit.tape.shards[0]!.block(blocks[2]!.stamp);
  const ids = kit.scan({ customer: 'c0' }).map(({ id }) => id as string);
  assert.equal(ids.length, 14);
  assert.ok(ids.every((id) => !id.startsWith('1-')));
});

test('two shards are read in turn on one thread, each its own bytes', async (t) => {
  const directory = temporaryDirectory();
  const kit = new ShardKit({ directory, shards: 2, clock: new ManualClock(nowMs) });
  t.after(async () => {
    await kit.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const names = Array.from({ length: 8 }, (_, n) => `customer-${n}`);
  await kit.store(names.map((customer) => ({ id: customer, customer, type: 'a' })));
  for (const customer of [...names, ...names.reverse(), ...names]) {
    assert.deepEqual(
      kit.scan({ customer }).map(({ id }) => id),
      [customer],
    );
  }
});

test('large, small and escaped events of one batch come back as they were sent', async (t) => {
  const directory = temporaryDirectory();
  const kit = openKit(directory);
  t.after(async () => {
    await kit.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const sizes = [10, 32_000, 1, 16_300, 16_301, 8000, 8000, 0, 32_500];
  const sent = sizes.map((size, n) => {
    const text = `{"id":"\\u0041${n}","customer":"c\\u0031","type":"a","time":${n}`;
    const spaces = ' '.repeat((n * 5) % 19);
    return `${spaces}${text}${n % 2 === 0 ? '' : ',"channel":"web"'},"data":{"pad":"${'x'.repeat(size)}"}}${spaces}`;
  });
  const receipt = kit.send('json', Buffer.from(`[${sent.join(',')}]`));
  await kit.commit();
  assert.equal((await receipt).accepted, sizes.length);
  const found = kit.scan({ customer: 'c1' }).reverse();
  assert.deepEqual(
    found.map(({ id }) => id),
    sizes.map((_, n) => `A${n}`),
  );
  assert.deepEqual(
    found.map(({ data }) => (data as { pad: string }).pad.length),
    sizes,
  );
});

test('what is no cursor is refused', () => {
  for (const text of [
    '',
    '.',
    '1',
    '1.',
    '.1',
    '1.2.',
    '1.2.3.4',
    '-1.2',
    '1.zzzzz',
    'A.1',
    '1.1 ',
  ]) {
    assert.throws(() => parsePosition(text), { code: 'invalid' }, text);
    assert.throws(() => parseEventPosition(text), { code: 'invalid' }, text);
  }
  assert.throws(() => parseEventPosition('1.2'), { code: 'invalid' });
  assert.deepEqual(parsePosition('a.b'), { stamp: 10, ordinal: 11 });
  assert.deepEqual(parseEventPosition('a.b.c'), { stamp: 10, ordinal: 11, time: 12 });
});
