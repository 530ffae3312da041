/**
 * stalled: what 100 subscribers that never read cost the sink. One load all along, and phases in turn:
 *
 *     warm up ─▶ none ─▶ stalled ─▶ none ─▶ stalled ─▶ … each after the change has settled
 *
 * Memory is compared by its growth, for the index grows with what is ingested in either phase.
 */
import type { TestServer } from '../test/support/server.ts';
import { type Child, privateMibOf, startChild } from './child.ts';
import { checkLoad, loadPlan } from './ingest.ts';
import type { LoadMessage } from './load.ts';
import { count, print, type Row, rounded } from './report.ts';
import { readMetric, withServer } from './server.ts';
import type { Settings } from './settings.ts';
import type { StallMessage } from './stall.ts';

const settlePollMs = 250;
const settleMsMax = 15_000;

interface Phase {
  readonly stalled: boolean;
  readonly eventsPerSecond: number;
  /** Growth of the server's own memory, from before the subscribers came until the phase's end. */
  readonly bytesPerEvent: number;
  readonly growthMib: number;
}

interface Bench {
  readonly server: TestServer;
  readonly subscribers: number;
  readonly seconds: number;
  /** Events acknowledged so far, as the load told last. */
  readonly acked: () => { readonly atMs: number; readonly acked: number };
}

export async function stalled(settings: Settings): Promise<void> {
  const subscribers = settings.subscribers ?? (settings.smoke ? 10 : 100);
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
      report(settings, { phases, subscribers, seconds, work: figures.work });
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
async function measureStalled(bench: Bench): Promise<Phase> {
  const { server, subscribers } = bench;
  const plan = { port: server.port, key: server.keys.read, subscribers };
  const stall = startChild<StallMessage>('stall', plan);
  try {
    const phase = await measurePhase(bench, true, async () => {
      await stall.when('stalled');
      await settle(server);
    });
    const listening = await readMetric(server, 'live_subscribers');
    if (listening !== subscribers) throw new Error(`${listening} subscribers are connected`);
    return phase;
  } finally {
    stall.kill();
  }
}

async function measurePhase(
  { acked, seconds, server }: Bench,
  isStalled: boolean,
  prepare: () => Promise<void>,
): Promise<Phase> {
  await pause(500);
  const pid = server.process.pid!;
  const mibBefore = privateMibOf(pid);
  const first = acked();
  await prepare();
  const before = acked();
  await pause(seconds * 1000);
  const after = acked();
  const growthMib = privateMibOf(pid) - mibBefore;
  return {
    stalled: isStalled,
    eventsPerSecond: Math.round(((after.acked - before.acked) / (after.atMs - before.atMs)) * 1000),
    bytesPerEvent: Math.round((growthMib * 2 ** 20) / (after.acked - first.acked)),
    growthMib,
  };
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
  readonly subscribers: number;
  readonly seconds: number;
  readonly work: string;
}

function report(settings: Settings, { phases, seconds, subscribers, work }: Run): void {
  const free = phases.filter((phase) => !phase.stalled);
  const held = phases.filter((phase) => phase.stalled);
  const rate = (of: readonly Phase[]): number => mean(of.map((phase) => phase.eventsPerSecond));
  const growth = (of: readonly Phase[]): number => mean(of.map((phase) => phase.growthMib));
  const ratio = rounded(rate(held) / rate(free));
  const shown = (of: readonly Phase[]): string =>
    of.map((phase) => count(phase.eventsPerSecond)).join(', ');
  const rows: Row[] = [
    ['events a second, none', `${count(rate(free))}   (${shown(free)})`],
    [`events a second, ${subscribers} stalled`, `${count(rate(held))}   (${shown(held)})`],
    ['ratio', String(ratio)],
    ['memory grew, none', `${rounded(growth(free))} MiB a phase`],
    [`memory grew, ${subscribers} stalled`, `${rounded(growth(held))} MiB a phase`],
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
      growthMib: rounded(growth(free)),
      growthMibStalled: rounded(growth(held)),
      phases,
    },
  });
}
