/** The disk of the power cut: what flushes keep, what chance may take, and what stays together. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { Disk } from '../scripts/powercut/disk.ts';
import { FileState, sectorBytes } from '../scripts/powercut/file.ts';
import type { Call } from '../scripts/powercut/journal.ts';
import { seededRandom } from '../src/std/random.ts';
import { temporaryDirectory } from './support/server.ts';

const none = { kept: 0, isWhole: false };
const half = { kept: 0.5, isWhole: false };
const halfWhole = { kept: 0.5, isWhole: true };
const all = { kept: 1, isWhole: false };

function filled(letter: string, sectors: number): Buffer {
  return Buffer.alloc(sectors * sectorBytes, letter);
}

/** Which letters each sector was found with, over many cuts. */
function sectorsSeen(file: FileState, mood: typeof half): Set<string>[] {
  const seen: Set<string>[] = [];
  const random = seededRandom(1);
  for (let cut = 0; cut < 200; cut++) {
    const { bytes } = file.cut(random, mood);
    for (let at = 0; at < bytes.length; at += sectorBytes) {
      const sector = bytes.subarray(at, at + sectorBytes);
      assert.ok(
        sector.every((byte) => byte === sector[0]),
        'a sector is never torn',
      );
      seen[at / sectorBytes] ??= new Set();
      seen[at / sectorBytes]!.add(String.fromCharCode(sector[0]!));
    }
  }
  return seen;
}

test('what was flushed stays; of what came later each sector may be old or new', () => {
  const file = new FileState(filled('a', 2));
  file.change({ start: 1, end: 2, offset: 0, data: filled('b', 2) });
  file.change({ start: 3, end: 4, offset: sectorBytes, data: filled('c', 2) });
  assert.deepEqual(file.cut(seededRandom(1), none).bytes, filled('a', 2));
  const whole = Buffer.concat([filled('b', 1), filled('c', 2)]);
  assert.deepEqual(file.cut(seededRandom(1), all).bytes, whole);
  const seen = sectorsSeen(file, half);
  assert.deepEqual(
    seen.map((letters) => [...letters].sort().join('')),
    ['ab', 'abc', '\0c'],
  );
  file.flush(3);
  assert.deepEqual([...sectorsSeen(file, half)[0]!], ['b']);
  assert.deepEqual([...sectorsSeen(file, half)[1]!].sort(), ['b', 'c']);
  file.flush(4);
  assert.deepEqual(file.cut(seededRandom(1), none).bytes, whole);
});

test('whole writes survive or not, when the disk is in that mood', () => {
  const file = new FileState(filled('a', 4));
  file.change({ start: 1, end: 2, offset: 0, data: filled('b', 4) });
  const random = seededRandom(2);
  const seen = new Set<string>();
  for (let cut = 0; cut < 50; cut++) seen.add(String(file.cut(random, halfWhole).bytes));
  assert.deepEqual([...seen].sort(), [String(filled('a', 4)), String(filled('b', 4))]);
});

test('a synchronous write settles its own sectors and no others', () => {
  const file = new FileState(filled('a', 3));
  file.change({ start: 1, end: 2, offset: 0, data: filled('b', 3) });
  file.change({ start: 3, end: 4, offset: sectorBytes, data: filled('c', 1) });
  file.settleLast();
  const letters = sectorsSeen(file, half).map((seen) => [...seen].sort().join(''));
  assert.deepEqual(letters, ['ab', 'c', 'ab']);
  file.flush(4);
  const settled = Buffer.concat([filled('b', 1), filled('c', 1), filled('b', 1)]);
  assert.deepEqual(file.cut(seededRandom(1), none).bytes, settled);
});

test('what a truncation that survived cut off does not come back', () => {
  const file = new FileState(filled('a', 2));
  file.change({ start: 1, end: 2, offset: 0, data: undefined });
  file.change({ start: 3, end: 4, offset: sectorBytes, data: filled('b', 1) });
  const random = seededRandom(3);
  const seen = new Set<string>();
  for (let cut = 0; cut < 200; cut++) {
    const { bytes } = file.cut(random, half);
    seen.add(bytes.toString('latin1').replace(/(.)\1*/gs, '$1'));
  }
  assert.deepEqual([...seen].sort(), ['', '\0', '\0b', 'a', 'ab']);
});

/** A journal as the shim would have written it: one call after the other. */
function journalOf(root: string, calls: readonly (Partial<Call> & Pick<Call, 'kind'>)[]): Call[] {
  return calls.map((call, index) => ({
    start: 10 * index + 1,
    end: 10 * index + 2,
    inode: 0,
    offset: 0,
    data: Buffer.alloc(0),
    isSynchronous: false,
    isDirectory: false,
    isEmptied: false,
    ...call,
    path: call.path === undefined ? '' : join(root, call.path),
    other: call.other === undefined ? '' : join(root, call.other),
  }));
}

/** Every state of the names that images show; a file shows its content. */
function namesSeen(t: TestContext, calls: readonly (Partial<Call> & Pick<Call, 'kind'>)[]) {
  const directory = temporaryDirectory();
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const base = join(directory, 'base');
  mkdirSync(base);
  const disk = new Disk(base, '/root', journalOf('/root', calls));
  const end = 10 * calls.length;
  disk.advance(end);
  const random = seededRandom(4);
  const seen = new Set<string>();
  for (let cut = 0; cut < 200; cut++) {
    const image = join(directory, 'image');
    rmSync(image, { recursive: true, force: true });
    disk.write(image, end, random);
    const names = readdirSync(image, { recursive: true, withFileTypes: true });
    const texts = names.map((found) =>
      found.isFile() ? `${found.name}:${readFileSync(join(image, found.name))}` : found.name,
    );
    seen.add(texts.sort().join(' '));
  }
  return [...seen].sort();
}

const temporary = { kind: 'open', path: 'a.tmp', inode: 1 } as const;
const content = { kind: 'write', inode: 1, data: Buffer.from('whole') } as const;
const flushed = { kind: 'flush', path: 'a.tmp', inode: 1 } as const;
const renamed = { kind: 'rename', path: 'a.tmp', other: 'a' } as const;
const namesFlushed = { kind: 'flush', path: '.', isDirectory: true } as const;

test('a name that no flush of its directory covers is there or not', (t) => {
  const seen = namesSeen(t, [temporary, content, flushed, renamed]);
  assert.deepEqual(seen, ['', 'a.tmp:whole', 'a:whole']);
});

test('a flushed name stays, and so does the content that was flushed before', (t) => {
  assert.deepEqual(namesSeen(t, [temporary, content, flushed, renamed, namesFlushed]), ['a:whole']);
  const unflushed = namesSeen(t, [temporary, content, renamed, namesFlushed]);
  assert.deepEqual(unflushed, ['a:', 'a:\0\0\0\0\0', 'a:whole']);
});

test('a removal can overtake the rename before it, unless the directory is flushed between', (t) => {
  const old = [
    { kind: 'open', path: 'old', inode: 2 },
    namesFlushed,
    temporary,
    content,
    flushed,
  ] as const;
  const gone = { kind: 'unlink', path: 'old' } as const;
  const careless = namesSeen(t, [...old, renamed, gone]);
  assert.ok(careless.includes(''), careless.join(', '));
  const careful = namesSeen(t, [...old, renamed, namesFlushed, gone]);
  assert.deepEqual(careful, ['a:whole', 'a:whole old:']);
});

test('a new directory without its name takes all that is in it along', (t) => {
  const made = { kind: 'mkdir', path: 'shard' } as const;
  const inside = { kind: 'flush', path: 'shard', isDirectory: true } as const;
  assert.deepEqual(namesSeen(t, [made, inside]), ['', 'shard']);
  assert.deepEqual(namesSeen(t, [made, inside, namesFlushed]), ['shard']);
});
