/**
 * Segments against plain arrays: indexes of random parts, and what is sealed from them, whole and in ranges, merged, and rewritten
 * without what is gone. Repeat one run with TAPELINE_SEED; TAPELINE_SEEDS says how many are played.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { seededRandom } from '../src/std/random.ts';
import { gatherLimits } from '../src/tape/gather.ts';
import { indexLog } from '../src/tape/indexlog.ts';
import type { Gone, SegmentFacts } from '../src/tape/job.ts';
import { parseShardFile } from '../src/tape/layout.ts';
import { merge } from '../src/tape/merge.ts';
import { seal } from '../src/tape/seal.ts';
import {
  checkSegment,
  type Known,
  type Model,
  openSegment,
  readModel,
  writePart,
} from './support/segmentplay.ts';

const seedsDefault = 6;
const sealModule = new URL('../src/tape/seal.js', import.meta.url).href;

interface Sealed {
  readonly facts: SegmentFacts;
  readonly model: Model;
}

/** What a rewriting leaves out: a customer hash of one workspace, and what was received long ago. */
function goneOf(
  hash: number,
  receivedMin: number,
): { isGone: Gone; isKept: (known: Known) => boolean } {
  const isOut = (workspace: number, customerHash: number, received: number): boolean =>
    (workspace === 2 && customerHash === hash) || received < receivedMin;
  return {
    isGone: ({ customer, customerHash, received, stamp, workspace }) => {
      assert.ok(customer().length > 0 && stamp > 0);
      return isOut(workspace, customerHash, received);
    },
    isKept: ({ hash: own, received, workspace }) => !isOut(workspace, own, received),
  };
}

async function check(
  directory: string,
  file: string,
  kept: readonly Known[],
  model: Model,
  seed: number,
): Promise<void> {
  const opened = openSegment(directory, file);
  checkSegment(opened, kept, model, seededRandom(seed));
  await opened.segment.close();
}

async function play(seed: number, directory: string): Promise<void> {
  const random = seededRandom(seed);
  const sealed: Sealed[] = [];
  let number = 1;
  let first = 1 + random.below(2 ** 30) * 2 ** 10;
  for (let n = 0; n < 3; n++) {
    const parts: number[] = [];
    let last = first;
    for (let k = 1 + random.below(2); k > 0; k--, number++) {
      const firstStamp = last + 1 + random.below(3);
      last = await writePart(random, {
        directory,
        number,
        firstStamp,
        events: 1 + random.below(700),
      });
      parts.push(number);
      await checkIndex({ directory, part: number, first: firstStamp, last }, seed);
    }
    const model = await readModel(directory, parts);
    const limits = random.below(2) === 0 ? gatherLimits : { payloadBytes: 20_000, records: 100 };
    const facts = seal({ directory, shard: 0, parts, first, last, generation: 0 }, limits)!;
    assert.equal(facts.events, model.records.length);
    await check(directory, facts.file, model.records, model, seed);
    sealed.push({ facts, model });
    first = last + 1;
  }
  await mergeAll(seed, directory, sealed);
  const left = readdirSync(join(directory, 'shard-0'));
  assert.deepEqual(
    left.filter((name) => parseShardFile(name)?.kind === 'temporary'),
    [],
  );
}

/** A part with an index of its own holds what the part holds. */
async function checkIndex(
  { directory, ...range }: { directory: string; part: number; first: number; last: number },
  seed: number,
): Promise<void> {
  const model = await readModel(directory, [range.part]);
  const eventsMax = model.records.length;
  // Another generation than in life, where nothing is sealed under the same stamps at once.
  const facts = indexLog({ directory, shard: 0, ...range, eventsMax, generation: 9 })!;
  assert.equal(facts.events, eventsMax);
  await check(directory, facts.file, model.records, model, seed);
}

async function mergeAll(seed: number, directory: string, sealed: readonly Sealed[]): Promise<void> {
  const model: Model = {
    blocks: sealed.flatMap(({ model: { blocks } }) => blocks),
    records: sealed.flatMap(({ model: { records } }) => records),
  };
  const job = {
    directory,
    shard: 0,
    first: sealed[0]!.facts.first,
    last: sealed.at(-1)!.facts.last,
  };
  const segments = sealed.map(({ facts }) => facts.file);
  const whole = merge({ ...job, segments, generation: 1 })!;
  await check(directory, whole.file, model.records, model, seed);

  const middle = model.records[Math.floor(model.records.length / 3)]!;
  const { isGone, isKept } = goneOf(middle.hash, middle.received);
  const kept = model.records.filter(isKept);
  const once = merge({ ...job, segments, generation: 2, isGone })!;
  await check(directory, once.file, kept, model, seed);

  // One alone, again, and with nothing more to leave out: it stays what it is.
  const next = goneOf(kept[0]!.hash, 0);
  const twice = merge({ ...job, segments: [once.file], generation: 3, isGone: next.isGone })!;
  const keptTwice = kept.filter(next.isKept);
  await check(directory, twice.file, keptTwice, model, seed);
  const same = merge({ ...job, segments: [twice.file], generation: 4, isGone: () => false })!;
  await check(directory, same.file, keptTwice, model, seed);
  assert.equal(
    merge({ ...job, segments: [same.file], generation: 5, isGone: () => true }),
    undefined,
  );
}

test('segments hold what the log held, in both orders, merged and rewritten', async () => {
  const given = process.env['TAPELINE_SEED'];
  const first = given === undefined ? 1 : Number(given);
  const count = given === undefined ? Number(process.env['TAPELINE_SEEDS'] ?? seedsDefault) : 1;
  for (let seed = first; seed < first + count; seed++) {
    const directory = mkdtempSync(join(tmpdir(), 'tapeline-segment-'));
    try {
      await play(seed, directory);
    } catch (error) {
      const { stack } = error as Error;
      throw new Error(`repeat with TAPELINE_SEED=${seed}: ${stack}`, { cause: error });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
});

test('a part is sealed without what is gone', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-segment-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const last = await writePart(seededRandom(3), {
    directory,
    number: 1,
    firstStamp: 5,
    events: 600,
  });
  const model = await readModel(directory, [1]);
  const { hash, received } = model.records[200]!;
  const { isGone, isKept } = goneOf(hash, received);
  const job = { directory, shard: 0, parts: [1], first: 5, last, isGone };
  const kept = model.records.filter(isKept);
  for (const [generation, limits] of [
    gatherLimits,
    { payloadBytes: 9000, records: 50 },
  ].entries()) {
    const facts = seal({ ...job, generation }, limits)!;
    await check(directory, facts.file, kept, model, 3);
  }
  assert.equal(seal({ ...job, generation: 9, isGone: () => true }), undefined);
  assert.equal(
    readdirSync(join(directory, 'shard-0')).filter((name) => name.includes('tmp')).length,
    0,
  );
});

test('a disk that is full refuses a segment, which leaves nothing behind', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-segment-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const random = seededRandom(4);
  const last = await writePart(random, { directory, number: 1, firstStamp: 1, events: 900 });
  const job = { directory, shard: 0, parts: [1], first: 1, last, generation: 0 };
  const script = `import { seal } from ${JSON.stringify(sealModule)};
    try { seal(${JSON.stringify(job)}); } catch (error) { process.stdout.write(String(error.code)); }`;
  for (const blocks of [200, 400, 800]) {
    // As if the disk were full once a file has so many blocks of 512 bytes.
    const limited = `trap '' XFSZ; ulimit -f ${blocks}; exec "$0" --input-type=module -e "$1"`;
    const { stdout } = spawnSync('/bin/sh', ['-c', limited, process.execPath, script]);
    assert.equal(stdout.toString(), 'unavailable');
    const left = readdirSync(join(directory, 'shard-0'));
    assert.deepEqual(
      left.filter((name) => !name.startsWith('part-')),
      [],
    );
  }
  assert.equal(seal(job)?.events, 900);
});
