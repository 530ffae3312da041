/** restart: how long until a server is ready again with its events, after a kill amid a burst, a stop and a kill. */
import type { TestServer } from '../test/support/server.ts';
import { startChild } from './child.ts';
import { catchUp } from './debt.ts';
import { loadPlan } from './ingest.ts';
import type { LoadMessage, LoadPlan } from './load.ts';
import { fillTapes, tapesOf } from './reads.ts';
import { count, print, type Row, rounded } from './report.ts';
import { metricOf, readMetrics, startOn, withData } from './server.ts';
import type { Settings } from './settings.ts';

/** Frames sent again after every start, to see that all of their events are known. */
const framesAgain = 10;

interface Times {
  readonly readyAfterBurstSeconds: number;
  /** How many of the events were not sealed then. */
  readonly unsealed: number;
  readonly stopSeconds: number;
  readonly readySeconds: number;
  readonly readyAfterKillSeconds: number;
}

export async function restart(settings: Settings): Promise<void> {
  await withData(settings, async (directory) => {
    let server = await startOn(directory, settings);
    const started = async (): Promise<number> => {
      const startMs = performance.now();
      server = await startOn(directory, settings);
      const seconds = (performance.now() - startMs) / 1000;
      await checkKnown(server, settings);
      return seconds;
    };
    try {
      // One connection: then the first frames are the same ones when they are sent again.
      const filled = await fillTapes(server, settings, { connections: 1 });
      // What has an index need not be read again, sealed or not: a few full parts have none yet.
      const unsealed = metricOf(await readMetrics(server), 'events_unsealed');
      await server.kill();
      const readyAfterBurstSeconds = await started();
      await catchUp(server);
      const stopMs = performance.now();
      await server.stop();
      const stopSeconds = (performance.now() - stopMs) / 1000;
      const readySeconds = await started();
      await server.kill();
      const readyAfterKillSeconds = await started();
      const burst = { readyAfterBurstSeconds, unsealed };
      report(settings, filled.work, { ...burst, stopSeconds, readySeconds, readyAfterKillSeconds });
      await server.stop();
    } catch (error) {
      await server.kill();
      throw error;
    }
  });
}

/** Sends the first frames again: the server must know every event of them. */
async function checkKnown(server: TestServer, settings: Settings): Promise<void> {
  const { customers } = tapesOf(settings);
  const base = loadPlan(settings, {
    port: server.port,
    key: server.keys.write,
    protocol: 'msgpack',
  });
  const plan: LoadPlan = {
    ...base,
    shape: 'desk',
    customers,
    connections: 1,
    framesMax: framesAgain,
  };
  const load = startChild<LoadMessage>('load', plan);
  const { figures } = await load.when('done');
  if (figures.duplicates === figures.sent) return;
  throw new Error(`of ${figures.sent} events sent again ${figures.duplicates} were known`);
}

function report(settings: Settings, work: string, times: Times): void {
  const { customers, events } = tapesOf(settings);
  const { fronts, seed, shards } = settings;
  const { readyAfterBurstSeconds, readyAfterKillSeconds, readySeconds, stopSeconds } = times;
  const rows: Row[] = [
    ['on the tape', `${count(events)} events of ${count(customers)} customers`],
    [
      'ready after the burst in',
      `${rounded(readyAfterBurstSeconds)} s, killed with ${count(times.unsealed)} events not sealed`,
    ],
    ['stopped in', `${rounded(stopSeconds)} s`],
    ['ready after the stop in', `${rounded(readySeconds)} s`],
    ['ready after a kill in', `${rounded(readyAfterKillSeconds)} s`],
    ['checked', 'events sent again are known after each start'],
  ];
  print({
    workload: 'restart',
    settings: { events, customers, shards, fronts, seed },
    work,
    rows,
    figures: {
      events,
      unsealed: times.unsealed,
      readyAfterBurstSeconds: rounded(readyAfterBurstSeconds),
      stopSeconds: rounded(stopSeconds),
      readySeconds: rounded(readySeconds),
      readyAfterKillSeconds: rounded(readyAfterKillSeconds),
    },
  });
}
