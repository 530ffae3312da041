/**
 * live: how soon and how many events reach live subscribers, in four phases on one server:
 *
 *     one       a single subscriber of everything: latency
 *     fan-out   100 of everything, at a steady rate: messages a second, latency
 *     burst     100 of everything, published at once: they fall behind and catch up from the log
 *     filtered  100 that each follow 1 % of the customers, at a higher rate
 */
import type { TestServer } from '../test/support/server.ts';
import { startChild } from './child.ts';
import type { ListenFigures, ListenMessage, ListenPlan } from './listen.ts';
import { count, print, type Row, spread } from './report.ts';
import { withServer } from './server.ts';
import type { Settings } from './settings.ts';

const customers = 1000;
/** 1 % of them. */
const follows = customers / 100;

interface Phase {
  readonly subscribers: number;
  readonly follows: number;
  readonly batch: number;
  /** Events a second; absent: all at once. */
  readonly rate?: number;
  readonly events: number;
}

function phasesOf(settings: Settings): Record<'one' | 'fanOut' | 'burst' | 'filtered', Phase> {
  const { rate, seconds, smoke } = settings;
  const subscribers = settings.subscribers ?? (smoke ? 10 : 100);
  const steady = (base: Omit<Phase, 'events'>, factor: number): Phase => {
    const wanted = (rate ?? 1000) * factor;
    return { ...base, rate: wanted, events: wanted * seconds };
  };
  return {
    one: steady({ subscribers: 1, follows: 0, batch: 10 }, 1),
    fanOut: steady({ subscribers, follows: 0, batch: 10 }, 1),
    burst: { subscribers, follows: 0, batch: 100, events: smoke ? 500 : 10_000 },
    filtered: steady({ subscribers: Math.min(subscribers, 100), follows, batch: 100 }, 20),
  };
}

export async function live(settings: Settings): Promise<void> {
  const phases = phasesOf(settings);
  const figures: Record<string, ListenFigures> = {};
  await withServer(settings, async (server) => {
    let firstNumber = 0;
    for (const [name, phase] of Object.entries(phases)) {
      const frames = framesOf(phase);
      figures[name] = await listen(server, settings, { ...phase, frames, firstNumber });
      firstNumber += frames;
    }
  });
  report(settings, phases.fanOut.subscribers, figures);
}

/** With filters every customer has to occur equally often, so that every share is exact. */
function framesOf({ batch, events, follows }: Phase): number {
  const round = follows === 0 ? 1 : customers / batch;
  return Math.max(1, Math.round(events / batch / round)) * round;
}

async function listen(
  server: TestServer,
  { seed }: Settings,
  phase: Phase & { frames: number; firstNumber: number },
): Promise<ListenFigures> {
  const { keys, port } = server;
  const { batch, firstNumber, follows, frames, rate, subscribers } = phase;
  const plan: ListenPlan = {
    port,
    writeKey: keys.write,
    readKey: keys.read,
    subscribers,
    customers,
    follows,
    batch,
    frames,
    firstNumber,
    seed,
    ...(rate === undefined ? {} : { rate }),
  };
  const child = startChild<ListenMessage>('listen', plan);
  try {
    return (await child.when('done')).figures;
  } finally {
    child.kill();
  }
}

function report(
  settings: Settings,
  subscribers: number,
  figures: Readonly<Record<string, ListenFigures>>,
): void {
  const { burst, fanOut, filtered, one } = figures as Record<string, ListenFigures>;
  const rows: Row[] = [
    ['one: frame sent → subscriber', spread(one!.latencyMs)],
    ['one: receipt → subscriber', spread(one!.afterReceiptMs)],
    [`fan-out to ${subscribers}: messages`, `${count(fanOut!.messagesPerSecond)} a second`],
    ['fan-out: sent → subscriber', spread(fanOut!.latencyMs)],
    [`burst to ${subscribers}: messages`, `${count(burst!.messagesPerSecond)} a second`],
    [
      `filtered, 1 % each: events`,
      `${count(filtered!.events / filtered!.seconds)} a second, each to one of ${subscribers}`,
    ],
    ['filtered: sent → subscriber', spread(filtered!.latencyMs)],
    ['checked', 'every subscriber got every event it follows, once'],
  ];
  const { fronts, rate, seconds, seed, shards } = settings;
  const repeated = Object.values(figures).reduce((sum, phase) => sum + phase.repeated, 0);
  if (repeated > 0) throw new Error(`${repeated} messages came again`);
  print({
    workload: 'live',
    settings: { seconds, rate: rate ?? 1000, subscribers, customers, shards, fronts, seed },
    work: one!.work,
    rows,
    figures: { ...figures, repeated },
  });
}
