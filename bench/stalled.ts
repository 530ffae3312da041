/**
 * stalled: what 100 subscribers that never read hold, and what they cost the sink. What they hold is measured on a
 * server that does nothing else (`held.ts`). Then every phase is a load of its own on one server, begun when nothing
 * is left to do of those before, in an order that lets a steady drift (the tape grows) cancel out:
 *
 *     none ─ stalled ─ stalled ─ none   a round, of which there are three
 *
 * Each tape begins with some megabytes for the stalled ones, who ask for all of it, so that every buffer on the way
 * to them is full before a phase begins. The system itself holds some 4 MB for each of them, ours and their half:
 * many of them need room in its `net.ipv4.tcp_mem`.
 */
import type { TestServer } from '../test/support/server.ts';
import { cpuMicrosOf, startChild } from './child.ts';
import { idle } from './debt.ts';
import { eachOf, fill, type Held, measureHeld, withStalled } from './held.ts';
import { checkLoad, loadPlan } from './ingest.ts';
import type { LoadMessage } from './load.ts';
import { count, print, type Row, rounded } from './report.ts';
import { readMetric, withServer } from './server.ts';
import type { Settings } from './settings.ts';

/** Frames of one phase's load have numbers of their own. */
const numbersPerPhase = 2 ** 24;
const rounds = 3;
/** The load before the first round lasts as long as so many phases. */
const warmupPhases = 8;
/** What is acknowledged at a time is the grain of a short phase's rate: smaller than that of other loads. */
const batchUsual = 250;

interface Phase {
  /** Connected when it ended. */
  readonly stalled: number;
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
  const seconds = settings.smoke ? 0.4 : Math.max(0.5, rounded(settings.seconds / 7));
  const held = await measureHeld(settings, subscribers);
  await withServer(settings, async (server) => {
    const bench: Bench = { server, settings, subscribers, seconds };
    await fill(server, settings.smoke);
    // Not measured: it takes the server past its first seconds, when an empty index still fits the
    // processor's cache.
    await measure({ ...bench, seconds: warmupPhases * seconds });
    const phases: Phase[] = [];
    for (let round = 0; round < (settings.smoke ? 1 : rounds); round++) {
      await idle(server);
      phases.push(await measure(bench));
      phases.push(...(await measureStalled(bench)));
      await idle(server);
      phases.push(await measure(bench));
    }
    report(bench, phases, held);
  });
}

let loads = 0;

/** One load from its warm-up to its last receipt. */
async function measure(bench: Bench): Promise<Phase> {
  const { keys, port, process: child } = bench.server;
  const batch = bench.settings.batch ?? (bench.settings.smoke ? 100 : batchUsual);
  const stored = await readMetric(bench.server, 'events_accepted_total');
  const load = startChild<LoadMessage>('load', {
    ...loadPlan({ ...bench.settings, batch }, { port, key: keys.write, protocol: 'msgpack' }),
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
    const connected = await readMetric(bench.server, 'live_subscribers');
    return { stalled: connected, eventsPerSecond, cpuMicrosPerEvent, work };
  } finally {
    load.kill();
  }
}

/** Two phases with subscribers that never read. */
async function measureStalled(bench: Bench): Promise<readonly Phase[]> {
  const { server, settings, subscribers } = bench;
  const protocol = settings.sse ? 'sse' : 'websocket';
  const phases: Phase[] = [];
  const measureOne = async (): Promise<void> => {
    const phase = await measure(bench);
    if (phase.stalled !== subscribers)
      throw new Error(`${phase.stalled} subscribers are connected`);
    phases.push(phase);
  };
  // A stream that takes nothing is cut after some ten seconds: each phase has streams of its own.
  while (phases.length < 2) {
    await idle(server);
    await withStalled(server, { subscribers, protocol }, async () => {
      await measureOne();
      if (settings.sse) return;
      await idle(server);
      await measureOne();
    });
  }
  return phases;
}

/** Of the rates beside stalled subscribers to those without, round by round. */
function ratiosOf(phases: readonly Phase[]): readonly number[] {
  return Array.from({ length: phases.length / 4 }, (_, round) => {
    const [first, second, third, fourth] = phases.slice(4 * round, 4 * round + 4);
    const beside = second!.eventsPerSecond * third!.eventsPerSecond;
    return Math.sqrt(beside / (first!.eventsPerSecond * fourth!.eventsPerSecond));
  });
}

/** What is sealed meanwhile falls into some phases, and the machine has other work. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return mean(sorted.slice((sorted.length - 1) >> 1, (sorted.length >> 1) + 1));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function report(
  { seconds, settings, subscribers }: Bench,
  phases: Phase[],
  held: readonly Held[],
): void {
  const isHeld = (at: number): boolean => at % 4 === 1 || at % 4 === 2;
  const free = phases.filter((_, at) => !isHeld(at));
  const beside = phases.filter((_, at) => isHeld(at));
  const rate = (of: readonly Phase[]): number => mean(of.map((phase) => phase.eventsPerSecond));
  const cpu = (of: readonly Phase[]): number =>
    rounded(median(of.map((phase) => phase.cpuMicrosPerEvent)));
  const ratios = ratiosOf(phases);
  const ratio = rounded(median(ratios));
  const [none, half, all] = held as [Held, Held, Held];
  const { processKib, waitingKib } = eachOf(half, all);
  const fromNone = eachOf(none, all).processKib;
  const systemMib = rounded(all.systemMib - none.systemMib);
  const shown = (of: readonly Phase[]): string =>
    of.map((phase) => count(phase.eventsPerSecond)).join(', ');
  const inMib = held.map((each) => `${each.processMib} MiB with ${each.subscribers}`).join(', ');
  const rows: Row[] = [
    ['events a second, none', `${count(rate(free))}   (${shown(free)})`],
    [`events a second, ${subscribers} stalled`, `${count(rate(beside))}   (${shown(beside)})`],
    ['ratio', `${ratio}   (rounds: ${ratios.map(rounded).join(', ')})`],
    ['server CPU per event, median', `${cpu(free)} µs with none, ${cpu(beside)} µs stalled`],
    ['waits for each, as the server counts', `${waitingKib} KiB`],
    ['memory of the process for each', `${processKib} KiB from half to all, ${fromNone} from none`],
    ['memory of the process', inMib],
    ["the system's own, both ends", `${systemMib} MiB`],
    ['checked', 'every event accepted, every subscriber still connected'],
  ];
  const { fronts, seed, shards, sse } = settings;
  print({
    workload: 'stalled',
    settings: { seconds, phases: phases.length, subscribers, sse, shards, fronts, seed },
    work: phases[0]!.work,
    rows,
    figures: {
      ratio,
      eventsPerSecond: Math.round(rate(free)),
      eventsPerSecondStalled: Math.round(rate(beside)),
      serverMicrosPerEvent: cpu(free),
      serverMicrosPerEventStalled: cpu(beside),
      waitingKibEach: waitingKib,
      processKibEach: processKib,
      systemMib,
      held,
      phases,
    },
  });
}
