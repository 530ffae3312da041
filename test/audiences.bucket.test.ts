/** Buckets: the published hash, the same assignments as GrowthBook's client makes, and a fair spread. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GrowthBook } from '@growthbook/growthbook';
import { bucketOf, fractionOf, hashText } from '../src/audiences/bucket.ts';
import { seededRandom } from '../src/std/random.ts';

const seed = Number(process.env['TAPELINE_SEED'] ?? 20_261_130);

test('the hash is FNV-1a of 32 bits (vectors of draft-eastlake-fnv)', () => {
  assert.equal(hashText(''), 0x811c9dc5);
  assert.equal(hashText('a'), 0xe40c292c);
  assert.equal(hashText('foobar'), 0xbf9cf968);
});

/** The fraction by which GrowthBook's own client puts somebody into a variation. */
function fractionOfGrowthBook(salt: string, id: string, hashVersion: 1 | 2): number {
  const client = new GrowthBook({ attributes: { id } });
  const ranges: [number, number][] = [
    [0, 0.5],
    [0.5, 1],
  ];
  const run = client.run({ key: 'x', seed: salt, variations: [0, 1], hashVersion, ranges });
  client.destroy();
  return run.bucket!;
}

test(`a customer falls where GrowthBook's client puts it (seed ${seed})`, () => {
  const random = seededRandom(seed);
  for (let n = 0; n < 500; n++) {
    const salt = random.below(4) === 0 ? 'ключ-😀' : `s${random.below(1000)}`;
    const id = Buffer.from(random.bytes(1 + random.below(20))).toString('base64');
    for (const version of [1, 2] as const) {
      assert.equal(fractionOf(salt, id, version), fractionOfGrowthBook(salt, id, version));
    }
    assert.equal(bucketOf(id, salt), Math.round(fractionOf(salt, id, 2) * 10_000) / 100);
  }
});

test('each percent gets about as many, and two salts have nothing to do with each other', () => {
  const counts = new Array<number>(100).fill(0);
  let both = 0;
  const customers = 100_000;
  for (let n = 0; n < customers; n++) {
    const bucket = bucketOf(`customer-${n}`, 'spring');
    counts[Math.floor(bucket)]!++;
    if (bucket < 10 && bucketOf(`customer-${n}`, 'autumn') < 10) both++;
  }
  // Six standard deviations: 1,000 ± 189 in each percent, 1,000 ± 189 in both tenths.
  for (const count of counts) assert.ok(Math.abs(count - 1000) < 190, String(counts));
  assert.ok(Math.abs(both - 1000) < 190, String(both));
});
