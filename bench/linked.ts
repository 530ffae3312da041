/**
 * linked: what links cost the sink. Three loads alternate, each on a server and a tape of its own, in an order that
 * lets a drift of the machine cancel out:
 *
 *     plain ─ bytes ─ linked ─ linked ─ bytes ─ plain   a round
 *
 * plain: the load of `ingest-ws`, no links. linked: a part of the customers (0.3, or `--links`) have a cookie, and each
 * of their events names it as `previous`; all of these links are in force before anything is measured. bytes: the same
 * events, but the cookie is said in `data`, where it means nothing: as many bytes, no links.
 */
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
const order = ['plain', 'bytes', 'linked', 'linked', 'bytes', 'plain'] as const;

type Kind = (typeof order)[number];

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
      if (phase.links > 0 !== (kind === 'linked')) {
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
    const more = kind === 'plain' ? { links: 0 } : { isLinkSaid: kind === 'linked' };
    const phase = await loadPhase(server, settings, seconds, more);
    return { ...phase, links: metricOf(await readMetrics(server), 'links_total') };
  });
}

function report(settings: Settings, seconds: number, phases: readonly Phase[]): void {
  const of = (kind: Kind, round?: number): readonly Phase[] =>
    phases.filter((each) => each.kind === kind && (round ?? each.round) === each.round);
  const byRound = (kind: Kind): number[] =>
    Array.from({ length: phases.length / order.length }, (_, round) =>
      rounded(ratioOf(of('linked', round), of(kind, round))),
    );
  const [plain, bytes, withLinks] = [of('plain'), of('bytes'), of('linked')];
  const ratio = rounded(ratioOf(withLinks, plain));
  const ratioOfBytes = rounded(ratioOf(withLinks, bytes));
  const about = (each: readonly Phase[]): string =>
    `${meanCpuMicros(each)} µs of server CPU, ${rounded(each[0]!.bytesPerEvent)} bytes an event`;
  const rows: Row[] = [
    ['events a second, plain', `${shownRates(plain)}, ${about(plain)}`],
    ['events a second, the bytes only', `${shownRates(bytes)}, ${about(bytes)}`],
    ['events a second, linked', `${shownRates(withLinks)}, ${about(withLinks)}`],
    ['linked to plain', `${ratio}   (rounds: ${byRound('plain').join(', ')})`],
    ['linked to the bytes only', `${ratioOfBytes}   (rounds: ${byRound('bytes').join(', ')})`],
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
      ratioOfBytes,
      eventsPerSecond: Math.round(meanRate(plain)),
      eventsPerSecondLinked: Math.round(meanRate(withLinks)),
      serverMicrosPerEvent: meanCpuMicros(plain),
      serverMicrosPerEventLinked: meanCpuMicros(withLinks),
      phases,
    },
  });
}
