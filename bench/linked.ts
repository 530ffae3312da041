/**
 * linked: what links cost the sink. Three loads alternate, each on a server and a tape of its own, in an order that
 * lets a drift of the machine cancel out:
 *
 *     plain ─ held ─ bytes ─ linked ─ linked ─ bytes ─ held ─ plain   a round
 *
 * plain: the load of `ingest-ws`, no links. held: the same events, but a part of the customers (0.3, or `--links`) have
 * had a cookie linked. linked: besides, each of their events names it as `previous`, which says again what is in force.
 * bytes: the cookie is said in `data`, where it means nothing: as many bytes, no links.
 */
import type { TestServer } from '../test/support/server.ts';
import { startChild } from './child.ts';
import { loadPlan } from './ingest.ts';
import type { LoadMessage, LoadPlan } from './load.ts';
import {
  type LoadPhase,
  loadPhase,
  meanCpuMicros,
  meanRate,
  ratioOf,
  shownRates,
} from './phases.ts';
import { print, type Row, rounded } from './report.ts';
import { metricOf, readMetrics, withServer } from './server.ts';
import type { Settings } from './settings.ts';

const rounds = 2;
const linksUsual = 0.3;
const half = ['plain', 'held', 'bytes', 'linked'] as const;
const order = [...half, ...half.toReversed()];

type Kind = (typeof half)[number];

interface Phase extends LoadPhase {
  readonly kind: Kind;
  readonly round: number;
  /** In force when it ended. */
  readonly links: number;
}

export async function linked(settings: Settings): Promise<void> {
  const links = settings.links ?? linksUsual;
  const seconds = settings.smoke ? 0.4 : Math.max(1, rounded(settings.seconds / 2));
  const phases: Phase[] = [];
  for (let round = 0; round < (settings.smoke ? 1 : rounds); round++) {
    for (const kind of order) {
      const phase = await measure({ ...settings, links }, kind, seconds);
      if (phase.links > 0 !== (kind === 'linked' || kind === 'held')) {
        throw new Error(`${kind}: ${phase.links} links are in force`);
      }
      phases.push({ ...phase, kind, round });
    }
  }
  report({ ...settings, links }, seconds, phases);
}

function measure(
  settings: Settings,
  kind: Kind,
  seconds: number,
): Promise<Omit<Phase, 'kind' | 'round'>> {
  return withServer(settings, async (server) => {
    const firstNumber = kind === 'held' ? await link(server, settings) : 0;
    const more: Partial<LoadPlan> =
      kind === 'held' || kind === 'plain' ? { links: 0 } : { isLinkSaid: kind === 'linked' };
    const phase = await loadPhase(server, settings, seconds, { ...more, firstNumber });
    return { ...phase, links: metricOf(await readMetrics(server), 'links_total') };
  });
}

/** One event of every customer, some with links. @returns how many frames that took. */
async function link({ keys, port }: TestServer, settings: Settings): Promise<number> {
  const plan = loadPlan(settings, { port, key: keys.write, protocol: 'msgpack' });
  const framesMax = Math.ceil(plan.customers / plan.batch);
  const load = startChild<LoadMessage>('load', { ...plan, connections: 1, framesMax });
  try {
    await load.when('done');
  } finally {
    load.kill();
  }
  return framesMax;
}

function report(settings: Settings, seconds: number, phases: readonly Phase[]): void {
  const of = (kind: Kind, round?: number): readonly Phase[] =>
    phases.filter((each) => each.kind === kind && (round ?? each.round) === each.round);
  const byRound = (kind: Kind, to: Kind): number[] =>
    Array.from({ length: phases.length / order.length }, (_, round) =>
      rounded(ratioOf(of(kind, round), of(to, round))),
    );
  const [plain, held, bytes, withLinks] = [of('plain'), of('held'), of('bytes'), of('linked')];
  const ratio = rounded(ratioOf(withLinks, plain));
  const ratioHeld = rounded(ratioOf(held, plain));
  const ratioOfBytes = rounded(ratioOf(withLinks, bytes));
  const about = (each: readonly Phase[]): string =>
    `${meanCpuMicros(each)} µs of server CPU, ${rounded(each[0]!.bytesPerEvent)} bytes an event`;
  const rows: Row[] = [
    ['events a second, plain', `${shownRates(plain)}, ${about(plain)}`],
    ['events a second, links held', `${shownRates(held)}, ${about(held)}`],
    ['events a second, the bytes only', `${shownRates(bytes)}, ${about(bytes)}`],
    ['events a second, linked', `${shownRates(withLinks)}, ${about(withLinks)}`],
    ['held to plain', `${ratioHeld}   (rounds: ${byRound('held', 'plain').join(', ')})`],
    ['linked to plain', `${ratio}   (rounds: ${byRound('linked', 'plain').join(', ')})`],
    [
      'linked to the bytes only',
      `${ratioOfBytes}   (rounds: ${byRound('linked', 'bytes').join(', ')})`,
    ],
    ['links', String(withLinks[0]!.links)],
    ['checked', 'every event accepted once'],
  ];
  const { fronts, links, seed, shards } = settings;
  print({
    workload: 'linked',
    settings: { links, seconds, phases: phases.length, shards, fronts, seed },
    work: withLinks[0]!.work,
    rows,
    figures: {
      ratio,
      ratioHeld,
      ratioOfBytes,
      eventsPerSecond: Math.round(meanRate(plain)),
      eventsPerSecondLinked: Math.round(meanRate(withLinks)),
      serverMicrosPerEvent: meanCpuMicros(plain),
      serverMicrosPerEventLinked: meanCpuMicros(withLinks),
      phases,
    },
  });
}
