/**
 * The benches, one workload each:
 *
 *     ingest-ws, ingest-ws-json            the WebSocket door, frames of 1,000 events
 *     ingest-http, ingest-http-single      the HTTP door, batches of 500 and single events
 *     scan, view, restart                  reads and restarts with a million events on the tape
 *     decide                               what to do next, asked 2,000 times a second, with a thousand events each
 *     offer                                from a customer's silence to the offer in the page, in Chromium
 *     linked                               what links between identities cost the sink
 *     live, stalled                        live subscribers, and those that never read
 *     journeys                             what a hundred maps cost the sink, and how far behind the engine is
 *     journeys-engine                      events a second that the engine of journeys applies, without a server
 *     timers                               how late timers are, with a million of them pending
 *     seal                                 segments: to seal, merge and read them, without a server
 *     fair                                 a workspace that floods, and its neighbour
 *     walk                                 the byte walkers alone
 *     peers                                the same events through what one could take instead
 *
 * Each starts a real server on a fresh data directory (seal and walk aside), runs its load generator in
 * another process, prints a table, and one JSON object as its last line.
 */
import { decide } from './decide.ts';
import { journeysEngine } from './engine.ts';
import { fair } from './fair.ts';
import { viewLive } from './followed.ts';
import { ingestWs, ingestWsJson } from './ingest.ts';
import { journeys } from './journeys.ts';
import { linked } from './linked.ts';
import { live } from './live.ts';
import { offer } from './offer.ts';
import { peers } from './peers/run.ts';
import { ingestHttp, ingestHttpSingle } from './post.ts';
import { scan, view } from './reads.ts';
import { restart } from './restart.ts';
import { sealBench } from './seal.ts';
import { flags, readSettings, type Settings } from './settings.ts';
import { stalled } from './stalled.ts';
import { timers } from './timers.ts';

interface Workload {
  readonly about: string;
  readonly run: (settings: Settings) => Promise<unknown>;
}

const workloads: Readonly<Record<string, Workload>> = {
  'ingest-ws': {
    about: 'durable events a second: MessagePack frames of 1,000 events over WebSocket',
    run: ingestWs,
  },
  'ingest-ws-json': {
    about: 'the same with JSON frames',
    run: ingestWsJson,
  },
  'ingest-http': {
    about: 'durable events a second: JSON batches of 500 events over HTTP (autocannon)',
    run: ingestHttp,
  },
  'ingest-http-single': {
    about: 'requests a second with one event each, 512 connections (autocannon, or wrk by flag)',
    run: ingestHttpSingle,
  },
  scan: {
    about: 'newest-50 tape pages of random customers on 1 M events: server-side and over HTTP',
    run: scan,
  },
  view: {
    about: 'a ten-row profile view of random customers on 1 M events: server-side and over HTTP',
    run: (settings) => (settings.live ? viewLive(settings) : view(settings)),
  },
  decide: {
    about: 'what to do next for customers of 1,000 events each, at 2,000 questions a second',
    run: decide,
  },
  offer: {
    about: 'from the end of a customer’s silence to the offer in the page (Chromium)',
    run: offer,
  },
  journeys: {
    about: 'the load of ingest-ws without maps and with a hundred, in one run, and the lag',
    run: journeys,
  },
  'journeys-engine': {
    about: 'events of a journey a second through the engine alone, and what others cost it',
    run: journeysEngine,
  },
  timers: {
    about: 'how late timers are: a million pending, 5,000 a second falling due',
    run: timers,
  },
  linked: {
    about: 'the load of ingest-ws with and without links of 30 % of the customers, in one run',
    run: linked,
  },
  live: {
    about: 'from commit to live subscribers: latency, fan-out to 100, bursts, filters',
    run: live,
  },
  stalled: {
    about: 'what 100 subscribers that never read cost the sink, and what each holds',
    run: stalled,
  },
  seal: {
    about: 'ns an event to seal and to merge, bytes for each byte sent, reads; no server',
    run: sealBench,
  },
  fair: {
    about: 'what a workspace that floods costs its neighbour, with and without a quota, in one run',
    run: fair,
  },
  walk: {
    about: 'events a second through the byte walkers and back out, on one core, no server',
    run: () => import('./walk.ts'),
  },
  restart: {
    about: 'seconds until ready again with 1 M events, after a stop and after a kill',
    run: restart,
  },
  peers: {
    about: 'Tapeline, Redis Streams, NATS JetStream, PostgreSQL and Kafka, the same events each',
    run: peers,
  },
};

function listWorkloads(): string {
  const lines = Object.entries(workloads).map(
    ([name, { about }]) => `  ${name.padEnd(20)}${about}`,
  );
  const options = Object.entries(flags).map(([name, about]) => `  --${name.padEnd(18)}${about}`);
  return `npm run bench -- NAME [flags]\n\n${lines.join('\n')}\n\n${options.join('\n')}\n`;
}

const exitUsage = 64;

/** @returns the exit code. */
async function main(name: string | undefined, rest: readonly string[]): Promise<number> {
  const workload = Object.hasOwn(workloads, name ?? '') ? workloads[name!] : undefined;
  if (workload === undefined) {
    if (name !== undefined) process.stderr.write(`there is no bench '${name}'\n\n`);
    process.stdout.write(listWorkloads());
    return name === undefined ? 0 : exitUsage;
  }
  let settings: Settings;
  try {
    settings = readSettings(rest);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return exitUsage;
  }
  try {
    await workload.run(settings);
    return 0;
  } catch (error) {
    process.stderr.write(`${name}: ${(error as Error).message}\n`);
    return 1;
  }
}

process.exitCode = await main(process.argv[2], process.argv.slice(3));
