/**
 * What stalled subscribers hold. Memory of the process is compared with itself on one server, none, half and all
 * of them being connected: from half to all its heap has the size that serving them takes, so that what it grows
 * by is theirs. What the server itself says waits stands beside it, and what the system holds for their sockets.
 */
import { readFileSync } from 'node:fs';
import { pack } from 'msgpackr';
import type { TestServer } from '../test/support/server.ts';
import { privateMibOf, startChild } from './child.ts';
import { rounded } from './report.ts';
import { metricOf, readMetric, readMetrics, withServer } from './server.ts';
import type { Settings } from './settings.ts';
import type { StallMessage, StallPlan } from './stall.ts';

/** What is on the tape first, for them: more than the system holds for any. */
const fillBytes = 12 * 2 ** 20;
const fillEventBytes = 2048;
const fillBatch = 500;

const pollMs = 250;
/** Nothing is sent for so many polls: all buffers on the way are full. */
const quietPolls = 3;
const settleMsMax = 120_000;
/** The least of so many samples: garbage comes and goes. */
const samples = 10;

export interface Held {
  readonly subscribers: number;
  readonly processMib: number;
  /** As the server counts. */
  readonly waitingBytes: number;
  /** Of the kernel, for all sockets of the machine, ours and theirs. */
  readonly systemMib: number;
}

/** Stores what stalled subscribers are behind by. */
export async function fill({ keys, url }: TestServer, isSmoke: boolean): Promise<void> {
  const data = { text: 'f'.repeat(fillEventBytes) };
  const events = isSmoke ? fillBatch : Math.ceil(fillBytes / fillEventBytes);
  for (let at = 0; at < events; at += fillBatch) {
    const batch = Array.from({ length: fillBatch }, (_, n) => {
      return { id: `fill-${at + n}`, customer: `fill-${(at + n) % 100}`, type: 'Fill', data };
    });
    const response = await fetch(`${url}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${keys.write}`, 'content-type': 'application/msgpack' },
      body: pack(batch),
    });
    if (!response.ok) throw new Error(await response.text());
  }
}

/** Runs with subscribers that never read, once all buffers on the way to them are full. */
export async function withStalled<Result>(
  server: TestServer,
  stalled: Pick<StallPlan, 'subscribers' | 'protocol'>,
  run: () => Promise<Result>,
): Promise<Result> {
  const { keys, port } = server;
  const plan: StallPlan = { port, key: keys.read, ...stalled };
  const before = await readMetric(server, 'live_subscribers');
  const child = startChild<StallMessage>('stall', plan);
  try {
    await child.when('stalled');
    await settle(server);
    return await run();
  } finally {
    child.kill();
    while ((await readMetric(server, 'live_subscribers')) > before) await pause(pollMs);
  }
}

async function settle(server: TestServer): Promise<void> {
  let [before, quiet] = [-1, 0];
  for (let waitedMs = 0; waitedMs < settleMsMax; waitedMs += pollMs) {
    const sent = await readMetric(server, 'live_events_total');
    quiet = sent === before ? quiet + 1 : 0;
    if (quiet === quietPolls) return;
    before = sent;
    await pause(pollMs);
  }
  throw new Error('the subscribers that never read are still being sent to');
}

/** With none, half and all of them connected to a server of their own. */
export async function measureHeld(
  settings: Settings,
  subscribers: number,
): Promise<readonly [none: Held, half: Held, all: Held]> {
  const protocol = settings.sse ? 'sse' : 'websocket';
  const half = Math.ceil(subscribers / 2);
  const rest = Math.max(1, subscribers - half);
  return withServer(settings, async (server) => {
    await fill(server, settings.smoke);
    const none = await look(server);
    return withStalled(server, { subscribers: half, protocol }, async () => {
      const some = await look(server);
      const run = async (): Promise<Held> => look(server);
      return [none, some, await withStalled(server, { subscribers: rest, protocol }, run)];
    });
  });
}

/** As it is now, with nothing else going on. */
async function look(server: TestServer): Promise<Held> {
  let processMib = Number.POSITIVE_INFINITY;
  for (let n = 0; n < samples; n++) {
    await pause(pollMs);
    processMib = Math.min(processMib, privateMibOf(server.process.pid!));
  }
  const metrics = await readMetrics(server);
  return {
    subscribers: metricOf(metrics, 'live_subscribers'),
    processMib,
    waitingBytes: metricOf(metrics, 'live_waiting_bytes'),
    systemMib: systemMib(),
  };
}

/** NaN where the system has no /proc. */
function systemMib(): number {
  try {
    const pages = /^TCP:.* mem (\d+)$/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))?.[1];
    return rounded((Number(pages) * 4096) / 2 ** 20);
  } catch {
    return Number.NaN;
  }
}

/** Of one subscriber, in KiB. */
export function eachOf(few: Held, many: Held): { processKib: number; waitingKib: number } {
  const more = many.subscribers - few.subscribers;
  return {
    processKib: rounded(((many.processMib - few.processMib) * 1024) / more),
    waitingKib: rounded((many.waitingBytes - few.waitingBytes) / 1024 / more),
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
