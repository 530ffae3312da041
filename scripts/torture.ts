/**
 * `npm run torture -- --cycles N`: kills the server again and again under load, and audits after each
 * restart that every acknowledged event is there exactly once, in one order, for every reader.
 *
 * Meanwhile small parts are sealed and merged, the process is stopped and continued, and workspaces
 * are made, filled and erased.
 *
 *     clients send, journal their receipts ─▶ SIGKILL ─▶ restart on the same data, rolled back to the
 *     last flushed commit ─▶ clients resend what has no receipt, then pause ─▶ audit ─▶ clients go on
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { openReader } from '../src/client/reader.ts';
import { sleep, systemClock } from '../src/std/clock.ts';
import { type Random, seededRandom, systemRandom } from '../src/std/random.ts';
import { startServer, type TestServer, testKeys } from '../test/support/server.ts';
import { type ActionOptions, ActionTorture } from './torture/actions.ts';
import { Auditor } from './torture/audit.ts';
import { Crowd } from './torture/crowd.ts';
import { Doomed, freeze } from './torture/trouble.ts';

interface Options {
  readonly cycles: number;
  readonly secondsMin: number;
  readonly secondsMax: number;
  readonly seed: number;
  readonly shards: number;
  readonly fronts: number;
  readonly clients: number;
  readonly customers: number;
  readonly auditEvery: number;
  readonly partEvents: number;
  readonly flushedOnly: boolean;
  readonly webhooks: boolean;
  readonly pauseMs: number;
}

/** After this many problems the rest would say nothing new. */
const problemsMax = 20;

function readOptions(): Options {
  const command = new Command('torture')
    .description('Kills the server at random under load and audits its promises.')
    .option('--cycles <n>', 'how often the server is killed', Number, 10)
    .option('--seconds-min <s>', 'the shortest life of a server under load', Number, 0.2)
    .option('--seconds-max <s>', 'the longest', Number, 1)
    .option(
      '--seed <n>',
      'repeats the random choices of a run',
      Number,
      systemRandom.below(2 ** 31),
    )
    .option('--shards <n>', 'shards of the server', Number, 2)
    .option('--fronts <n>', 'front threads of the server', Number, 2)
    .option('--clients <n>', 'client processes', Number, 3)
    .option('--customers <n>', 'customers, two hot ones aside', Number, 200)
    .option('--audit-every <n>', 'cycles between audits of every tape and stream', Number, 10)
    .option('--part-events <n>', 'so small that sealing and merging go on', Number, 2000)
    .option('--webhooks', 'audits decisions, timers and webhooks instead of receipts', false)
    .option('--pause-ms <ms>', 'with --webhooks: between batches of one to five events', Number, 10)
    .option('--no-flushed-only', 'restart with what the kernel kept, flushed or not');
  return command.parse().opts<Options>();
}

/** Clients and readers come back to the same address after each restart. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** @returns the exit code. */
async function tortureActions(options: ActionOptions): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-torture-'));
  process.stdout.write(`seed ${options.seed}, ${options.cycles} cycles, in ${directory}\n`);
  const torture = new ActionTorture(options, directory, await freePort());
  const startedMs = systemClock.monotonicMs();
  let failure = '';
  try {
    await torture.run();
  } catch (error) {
    failure = `${error instanceof Error ? error.stack : String(error)}\n${torture.log()}`;
  }
  await torture.close();
  const { audit, kills } = torture;
  const isClean = failure === '' && audit.clean;
  if (isClean) rmSync(directory, { recursive: true, force: true });
  for (const problem of [failure, ...audit.problems]) if (problem !== '') console.log(problem);
  const seconds = Math.round((systemClock.monotonicMs() - startedMs) / 100) / 10;
  const { actions, findings, lapsed, repeated } = audit;
  const figures = { kills, actions, repeated, lapsed, ...findings, seconds, seed: options.seed };
  process.stdout.write(`${JSON.stringify({ torture: isClean ? 'ok' : 'failed', ...figures })}\n`);
  return isClean ? 0 : 1;
}

async function main(options: Options): Promise<number> {
  if (options.webhooks) return tortureActions(options);
  const { cycles, seed } = options;
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-torture-'));
  const random = seededRandom(seed);
  process.stdout.write(`seed ${seed}, ${cycles} cycles, in ${directory}\n`);
  const run = new Run(options, directory, await freePort(), random);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void run.close().finally(() => process.exit(1)));
  }
  const startedMs = systemClock.monotonicMs();
  let failure = '';
  try {
    await run.all();
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stdout.write(`\n${failure}\n`);
  }
  await run.close();
  const { duplicated, disordered, lost, unknown } = run.auditor.findings;
  const isClean = failure === '' && duplicated + disordered + lost + unknown === 0;
  if (isClean) rmSync(directory, { recursive: true, force: true });
  const seconds = Math.round((systemClock.monotonicMs() - startedMs) / 100) / 10;
  const acked = run.crowd.acked.size;
  process.stdout.write(
    `\n${run.cycle} kills, ${acked} events acknowledged, ${lost} lost, ${duplicated} duplicated, ` +
      `${disordered} out of order, ${unknown} unknown, ${run.erased} workspaces erased, in ${seconds} s\n`,
  );
  const figures = {
    cycles: run.cycle,
    acked,
    lost,
    duplicated,
    disordered,
    unknown,
    seconds,
    seed,
  };
  process.stdout.write(`${JSON.stringify({ torture: isClean ? 'ok' : 'failed', ...figures })}\n`);
  return isClean ? 0 : 1;
}

class Run {
  cycle = 0;
  readonly crowd: Crowd;
  readonly auditor: Auditor;
  readonly #options: Options;
  readonly #data: string;
  readonly #port: number;
  readonly #random: Random;
  readonly #doomed: Doomed;
  #problems = 0;
  #server: TestServer | undefined;
  #following: Promise<void> | undefined;

  constructor(options: Options, directory: string, port: number, random: Random) {
    const url = `http://127.0.0.1:${port}`;
    const { clients, customers, seed } = options;
    this.#options = options;
    this.#data = join(directory, 'data');
    this.#port = port;
    this.#random = random;
    this.#doomed = new Doomed(url);
    this.crowd = new Crowd({ clients, customers, directory, key: testKeys.write, seed, url });
    const reader = openReader({ url, key: testKeys.read, clock: systemClock });
    this.auditor = new Auditor(reader, (problem) => this.#report(problem));
  }

  get erased(): number {
    return this.#doomed.deleted;
  }

  #report(problem: string): void {
    this.#problems += 1;
    if (this.#problems <= problemsMax) process.stdout.write(`\ncycle ${this.cycle}: ${problem}\n`);
  }

  async all(): Promise<void> {
    const { auditEvery, cycles, secondsMax, secondsMin } = this.#options;
    await this.#start();
    this.#following = this.auditor.follow();
    for (this.cycle = 1; this.cycle <= cycles; this.cycle++) {
      this.crowd.go();
      const lifeMs = 1000 * (secondsMin + this.#random.next() * (secondsMax - secondsMin));
      const doomed = this.#doomed.live();
      await Promise.race([sleep(systemClock, lifeMs), this.crowd.failure, this.#following]);
      if (this.#random.below(3) === 0) await freeze(this.#server!, this.#random);
      await this.#server!.kill();
      await doomed;
      await this.#start();
      await this.crowd.pause();
      await this.#audit(this.cycle === cycles || this.cycle % auditEvery === 0);
      this.#showProgress();
      if (this.#problems > 0) break;
    }
    this.cycle = Math.min(this.cycle, cycles);
  }

  async #start(): Promise<void> {
    const { flushedOnly, fronts, partEvents, shards } = this.#options;
    this.#server = await startServer({
      data: this.#data,
      port: this.#port,
      fronts,
      shards,
      env: {
        LMDB_RESTORE: flushedOnly ? 'safe' : '',
        TAPELINE_PART_EVENTS: String(partEvents),
        TAPELINE_ERASURE_MINUTES: '0',
      },
    });
  }

  async #audit(isFull: boolean): Promise<void> {
    const { auditor } = this;
    await auditor.checkReceipts(this.crowd.acked);
    const undead = await this.#doomed.check();
    if (undead > 0) this.#report(`${undead} deleted workspaces are there again`);
    const customers = auditor.customers();
    const some = Array.from({ length: 5 }, () => customers[this.#random.below(customers.length)]!);
    await auditor.checkTapes(isFull ? customers : some, this.#random);
    const back = Math.min(auditor.events, this.#random.below(5000));
    const from = isFull ? 0 : auditor.events - back;
    await auditor.checkStream(this.#server!.url, testKeys.read, from);
  }

  #showProgress(): void {
    const { disordered, duplicated, lost } = this.auditor.findings;
    const text = `cycle ${this.cycle}: ${this.crowd.acked.size} acknowledged, ${lost} lost, ${duplicated} duplicated, ${disordered} out of order`;
    if (process.stdout.isTTY) process.stdout.write(`\r${text}`);
    else if (this.cycle % this.#options.auditEvery === 0) process.stdout.write(`${text}\n`);
  }

  async close(): Promise<void> {
    this.auditor.close();
    this.crowd.close();
    await this.#following?.catch(() => undefined);
    await this.#server?.kill();
  }
}

process.exitCode = await main(readOptions());
