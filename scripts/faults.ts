/**
 * `npm run faults -- --positions N`: lets system calls of a loaded server fail, one position after the
 * other, fills the disk under it, and audits each time that nothing acknowledged is lost, doubled or
 * moved, that senders are told at once, and that the server goes on by itself or ends with a reason.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { systemClock } from '../src/std/clock.ts';
import { type Random, seededRandom, systemRandom } from '../src/std/random.ts';
import { type Outcome, runInjected } from './faults/injected.ts';
import { describe, drawPosition, nameOf } from './faults/plan.ts';
import { type Fill, openRoom, type RoomKind, roomKinds, runFull } from './faults/room.ts';
import { Stage } from './faults/stage.ts';
import { Tally } from './faults/tally.ts';
import { traceProbe } from './faults/trace.ts';

interface Options {
  readonly positions: number;
  readonly fills: number;
  /** Undefined: all. */
  readonly room?: RoomKind;
  readonly seed: number;
  readonly toldMsMax: number;
  readonly verbose: boolean;
}

/** Positions on one data directory; the next begins with a new one, and so with faults of its birth. */
const stagePositions = 25;
const stageFills = 5;
/** After this many problems the rest would say nothing new. */
const problemsMax = 20;

function readOptions(): Options {
  const command = new Command('faults')
    .description('Lets system calls of a loaded server fail, and audits its promises.')
    .option('--positions <n>', 'how many calls fail (needs strace)', Number, 20)
    .option('--fills <n>', 'how often each kind of room runs out', Number, 5)
    .addOption(new Option('--room <kind>', 'only this kind of room').choices(roomKinds))
    .option(
      '--seed <n>',
      'repeats the random choices of a run',
      Number,
      systemRandom.below(2 ** 31),
    )
    .option(
      '--told-ms-max <ms>',
      'a refusal or an exit that takes longer is a failure',
      Number,
      1000,
    )
    .option('--verbose', 'a line for each position');
  return command.parse().opts<Options>();
}

class Run {
  readonly tally = new Tally();
  readonly #options: Options;
  readonly #random: Random;
  readonly #directory = mkdtempSync(join(tmpdir(), 'tapeline-faults-'));
  #stages = 0;
  #problems = 0;
  #where = '';
  #stage: Stage | undefined;

  constructor(options: Options) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  async all(): Promise<void> {
    const { fills, positions, room } = this.#options;
    const reason = whyNoStrace();
    if (positions > 0 && reason !== '') this.tally.skip('system calls', reason);
    else await this.#inject(positions);
    const kinds = room === undefined ? roomKinds : [room];
    for (const kind of kinds) if (fills > 0) await this.#fill(kind, fills);
  }

  get isClean(): boolean {
    return this.#problems === 0;
  }

  #report(problem: string): void {
    this.#problems += 1;
    if (this.#problems <= problemsMax) process.stdout.write(`${this.#where}: ${problem}\n`);
  }

  async #open(data: (directory: string) => string): Promise<Stage> {
    const number = ++this.#stages;
    const directory = join(this.#directory, `stage-${number}`);
    mkdirSync(directory);
    this.#stage = await Stage.open({
      directory,
      data: data(directory),
      seed: this.#options.seed + 1000 * number,
      random: this.#random,
      report: (problem) => this.#report(problem),
    });
    return this.#stage;
  }

  async #inject(positions: number): Promise<void> {
    let done = 0;
    while (done < positions && this.isClean) {
      const stage = await this.#open((directory) => join(directory, 'data'));
      const goal = Math.min(positions, done + stagePositions);
      while (done < goal && this.isClean) {
        const position = drawPosition(this.#random);
        this.#where = `position ${done + 1}, ${describe(position)}`;
        const outcome = await runInjected(stage, position);
        this.#note(nameOf(position), outcome);
        if (outcome.end !== 'not reached') done += 1;
      }
      await this.#finish(stage);
    }
  }

  async #fill(kind: RoomKind, fills: number): Promise<void> {
    for (let done = 0; done < fills && this.isClean; ) {
      const room = await openRoom(kind, this.#directory);
      if (typeof room === 'string') {
        this.tally.skip(kind, room);
        return;
      }
      try {
        const stage = await this.#open(() => join(room.path, 'data'));
        const goal = Math.min(fills, done + stageFills);
        for (; done < goal && this.isClean; done++) {
          this.#where = `${kind}, fill ${done + 1}`;
          const fill: Fill = { isGuarded: done % 3 === 2, random: this.#random };
          this.#note(`full ${kind}`, await runFull(stage, room, fill));
        }
        await this.#finish(stage);
      } finally {
        await this.#stage?.close();
        room.release();
      }
    }
  }

  #note(name: string, outcome: Outcome): void {
    const { toldMsMax, verbose } = this.#options;
    this.tally.add(name, outcome);
    if (verbose) {
      process.stdout.write(`${this.#where}: ${JSON.stringify(outcome)}\n`);
    }
    if (outcome.toldMs > toldMsMax) this.#report(`senders were told after ${outcome.toldMs} ms`);
  }

  /** A last look at everything, on a server without faults. */
  async #finish(stage: Stage): Promise<void> {
    await stage.start();
    await stage.audit(true);
    await stage.stop();
    this.tally.addEvents(stage.crowd.acked.size, stage.auditor.findings);
    await stage.close();
    if (stage.problems === 0) stage.remove();
  }

  async close(): Promise<void> {
    await this.#stage?.close();
    if (this.isClean) rmSync(this.#directory, { recursive: true, force: true });
    else process.stdout.write(`everything is kept in ${this.#directory}\n`);
  }
}

function whyNoStrace(): string {
  const [command, ...args] = traceProbe;
  const { error, status } = spawnSync(command!, args);
  if (error !== undefined) return 'strace is not installed';
  return status === 0 ? '' : 'strace may not trace processes here';
}

async function main(options: Options): Promise<number> {
  const { seed } = options;
  process.stdout.write(`seed ${seed}\n`);
  const run = new Run(options);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void run.close().finally(() => process.exit(1)));
  }
  const startedMs = systemClock.monotonicMs();
  let failure = '';
  try {
    await run.all();
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stdout.write(`${failure}\n`);
  }
  const isClean = failure === '' && run.isClean;
  await run.close();
  const seconds = Math.round((systemClock.monotonicMs() - startedMs) / 1000);
  process.stdout.write(run.tally.table());
  const figures = { faults: isClean ? 'ok' : 'failed', ...run.tally.figures(), seconds, seed };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  return isClean ? 0 : 1;
}

process.exitCode = await main(readOptions());
