/** Cuts the power of a recorded server: which image, when, and what the disk then holds. */
import { mkdirSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Random, seededRandom } from '../../src/std/random.ts';
import { type Chances, Disk, type Lie } from './disk.ts';
import { type Call, readJournal } from './journal.ts';
import { placesOf } from './recording.ts';

/** When the power goes, and the chances of what it leaves. */
interface Cut {
  readonly image: number;
  readonly time: number;
  readonly random: Random;
}

/** The number and the seed tell it all. */
function drawCut(calls: readonly Call[], seed: number, image: number): Cut {
  const random = seededRandom(seed + Math.imul(image, 0x9e3779b1));
  // Mostly amid the writes; what is sent matters as the moment in which a promise is made.
  const isAny = random.below(4) === 0;
  const some = isAny ? calls : calls.filter(({ kind }) => kind !== 'send');
  const { end, start } = some[random.below(some.length)]!;
  // As the call begins, while it runs, or as soon as it has ended.
  const times = [start, start + Math.floor(random.next() * (end - start)), end];
  return { image, time: times[random.below(times.length)]!, random };
}

/** Cuts the power of one recording, again and again. */
export class Cutter {
  readonly #calls: readonly Call[];
  readonly #disk: Disk;

  constructor(recording: string, lie: Lie) {
    const { base, disk, journal } = placesOf(recording);
    this.#calls = readJournal(journal);
    this.#disk = new Disk(base, realpathSync(disk), this.#calls, lie);
  }

  /** The moments of these images in the order of time: a disk does not go back. */
  cuts(seed: number, images: readonly number[]): Cut[] {
    return images.map((image) => drawCut(this.#calls, seed, image)).sort((a, b) => a.time - b.time);
  }

  /** Makes the image in the directory `path`, which it empties first. */
  build(path: string, { random, time }: Cut): Chances {
    rmSync(path, { recursive: true, force: true });
    this.#disk.advance(time);
    const chances = this.#disk.write(path, time, random);
    mkdirSync(join(path, placesOf('').data), { recursive: true, mode: 0o700 });
    return chances;
  }
}
