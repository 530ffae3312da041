/**
 * `npm run simulate -- --seeds N`: the single-threaded heart of the tape (hot log, sealing, merging,
 * scan, tail, duplicates) in random play against a model that is a Map, with an injected clock,
 * injected randomness and injected faults. One seed is one life of a data directory.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { systemClock } from '../src/std/clock.ts';
import { systemRandom } from '../src/std/random.ts';
import { Play } from '../test/support/tapeplay.ts';

interface Options {
  readonly seeds: number;
  readonly seed: number;
}

const options = new Command('simulate')
  .description('Plays random lives of a tape against a model.')
  .option('--seeds <n>', 'how many lives are played', Number, 1000)
  .option('--seed <n>', 'the first seed; the others follow', Number, systemRandom.below(2 ** 30))
  .parse()
  .opts<Options>();

/** Plays one seed; what went wrong, or nothing. */
async function play(seed: number): Promise<string | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-simulate-'));
  try {
    await new Play(seed, directory).run();
    return undefined;
  } catch (error) {
    const { stack } = error as Error;
    return `seed ${seed}: ${stack}\nrepeat with: npm run simulate -- --seeds 1 --seed ${seed}`;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const progressMs = 1000;
process.stdout.write(`seeds ${options.seed} to ${options.seed + options.seeds - 1}\n`);
let shownMs = systemClock.monotonicMs();
let failed = 0;
for (let n = 0; n < options.seeds; n++) {
  const problem = await play(options.seed + n);
  if (problem !== undefined) {
    failed += 1;
    process.stdout.write(`${problem}\n`);
  }
  if (systemClock.monotonicMs() - shownMs < progressMs) continue;
  shownMs = systemClock.monotonicMs();
  process.stderr.write(`\r${n + 1} of ${options.seeds} played, ${failed} failed `);
}
process.stdout.write(`\n${options.seeds} seeds played, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
