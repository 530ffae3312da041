/**
 * stalled: what 100 subscribers that never read cost the sink. Every phase is a load of its own on one
 * server, in an order that lets a steady drift (the tape grows) cancel out:
 *
 *     none ─ stalled ─ stalled ─ none ─ none ─ stalled ─ stalled ─ none
 *
 * Stalled subscribers come before their two phases and ask for the whole tape, so that every buffer on
 * the way to them is full when these begin. What they hold of the server's memory is measured at the
 * end. The system itself holds some 4 MB for each of them, ours and their half: many of them need room
 * in its `net.ipv4.tcp_mem`.
 */
import type { TestServer } from '../test/support/server.ts';
import { cpuMicrosOf, privateMibOf, startChild } from './child.ts';
import { checkLoad, loadPlan } from './ingest.ts';
import type { LoadMessage } from './load.ts';
import { count, print, type Row, rounded } from './report.ts';
import { readMetric, withServer } from './server.ts';
import type { Settings } from './settings.ts';
import type { StallMessage, StallPlan } from './stall.ts';

const settlePollMs = 250;
/** Kernels hold some 4 MB for each of them; it takes a while to fill that beside the load. */
const settleMsMax = 600_000;

/** Frames of one phase's load have numbers of their own. */
const numbersPerPhase = 2 ** 24;

interface Phase {
  readonly stalled: boolean;
  readonly eventsPerSecond: number;
  /** Of the server: steadier than the rate when the machine has other work. */
  readonly cpuMicrosPerEvent: number;
  readonly work: string;
}

interface Bench {
  readonly server: TestServer;
  readonly settings: Settings;
  readonly subscribers: number;
  readonly seconds: number;
}

export async function stalled(settings: Settings): Promise<void> {
  const subscribers = settings.subscribers ?? (settings.smoke ? 4 : 100);
  const seconds = settings.smoke ? 0.4 : Math.max(0.5, settings.seconds / 4);
  await withServer(settings, async (server) => {
    const bench: Bench = { server, settings, subscribers, seconds };
    // Not measured: it makes the tape that stalled subscribers are behind by, and takes the server
    // past its first seconds, when an empty index still fits the processor's cache.
    await measure({ ...bench, seconds: 4 * seconds }, false);
    const phases: Phase[] = [];
    const rounds = settings.smoke ? 1 : 2;
    for (let round = 0; round < rounds; round++) {
      phases.push(await measure(bench, false));
      await withStalled(bench, async () => {
        for (let n = 0; n < 2; n++) phases.push(await measure(bench, true));
      });
      phases.push(await measure(bench, false));
    }
    const extraMib = await measureMemory(bench);
    report(settings, { phases, extraMib, subscribers, seconds });
  });
}

let loads = 0;

/** One load from its warm-up to its last receipt. */
async function measure(bench: Bench, isStalled: boolean): Promise<Phase> {
  const { keys, port, process: child } = bench.server;
  const stored = await readMetric(bench.server, 'events_accepted_total');
  const load = startChild<LoadMessage>('load', {
    ...loadPlan(bench.settings, { port, key: keys.write, protocol: 'msgpack' }),
    firstNumber: loads++ * numbersPerPhase,
    warmupSeconds: bench.seconds / 2,
    seconds: bench.seconds,
  });
  try {
    await load.when('measuring');
    const cpuBefore = cpuMicrosOf(child.pid!);
    await load.when('measured');
    const cpuMicros = cpuMicrosOf(child.pid!) - cpuBefore;
    const { figures } = await load.when('done');
    checkLoad(figures, (await readMetric(bench.server, 'events_accepted_total')) - stored);
    const { eventsPerSecond, seconds, work } = figures;
    const cpuMicrosPerEvent = rounded(cpuMicros / (eventsPerSecond * seconds));
    return { stalled: isStalled, eventsPerSecond, cpuMicrosPerEvent, work };
  } finally {
    load.kill();
  }
}

/** What the subscribers hold when each of them is behind by the whole tape, in MiB. */
async function measureMemory(bench: Bench): Promise<number> {
  const pid = bench.server.process.pid!;
  const before = privateMibOf(pid);
  return withStalled(bench, async () => rounded(privateMibOf(pid) - before));
}

/** Runs with subscribers that never read, once all buffers to them are full. */
async function withStalled<Result>(
  { server, subscribers }: Bench,
  run: () => Promise<Result>,
): Promise<Result> {
  const plan: StallPlan = {
    port: server.port,
    key: server.keys.read,
    subscribers,
    from: 'earliest',
  };
  const stall = startChild<StallMessage>('stall', plan);
  try {
    await stall.when('stalled');
    await settle(server);
    const result = await run();
    const listening = await readMetric(server, 'live_subscribers');
    if (listening !== subscribers) throw new Error(`${listening} subscribers are connected`);
    return result;
  } finally {
    stall.kill();
  }
}

/** Waits until nothing more goes to the subscribers: all buffers on the way are full. */
async function settle(server: TestServer): Promise<void> {
  let before = -1;
  for (let waitedMs = 0; waitedMs < settleMsMax; waitedMs += settlePollMs) {
    const sent = await readMetric(server, 'live_events_total');
    if (sent === before) return;
    before = sent;
    await pause(settlePollMs);
  }
  throw new Error('the subscribers that never read are still being sent to');
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

interface Run {
  readonly phases: readonly Phase[];
  readonly extraMib: number;
  readonly subscribers: number;
  readonly seconds: number;
}

function report(settings: Settings, { extraMib, phases, seconds, subscribers }: Run): void {
  const free = phases.filter((phase) => !phase.stalled);
  const held = phases.filter((phase) => phase.stalled);
  const rate = (of: readonly Phase[]): number => mean(of.map((phase) => phase.eventsPerSecond));
  const cpu = (of: readonly Phase[]): number =>
    rounded(mean(of.map((phase) => phase.cpuMicrosPerEvent)));
  const ratio = rounded(rate(held) / rate(free));
  const kibEach = rounded((extraMib * 1024) / subscribers);
  const shown = (of: readonly Phase[]): string =>
    of.map((phase) => count(phase.eventsPerSecond)).join(', ');
  const rows: Row[] = [
    ['events a second, none', `${count(rate(free))}   (${shown(free)})`],
    [`events a second, ${subscribers} stalled`, `${count(rate(held))}   (${shown(held)})`],
    ['ratio', String(ratio)],
    ['server CPU per event', `${cpu(free)} µs with none, ${cpu(held)} µs stalled`],
    [`memory held by ${subscribers} stalled`, `${extraMib} MiB, ${kibEach} KiB each`],
    ['checked', 'every event accepted, every subscriber still connected'],
  ];
  const { fronts, seed, shards } = settings;
  print({
    workload: 'stalled',
    settings: { seconds, phases: phases.length, subscribers, shards, fronts, seed },
    work: phases[0]!.work,
    rows,
    figures: {
      ratio,
      eventsPerSecond: Math.round(rate(free)),
      eventsPerSecondStalled: Math.round(rate(held)),
      serverMicrosPerEvent: cpu(free),
      serverMicrosPerEventStalled: cpu(held),
      extraMib,
      kibEach,
      phases,
    },
  });
}
