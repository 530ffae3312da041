/**
 * What every peer goes through, alone on the machine:
 *
 *     start ─▶ fill ─▶ count ─▶ settle ─▶ measure its files ─▶ read ─▶ kill ─▶ start again ─▶ count
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '../child.ts';
import { type Quantiles, rounded } from '../report.ts';
import { withData } from '../server.ts';
import type { Settings } from '../settings.ts';
import type { FillFigures, FillMessage, FillPlan } from './fill.ts';
import type { Peer, Place, Site } from './peer.ts';
import { freePorts, type Program } from './process.ts';
import type { ReadFigures, ReadMessage, ReadPlan } from './read.ts';

/** Events of one customer that a read asks for. */
export const newest = 50;

const defaultLanes = 4;

export interface Sizes {
  readonly events: number;
  readonly customers: number;
  readonly batch: number;
  readonly lanes: number;
}

/** By default every customer has as many events as a read asks for. */
export function sizesOf({ batch, connections, customers, events, smoke }: Settings): Sizes {
  return {
    events: events ?? (smoke ? 4000 : 5_000_000),
    customers: customers ?? (smoke ? 80 : 100_000),
    batch: batch ?? (smoke ? 100 : 1000),
    lanes: connections ?? defaultLanes,
  };
}

function lanesOf(peer: Peer, { connections, smoke }: Settings): number {
  const isBest = connections === undefined && !smoke;
  return isBest ? (peer.lanes ?? defaultLanes) : (connections ?? defaultLanes);
}

export interface PeerFigures {
  readonly version: string;
  readonly eventsPerSecond: number;
  readonly receiptMs: Quantiles;
  readonly events: number;
  /** It had no time for all of the events. */
  readonly isCut: boolean;
  readonly generatorMicrosPerEvent: number;
  /** CPU time of the peer, all of its processes: tells more than a rate when the machine is shared. */
  readonly serverMicrosPerEvent: number;
  readonly bytesPerEvent: number;
  readonly readsPerSecond: number;
  readonly readMs: Quantiles;
  readonly eventsPerRead: number | null;
  readonly generatorMicrosPerRead: number;
  readonly serverMicrosPerRead: number;
  /** From a kill to an answer, its start included. */
  readonly restartSeconds: number;
  readonly work: string;
}

export function runCourse(peer: Peer, site: Site, settings: Settings): Promise<PeerFigures> {
  return withData(settings, async (base) => {
    const directory = join(base, 'peer');
    mkdirSync(directory);
    const { customers } = sizesOf(settings);
    const lanes = lanesOf(peer, settings);
    const [port, secondPort] = (await freePorts(2)) as [number, number];
    const place = { directory, port, secondPort, customers, lanes, settings };
    say(`${peer.title}: starting`);
    await site.prepare?.(place);
    let program = await site.start(place);
    try {
      await site.create?.(place);
      say('filling');
      const idleMicros = program.cpuMicros();
      const filled = await fill(peer, place);
      const fillMicros = program.cpuMicros() - idleMicros;
      say('counting');
      await checkCount(site, place, filled.accepted);
      await site.settle?.(place);
      const bytes = await site.bytes(place);
      say('reading');
      const restMicros = program.cpuMicros();
      const reads = await read(peer, place);
      const readMicros = program.cpuMicros() - restMicros;
      say('starting again');
      await program.kill();
      const restart = await startAgain(site, place);
      program = restart.program;
      await checkCount(site, place, filled.accepted);
      const restartSeconds = restart.seconds;
      return figuresOf(site, { filled, fillMicros, bytes, reads, readMicros, restartSeconds });
    } finally {
      await program.kill();
    }
  });
}

/** Where it is: a run takes minutes. */
function say(step: string): void {
  process.stderr.write(`${step} …\n`);
}

async function startAgain(
  site: Site,
  place: Place,
): Promise<{ readonly program: Program; readonly seconds: number }> {
  const startMs = performance.now();
  const program = await site.start(place);
  return { program, seconds: (performance.now() - startMs) / 1000 };
}

/** @throws Error unless it holds all that it acknowledged, and nothing more. */
async function checkCount(site: Site, place: Place, events: number): Promise<void> {
  const found = await site.count(place);
  if (found !== events) throw new Error(`acknowledged ${events} events, holds ${found}`);
}

async function fill(peer: Peer, place: Place): Promise<FillFigures> {
  const { lanes, settings } = place;
  const { batch, customers, events } = sizesOf(settings);
  const { key, publish, window, wire } = peer;
  const plan: FillPlan = {
    port: place.port,
    wire,
    wirePlan: { batch, limit: newest, publish, key: key?.write },
    lanes,
    window: settings.window ?? window,
    events,
    customers,
    seed: settings.seed,
    warmupSeconds: settings.warmup,
    secondsMax: settings.longest,
  };
  const child = startChild<FillMessage>('peers/fill', plan);
  try {
    return (await child.when('done')).figures;
  } finally {
    child.kill();
  }
}

async function read(peer: Peer, place: Place): Promise<ReadFigures> {
  const { lanes, settings } = place;
  const { batch, customers } = sizesOf(settings);
  const { key, readers, wire } = peer;
  const plan: ReadPlan = {
    port: place.port,
    wire,
    wirePlan: { batch, limit: newest, key: key?.read },
    connections: readers,
    lanes,
    customers,
    seed: settings.seed,
    warmupSeconds: settings.warmup,
    seconds: settings.seconds,
  };
  const child = startChild<ReadMessage>('peers/read', plan);
  try {
    return (await child.when('done')).figures;
  } finally {
    child.kill();
  }
}

interface Measured {
  readonly filled: FillFigures;
  readonly fillMicros: number;
  readonly reads: ReadFigures;
  readonly readMicros: number;
  readonly bytes: number;
  readonly restartSeconds: number;
}

function figuresOf(site: Site, measured: Measured): PeerFigures {
  const { bytes, filled, fillMicros, readMicros, reads, restartSeconds } = measured;
  const { accepted, eventsPerSecond, generatorMicrosPerEvent, receiptMs, work } = filled;
  return {
    version: site.version,
    eventsPerSecond,
    receiptMs,
    events: accepted,
    isCut: !filled.isWhole,
    generatorMicrosPerEvent: rounded(generatorMicrosPerEvent),
    serverMicrosPerEvent: rounded(fillMicros / accepted),
    bytesPerEvent: rounded(bytes / accepted),
    ...reads,
    serverMicrosPerRead: rounded(readMicros / reads.readsInAll),
    restartSeconds: rounded(restartSeconds),
    work,
  };
}
