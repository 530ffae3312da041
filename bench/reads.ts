/**
 * scan, view: reads of random customers, no snapshot, on a tape that holds all of its events:
 *
 *     load ─▶ over HTTP: one connection (latency), many (rate) ─▶ the same beside a load ─▶ stop ─▶ in-process
 */

import { basicView } from '../scripts/demo/view.ts';
import type { TestServer } from '../test/support/server.ts';
import { type BesideFigures, besideRows, readBeside } from './beside.ts';
import type { CannonFigures } from './cannon.ts';
import { cpuMicrosOf, startChild } from './child.ts';
import { catchUp } from './debt.ts';
import { customerName } from './frames.ts';
import { checkLoad, loadPlan } from './ingest.ts';
import type { InsideFigures, InsideMessage, InsidePlan } from './inside.ts';
import type { LoadFigures, LoadMessage, LoadPlan } from './load.ts';
import { startCannon } from './post.ts';
import { count, print, type Row, rounded, spread } from './report.ts';
import { metricOf, readMetrics, startOn, withData } from './server.ts';
import type { Settings } from './settings.ts';

/** The events of a tape are spread over so much time before now. */
const spreadDays = 30;
const viewName = 'basic';

export function scan(settings: Settings): Promise<void> {
  return readBench('page', settings);
}

export function view(settings: Settings): Promise<void> {
  return readBench('view', settings);
}

/** How much there is to read. */
export interface Tapes {
  readonly events: number;
  readonly customers: number;
}

export function tapesOf({ customers, events, smoke }: Settings): Tapes {
  return {
    events: events ?? (smoke ? 20_000 : 1_000_000),
    customers: customers ?? (smoke ? 200 : 10_000),
  };
}

export interface Filled extends LoadFigures {
  /** Events that the server added: one for each link. */
  readonly recorded: number;
}

/** Fills the tapes; every event is checked to be accepted. */
export async function fillTapes(
  server: TestServer,
  settings: Settings,
  more: Partial<LoadPlan> = {},
): Promise<Filled> {
  const { customers, events } = tapesOf(settings);
  const { keys, port } = server;
  const base = loadPlan(settings, { port, key: keys.write, protocol: 'msgpack' });
  const framesMax = Math.ceil(events / base.batch);
  const spreadMs = spreadDays * 86_400_000;
  const { identities } = settings;
  const shape = 'desk';
  const plan: LoadPlan = { ...base, shape, customers, framesMax, spreadMs, identities, ...more };
  const load = startChild<LoadMessage>('load', plan);
  try {
    const { figures } = await load.when('done');
    const metrics = await readMetrics(server);
    const recorded = metricOf(metrics, 'links_total');
    checkLoad(figures, metricOf(metrics, 'events_accepted_total') - recorded);
    return { ...figures, recorded };
  } finally {
    load.kill();
  }
}

interface Fired extends CannonFigures {
  /** The server's CPU for a read. */
  readonly serverMicros: number;
}

interface Results {
  readonly filled: Filled;
  readonly alone: Fired;
  readonly many: Fired;
  /** Views as clients ask for them: an answer that still holds is not made again. */
  readonly again: Fired | undefined;
  readonly beside: BesideFigures | undefined;
  readonly inside: InsideFigures;
}

async function readBench(read: 'page' | 'view', settings: Settings): Promise<void> {
  await withData(settings, async (directory) => {
    const server = await startOn(directory, settings);
    let overHttp: Omit<Results, 'inside'>;
    try {
      overHttp = await readOverHttp(server, read, settings);
      await server.stop();
    } catch (error) {
      await server.kill();
      throw error;
    }
    const { customers } = tapesOf(settings);
    const reads = settings.smoke ? 200 : 20_000;
    const plan: InsidePlan = {
      directory,
      read,
      customers,
      seed: settings.seed,
      reads,
      warmupReads: reads / 5,
    };
    const child = startChild<InsideMessage>('inside', plan);
    const { figures } = await child.when('done');
    const { accepted, recorded } = overHttp.filled;
    const besides = overHttp.beside?.events ?? 0;
    if (figures.events !== accepted + recorded + besides) throw new Error('the tape is not whole');
    checkSample(read, figures.sample);
    report(read, settings, { ...overHttp, inside: figures });
  });
}

async function readOverHttp(
  server: TestServer,
  read: 'page' | 'view',
  settings: Settings,
): Promise<Omit<Results, 'inside'>> {
  const filled = await fillTapes(server, settings);
  // Reads meet the segments and the open part, as they do when nothing is behind.
  await catchUp(server);
  await putView(server);
  const path = read === 'page' ? 'tape?limit=50' : `views/${viewName}?fresh=1`;
  const fire = async (connections: number, asked = path): Promise<Fired> => {
    const url = `${server.url}/v1/customers/${customerName(0)}/${asked}`;
    const { seconds, seed, warmup } = settings;
    const { customers } = tapesOf(settings);
    const key = server.keys.read;
    const plan = { url, key, connections, warmupSeconds: warmup, seconds, customers, seed };
    const cannon = startCannon(plan, settings);
    await cannon.when('measuring');
    const cpuBefore = cpuMicrosOf(server.process.pid!);
    await cannon.when('measured');
    const cpuMicros = cpuMicrosOf(server.process.pid!) - cpuBefore;
    const { figures } = await cannon.when('done');
    if (figures.failures > 0) throw new Error(`${figures.failures} reads failed`);
    const serverMicros = rounded(cpuMicros / (figures.requestsPerSecond * seconds));
    return { ...figures, serverMicros };
  };
  const { connections = 16 } = settings;
  const alone = await fire(1);
  const many = await fire(connections);
  const again = read === 'page' ? undefined : await fire(connections, `views/${viewName}`);
  const beside = await besideLoad(server, settings, filled, () => fire(1));
  return { filled, alone, many, again, beside };
}

/** The same customers get more events meanwhile, now. */
async function besideLoad(
  server: TestServer,
  settings: Settings,
  { sent }: Filled,
  fire: () => Promise<unknown>,
): Promise<BesideFigures | undefined> {
  const { beside: rate } = settings;
  if (rate === undefined) return undefined;
  const { customers } = tapesOf(settings);
  // A frame has at least one event.
  return readBeside(server, settings, { rate, customers, firstNumber: sent }, fire);
}

async function putView(server: TestServer): Promise<void> {
  const response = await fetch(`${server.url}/v1/views/${viewName}`, {
    method: 'PUT',
    headers: {
      authorization: `Bearer ${server.keys.admin}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ fields: basicView }),
  });
  if (!response.ok) throw new Error(`the view was refused: ${await response.text()}`);
}

/** A read that finds nothing would be fast too. */
function checkSample(read: 'page' | 'view', sample: string): void {
  const answer = JSON.parse(sample) as { events?: unknown[]; fields?: { events: number }[] };
  const found =
    read === 'page'
      ? answer.events?.length
      : answer.fields?.reduce((sum, field) => sum + field.events, 0);
  if (found === undefined || found === 0) throw new Error(`nothing was read: ${sample}`);
}

function report(read: 'page' | 'view', settings: Settings, results: Results): void {
  const { again, alone, beside, filled, inside, many } = results;
  const { readMs, stepsPerRead } = inside;
  const { customers, events } = tapesOf(settings);
  const what = read === 'page' ? 'page of the newest 50' : 'view of ten rows';
  const rows: Row[] = [
    ['on the tape', `${count(inside.events)} events of ${count(customers)} customers`],
    [`${what}, server-side`, spread(readMs)],
    ['over HTTP, one connection', spread(alone.answerMs)],
    [`over HTTP, ${settings.connections ?? 16} connections`, spread(many.answerMs)],
    ['reads a second', rate(many)],
    ...(again === undefined
      ? []
      : ([
          ['without fresh=1', rate(again)],
          ['their answer after', spread(again.answerMs)],
        ] as Row[])),
    ...(beside === undefined ? [] : besideRows(beside)),
    ['answer', `${count(inside.answerBytes)} bytes, ${count(stepsPerRead)} steps of the budget`],
  ];
  const { fronts, generator, identities, seconds, seed, shards, warmup } = settings;
  const of = { events, customers, identities, spreadDays };
  print({
    workload: read === 'page' ? 'scan' : 'view',
    settings: { ...of, generator, seconds, warmup, shards, fronts, seed },
    work: filled.work,
    rows,
    figures: {
      events: inside.events,
      serverMs: readMs,
      httpMs: alone.answerMs,
      httpManyMs: many.answerMs,
      readsPerSecond: many.requestsPerSecond,
      serverMicros: many.serverMicros,
      keptPerSecond: again?.requestsPerSecond,
      keptServerMicros: again?.serverMicros,
      beside,
      failures: alone.failures + many.failures,
      answerBytes: inside.answerBytes,
      stepsPerRead,
      openSeconds: rounded(inside.openSeconds),
    },
  });
}

function rate({ generatorMicrosPerRequest, requestsPerSecond, serverMicros }: Fired): string {
  const cpu = `CPU for each: server ${serverMicros} µs, generator ${generatorMicrosPerRequest} µs`;
  return `${count(requestsPerSecond)}; ${cpu}`;
}
