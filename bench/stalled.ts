/**
 * stalled: what 100 subscribers that never read hold, and what they cost the sink. What they hold is measured on a
 * server that does nothing else (`held.ts`). Then every phase is a load on a server and a tape of its own, so that
 * none has to do with what others left to be sealed, in an order that lets a drift of the machine cancel out:
 *
 *     none ─ stalled ─ stalled ─ none   a round, of which there are three
 *
 * Each tape begins with some megabytes for the stalled ones, who ask for all of it, so that every buffer on the way
 * to them is full before the load begins. The system itself holds some 4 MB for each of them, ours and their half:
 * many of them need room in its `net.ipv4.tcp_mem`.
 */
import type { TestServer } from '../test/support/server.ts';
import { eachOf, fill, type Held, measureHeld, withStalled } from './held.ts';
import {
  geometricMean,
  type LoadPhase,
  loadPhase,
  meanCpuMicros,
  meanRate,
  ratioOf,
  shownRates,
} from './phases.ts';
import { print, type Row, rounded } from './report.ts';
import { readMetric, withServer } from './server.ts';
import type { Settings } from './settings.ts';

const rounds = 3;
/** What is acknowledged at a time is the grain of a short phase's rate: smaller than that of other loads. */
const batchUsual = 250;

interface Phase extends LoadPhase {
  /** Connected when it ended. */
  readonly stalled: number;
}

interface Bench {
  readonly settings: Settings;
  readonly subscribers: number;
  readonly seconds: number;
}

export async function stalled(settings: Settings): Promise<void> {
  const subscribers = settings.subscribers ?? (settings.smoke ? 4 : 100);
  const seconds = settings.smoke ? 0.4 : Math.max(0.5, rounded(settings.seconds / 7));
  const bench: Bench = { settings, subscribers, seconds };
  const held = await measureHeld(settings, subscribers);
  const phases: Phase[] = [];
  for (let round = 0; round < (settings.smoke ? 1 : rounds); round++) {
    for (const connected of [0, subscribers, subscribers, 0]) {
      phases.push(await measure(bench, connected));
    }
  }
  report(bench, phases, held);
}

/** A phase: a load beside so many stalled subscribers. */
function measure(bench: Bench, subscribers: number): Promise<Phase> {
  const { settings } = bench;
  const protocol = settings.sse ? 'sse' : 'websocket';
  return withServer(settings, async (server) => {
    await fill(server, settings.smoke);
    const run = (): Promise<Phase> => load(bench, server);
    const phase = await (subscribers === 0
      ? run()
      : withStalled(server, { subscribers, protocol }, run));
    if (phase.stalled !== subscribers)
      throw new Error(`${phase.stalled} subscribers are connected`);
    return phase;
  });
}

async function load({ seconds, settings }: Bench, server: TestServer): Promise<Phase> {
  const batch = settings.batch ?? (settings.smoke ? 100 : batchUsual);
  const phase = await loadPhase(server, { ...settings, batch }, seconds);
  return { ...phase, stalled: await readMetric(server, 'live_subscribers') };
}

/** Of the rates beside stalled subscribers to those without, round by round. */
function ratiosOf(phases: readonly Phase[]): readonly number[] {
  return Array.from({ length: phases.length / 4 }, (_, round) => {
    const [first, second, third, fourth] = phases.slice(4 * round, 4 * round + 4);
    return ratioOf([second!, third!], [first!, fourth!]);
  });
}

function report(
  { seconds, settings, subscribers }: Bench,
  phases: Phase[],
  held: readonly Held[],
): void {
  const isHeld = (at: number): boolean => at % 4 === 1 || at % 4 === 2;
  const free = phases.filter((_, at) => !isHeld(at));
  const beside = phases.filter((_, at) => isHeld(at));
  const ratios = ratiosOf(phases);
  const ratio = rounded(geometricMean(ratios));
  const [none, half, all] = held as [Held, Held, Held];
  const { processKib, waitingKib } = eachOf(half, all);
  const fromNone = eachOf(none, all).processKib;
  const systemMib = rounded(all.systemMib - none.systemMib);
  const inMib = held.map((each) => `${each.processMib} MiB with ${each.subscribers}`).join(', ');
  const rows: Row[] = [
    ['events a second, none', shownRates(free)],
    [`events a second, ${subscribers} stalled`, shownRates(beside)],
    ['ratio', `${ratio}   (rounds: ${ratios.map(rounded).join(', ')})`],
    [
      'server CPU per event',
      `${meanCpuMicros(free)} µs with none, ${meanCpuMicros(beside)} µs stalled`,
    ],
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
      eventsPerSecond: Math.round(meanRate(free)),
      eventsPerSecondStalled: Math.round(meanRate(beside)),
      serverMicrosPerEvent: meanCpuMicros(free),
      serverMicrosPerEventStalled: meanCpuMicros(beside),
      waitingKibEach: waitingKib,
      processKibEach: processKib,
      systemMib,
      held,
      phases,
    },
  });
}
