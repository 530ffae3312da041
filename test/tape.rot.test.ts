/**
 * A damaged segment: whatever bit is flipped and wherever the file is cut, what is read is right, what
 * cannot be read is counted, and nothing crashes. Repeat one run with TAPELINE_SEED; TAPELINE_FLIPS
 * says how many bits are flipped, one at a time.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { AppError } from '../src/std/errors.ts';
import { seededRandom } from '../src/std/random.ts';
import { merge } from '../src/tape/merge.ts';
import { seal } from '../src/tape/seal.ts';
import {
  type Content,
  contentOf,
  type Known,
  type Opened,
  openSegment,
  readModel,
  writePart,
} from './support/segmentplay.ts';

const flipsDefault = 240;
const seed = Number(process.env['TAPELINE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

interface Sample {
  readonly directory: string;
  readonly bytes: Buffer;
  readonly content: Content;
  readonly records: readonly Known[];
  readonly first: number;
  readonly last: number;
}

async function makeSample(directory: string): Promise<Sample> {
  const last = await writePart(seededRandom(seed), {
    directory,
    number: 1,
    firstStamp: 9,
    events: 400,
  });
  const { records } = await readModel(directory, [1]);
  const facts = seal({ directory, shard: 0, parts: [1], first: 9, last, generation: 0 })!;
  const bytes = readFileSync(join(directory, 'shard-0', facts.file));
  const { segment } = openSegment(directory, facts.file);
  const content = contentOf(segment);
  await segment.close();
  return { directory, bytes, content, records, first: 9, last };
}

/** The hashes of ids, each with its customer's. */
function idsOf({ records }: Sample): ReadonlyMap<number, number> {
  return new Map(
    records.map(({ block, idHash, ordinal }) => [idHash, block.customerHashOf(ordinal)]),
  );
}

/** Everything of `found` is in `whole`, in its order; true when nothing is missing. */
function isPartOf(found: Content, whole: Content): boolean {
  let isAll = true;
  for (const [stamp, events] of Object.entries(found.blocks)) {
    assert.deepEqual(events, whole.blocks[stamp], 'a block is served whole or not at all');
  }
  isAll &&= Object.keys(found.blocks).length === Object.keys(whole.blocks).length;
  for (const kind of ['runs', 'ids'] as const) {
    for (const [hash, events] of Object.entries(whole[kind])) {
      const own = found[kind][hash]!;
      let at = 0;
      for (const event of own) {
        at = events.indexOf(event, at) + 1;
        assert.ok(at > 0, `${kind} of ${hash} hold what was never there, or not in order`);
      }
      isAll &&= own.length === events.length;
    }
  }
  return isAll;
}

/** Reads all that can be read of a damaged copy. */
async function readDamaged(
  sample: Sample,
  bytes: Buffer,
  n: number,
): Promise<'refused' | 'part' | 'whole'> {
  const file = `copy-${n}.mdb`;
  const path = join(sample.directory, 'shard-0', file);
  writeFileSync(path, bytes);
  let opened: Opened;
  try {
    opened = openSegment(sample.directory, file);
  } catch (error) {
    assert.ok(error instanceof AppError, (error as Error).stack);
    return 'refused';
  }
  try {
    const hashes = Object.keys(sample.content.runs).map(Number);
    const isAll = isPartOf(contentOf(opened.segment, hashes, idsOf(sample)), sample.content);
    assert.ok(sample.records.every(({ time }) => opened.segment.mayHaveTime(time)));
    assert.equal(opened.segment.summary.events, sample.records.length);
    assert.ok(isAll || opened.damaged() > 0, 'what is missing is counted');
    return isAll ? 'whole' : 'part';
  } finally {
    await opened.segment.close();
    rmSync(path);
    rmSync(`${path}-lock`, { force: true });
  }
}

function temporary(t: { after: (run: () => void) => void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-rot-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test(`flipped bits are never served (seed ${seed})`, async (t) => {
  const sample = await makeSample(temporary(t));
  const random = seededRandom(seed);
  const flips = Number(process.env['TAPELINE_FLIPS'] ?? flipsDefault);
  const outcomes = { refused: 0, part: 0, whole: 0 };
  for (let n = 0; n < flips; n++) {
    const copy = Buffer.from(sample.bytes);
    // One in each stretch of the file, in turn.
    const stretch = copy.length / flips;
    const at = Math.floor((n + random.next()) * stretch);
    const bit = random.below(8);
    copy[at]! ^= 1 << bit;
    try {
      outcomes[await readDamaged(sample, copy, n)] += 1;
    } catch (error) {
      throw new Error(`TAPELINE_SEED=${seed}, bit ${bit} of byte ${at} flipped`, { cause: error });
    }
  }
  assert.ok(outcomes.refused > 0 && outcomes.part > 0, JSON.stringify(outcomes));
  t.diagnostic(`of ${flips}: ${JSON.stringify(outcomes)}`);
});

test(`a segment that was cut, or whose pages were blanked, is refused or read in part (seed ${seed})`, async (t) => {
  const sample = await makeSample(temporary(t));
  const random = seededRandom(seed);
  for (let n = 0; n < 40; n++) {
    const cut = sample.bytes.subarray(0, random.below(sample.bytes.length));
    assert.equal(await readDamaged(sample, cut, n), 'refused');
  }
  for (let page = 0; page * 4096 < sample.bytes.length; page++) {
    const copy = Buffer.from(sample.bytes);
    copy.fill(page % 2 === 0 ? 0 : 0xff, page * 4096, page * 4096 + 4096);
    assert.notEqual(await readDamaged(sample, copy, 1000 + page), 'whole');
  }
});

test(`what is damaged is left behind by a merge, the rest is kept (seed ${seed})`, async (t) => {
  const directory = temporary(t);
  const sample = await makeSample(directory);
  const { first, last } = sample;
  const random = seededRandom(seed);
  let merged = 0;
  for (let n = 0; n < 60; n++) {
    const copy = Buffer.from(sample.bytes);
    copy[random.below(copy.length)]! ^= 1 << random.below(8);
    writeFileSync(join(directory, 'shard-0', 'damaged.mdb'), copy);
    const job = { directory, shard: 0, first, last, generation: n + 1, segments: ['damaged.mdb'] };
    try {
      const facts = merge({ ...job, ...(n % 2 === 0 ? {} : { isGone: () => false }) })!;
      assert.ok(n % 2 === 1 || facts.damaged === 0, 'damage is not carried along unasked');
      const { segment } = openSegment(directory, facts.file);
      isPartOf(
        contentOf(segment, Object.keys(sample.content.runs).map(Number), idsOf(sample)),
        sample.content,
      );
      await segment.close();
      merged += 1;
    } catch (error) {
      assert.ok(error instanceof AppError, (error as Error).stack);
    }
    rmSync(join(directory, 'shard-0', 'damaged.mdb'));
  }
  assert.ok(merged > 0);
});
