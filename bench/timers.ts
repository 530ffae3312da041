/**
 * timers: customers stand at a step with a wait, a million of them; so many a second of these fall due. How
 * late is a timer said, from the moment it is due to the commit of its `tapeline.timer`?
 *
 *     those that fall due, at the rate ─▶ all others, as fast as they go ─▶ sealed, applied ─▶ quiet
 *     ── the wait is up ──▶ measured: due ─▶ received, of every one ─▶ the tape is read, to the last of them
 *
 * Those that fall due come first and wait for longer than the others take to come: by then the engine has
 * their timers as rows only, and most of the customers out of memory.
 */
import { createHash } from 'node:crypto';
import { type IngestClient, openIngest } from '../src/client/ingest.ts';
import { openReader } from '../src/client/reader.ts';
import { nodeSocket } from '../src/client/socket.ts';
import { sleep, systemClock } from '../src/std/clock.ts';
import type { TestServer } from '../test/support/server.ts';
import { ask, tape } from '../test/support/session.ts';
import { cpuMicrosOf, privateMibOf } from './child.ts';
import { catchUp } from './debt.ts';
import { customerName } from './frames.ts';
import { count, print, type Quantiles, quantiles, type Row, rounded, spread } from './report.ts';
import { metricOf, readMetrics, withServer } from './server.ts';
import type { Settings } from './settings.ts';

const usualCustomers = 1_000_000;
const usualRate = 5000;
const batchEvents = 1000;
const batchesPerSecond = 100;
const pollMs = 500;
const [shortType, longType] = ['Waits Short', 'Waits Long'];
const mapName = 'waiting';
const stepNames = ['long', 'short', 'over'] as const;

interface Plan {
  /** Of all customers, each with a wait that is pending. */
  readonly pending: number;
  /** Of these fall due while it is measured. */
  readonly due: number;
  readonly rate: number;
  /** From a customer's event to its timer. */
  readonly waitSeconds: number;
}

interface Measured {
  readonly lateMs: Quantiles;
  readonly early: number;
  readonly duePerSecond: number;
  /** From the first event to the last timer that was applied. */
  readonly loadSeconds: number;
  readonly memoryMiB: number;
  /** The server's CPU while timers fell due, for each of them. */
  readonly serverMicros: number;
}

export async function timers(settings: Settings): Promise<void> {
  const plan = planOf(settings);
  await withServer(settings, async (server) => {
    await publish(server, plan);
    const measured = await measure(server, plan, settings.smoke);
    report(settings, plan, measured);
  });
}

/** @throws Error when more would fall due than there are. */
function planOf({ customers, rate, seconds, smoke }: Settings): Plan {
  const pending = customers ?? (smoke ? 300 : usualCustomers);
  const perSecond = rate ?? (smoke ? 100 : usualRate);
  const due = Math.round(perSecond * seconds);
  if (due < 1 || due > pending) throw new Error(`${due} of ${pending} timers cannot fall due`);
  // Time for the others to come, and be sealed and applied, on a slow machine too.
  const waitSeconds = smoke ? 1 : Math.ceil(seconds + 15 + pending / 12_500);
  return { pending, due, rate: perSecond, waitSeconds };
}

function mapOf({ waitSeconds }: Plan): object {
  const step = (name: string, event: string, wait: string): object => ({
    name,
    on: [{ event }],
    waits: [{ name: 'wait', for: wait, thenStep: 'over' }],
  });
  const [long, short, over] = stepNames;
  const steps = [
    step(long, longType, '7d'),
    step(short, shortType, `${waitSeconds}s`),
    { name: over },
  ];
  return {
    entry: [longType, shortType].map((event) => ({ event })),
    stages: [{ name: 'a', steps }],
  };
}

async function publish(server: TestServer, plan: Plan): Promise<void> {
  const key = server.keys.admin;
  for (const [method, path, body] of [
    ['PUT', `/v1/journeys/${mapName}`, mapOf(plan)],
    ['POST', `/v1/journeys/${mapName}/publish`, undefined],
  ] as const) {
    const answer = await ask(server, path, { method, key, body });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`);
  }
}

async function measure(server: TestServer, plan: Plan, isSmoke: boolean): Promise<Measured> {
  const { live: from } = await tape(server, customerName(0));
  const startedMs = systemClock.monotonicMs();
  const elapsedMs = (): number => systemClock.monotonicMs() - startedMs;
  const waitMs = plan.waitSeconds * 1000;
  const tell = (text: string): void => {
    if (!isSmoke) process.stderr.write(`${Math.round(elapsedMs() / 1000)} s: ${text}\n`);
  };
  tell(`${count(plan.pending)} customers come; the first timer is due after ${plan.waitSeconds} s`);
  const lastSentMs = await load(server, plan, elapsedMs);
  tell('all are there; what is full is sealed, and journeys catch up');
  await catchUp(server);
  const loaded = await standing(server);
  const loadMs = elapsedMs();
  if (!isSmoke) {
    if (loaded.long + loaded.short < plan.pending) throw new Error('not every customer waits');
    if (loadMs > waitMs) throw new Error('customers came so slowly that timers were due meanwhile');
  }
  tell('everybody waits');
  const memoryMiB = privateMibOf(server.process.pid!);
  await sleep(systemClock, Math.max(0, waitMs - elapsedMs()));
  const cpuBefore = cpuMicrosOf(server.process.pid!);
  tell('timers fall due');
  await sleep(systemClock, Math.max(0, lastSentMs + waitMs - elapsedMs()));
  while ((await standing(server)).over < plan.due) await sleep(systemClock, pollMs);
  const cpuMicros = cpuMicrosOf(server.process.pid!) - cpuBefore;
  tell('all have fired; the tape is read');
  const said = metricOf(await readMetrics(server), 'journey_timers_total');
  if (said !== plan.due) throw new Error(`${plan.due} timers were due, ${said} were said`);
  return {
    ...(await lateness(server, from, plan)),
    loadSeconds: rounded(loadMs / 1000),
    memoryMiB,
    serverMicros: rounded(cpuMicros / plan.due),
  };
}

/** All customers enter their step. @returns when the last of those that fall due was sent. */
async function load(server: TestServer, plan: Plan, elapsedMs: () => number): Promise<number> {
  const { keys, url } = server;
  const openSocket = nodeSocket;
  const client = openIngest({ url, key: keys.write, openSocket, clock: systemClock });
  await client.ready();
  const perBatch = Math.max(1, Math.round(plan.rate / batchesPerSecond));
  for (let at = 0; at < plan.due; at += perBatch) {
    await sleep(systemClock, Math.max(0, (at / plan.rate) * 1000 - elapsedMs()));
    await send(client, shortType, at, Math.min(plan.due, at + perBatch));
  }
  const lastSentMs = elapsedMs();
  for (let at = plan.due; at < plan.pending; at += batchEvents) {
    await send(client, longType, at, Math.min(plan.pending, at + batchEvents));
  }
  await client.drain();
  await client.close();
  return lastSentMs;
}

async function send(client: IngestClient, type: string, from: number, end: number): Promise<void> {
  const events = Array.from({ length: end - from }, (_, n) => ({
    id: `evt-${from + n}`,
    customer: customerName(from + n),
    type,
  }));
  await client.send(events);
}

/** How many customers stand at each step; resolves when everything acknowledged has been applied. */
async function standing(
  server: TestServer,
): Promise<Readonly<Record<(typeof stepNames)[number], number>>> {
  for (;;) {
    const path = `/v1/journeys/${mapName}/counts`;
    const answer = await ask(server, path, { key: server.keys.admin });
    // The engine is far behind.
    if (answer.status === 503) {
      await sleep(systemClock, pollMs);
      continue;
    }
    if (answer.status !== 200) throw new Error(`${path}: ${answer.text}`);
    const { versions } = answer.json as {
      versions: { steps: { name: string; here: number }[] }[];
    };
    const here = (name: string): number =>
      versions[0]?.steps.find((step) => step.name === name)?.here ?? 0;
    return { long: here('long'), short: here('short'), over: here('over') };
  }
}

/** Reads every timer on the tape. @throws Error when one is there twice, or is nobody's. */
async function lateness(
  server: TestServer,
  from: string,
  { due }: Plan,
): Promise<Pick<Measured, 'lateMs' | 'early' | 'duePerSecond'>> {
  const { keys, url } = server;
  const reader = openReader({ url, key: keys.read, clock: systemClock });
  const left = new Set(Array.from({ length: due }, (_, n) => customerName(n)));
  const lateMs: number[] = [];
  let [first, last] = [Number.POSITIVE_INFINITY, 0];
  for await (const { event } of reader.live({ from, type: ['tapeline.timer'] })) {
    if (!left.delete(event.customer)) throw new Error(`${event.customer} has no such timer`);
    const { due: dueMs } = event.data as { due: number };
    lateMs.push(event.received - dueMs);
    first = Math.min(first, dueMs);
    last = Math.max(last, dueMs);
    if (left.size === 0) break;
  }
  return {
    lateMs: quantiles(lateMs),
    early: lateMs.filter((ms) => ms <= 0).length,
    duePerSecond: rounded((due / Math.max(1, last - first)) * 1000),
  };
}

function report(settings: Settings, plan: Plan, measured: Measured): void {
  const { duePerSecond, early, lateMs, loadSeconds, memoryMiB, serverMicros } = measured;
  const { fronts, seconds, seed, shards } = settings;
  const { due, pending, rate, waitSeconds } = plan;
  const rows: Row[] = [
    [
      'pending timers',
      `${count(pending)} customers at a step with a wait, there in ${loadSeconds} s`,
    ],
    ['memory', `${count(memoryMiB)} MiB of the server then, files aside`],
    [
      'due',
      `${count(due)}, ${count(duePerSecond)} a second; server CPU for each ${serverMicros} µs`,
    ],
    ['said after', spread(lateMs)],
    ['too early', count(early)],
  ];
  print({
    workload: 'timers',
    settings: { customers: pending, rate, seconds, waitSeconds, shards, fronts, seed },
    work: createHash('sha256')
      .update(JSON.stringify(mapOf(plan)))
      .digest('hex')
      .slice(0, 12),
    rows,
    figures: { pending, due, ...measured },
  });
}
