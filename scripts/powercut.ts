/**
 * `npm run powercut -- --images N`: cuts the power of a recorded server N times, each time with another
 * remainder of what was not flushed, and opens what is left.
 *
 *     server under a shim, clients ─▶ journal of system calls and receipts ─▶ a moment, and chance
 *     ─▶ image of the disk ─▶ opened by the product's own code, and some by the server ─▶ held to
 *     every receipt that had left the process by then
 *
 * Every other recording goes on with an image of the one before it.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { systemClock } from '../src/std/clock.ts';
import { seededRandom, systemRandom } from '../src/std/random.ts';
import { Audit, memory } from './powercut/audit.ts';
import { Cutter } from './powercut/cutter.ts';
import { type Lie, lies } from './powercut/disk.ts';
import { type Before, buildShim, record } from './powercut/record.ts';
import { loadRecorded } from './powercut/recording.ts';

interface Options {
  readonly images: number;
  readonly imagesEach: number;
  readonly events: number;
  readonly shards: number;
  readonly seed: number;
  readonly serveEvery: number;
  readonly lie?: Lie;
  readonly set: readonly string[];
  readonly keep: boolean;
  readonly replay?: string;
  readonly image?: number;
}

function readOptions(): Options {
  const seed = systemRandom.below(2 ** 31);
  const command = new Command('powercut')
    .description('Makes disk images as power cuts leave them and opens each.')
    .option('--images <n>', 'how many images', Number, 1000)
    .option('--images-each <n>', 'images of each recording', Number, 500)
    .option('--events <n>', 'new events in each recording', Number, 1000)
    .option('--shards <n>', 'shards of the server', Number, 2)
    .option('--seed <n>', 'repeats the random choices of a run', Number, seed)
    .option('--serve-every <n>', 'one in so many images is served by a real server', Number, 100)
    .option('--set <name=value...>', "variables of the recorded server's environment", [])
    .option('--keep', 'keep the recordings even when all is well', false)
    .option('--replay <recording>', 'open images of a kept recording again (with --seed)')
    .option('--image <n>', 'only the image of this number', Number)
    .addOption(
      new Option('--lie <what>', 'a disk that breaks its word: it must be found out').choices(lies),
    );
  return command.parse().opts<Options>();
}

/** Stops after this many images with problems: the rest would say nothing new. */
const badImagesMax = 20;

async function main(options: Options): Promise<number> {
  const directory = mkdtempSync(join(memory(), 'tapeline-powercut-'));
  const audit = new Audit(options);
  process.stdout.write(`seed ${options.seed}, ${options.images} images, in ${directory}\n`);
  // An exit takes the images along; the recordings stay.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const startedMs = systemClock.monotonicMs();
  let failure = '';
  try {
    if (options.replay !== undefined) {
      const { image, images, replay } = options;
      await audit.examine(replay, image === undefined ? numbers(0, images) : [image]);
    } else {
      await run(options, directory, audit);
    }
  } catch (error) {
    failure = (error as Error).stack ?? String(error);
    process.stdout.write(`\n${failure}\n`);
  }
  const isClean = failure === '' && audit.badImages === 0;
  const isNeeded = options.keep || !isClean;
  if (!isNeeded || options.replay !== undefined)
    rmSync(directory, { recursive: true, force: true });
  const seconds = Math.round((systemClock.monotonicMs() - startedMs) / 100) / 10;
  const figures = { ...audit.figures(), seconds, seed: options.seed };
  process.stdout.write(`\n${audit.summary()} in ${seconds} s\n`);
  process.stdout.write(`${JSON.stringify({ powercut: isClean ? 'ok' : 'failed', ...figures })}\n`);
  return isClean ? 0 : 1;
}

async function run(options: Options, directory: string, audit: Audit): Promise<void> {
  const { events, images, imagesEach, seed, shards } = options;
  const shim = buildShim(directory);
  const env = Object.fromEntries(options.set.map((each) => each.split('=', 2) as [string, string]));
  let before: Before | undefined;
  for (let number = 0; audit.images < images && audit.badImages < badImagesMax; number++) {
    const recording = join(directory, `recording-${number}`);
    mkdirSync(recording);
    const random = seededRandom(seed + number);
    const name = `r${number}`;
    await record({ directory: recording, shim, name, events, shards, random, env, before });
    const count = Math.min(imagesEach, images - audit.images);
    await audit.examine(recording, numbers(number * imagesEach, count));
    before = before === undefined ? cutOf(recording, seed + number) : undefined;
    if (audit.badImages === 0 && !options.keep && before === undefined) forget(directory);
  }
}

function numbers(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

/** Recordings that nobody needs any more: they take more room than the images. */
function forget(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (name.startsWith('recording-')) {
      rmSync(join(directory, name), { recursive: true, force: true });
    }
  }
}

/** An image for the next recording to begin with. */
function cutOf(recording: string, seed: number): Before {
  const image = join(recording, 'next');
  const cutter = new Cutter(recording, undefined);
  for (const cut of cutter.cuts(seed, [0])) cutter.build(image, cut);
  const { promised, sent } = loadRecorded(recording).reference;
  return { image, sent, defined: Object.keys(promised.definitions) };
}

process.exitCode = await main(readOptions());
