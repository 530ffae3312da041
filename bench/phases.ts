/** Loads that alternate in one run, each on a server and a tape of its own, so that a drift of the machine cancels out. */
import type { TestServer } from '../test/support/server.ts';
import { cpuMicrosOf, startChild } from './child.ts';
import { checkLoad, loadPlan } from './ingest.ts';
import type { LoadMessage, LoadPlan } from './load.ts';
import { count, rounded } from './report.ts';
import { metricOf, readMetrics } from './server.ts';
import type { Settings } from './settings.ts';

/** Past the first seconds, when an empty index still fits the processor's cache. */
const warmupSeconds = 2;

export interface LoadPhase {
  readonly eventsPerSecond: number;
  /** Of the server: steadier than the rate when the machine has other work. */
  readonly cpuMicrosPerEvent: number;
  readonly bytesPerEvent: number;
  readonly work: string;
}

/** From its warm-up to its last receipt. @throws Error unless every event was stored, once. */
export async function loadPhase(
  server: TestServer,
  settings: Settings,
  seconds: number,
  more: Partial<LoadPlan> = {},
): Promise<LoadPhase> {
  const { keys, port, process: child } = server;
  const stored = await storedIn(server);
  const generator = startChild<LoadMessage>('load', {
    ...loadPlan(settings, { port, key: keys.write, protocol: 'msgpack' }),
    warmupSeconds: settings.smoke ? seconds / 2 : warmupSeconds,
    seconds,
    ...more,
  });
  try {
    await generator.when('measuring');
    const cpuBefore = cpuMicrosOf(child.pid!);
    await generator.when('measured');
    const cpuMicros = cpuMicrosOf(child.pid!) - cpuBefore;
    const { figures } = await generator.when('done');
    checkLoad(figures, (await storedIn(server)) - stored);
    const { bytesPerEvent, eventsPerSecond, work } = figures;
    const cpuMicrosPerEvent = rounded(cpuMicros / (eventsPerSecond * figures.seconds));
    return { eventsPerSecond, cpuMicrosPerEvent, bytesPerEvent, work };
  } finally {
    generator.kill();
  }
}

/** What was sent, without the events that say of links what came of them. */
async function storedIn(server: TestServer): Promise<number> {
  const metrics = await readMetrics(server);
  return metricOf(metrics, 'events_accepted_total') - metricOf(metrics, 'links_total');
}

/** By rounds: the geometric mean of some phases' rates by that of others'. */
export function ratioOf(phases: readonly LoadPhase[], to: readonly LoadPhase[]): number {
  const rates = (of: readonly LoadPhase[]): number =>
    geometricMean(of.map(({ eventsPerSecond }) => eventsPerSecond));
  return rates(phases) / rates(to);
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(mean(values.map(Math.log)));
}

export function meanRate(phases: readonly LoadPhase[]): number {
  return mean(phases.map(({ eventsPerSecond }) => eventsPerSecond));
}

export function meanCpuMicros(phases: readonly LoadPhase[]): number {
  return rounded(mean(phases.map(({ cpuMicrosPerEvent }) => cpuMicrosPerEvent)));
}

/** `1,000   (990, 1,010)`. */
export function shownRates(phases: readonly LoadPhase[]): string {
  const each = phases.map(({ eventsPerSecond }) => count(eventsPerSecond)).join(', ');
  return `${count(meanRate(phases))}   (${each})`;
}
