/** ingest-ws, ingest-ws-json: durable events a second through the WebSocket door. */
import { type Child, cpuMicrosOf, startChild } from './child.ts';
import { type DebtFigures, debtRows, readDebt } from './debt.ts';
import type { Protocol } from './frames.ts';
import type { LoadFigures, LoadMessage, LoadPlan } from './load.ts';
import { count, print, type Row, rounded, spread } from './report.ts';
import {
  type CommitFigures,
  commitFigures,
  commitRow,
  metricOf,
  probeFlush,
  readMetrics,
  withServer,
} from './server.ts';
import type { Settings } from './settings.ts';
import { defineTaxonomy } from './taxonomy.ts';

export function ingestWs(settings: Settings): Promise<void> {
  return ingest('ingest-ws', 'msgpack', settings);
}

export function ingestWsJson(settings: Settings): Promise<void> {
  return ingest('ingest-ws-json', 'json', settings);
}

/** The load that a setting leaves open; the port and key are the server's. */
export function loadPlan(
  settings: Settings,
  { port, key, protocol }: { port: number; key: string; protocol: Protocol },
): LoadPlan {
  const { connections = 4, customers, links, rate, smoke } = settings;
  const { batch = smoke ? 100 : 1000, window = smoke ? 4 : 16 } = settings;
  return {
    port,
    key,
    protocol,
    shape: 'cart',
    connections,
    batch,
    window,
    poolEvents: smoke ? 20_000 : 200_000,
    customers: customers ?? (smoke ? 1000 : 100_000),
    seed: settings.seed,
    warmupSeconds: settings.warmup,
    seconds: settings.seconds,
    ...(rate === undefined ? {} : { rate }),
    ...(links === undefined ? {} : { links }),
  };
}

async function ingest(name: string, protocol: Protocol, settings: Settings): Promise<void> {
  const flushMs = probeFlush(settings);
  await withServer(settings, async (server) => {
    const { keys, port, process: child } = server;
    await defineTaxonomy(server, settings.taxonomy);
    const plan = loadPlan(settings, { port, key: keys.write, protocol });
    const load = startChild<LoadMessage>('load', plan);
    try {
      const linking = plan.links === undefined ? undefined : await linkingCost(load, child.pid!);
      await load.when('measuring');
      const cpuBefore = cpuMicrosOf(child.pid!);
      await load.when('measured');
      const cpuMicros = cpuMicrosOf(child.pid!) - cpuBefore;
      const { figures } = await load.when('done');
      const metrics = await readMetrics(server);
      const recorded = metricOf(metrics, 'links_total');
      checkLoad(figures, metricOf(metrics, 'events_accepted_total') - recorded);
      const disk = commitFigures(metrics, flushMs);
      const debt = await readDebt(server, figures.sent);
      const links = linking && { ...linking, count: recorded };
      report(name, { settings, plan, figures, cpuMicros, disk, debt, links });
    } finally {
      load.kill();
    }
  });
}

/** What the server spent until every link was in force. */
async function linkingCost(
  load: Child<LoadMessage>,
  pid: number,
): Promise<{ cpuMicros: number; events: number }> {
  await load.when('linking');
  const before = cpuMicrosOf(pid);
  const { events } = await load.when('linked');
  return { cpuMicros: cpuMicrosOf(pid) - before, events };
}

/** @throws Error unless every event sent was accepted, once. */
export function checkLoad(figures: LoadFigures, stored: number): void {
  const { accepted, duplicates, nacks, rejected, sent } = figures;
  if (accepted === sent && stored === sent && duplicates + nacks + rejected === 0) return;
  throw new Error(
    `sent ${sent}, accepted ${accepted}, stored ${stored}, ` +
      `duplicates ${duplicates}, rejected ${rejected}, nacks ${nacks}`,
  );
}

interface Run {
  readonly settings: Settings;
  readonly plan: LoadPlan;
  readonly figures: LoadFigures;
  readonly cpuMicros: number;
  readonly disk: CommitFigures;
  readonly debt: DebtFigures;
  /** Before the warm-up. */
  readonly links:
    | { readonly cpuMicros: number; readonly events: number; readonly count: number }
    | undefined;
}

interface LinkFigures {
  readonly newLinks?: number;
  /** What one costs besides its event. */
  readonly newLinkMicros?: number;
}

function linkFigures(links: Run['links'], serverMicros: number): LinkFigures {
  if (links === undefined || links.count === 0) return {};
  const { count: newLinks, cpuMicros, events } = links;
  return { newLinks, newLinkMicros: rounded((cpuMicros - events * serverMicros) / newLinks) };
}

function linkRows({ newLinkMicros, newLinks }: LinkFigures): Row[] {
  if (newLinks === undefined) return [];
  const text = `${count(newLinks)}, each ${newLinkMicros} µs of server CPU besides its event; all in force before the warm-up`;
  return [['new links', text]];
}

function report(name: string, run: Run): void {
  const { cpuMicros, debt, disk, figures, plan, settings } = run;
  const { eventsPerSecond, receiptMs, seconds } = figures;
  const serverMicros = rounded(cpuMicros / (eventsPerSecond * seconds));
  const generatorMicros = rounded(figures.generatorMicrosPerEvent);
  const megabytes = rounded((eventsPerSecond * figures.bytesPerEvent) / 1e6);
  const { batch, connections, customers, rate, seed, warmupSeconds, window } = plan;
  const links = linkFigures(run.links, serverMicros);
  const rows: Row[] = [
    ['durable events a second', count(eventsPerSecond)],
    ['bytes', `${figures.bytesPerEvent} an event, ${megabytes} MB a second`],
    ['receipt after', spread(receiptMs)],
    ['CPU per event', `server ${serverMicros} µs, generator ${generatorMicros} µs`],
    ...linkRows(links),
    commitRow(disk),
    ...debtRows(debt, figures.bytesPerEvent),
    ['checked', `${count(figures.sent)} sent, all accepted, none twice`],
  ];
  print({
    workload: name,
    settings: {
      seconds: plan.seconds,
      warmup: warmupSeconds,
      batch,
      connections,
      window,
      customers,
      rate: rate ?? 'unlimited',
      links: plan.links ?? 0,
      shards: settings.shards,
      fronts: settings.fronts,
      taxonomy: settings.taxonomy,
      seed,
    },
    work: figures.work,
    rows,
    figures: { ...figures, serverMicrosPerEvent: serverMicros, ...links, ...disk, ...debt },
  });
}
