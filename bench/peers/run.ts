/**
 * peers: the same events, in the same batches, through Tapeline and through what one could take
 * instead, one after the other; what is not here is left out, with the reason.
 */
import { count, print, type Row, rounded } from '../report.ts';
import type { Settings } from '../settings.ts';
import { newest, type PeerFigures, runCourse, sizesOf } from './course.ts';
import { kafka, kafkaAlways } from './kafka.ts';
import { nats, natsAlways } from './nats.ts';
import { Missing, type Peer } from './peer.ts';
import { postgres } from './postgres.ts';
import { redis } from './redis.ts';
import { tapeline } from './tapeline.ts';

const all: readonly Peer[] = [tapeline, redis, nats, natsAlways, postgres, kafka, kafkaAlways];

interface Outcome {
  readonly peer: Peer;
  readonly figures?: PeerFigures;
  /** Why there are none. */
  readonly reason?: string;
  readonly hasFailed?: boolean;
}

export async function peers(settings: Settings): Promise<void> {
  const outcomes: Outcome[] = [];
  for (const peer of chosen(settings)) {
    outcomes.push(await runOne(peer, settings));
  }
  report(settings, outcomes);
  const failed = outcomes.filter(({ hasFailed }) => hasFailed === true);
  if (failed.length > 0) throw new Error(`failed: ${failed.map(({ peer }) => peer.title)}`);
}

/** @throws Error that names those there are. */
function chosen({ only }: Settings): readonly Peer[] {
  if (only === undefined) return all;
  return only.split(',').map((name) => {
    const peer = all.find((one) => one.name === name);
    if (peer !== undefined) return peer;
    throw new Error(`there is no peer '${name}'; there are ${all.map((one) => one.name)}`);
  });
}

/** A peer that is missing is left out; one that fails makes the bench fail, once all have run. */
async function runOne(peer: Peer, settings: Settings): Promise<Outcome> {
  try {
    const site = await peer.find({ mayInstall: settings.install });
    return { peer, figures: await runCourse(peer, site, settings) };
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof Missing) return { peer, reason: message };
    return { peer, reason: `it failed: ${message}`, hasFailed: true };
  }
}

const columns = [
  ['', 'durable', 'bytes per', `newest ${newest}:`, '', 'restart'],
  ['', 'events/s', 'event', 'reads/s', 'p99 ms', 'after kill, s'],
];

function report(settings: Settings, outcomes: readonly Outcome[]): void {
  const { batch, customers, events, lanes } = sizesOf(settings);
  const { seconds, seed, shards, fronts, warmup } = settings;
  const ran = outcomes.filter(({ figures }) => figures !== undefined);
  const lines = ran.map((outcome) => lineOf(outcome.peer, outcome.figures!));
  const rows: Row[] = [
    ...tableOf([...columns, ...lines]).map((line): Row => ['', line]),
    ...againstRow(ran),
    ['checked', 'every peer holds exactly what it acknowledged, before and after the kill'],
    ...ran.flatMap(({ figures, peer }) => notesOn(peer, figures!)),
    ...outcomes.flatMap(({ peer, reason }): Row[] =>
      reason === undefined ? [] : [[`${peer.title}: left out`, reason]],
    ),
  ];
  const named = outcomes.map(({ figures, peer, reason }) => [peer.name, figures ?? { reason }]);
  print({
    workload: 'peers',
    settings: {
      events,
      customers,
      batch,
      connections: lanes,
      seconds,
      warmup,
      shards,
      fronts,
      seed,
    },
    work: ran.find(({ figures }) => figures !== undefined)?.figures?.work ?? 'none',
    rows,
    figures: { peers: Object.fromEntries(named), ...against(ran) },
  });
}

function lineOf(peer: Peer, figures: PeerFigures): string[] {
  const { bytesPerEvent, eventsPerSecond, readMs, readsPerSecond, restartSeconds } = figures;
  return [
    `${peer.title} ${figures.version}`.trim(),
    `${count(eventsPerSecond)}${figures.isCut ? ' (cut)' : ''}`,
    String(bytesPerEvent),
    `${readsPerSecond < 10 ? readsPerSecond : count(readsPerSecond)}${peer.readNote === undefined ? '' : ' *'}`,
    String(readMs.p99),
    String(restartSeconds),
  ];
}

/** Pads every column to its widest cell. */
function tableOf(lines: readonly (readonly string[])[]): string[] {
  const widths = lines[0]!.map((_, n) => Math.max(...lines.map((line) => line[n]!.length)));
  return lines.map((line) =>
    line
      .map((cell, n) => (n === 0 ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]! + 3)))
      .join(''),
  );
}

function notesOn(peer: Peer, figures: PeerFigures): Row[] {
  const { events, eventsPerRead, generatorMicrosPerEvent, generatorMicrosPerRead } = figures;
  const { serverMicrosPerEvent, serverMicrosPerRead } = figures;
  const cut = figures.isCut ? `; stopped by --longest after ${count(events)} events` : '';
  const perRead = eventsPerRead === null ? '' : `${eventsPerRead} events per read, `;
  return [
    [peer.title, peer.durability + cut],
    ['', `tuned: ${peer.tuned}`],
    ...(peer.readNote === undefined ? [] : [['', `* ${peer.readNote}`] as Row]),
    ['', `receipt p50 ${figures.receiptMs.p50} ms, p99 ${figures.receiptMs.p99} ms`],
    [
      '',
      `${perRead}CPU per event ${serverMicrosPerEvent} µs (generator ${generatorMicrosPerEvent}), ` +
        `per read ${serverMicrosPerRead} µs (generator ${generatorMicrosPerRead})`,
    ],
  ];
}

function againstRow(ran: readonly Outcome[]): Row[] {
  const { eventsTimesBest, readsTimesBest } = against(ran);
  if (eventsTimesBest === undefined) return [];
  const text = `${eventsTimesBest} × the events/s of the best that flushes, ${readsTimesBest} × the reads/s of the best`;
  return [['Tapeline over the others', text]];
}

/** Tapeline's rate over that of the best peer that flushes before it answers, and over the best of all reads. */
function against(ran: readonly Outcome[]): Record<string, number> {
  const own = ran.find(({ peer }) => peer === tapeline)?.figures;
  const others = ran.filter(({ peer }) => peer !== tapeline);
  const flushed = others.filter(({ peer }) => peer.durability.startsWith('flushed'));
  if (own === undefined || flushed.length === 0) return {};
  const bestEvents = Math.max(...flushed.map(({ figures }) => figures!.eventsPerSecond));
  const bestReads = Math.max(...others.map(({ figures }) => figures!.readsPerSecond));
  return {
    eventsTimesBest: rounded(own.eventsPerSecond / bestEvents),
    readsTimesBest: rounded(own.readsPerSecond / bestReads),
  };
}
