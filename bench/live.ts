/**
 * live: how soon and how many events reach live subscribers, in four phases on one server:
 *
 *     one       a single subscriber of everything: latency
 *     fan-out   100 of everything, at a steady rate: messages a second, latency
 *     burst     100 of everything, published at once: they fall behind and catch up from the log
 *     filtered  100 that each follow 1 % of the customers, at a higher rate
 *
 * `--filtered` and `--fan-out` run these phases alone; `--rate` sets the events a second of every
 * steady phase that runs.
 */
import type { TestServer } from '../test/support/server.ts';
import { cpuMicrosOf, startChild } from './child.ts';
import type { ListenFigures, ListenMessage, ListenPlan } from './listen.ts';
import { count, print, type Row, rounded, spread } from './report.ts';
import { withServer } from './server.ts';
import type { Settings } from './settings.ts';

const customers = 1000;
/** 1 % of them. */
const follows = customers / 100;

interface Phase {
  /** Events before what is measured. */
  readonly warmup: number;
  readonly subscribers: number;
  readonly follows: number;
  readonly batch: number;
  /** Events a second; absent: all at once. */
  readonly rate?: number;
  readonly events: number;
}

const phaseNames = ['one', 'fanOut', 'burst', 'filtered'] as const;
type PhaseName = (typeof phaseNames)[number];

/** Events a second unless `--rate` says otherwise. */
const rates = { one: 1000, fanOut: 4000, filtered: 50_000 };

interface PhaseFigures extends ListenFigures {
  /** Of the server, ingest included. */
  readonly serverMicrosPerMessage: number;
}

function phaseOf(name: PhaseName, settings: Settings): Phase {
  const { rate, seconds, smoke, warmup } = settings;
  const subscribers = settings.subscribers ?? (smoke ? 10 : 100);
  if (name === 'burst') {
    return { subscribers, follows: 0, batch: 100, warmup: 0, events: smoke ? 500 : 10_000 };
  }
  const wanted = rate ?? rates[name];
  const steady = { rate: wanted, warmup: wanted * warmup, events: wanted * seconds };
  switch (name) {
    case 'one':
      return { ...steady, subscribers: 1, follows: 0, batch: 10 };
    case 'fanOut':
      return { ...steady, subscribers, follows: 0, batch: 10 };
    case 'filtered':
      return { ...steady, subscribers: Math.min(subscribers, 100), follows, batch: 100 };
  }
}

function wantedPhases(settings: Settings): readonly PhaseName[] {
  const chosen = phaseNames.filter(
    (name) =>
      (name === 'filtered' && settings.filtered) || (name === 'fanOut' && settings['fan-out']),
  );
  return chosen.length > 0 ? chosen : phaseNames;
}

export async function live(settings: Settings): Promise<void> {
  const figures: Partial<Record<PhaseName, PhaseFigures>> = {};
  await withServer(settings, async (server) => {
    let firstNumber = 0;
    for (const name of wantedPhases(settings)) {
      const phase = phaseOf(name, settings);
      const warmupFrames = framesOf(phase, phase.warmup);
      const frames = warmupFrames + Math.max(framesOf(phase, phase.events), roundOf(phase));
      figures[name] = await listen(server, settings, {
        ...phase,
        frames,
        warmupFrames,
        firstNumber,
      });
      firstNumber += frames;
    }
  });
  report(settings, figures);
}

/** With filters every customer has to occur equally often, so that every share is exact. */
function roundOf({ batch, follows }: Phase): number {
  return follows === 0 ? 1 : customers / batch;
}

function framesOf(phase: Phase, events: number): number {
  const round = roundOf(phase);
  return Math.round(events / phase.batch / round) * round;
}

async function listen(
  server: TestServer,
  { seed }: Settings,
  phase: Phase & Pick<ListenPlan, 'frames' | 'warmupFrames' | 'firstNumber'>,
): Promise<PhaseFigures> {
  const { keys, port, process: serverProcess } = server;
  const { batch, firstNumber, follows, frames, rate, subscribers, warmupFrames } = phase;
  const plan: ListenPlan = {
    port,
    writeKey: keys.write,
    readKey: keys.read,
    subscribers,
    customers,
    follows,
    batch,
    frames,
    warmupFrames,
    firstNumber,
    seed,
    ...(rate === undefined ? {} : { rate }),
  };
  const child = startChild<ListenMessage>('listen', plan);
  try {
    await child.when('measuring');
    const cpuBefore = cpuMicrosOf(serverProcess.pid!);
    const { figures } = await child.when('done');
    const cpuMicros = cpuMicrosOf(serverProcess.pid!) - cpuBefore;
    return { ...figures, serverMicrosPerMessage: rounded(cpuMicros / figures.measuredMessages) };
  } finally {
    child.kill();
  }
}

function report(
  settings: Settings,
  figures: Readonly<Partial<Record<PhaseName, PhaseFigures>>>,
): void {
  const { fronts, rate, seconds, seed, shards } = settings;
  const subscribers = phaseOf('fanOut', settings).subscribers;
  const phases = Object.entries(figures);
  const repeated = phases.reduce((sum, [, phase]) => sum + phase.repeated, 0);
  if (repeated > 0) throw new Error(`${repeated} messages came again`);
  print({
    workload: 'live',
    settings: { seconds, rate: rate ?? 'by phase', subscribers, customers, shards, fronts, seed },
    work: phases[0]![1].work,
    rows: [
      ...phases.flatMap(([name, phase]) => rowsOf(name, phase)),
      ['checked', 'every subscriber got every event it follows, once'],
    ],
    figures: { ...figures, repeated },
  });
}

function rowsOf(name: string, phase: PhaseFigures): Row[] {
  const { eventsPerSecond, messagesPerSecond } = phase;
  const { listenerMicrosPerMessage, serverMicrosPerMessage } = phase;
  return [
    [
      `${name}: messages`,
      `${count(messagesPerSecond)} a second of ${count(eventsPerSecond)} events`,
    ],
    [`${name}: frame sent → subscriber`, spread(phase.latencyMs)],
    [`${name}: receipt → subscriber`, spread(phase.afterReceiptMs)],
    [`${name}: frame sent → receipt`, spread(phase.receiptMs)],
    [
      `${name}: CPU per message`,
      `server ${serverMicrosPerMessage} µs (ingest included), listener ${listenerMicrosPerMessage} µs`,
    ],
  ];
}
