/**
 * fair: what a workspace that floods costs its neighbour. The neighbour sends a modest rate; the flood,
 * a workspace of its own, sends whatever the windows of its connections allow and does not wait when it
 * is refused. Phases on one server:
 *
 *     (warm-up) ─ alone ─ beside the flood ─ beside the flood, held by a quota ─ alone
 */
import type { TestServer } from '../test/support/server.ts';
import { type Child, startChild } from './child.ts';
import { loadPlan } from './ingest.ts';
import type { LoadFigures, LoadMessage } from './load.ts';
import { count, print, type Row, rounded, spread } from './report.ts';
import { probeFlush, readMetric, withServer } from './server.ts';
import type { Settings } from './settings.ts';

/** Frames of one phase's load have numbers of their own. */
const numbersPerPhase = 2 ** 24;
/** The flood's whole windows: eight times what a receipt needs to keep a shard busy. */
const floodConnections = 8;
const floodWindow = 64;
const floodQuota = { eventsPerSecond: 50_000 };

export interface Phase {
  readonly name: string;
  readonly neighbour: LoadFigures;
  readonly flood: LoadFigures | undefined;
}

interface Bench {
  readonly settings: Settings;
  readonly server: TestServer;
  readonly flood: { readonly id: string; readonly key: string };
  readonly rate: number;
}

export async function fair(settings: Settings): Promise<void> {
  const flushMs = probeFlush(settings);
  await withServer(settings, async (server) => {
    const rate = settings.rate ?? (settings.smoke ? 2000 : 20_000);
    const bench: Bench = { settings, server, rate, flood: await makeWorkspace(server) };
    // Not measured: a server is slow in its first seconds, and the first phase would look worse for it.
    await measure(bench, 'warm-up', 0);
    const phases = [
      await measure(bench, 'alone', 1),
      await measure(bench, 'beside the flood', 2),
      await measureWithQuota(bench, 3),
      await measure(bench, 'alone again', 4),
    ];
    report(settings, { phases, rate, flush: `${flushMs.p50} ms for 16 KiB alone` });
  });
}

async function call(server: TestServer, method: string, path: string, body: object) {
  const response = await fetch(server.url + path, {
    method,
    headers: {
      authorization: `Bearer ${server.keys.admin}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return (await response.json()) as { workspace: { id: string }; key: { key: string } };
}

async function makeWorkspace(server: TestServer): Promise<Bench['flood']> {
  const { key, workspace } = await call(server, 'POST', '/v1/workspaces', { name: 'flood' });
  return { id: workspace.id, key: key.key };
}

async function measureWithQuota(bench: Bench, number: number): Promise<Phase> {
  const path = `/v1/workspaces/${bench.flood.id}/quota`;
  await call(bench.server, 'PUT', path, floodQuota);
  return measure(bench, `flood held to ${count(floodQuota.eventsPerSecond)} a second`, number);
}

/** One load of the neighbour from its warm-up to its last receipt, the flood around it. */
async function measure(bench: Bench, name: string, number: number): Promise<Phase> {
  const isAlone = name.startsWith('alone');
  const before = await readMetric(bench.server, 'events_accepted_total');
  const flood = isAlone ? undefined : startFlood(bench, number);
  const { port, keys } = bench.server;
  const plan = loadPlan(bench.settings, { port, key: keys.write, protocol: 'msgpack' });
  try {
    await flood?.when('measuring');
    const neighbour = startChild<LoadMessage>('load', {
      ...plan,
      batch: neighbourBatchOf(bench.settings),
      connections: 2,
      window: floodWindow,
      rate: bench.rate,
      firstNumber: number * numbersPerPhase,
    });
    try {
      const { figures } = await neighbour.when('done');
      const phase = { name, neighbour: figures, flood: await endFlood(flood) };
      const after = await readMetric(bench.server, 'events_accepted_total');
      const batches = { neighbour: neighbourBatchOf(bench.settings), flood: plan.batch };
      checkPhase(phase, batches, after - before);
      return phase;
    } finally {
      neighbour.kill();
    }
  } finally {
    flood?.kill();
  }
}

function neighbourBatchOf({ batch = 100 }: Settings): number {
  return batch;
}

/**
 * Nobody's event is lost, nor stored twice, nor stored without a receipt; frames may be refused, which is
 * one of the figures.
 * @param stored what the server says it stored meanwhile, of both.
 * @throws Error
 */
export function checkPhase(
  { flood, name, neighbour }: Phase,
  batches: { readonly neighbour: number; readonly flood: number },
  stored: number,
): void {
  checkAnswers(`${name}: the neighbour`, neighbour, batches.neighbour);
  if (flood !== undefined) checkAnswers(`${name}: the flood`, flood, batches.flood);
  const accepted = neighbour.accepted + (flood?.accepted ?? 0);
  if (stored === accepted) return;
  throw new Error(`${name}: the server stored ${stored} events, its receipts say ${accepted}`);
}

function checkAnswers(who: string, figures: LoadFigures, batch: number): void {
  const { accepted, duplicates, nacks, rejected, sent } = figures;
  if (accepted + nacks * batch === sent && duplicates + rejected === 0) return;
  throw new Error(
    `${who} sent ${sent}, accepted ${accepted}, frames refused ${nacks} of ${batch}, ` +
      `duplicates ${duplicates}, rejected ${rejected}`,
  );
}

function startFlood({ flood, server, settings }: Bench, number: number): Child<LoadMessage> {
  const plan = loadPlan(settings, { port: server.port, key: flood.key, protocol: 'msgpack' });
  const { rate: _, ...unlimited } = plan;
  return startChild<LoadMessage>('load', {
    ...unlimited,
    connections: settings.connections ?? floodConnections,
    window: settings.window ?? floodWindow,
    firstNumber: number * numbersPerPhase,
    warmupSeconds: 0,
    // Longer than the neighbour's: it is stopped.
    seconds: 3600,
  });
}

async function endFlood(flood: Child<LoadMessage> | undefined): Promise<LoadFigures | undefined> {
  flood?.stop();
  const done = await flood?.when('done');
  return done?.figures;
}

function report(
  settings: Settings,
  { flush, phases, rate }: { phases: readonly Phase[]; rate: number; flush: string },
): void {
  const rows: Row[] = phases.map(({ flood, name, neighbour }) => {
    const beside =
      flood === undefined
        ? ''
        : `   (flood ${count(flood.eventsPerSecond)} a second, ${count(flood.nacks)} frames refused)`;
    const { eventsPerSecond, receiptMs } = neighbour;
    return [name, `${count(eventsPerSecond)} events a second, ${spread(receiptMs)}${beside}`];
  });
  const [alone, flooded, held, again] = phases.map(({ neighbour }) => neighbour);
  // The mean of before and after, so that a steady drift cancels out.
  const mean = (of: (figures: LoadFigures) => number): number => (of(alone!) + of(again!)) / 2;
  const p99 = mean(({ receiptMs }) => receiptMs.p99);
  const perSecond = mean(({ eventsPerSecond }) => eventsPerSecond);
  const ratios = {
    rateRatio: rounded(flooded!.eventsPerSecond / perSecond),
    p99Ratio: rounded(flooded!.receiptMs.p99 / p99),
    rateRatioWithQuota: rounded(held!.eventsPerSecond / perSecond),
    p99RatioWithQuota: rounded(held!.receiptMs.p99 / p99),
  };
  const refusals = phases.map(({ name, neighbour }) => `${count(neighbour.nacks)} ${name}`);
  rows.push(
    ['beside the flood ÷ alone', `rate ${ratios.rateRatio}, p99 ${ratios.p99Ratio}`],
    [
      'with the quota ÷ alone',
      `rate ${ratios.rateRatioWithQuota}, p99 ${ratios.p99RatioWithQuota}`,
    ],
    ['frames of the neighbour refused', refusals.join(' · ')],
    ['flush', flush],
    ['checked', 'the server stored every event that it acknowledged, of both, and no other'],
  );
  const { fronts, seconds, seed, shards } = settings;
  print({
    workload: 'fair',
    settings: { seconds, rate, floodConnections, floodWindow, shards, fronts, seed },
    work: alone!.work,
    rows,
    figures: { ...ratios, phases },
  });
}
