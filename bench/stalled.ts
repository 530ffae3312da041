/**
 * stalled: what 100 subscribers that never read cost the sink. One load all along, and phases in turn:
 *
 *     warm up ─▶ none ─▶ stalled ─▶ none ─▶ stalled ─▶ … each after the change has settled
 *
 * A stalled phase is measured once all buffers on the way are full. What the subscribers hold of the
 * server's memory is measured after the load, when nothing else grows.
 */
import type { TestServer } from '../test/support/server.ts';
import { type Child, cpuMicrosOf, privateMibOf, startChild } from './child.ts';
import { checkLoad, loadPlan } from './ingest.ts';
import type { LoadMessage } from './load.ts';
import { count, print, type Row, rounded } from './report.ts';
import { readMetric, withServer } from './server.ts';
import type { Settings } from './settings.ts';
import type { StallMessage, StallPlan } from './stall.ts';

const settlePollMs = 250;
/** Kernels hold some 4 MB for each of them; it takes a while to fill that beside the load. */
const settleMsMax = 120_000;

interface Phase {
  readonly stalled: boolean;
  readonly eventsPerSecond: number;
  /** Of the server: steadier than the rate when the machine has other work. */
  readonly cpuMicrosPerEvent: number;
  /** While the buffers on the way to stalled subscribers filled; none for a phase without. */
  readonly fillingPerSecond?: number;
}

interface Bench {
  readonly server: TestServer;
  readonly subscribers: number;
  readonly seconds: number;
  /** Events acknowledged so far, as the load told last. */
  readonly acked: () => { readonly atMs: number; readonly acked: number };
}

export async function stalled(settings: Settings): Promise<void> {
  const subscribers = settings.subscribers ?? (settings.smoke ? 4 : 100);
  const pairs = settings.smoke ? 1 : 3;
  const seconds = settings.smoke ? 0.4 : settings.seconds / 2;
  await withServer(settings, async (server) => {
    const { keys, port } = server;
    const plan = {
      ...loadPlan(settings, { port, key: keys.write, protocol: 'msgpack' }),
      // It is told when to stop.
      seconds: 3600,
    };
    const load = startChild<LoadMessage>('load', plan);
    try {
      const bench: Bench = { server, subscribers, seconds, acked: followProgress(load) };
      await load.when('measuring');
      const phases: Phase[] = [];
      for (let n = 0; n < pairs; n++) {
        phases.push(await measure(bench));
        phases.push(await measureStalled(bench));
      }
      load.stop();
      const { figures } = await load.when('done');
      checkLoad(figures, await readMetric(server, 'events_accepted_total'));
      const extraMib = await measureMemory(bench);
      report(settings, { phases, extraMib, subscribers, seconds, work: figures.work });
    } finally {
      load.kill();
    }
  });
}

function followProgress(load: Child<LoadMessage>): Bench['acked'] {
  let last = { atMs: 0, acked: 0 };
  load.each((message) => {
    if (message.kind === 'progress') last = message;
  });
  return () => last;
}

/** Nothing listens. */
function measure(bench: Bench): Promise<Phase> {
  return measurePhase(bench, false, async () => undefined);
}

/** Subscribers come, are left to fill what buffers there are, and then the phase begins. */
function measureStalled(bench: Bench): Promise<Phase> {
  return withStalled(bench, 'now', (settled) => measurePhase(bench, true, settled));
}

/** What the subscribers hold when each of them is behind by the whole tape, in MiB. */
async function measureMemory(bench: Bench): Promise<number> {
  const pid = bench.server.process.pid!;
  const before = privateMibOf(pid);
  return withStalled(bench, 'earliest', async (settled) => {
    await settled();
    return rounded(privateMibOf(pid) - before);
  });
}

/** Runs with subscribers that never read; `settled` waits until all buffers to them are full. */
async function withStalled<Result>(
  { server, subscribers }: Bench,
  from: 'now' | 'earliest',
  run: (settled: () => Promise<void>) => Promise<Result>,
): Promise<Result> {
  const plan: StallPlan = { port: server.port, key: server.keys.read, subscribers, from };
  const stall = startChild<StallMessage>('stall', plan);
  try {
    const result = await run(async () => {
      await stall.when('stalled');
      await settle(server);
    });
    const listening = await readMetric(server, 'live_subscribers');
    if (listening !== subscribers) throw new Error(`${listening} subscribers are connected`);
    return result;
  } finally {
    stall.kill();
  }
}

async function measurePhase(
  { acked, seconds, server }: Bench,
  isStalled: boolean,
  prepare: () => Promise<void>,
): Promise<Phase> {
  await pause(seconds * 250);
  const pid = server.process.pid!;
  const first = acked();
  await prepare();
  const before = acked();
  const cpuBefore = cpuMicrosOf(pid);
  await pause(seconds * 1000);
  // Short phases on a busy machine could end before the load told of anything.
  for (let waitedMs = 0; acked().acked === before.acked; waitedMs += settlePollMs) {
    if (waitedMs > settleMsMax) throw new Error('nothing is ingested any more');
    await pause(settlePollMs);
  }
  const after = acked();
  const cpuMicros = cpuMicrosOf(pid) - cpuBefore;
  return {
    stalled: isStalled,
    eventsPerSecond: rateBetween(before, after),
    cpuMicrosPerEvent: rounded(cpuMicros / (after.acked - before.acked)),
    ...(isStalled ? { fillingPerSecond: rateBetween(first, before) } : {}),
  };
}

type Mark = ReturnType<Bench['acked']>;

function rateBetween(from: Mark, to: Mark): number {
  return Math.round(((to.acked - from.acked) / (to.atMs - from.atMs)) * 1000);
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
  readonly work: string;
}

function report(settings: Settings, { extraMib, phases, seconds, subscribers, work }: Run): void {
  const free = phases.filter((phase) => !phase.stalled);
  const held = phases.filter((phase) => phase.stalled);
  const rate = (of: readonly Phase[]): number => mean(of.map((phase) => phase.eventsPerSecond));
  const cpu = (of: readonly Phase[]): number =>
    rounded(mean(of.map((phase) => phase.cpuMicrosPerEvent)));
  const ratio = rounded(rate(held) / rate(free));
  const filling = mean(held.map((phase) => phase.fillingPerSecond ?? 0));
  const shown = (of: readonly Phase[]): string =>
    of.map((phase) => count(phase.eventsPerSecond)).join(', ');
  const rows: Row[] = [
    ['events a second, none', `${count(rate(free))}   (${shown(free)})`],
    [`events a second, ${subscribers} stalled`, `${count(rate(held))}   (${shown(held)})`],
    ['ratio', String(ratio)],
    ['server CPU per event', `${cpu(free)} µs with none, ${cpu(held)} µs stalled`],
    ['while their buffers fill', `${count(filling)}   (some 4 MB each in the kernel)`],
    [`memory held by ${subscribers} stalled`, `${extraMib} MiB`],
    ['checked', 'every event accepted, every subscriber still connected'],
  ];
  const { fronts, seed, shards } = settings;
  print({
    workload: 'stalled',
    settings: { seconds, pairs: free.length, subscribers, shards, fronts, seed },
    work,
    rows,
    figures: {
      ratio,
      eventsPerSecond: Math.round(rate(free)),
      eventsPerSecondStalled: Math.round(rate(held)),
      serverMicrosPerEvent: cpu(free),
      serverMicrosPerEventStalled: cpu(held),
      eventsPerSecondFilling: Math.round(filling),
      extraMib,
      phases,
    },
  });
}
