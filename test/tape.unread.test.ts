/** What is removed is gone by its name at once, and its space when its readers have closed it. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createEpochMemory, Epochs, ReaderEpoch } from '../src/tape/epochs.ts';
import { removeFiles } from '../src/tape/unread.ts';
import { Gate, ManualClock } from './support/shardkit.ts';

/** Files of this process that are open and have no name any more, under `directory`. */
function heldIn(directory: string): string[] {
  const targets = readdirSync('/proc/self/fd').map((number) => {
    try {
      return readlinkSync(`/proc/self/fd/${number}`);
    } catch {
      return '';
    }
  });
  return targets.filter((target) => target.startsWith(directory) && target.endsWith('(deleted)'));
}

const skip = existsSync('/proc/self/fd') ? false : 'this system does not tell what is open';

test('a removed file is held until its readers have come by', { skip }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-unread-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const memory = createEpochMemory();
  const epochs = new Epochs(memory);
  const reader = new ReaderEpoch(memory);
  const clock = new ManualClock(1_700_000_000_000);
  const paths = ['part.mdb', 'index.mdb'].map((name) => join(directory, name));
  for (const path of paths) writeFileSync(path, 'events');
  const closed: string[] = [];
  const epoch = epochs.raise();
  const close = async (): Promise<void> => void closed.push('own');
  const gone = new Gate();
  await removeFiles({ clock, epochs, epoch, paths, close, freed: gone.open, isOver: () => false });
  assert.deepEqual([closed, readdirSync(directory)], [['own'], []]);
  for (let look = 0; look < 50; look++) clock.advance(100);
  assert.equal(heldIn(directory).length, 2, 'the reader has not read since');
  reader.enter();
  reader.leave();
  for (let look = 0; look < 2; look++) clock.advance(100);
  await gone.promise;
  assert.deepEqual(heldIn(directory), []);
  reader.close();
});
