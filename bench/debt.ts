/** What a load leaves behind: parts to be sealed and how long that takes, bytes on disk, memory. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sleep, systemClock } from '../src/std/clock.ts';
import type { TestServer } from '../test/support/server.ts';
import { count, type Row, rounded } from './report.ts';
import { metricOf, readMetrics } from './server.ts';

export interface DebtFigures {
  /** When the load ended. */
  readonly unindexedEvents: number;
  readonly unsealedEvents: number;
  readonly sealedParts: number;
  /** Heap, buffers and shared memory when the load ended. */
  readonly memoryAtEndMiB: number;
  /** Until every full part was sealed. */
  readonly catchUpSeconds: number;
  /** Then, of all files of the tape, for each event. */
  readonly bytesOnDisk: number;
  /** Heap, buffers and shared memory; no mapped file pages. */
  readonly memoryMiB: number;
}

const pollMs = 200;
const removedMs = 1000;
/** After that the bench goes on, and says so. */
const patienceMs = 300_000;

/** @param sent events in all. */
export async function readDebt(server: TestServer, sent: number): Promise<DebtFigures> {
  const atEnd = await readMetrics(server);
  const memoryAtEndMiB = Math.round(anonymousBytes(server.process.pid!) / 2 ** 20);
  const startedMs = systemClock.monotonicMs();
  const left = await catchUp(server);
  const catchUpSeconds = elapsedSeconds(startedMs);
  // What was sealed goes when its readers have left it.
  await sleep(systemClock, removedMs);
  return {
    unindexedEvents: metricOf(atEnd, 'events_unindexed'),
    memoryAtEndMiB,
    unsealedEvents: metricOf(atEnd, 'events_unsealed'),
    sealedParts: metricOf(atEnd, 'parts_sealed_total'),
    catchUpSeconds: left > 0 ? Number.POSITIVE_INFINITY : catchUpSeconds,
    bytesOnDisk: rounded(tapeBytes(server.data) / Math.max(1, sent)),
    memoryMiB: Math.round(anonymousBytes(server.process.pid!) / 2 ** 20),
  };
}

/** Waits until every full part is sealed; how many events are left when that takes too long. */
export async function catchUp(server: TestServer): Promise<number> {
  const startedMs = systemClock.monotonicMs();
  for (;;) {
    const left = metricOf(await readMetrics(server), 'events_unsealed');
    if (left === 0 || systemClock.monotonicMs() - startedMs > patienceMs) return left;
    await sleep(systemClock, pollMs);
  }
}

function elapsedSeconds(sinceMs: number): number {
  return rounded((systemClock.monotonicMs() - sinceMs) / 1000);
}

function tapeBytes(data: string): number {
  let bytes = 0;
  for (const shard of readdirSync(data).filter((name) => name.startsWith('shard-'))) {
    for (const file of readdirSync(join(data, shard))) {
      // Being merged of segments that are counted.
      if (file.includes('.tmp')) continue;
      // A file can be sealed away meanwhile.
      bytes += statSync(join(data, shard, file), { throwIfNoEntry: false })?.size ?? 0;
    }
  }
  return bytes;
}

/** Linux only; 0 elsewhere. */
function anonymousBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const kibibytes = (name: string): number => {
      return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0);
    };
    return (kibibytes('RssAnon') + kibibytes('RssShmem')) * 1024;
  } catch {
    return 0;
  }
}

export function debtRows(debt: DebtFigures, bytesPerEvent: number): Row[] {
  const { bytesOnDisk, catchUpSeconds, memoryAtEndMiB, memoryMiB, sealedParts } = debt;
  const { unindexedEvents, unsealedEvents } = debt;
  const ratio = rounded(bytesOnDisk / bytesPerEvent);
  return [
    [
      'sealing',
      `${sealedParts} parts meanwhile; ${count(unsealedEvents)} events left, sealed ${catchUpSeconds} s later`,
    ],
    ['no index yet', `${count(unindexedEvents)} events of full parts when the load ended`],
    [
      'on disk then',
      `${bytesOnDisk} bytes an event, the open part included, what is being merged once: ${ratio} of those sent`,
    ],
    [
      'memory',
      `${count(memoryAtEndMiB)} MiB of the server when the load ended, then ${count(memoryMiB)}, files aside`,
    ],
  ];
}
