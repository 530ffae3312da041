/** ingest-http, ingest-http-single: durable events a second through the HTTP door, with autocannon. */
import type { CannonFigures, CannonMessage, CannonPlan } from './cannon.ts';
import { type Child, cpuMicrosOf, startChild } from './child.ts';
import { encodeBody, hashBytes } from './frames.ts';
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

/** Starts the generator that the settings name. */
export function startCannon(plan: CannonPlan, { generator }: Settings): Child<CannonMessage> {
  return startChild<CannonMessage>(generator === 'wrk' ? 'wrk' : 'cannon', plan);
}

export function ingestHttp(settings: Settings): Promise<void> {
  return post('ingest-http', settings, { batch: 500, connections: 16 });
}

export function ingestHttpSingle(settings: Settings): Promise<void> {
  return post('ingest-http-single', settings, { batch: 1, connections: 512 });
}

async function post(
  name: string,
  settings: Settings,
  usual: { batch: number; connections: number },
): Promise<void> {
  const { batch = usual.batch, connections = usual.connections, seed, smoke } = settings;
  const customers = settings.customers ?? (smoke ? 1000 : 100_000);
  const body = encodeBody({ shape: 'cart', batch, customers, seed });
  const flushMs = probeFlush(settings);
  await withServer(settings, async (server) => {
    const plan: CannonPlan = {
      url: `${server.url}/v1/events`,
      key: server.keys.write,
      body,
      answer: `{"accepted":${batch},"duplicates":0,"rejected":[]}`,
      connections,
      customers,
      seed,
      warmupSeconds: settings.warmup,
      seconds: settings.seconds,
    };
    const cannon = startCannon(plan, settings);
    try {
      await cannon.when('measuring');
      const cpuBefore = cpuMicrosOf(server.process.pid!);
      await cannon.when('measured');
      const cpuMicros = cpuMicrosOf(server.process.pid!) - cpuBefore;
      const { figures } = await cannon.when('done');
      const metrics = await readMetrics(server);
      check(figures, metricOf(metrics, 'events_accepted_total') / batch);
      const disk = commitFigures(metrics, flushMs);
      report(name, { settings, plan, batch, figures, cpuMicros, disk });
    } finally {
      cannon.kill();
    }
  });
}

/** Requests that were under way at the end may be stored or not; all others must be, once. */
function check({ answered, failures, requests }: CannonFigures, stored: number): void {
  if (failures === 0 && stored >= answered && stored <= requests) return;
  throw new Error(
    `${requests} requests, ${answered} answered, ${stored} stored, ${failures} failed`,
  );
}

interface Run {
  readonly settings: Settings;
  readonly plan: CannonPlan;
  readonly batch: number;
  readonly figures: CannonFigures;
  readonly cpuMicros: number;
  readonly disk: CommitFigures;
}

function report(name: string, { batch, cpuMicros, disk, figures, plan, settings }: Run): void {
  const { answerMs, requestsPerSecond } = figures;
  const eventsPerSecond = requestsPerSecond * batch;
  const serverMicrosPerRequest = rounded(cpuMicros / (requestsPerSecond * plan.seconds));
  const bytes = plan.body!.length;
  const rows: Row[] = [
    ['requests a second', count(requestsPerSecond)],
    ['durable events a second', count(eventsPerSecond)],
    ['body', `${count(bytes)} bytes of JSON`],
    ['answer after', spread(answerMs)],
    [
      'CPU per request',
      `server ${serverMicrosPerRequest} µs, generator ${figures.generatorMicrosPerRequest} µs`,
    ],
    commitRow(disk),
    ['checked', `${count(figures.answered)} answered, all accepted, none twice`],
  ];
  const { connections, customers, seconds, seed, warmupSeconds } = plan;
  const { fronts, generator, shards } = settings;
  print({
    workload: name,
    settings: {
      seconds,
      warmup: warmupSeconds,
      generator,
      batch,
      connections,
      customers,
      shards,
      fronts,
      seed,
    },
    work: hashBytes([plan.body!]),
    rows,
    figures: { eventsPerSecond, bodyBytes: bytes, serverMicrosPerRequest, ...figures, ...disk },
  });
}
