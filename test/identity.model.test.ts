/**
 * Who is who against two maps, in random play: events that link, with and without trust, in any order of
 * time; links, merges and un-merges by hand; erasures, restarts. Tapes, pages, views, kept answers and
 * streams are compared after every step. Repeat one run with TAPELINE_SEED; TAPELINE_SEEDS says how many.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { PeoplePlay } from './support/peopleplay.ts';

const seedsDefault = 6;

test('readers find what the links say, whatever was linked, merged, parted and erased', async () => {
  const given = process.env['TAPELINE_SEED'];
  const first = given === undefined ? 1 : Number(given);
  const count = given === undefined ? Number(process.env['TAPELINE_SEEDS'] ?? seedsDefault) : 1;
  for (let seed = first; seed < first + count; seed++) {
    const directory = mkdtempSync(join(tmpdir(), 'tapeline-people-'));
    try {
      await new PeoplePlay(seed, directory).run();
    } catch (error) {
      const { stack } = error as Error;
      throw new Error(`repeat with TAPELINE_SEED=${seed}: ${stack}`, { cause: error });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
});
