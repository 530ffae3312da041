/**
 * Segments of every version ever written are read as they were. The files in `golden` were made by
 * `TAPELINE_GOLDEN=write node --test build/test/tape.golden.test.js`, which leaves those that exist alone:
 * a new version of the format adds files, it never changes any.
 */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '../src/std/random.ts';
import { indexLog } from '../src/tape/indexlog.ts';
import { partIndexVersion, partName, segmentVersion } from '../src/tape/layout.ts';
import { merge } from '../src/tape/merge.ts';
import { seal } from '../src/tape/seal.ts';
import { type Content, contentOf, openSegment, writePart } from './support/segmentplay.ts';

const golden = fileURLToPath(new URL('../../test/golden/', import.meta.url));
const versions = [1, 3];
const indexVersions = [2, 4];
const names = ['sealed', 'merged'] as const;

function pathsOf(version: number, name: string): { file: string; content: string } {
  const file = join(golden, `segment.v${version}.${name}.golden.mdb`);
  return { file, content: join(golden, `segment.v${version}.${name}.golden.json`) };
}

/** The same events whenever it runs: one sealed part, and two merged without a workspace. */
async function make(directory: string): Promise<Record<(typeof names)[number], string>> {
  const random = seededRandom(41);
  const job = { directory, shard: 0 };
  const middle = await writePart(random, { directory, number: 1, firstStamp: 1000, events: 90 });
  const last = await writePart(random, { directory, number: 2, firstStamp: middle + 1, events: 60 });
  const sealed = seal({ ...job, parts: [1], first: 1000, last: middle, generation: 0 })!;
  const other = seal({ ...job, parts: [2], first: middle + 1, last, generation: 0 })!;
  const isGone = ({ workspace }: { workspace: number }): boolean => workspace === 2;
  const segments = [sealed.file, other.file];
  const merged = merge({ ...job, segments, first: 1000, last, generation: 1, isGone })!;
  return { sealed: sealed.file, merged: merged.file };
}

function indexPathsOf(version: number): { file: string; part: string; content: string } {
  const path = (kind: string): string => join(golden, `index.v${version}.${kind}`);
  return {
    file: path('golden.mdb'),
    part: path('part.golden.mdb'),
    content: path('golden.json'),
  };
}

/** The index of a part, and the part. */
async function makeIndex(directory: string): Promise<string> {
  const first = 1000;
  const random = seededRandom(43);
  const last = await writePart(random, { directory, number: 1, firstStamp: first, events: 70 });
  const job = { directory, shard: 0, part: 1, first, last, generation: 0, eventsMax: 70 };
  return indexLog(job)!.file;
}

/** What a segment in a directory of its own holds, as text. */
async function textOf(directory: string, file: string): Promise<string> {
  const opened = openSegment(directory, file);
  const text = JSON.stringify(contentOf(opened.segment), undefined, 1);
  assert.equal(opened.damaged(), 0);
  await opened.segment.close();
  return `${text}\n`;
}

function scratch(t: { after: (run: () => void) => void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-golden-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(join(directory, 'shard-0'), { recursive: true });
  return directory;
}

if (process.env['TAPELINE_GOLDEN'] === 'write') {
  test('golden files are written where there are none', async (t) => {
    const directory = scratch(t);
    const made = await make(directory);
    mkdirSync(golden, { recursive: true });
    for (const name of names) {
      const { content, file } = pathsOf(segmentVersion, name);
      if (existsSync(file)) continue;
      copyFileSync(join(directory, 'shard-0', made[name]), file);
      writeFileSync(content, await textOf(directory, made[name]));
    }
    const { content, file, part } = indexPathsOf(partIndexVersion);
    if (existsSync(file)) return;
    const other = scratch(t);
    const index = await makeIndex(other);
    copyFileSync(join(other, 'shard-0', index), file);
    copyFileSync(join(other, 'shard-0', partName(1)), part);
    writeFileSync(content, await textOf(other, index));
  });
}

for (const version of versions) {
  for (const name of names) {
    test(`the ${name} segment of version ${version} is read as it was`, async (t) => {
      const directory = scratch(t);
      const { content, file } = pathsOf(version, name);
      copyFileSync(file, join(directory, 'shard-0', 'golden.mdb'));
      assert.equal(await textOf(directory, 'golden.mdb'), readFileSync(content, 'utf8'));
    });
  }
}

for (const version of indexVersions) {
  test(`a part with an index of version ${version} is read as it was`, async (t) => {
    const directory = scratch(t);
    const { content, file, part } = indexPathsOf(version);
    copyFileSync(part, join(directory, 'shard-0', partName(1)));
    copyFileSync(file, join(directory, 'shard-0', 'golden.mdb'));
    assert.equal(await textOf(directory, 'golden.mdb'), readFileSync(content, 'utf8'));
  });
}

test('a segment of version 1 and one of this version are merged, and every id of both is found', async (t) => {
  const directory = scratch(t);
  const { content, file } = pathsOf(1, 'sealed');
  copyFileSync(file, join(directory, 'shard-0', 'old.mdb'));
  const before = JSON.parse(readFileSync(content, 'utf8')) as Content;
  const middle = Math.max(...Object.keys(before.blocks).map(Number));
  const place = { directory, number: 2, firstStamp: middle + 1, events: 60 };
  const last = await writePart(seededRandom(47), place);
  const job = { directory, shard: 0, last };
  const fresh = seal({ ...job, parts: [2], first: middle + 1, generation: 0 })!;
  const opened = openSegment(directory, fresh.file);
  assert.ok(opened.segment.idCheckBits > 20);
  const after = contentOf(opened.segment);
  await opened.segment.close();
  const segments = ['old.mdb', fresh.file];
  const { file: name } = merge({ ...job, segments, first: 1000, generation: 1 })!;
  const merged = openSegment(directory, name);
  assert.equal(merged.segment.idCheckBits, 0, 'nobody knows those of the old one');
  const { blocks, ids } = contentOf(merged.segment);
  assert.deepEqual(blocks, { ...before.blocks, ...after.blocks });
  for (const each of [before, after]) {
    for (const [id, events] of Object.entries(each.ids)) {
      for (const event of events) assert.ok(ids[id]!.includes(event), `${id} is not found`);
    }
  }
  await merged.segment.close();
});

test('this version writes what its golden files say', async (t) => {
  assert.equal(segmentVersion, versions.at(-1));
  const directory = scratch(t);
  const made = await make(directory);
  for (const name of names) {
    const { content } = pathsOf(segmentVersion, name);
    assert.equal(await textOf(directory, made[name]), readFileSync(content, 'utf8'));
  }
  const { content } = indexPathsOf(partIndexVersion);
  const other = scratch(t);
  assert.equal(partIndexVersion, indexVersions.at(-1));
  assert.equal(await textOf(other, await makeIndex(other)), readFileSync(content, 'utf8'));
});
