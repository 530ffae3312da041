/**
 * The tape against a Map, in random play: late, equal and absent times, duplicates of stored and of
 * waiting events, customers with one hash, failed and held commits, dying devices, restarts.
 * Repeat one run with TAPELINE_SEED; TAPELINE_SEEDS says how many are played.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { Play } from './support/tapeplay.ts';

const seedsDefault = 110;

test('the tape holds what was acknowledged, once and in order, as a Map would', async () => {
  const given = process.env['TAPELINE_SEED'];
  const first = given === undefined ? 1 : Number(given);
  const count = given === undefined ? Number(process.env['TAPELINE_SEEDS'] ?? seedsDefault) : 1;
  for (let seed = first; seed < first + count; seed++) {
    const directory = mkdtempSync(join(tmpdir(), 'tapeline-model-'));
    try {
      await new Play(seed, directory).run();
    } catch (error) {
      const { stack } = error as Error;
      throw new Error(`repeat with TAPELINE_SEED=${seed}: ${stack}`, { cause: error });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
});
