/**
 * `npm run clients -- --rounds N`: real clients send to a real server through a proxy that cuts,
 * swallows, stalls and dribbles. After each round everything has a receipt, is stored exactly once,
 * was heard by every subscriber in order, and the server holds nothing more than before.
 */
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { openReader, type Reader } from '../src/client/reader.ts';
import { sleep, systemClock } from '../src/std/clock.ts';
import { type Random, seededRandom, systemRandom } from '../src/std/random.ts';
import { drawHabit, goodHabit, RoughProxy } from '../test/support/proxy.ts';
import { startServer, type TestServer } from '../test/support/server.ts';
import { metric } from '../test/support/session.ts';
import { Listener } from './clients/listener.ts';
import { RawSender } from './clients/raw.ts';
import { Auditor } from './torture/audit.ts';
import { Crowd } from './torture/crowd.ts';

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly seed: number;
}

/** What a client waits on a dead connection; the proxy's stalls are shorter and longer than that. */
const patienceMs = 2_500;
/** After a round everything has to settle within this time, or something hangs. */
const settleMsMax = 90_000;
const pollMs = 20;
const rawSenders = 3;
const problemsMax = 20;
/** Gauges that have to come back to what they were before the first client. */
const gauges = ['ingest_sockets', 'live_subscribers', 'inflight_bytes'] as const;

function readOptions(): Options {
  return new Command('clients')
    .description('Sends and listens through a proxy that mistreats its connections.')
    .option('--rounds <n>', 'how often all clients send, and are then checked', Number, 5)
    .option('--seconds <s>', 'how long they send in a round', Number, 5)
    .option(
      '--seed <n>',
      'repeats the random choices of a run',
      Number,
      systemRandom.below(2 ** 31),
    )
    .parse()
    .opts<Options>();
}

class Run {
  problems = 0;
  round = 0;
  readonly auditor: Auditor;
  readonly crowd: Crowd;
  readonly raw: readonly RawSender[];
  readonly proxy: RoughProxy;
  readonly #server: TestServer;
  readonly #options: Options;
  readonly #random: Random;
  readonly #listener: Listener;
  readonly #following: Promise<void>;
  streamsLost = 0;

  constructor(server: TestServer, proxy: RoughProxy, options: Options, directory: string) {
    const { seed } = options;
    this.#server = server;
    this.proxy = proxy;
    this.#options = options;
    this.#random = seededRandom(seed);
    const url = `http://127.0.0.1:${proxy.port}`;
    const key = server.keys.write;
    const found = (problem: string): void => this.found(problem);
    this.auditor = new Auditor(this.#reader(url), found);
    this.crowd = new Crowd({ clients: 3, customers: 100, directory, key, seed, url, patienceMs });
    this.raw = Array.from({ length: rawSenders }, (_, number) => {
      const random = seededRandom(seed + 100 + number);
      const { acked } = this.crowd;
      const { port } = proxy;
      return new RawSender({ name: `r${number}`, port, key, random, patienceMs, acked, found });
    });
    this.#listener = new Listener({ url, key: server.keys.read, silenceMs: patienceMs });
    this.#following = this.auditor.follow();
  }

  /** Tapes directly, the live stream through the proxy. */
  #reader(url: string): Reader {
    const key = this.#server.keys.read;
    const direct = openReader({ url: this.#server.url, key, clock: systemClock });
    const through = openReader({ url, key, clock: systemClock });
    const retrying = (): void => {
      this.streamsLost += 1;
    };
    const more = { retrying, silenceMs: patienceMs };
    return { ...direct, live: (query = {}) => through.live({ ...query, ...more }) };
  }

  get listenerResumes(): number {
    return this.#listener.resumes;
  }

  found(problem: string): void {
    this.problems += 1;
    if (this.problems <= problemsMax) process.stdout.write(`round ${this.round}: ${problem}\n`);
  }

  async all(): Promise<void> {
    const { rounds, seconds } = this.#options;
    for (this.round = 1; this.round <= rounds && this.problems === 0; this.round++) {
      this.proxy.draw = () => drawHabit(this.#random);
      this.crowd.go();
      for (const sender of this.raw) sender.go();
      const sending = sleep(systemClock, seconds * 1000);
      await Promise.race([sending, this.crowd.failure, this.#following]);
      await this.#settle();
      await this.#audit();
    }
    this.round = rounds;
  }

  /** New connections are good ones again; those under way keep their habits to the end. */
  async #settle(): Promise<void> {
    this.proxy.draw = () => goodHabit;
    const cancel = systemClock.after(settleMsMax, () => {
      this.found('senders have no receipts: something hangs');
      this.proxy.cut();
    });
    const senders = [this.crowd.pause(), ...this.raw.map((sender) => sender.pause())];
    await Promise.all(senders).finally(cancel);
  }

  async #audit(): Promise<void> {
    const { acked } = this.crowd;
    await this.#until('the SSE stream is complete', () => this.auditor.events >= acked.size);
    const heard = (): number => this.#listener.heard.length;
    await this.#until('the WebSocket stream is complete', () => heard() >= acked.size);
    await this.auditor.checkReceipts(acked);
    await this.auditor.checkTapes(this.auditor.customers(), this.#random);
    await this.auditor.checkStream(this.#server.url, this.#server.keys.read, 0);
    const ids = new Set(this.#listener.heard.map(({ id }) => id));
    if (ids.size !== heard() || heard() !== acked.size) {
      this.found(`the WebSocket heard ${heard()} events, ${ids.size} different, of ${acked.size}`);
    }
  }

  async #until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const startedMs = systemClock.monotonicMs();
    while (!(await holds())) {
      if (systemClock.monotonicMs() - startedMs > settleMsMax) {
        this.found(`not in ${settleMsMax} ms: ${what}`);
        return;
      }
      await Promise.race([sleep(systemClock, pollMs), this.crowd.failure, this.#following]);
    }
  }

  /** Everybody leaves: then the server holds what it held before they came. */
  async leave(before: Holding): Promise<Holding> {
    this.close();
    await this.#following.catch(() => undefined);
    this.proxy.cut();
    let now = before;
    await this.#until('sockets and gauges are back at their baseline', async () => {
      now = await holdingOf(this.#server);
      return now.sockets <= before.sockets && gauges.every((name) => now[name] === before[name]);
    });
    return now;
  }

  close(): void {
    this.auditor.close();
    this.crowd.close();
    this.#listener.close();
    for (const sender of this.raw) sender.close();
  }
}

type Holding = { readonly sockets: number; readonly residentMib: number } & Readonly<
  Record<(typeof gauges)[number], number>
>;

async function holdingOf(server: TestServer): Promise<Holding> {
  const values: [string, number][] = [];
  for (const name of gauges) values.push([name, await metric(server, name)]);
  const resident = await metric(server, 'process_resident_memory_bytes');
  return {
    ...(Object.fromEntries(values) as Record<(typeof gauges)[number], number>),
    sockets: openSockets(server.process.pid!),
    residentMib: Math.round(resident / 1024 / 1024),
  };
}

/** Where the system shows a process's descriptors; 0 elsewhere. */
function openSockets(pid: number): number {
  const directory = `/proc/${pid}/fd`;
  if (process.platform !== 'linux') return 0;
  return readdirSync(directory).filter((name) => {
    try {
      return readlinkSync(join(directory, name)).startsWith('socket:');
    } catch {
      // Closed meanwhile.
      return false;
    }
  }).length;
}

async function main(options: Options): Promise<number> {
  const { seed } = options;
  process.stdout.write(`seed ${seed}\n`);
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-clients-'));
  const server = await startServer({ data: join(directory, 'data') });
  const before = await holdingOf(server);
  const proxy = await RoughProxy.open(server.port);
  const run = new Run(server, proxy, options, directory);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void server.kill().finally(() => process.exit(1)));
  }
  const startedMs = systemClock.monotonicMs();
  let after = before;
  try {
    await run.all();
    after = await run.leave(before);
  } catch (error) {
    run.found(error instanceof Error ? (error.stack ?? error.message) : String(error));
    run.close();
  }
  await proxy.close();
  const code = await server.stop();
  if (code !== 0) run.found(`the server ended with ${code}: ${server.log()}`);
  const isClean = run.problems === 0;
  if (isClean) rmSync(directory, { recursive: true, force: true });
  else process.stdout.write(`everything is kept in ${directory}\n`);
  const figures = {
    clients: isClean ? 'ok' : 'failed',
    rounds: run.round,
    acked: run.crowd.acked.size,
    ...run.auditor.findings,
    links: proxy.stats.links,
    mishaps: proxy.stats.mishaps,
    rawResends: run.raw.reduce((sum, { resends }) => sum + resends, 0),
    splitLines: run.raw.reduce((sum, { splits }) => sum + splits, 0),
    streamsResumed: run.streamsLost + run.listenerResumes,
    socketsBeforeAfter: [before.sockets, after.sockets],
    residentMibBeforeAfter: [before.residentMib, after.residentMib],
    seconds: Math.round((systemClock.monotonicMs() - startedMs) / 1000),
    seed,
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  return isClean ? 0 : 1;
}

process.exitCode = await main(readOptions());
