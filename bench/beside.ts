/** `--beside`: reads while events come in, timed inside the server, by its own histogram. */
import type { TestServer } from '../test/support/server.ts';
import { startChild } from './child.ts';
import { checkLoad, loadPlan } from './ingest.ts';
import type { LoadMessage } from './load.ts';
import { count, type Row, rounded } from './report.ts';
import { metricOf, readMetrics } from './server.ts';
import type { Settings } from './settings.ts';

/** Reads go on while the load does: it begins before them and ends after. */
const marginSeconds = 3;

export interface BesideFigures {
  readonly eventsPerSecond: number;
  /** Stored meanwhile. */
  readonly events: number;
  readonly reads: number;
  /** Bounds of the histogram that so many of a hundred reads do not exceed. */
  readonly p50MsMax: number;
  readonly p99MsMax: number;
  /** How many of all reads took no longer than so many ms. */
  readonly upTo: readonly (readonly [ms: number, share: number])[];
}

type Buckets = readonly (readonly [ms: number, count: number])[];

async function readBuckets(server: TestServer): Promise<Buckets> {
  const response = await fetch(`${server.url}/metrics`);
  const lines = (await response.text()).matchAll(
    /^tapeline_read_seconds_bucket\{le="(.+)"\} (\d+)$/gm,
  );
  return [...lines].map(([, le, counted]) => {
    const seconds = le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le);
    return [rounded(seconds * 1000), Number(counted)] as const;
  });
}

/** @param fire reads, for the seconds of the settings. */
export async function readBeside(
  server: TestServer,
  settings: Settings,
  load: { readonly rate: number; readonly customers: number; readonly firstNumber: number },
  fire: () => Promise<unknown>,
): Promise<BesideFigures> {
  const base = loadPlan(settings, {
    port: server.port,
    key: server.keys.write,
    protocol: 'msgpack',
  });
  const seconds = settings.warmup + settings.seconds + 2 * marginSeconds;
  const accepted = metricOf(await readMetrics(server), 'events_accepted_total');
  const child = startChild<LoadMessage>('load', { ...base, ...load, shape: 'desk', seconds });
  try {
    await child.when('measuring');
    const before = await readBuckets(server);
    await fire();
    const after = await readBuckets(server);
    const { figures } = await child.when('done');
    checkLoad(figures, metricOf(await readMetrics(server), 'events_accepted_total') - accepted);
    const counts = after.map(([ms, counted], at) => [ms, counted - before[at]![1]] as const);
    const { accepted: events, eventsPerSecond } = figures;
    return { eventsPerSecond, events, ...sharesOf(counts) };
  } finally {
    child.kill();
  }
}

function sharesOf(counts: Buckets): Omit<BesideFigures, 'events' | 'eventsPerSecond'> {
  const reads = counts.at(-1)![1];
  const boundOf = (share: number): number => counts.find(([, upTo]) => upTo >= share * reads)![0];
  return {
    reads,
    p50MsMax: boundOf(0.5),
    p99MsMax: boundOf(0.99),
    upTo: counts.map(([ms, upTo]) => [ms, rounded(upTo / reads)] as const),
  };
}

export function besideRows({
  eventsPerSecond,
  p50MsMax,
  p99MsMax,
  reads,
  upTo,
}: BesideFigures): Row[] {
  const shares = upTo.filter(([ms]) => ms >= 0.1 && ms <= 10);
  return [
    [
      `beside ${count(eventsPerSecond)} events/s, server-side`,
      `p50 ≤ ${p50MsMax} ms   p99 ≤ ${p99MsMax} ms   of ${count(reads)} reads, one at a time`,
    ],
    ['up to', shares.map(([ms, share]) => `${ms} ms ${rounded(share * 100)} %`).join('   ')],
  ];
}
