/** Flips bits of a store's trees, one at a time, and goes on with what the check of pages lets pass: see `store.pages.test.ts`. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Random, seededRandom } from '../../src/std/random.ts';
import { type KeyedChange, KeyedStore } from '../../src/store/keyed.ts';
import { checkPages, type Fitness } from '../../src/store/pages.ts';

const pageBytes = 4096;
const branch = 1;
/** Where a meta page has its trees. */
const freeTree = 48;
const contentTree = 96;
const keysMax = 600;
const commitsAfter = 12;

interface Play {
  readonly directory: string;
  readonly flips: number;
  readonly seed: number;
}

type Content = Map<string, string>;

function keyOf(n: number): Buffer {
  return Buffer.from(`key-${Math.imul(n, 2654435761) >>> 0}-${'k'.repeat(n % 40)}`);
}

/** Some rows put, replaced and removed, large ones among them. */
function someChanges(random: Random, content: Content): KeyedChange[] {
  const changes = new Map<string, KeyedChange>();
  for (let n = 1 + random.below(60); n > 0; n--) {
    const key = keyOf(random.below(keysMax));
    const name = key.toString('latin1');
    const bytes = random.below(8) === 0 ? random.below(20_000) : random.below(200);
    const value = random.below(3) === 0 ? undefined : Buffer.alloc(bytes, 1 + random.below(255));
    changes.set(name, [key, value]);
    if (value === undefined) content.delete(name);
    else content.set(name, value.toString('latin1'));
  }
  return [...changes.values()];
}

async function commitSome(
  path: string,
  commits: number,
  random: Random,
  content: Content,
): Promise<void> {
  const store = new KeyedStore(path);
  for (let n = 0; n < commits; n++) await store.commit(someChanges(random, content));
  await store.close();
}

/** As the newer meta page says. */
function rootOf(file: Buffer, tree: number): number {
  const meta = file.readBigUInt64LE(152) < file.readBigUInt64LE(pageBytes + 152) ? pageBytes : 0;
  return Number(file.readBigUInt64LE(meta + tree + 40));
}

/** Where the first list of free pages has its first number, which stands behind their count. */
function freeNumberAt(file: Buffer): number {
  const [entry] = entriesOf(file, rootOf(file, freeTree));
  return entry! + 8 + 8 + 8;
}

/** Pages of both trees, and the metas. */
function livePages(file: Buffer): number[] {
  const pages = [0, 1];
  const wanted = [freeTree, contentTree].map((tree) => rootOf(file, tree));
  for (let page = wanted.pop(); page !== undefined; page = wanted.pop()) {
    pages.push(page);
    if (file.readUInt16LE(page * pageBytes + 18) !== branch) continue;
    for (const entry of entriesOf(file, page)) wanted.push(file.readUInt32LE(entry));
  }
  return pages;
}

function entriesOf(file: Buffer, page: number): number[] {
  const at = page * pageBytes;
  const count = file.readUInt16LE(at + 20) >> 1;
  return Array.from({ length: count }, (_, n) => at + 24 + file.readUInt16LE(at + 24 + 2 * n));
}

/** A byte that LMDB goes by: of a meta page, of the head of a page of the trees, or of that of an entry. */
function treeByte(file: Buffer, random: Random): number {
  const pages = livePages(file);
  const page = pages[random.below(pages.length)]!;
  if (page < 2) return page * pageBytes + random.below(160);
  const entries = entriesOf(file, page);
  if (random.below(3) === 0) return page * pageBytes + random.below(24 + 2 * entries.length);
  // Its sizes and flags, its key, and what follows: where its value is, or how that begins.
  return Math.min(entries[random.below(entries.length)]! + random.below(64), file.length - 1);
}

/** Goes on with a store that has passed the check. @returns how many values are not what they were. */
async function goOn(path: string, random: Random, whole: Content): Promise<number> {
  const content: Content = new Map(whole);
  const touched = new Set<string>();
  const store = new KeyedStore(path);
  for (let n = 0; n < commitsAfter; n++) {
    const changes = someChanges(random, content);
    for (const [key] of changes) touched.add(key.toString('latin1'));
    await store.commit(changes);
  }
  const found = new Map(
    [...store.range(Buffer.alloc(0))].map(({ key, value }) => {
      return [key.toString('latin1'), value.toString('latin1')];
    }),
  );
  await store.close();
  assert.equal(checkPages(path, 'freed'), 'writable');
  for (const name of touched)
    assert.equal(found.get(name), content.get(name), `${name} was written`);
  return [...content].filter(([name, value]) => found.get(name) !== value).length;
}

function fitnessOf(path: string): Fitness | 'damaged' {
  try {
    return checkPages(path, 'freed');
  } catch {
    return 'damaged';
  }
}

async function run({ directory, flips, seed }: Play): Promise<void> {
  const random = seededRandom(seed);
  const path = join(directory, 'whole.mdb');
  const content: Content = new Map();
  let commits = 0;
  for (; commits < 60; commits += 10) {
    await commitSome(path, 10, random, content);
    assert.equal(checkPages(path, 'freed'), 'writable');
  }
  const copy = join(directory, 'copy.mdb');
  const outcomes = { commits, told: 0, refilled: 0, harmless: 0 };
  for (let n = 0; n < flips; n++) {
    copyFileSync(path, copy);
    const file = readFileSync(copy);
    const at = n === 0 ? freeNumberAt(file) : treeByte(file, random);
    const bit = random.below(8);
    if (n === 0) file.writeBigUInt64LE(BigInt(rootOf(file, contentTree)), at);
    else file[at]! ^= 1 << bit;
    writeFileSync(copy, file);
    process.send!({ at, bit, seed });
    const fitness = fitnessOf(copy);
    if (fitness === 'damaged') outcomes.told += 1;
    else {
      const changed = await goOn(copy, random, content);
      // A flipped bit of a key or a value is one row's, or its old name and its new one.
      assert.ok(changed <= (fitness === 'readable' ? 0 : 2), `${at} ${bit}`);
      outcomes[fitness === 'readable' ? 'refilled' : 'harmless'] += 1;
    }
  }
  process.send!(outcomes);
  process.disconnect();
}

await run(JSON.parse(process.argv[2]!) as Play);
