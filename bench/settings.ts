/** The flags of the benches: every workload takes those that mean something to it. */
import { parseArgs } from 'node:util';
import { settings as serverSettings } from '../src/config.ts';
import { type TaxonomyKind, taxonomyKinds } from './taxonomy.ts';

export interface Settings {
  readonly smoke: boolean;
  /** Seeds everything that is random. */
  readonly seed: number;
  readonly seconds: number;
  readonly warmup: number;
  readonly shards: number;
  readonly fronts: number;
  readonly connections: number | undefined;
  readonly batch: number | undefined;
  readonly customers: number | undefined;
  readonly events: number | undefined;
  readonly subscribers: number | undefined;
  readonly window: number | undefined;
  readonly rate: number | undefined;
  /** Of `scan` and `view`: events a second that come in while reads are timed; absent: none. */
  readonly beside: number | undefined;
  /** Part of the customers whose events name another identity as `previous`. */
  readonly links: number | undefined;
  /** Of `view`: how many linked identities a customer has. */
  readonly identities: number;
  /** What makes requests over HTTP. */
  readonly generator: 'autocannon' | 'wrk';
  /** What the workspace says of its events: see `taxonomy.ts`. */
  readonly taxonomy: TaxonomyKind;
  /** Of the phases of `live`, only these. */
  readonly filtered: boolean;
  readonly 'fan-out': boolean;
  /** Of `stalled`: subscribers over Server-Sent Events. */
  readonly sse: boolean;
  /** Of `view`, only live views. */
  readonly live: boolean;
  /** Where the data directory of the run is made; absent: in the project's `data`. */
  readonly data: string | undefined;
  /** Where the server's CPU profiles go; absent: none are taken. */
  readonly profile: string | undefined;
  /** Which peers, by name, with commas between; absent: all. */
  readonly only: string | undefined;
  /** Peers that are not here may be downloaded. */
  readonly install: boolean;
  /** Seconds in which a peer gets its events, at most. */
  readonly longest: number;
}

export const flags: Readonly<Record<keyof Settings, string>> = {
  smoke: 'tiny sizes: shows that the bench works, not how fast the server is',
  seed: 'seeds everything random (1)',
  seconds: 'seconds measured (10)',
  warmup: 'seconds of the same load before, not measured (2)',
  shards: 'shard threads of the server (its default for this machine)',
  fronts: 'front threads of the server (its default for this machine)',
  connections: 'connections of the generator',
  batch: 'events in a frame or request',
  customers: 'different customers',
  events: 'events on the tape before a read is measured',
  subscribers: 'live subscribers',
  window: 'unacknowledged frames on a connection, at most',
  rate: 'events a second to offer (as many as are acknowledged)',
  beside: 'scan, view: events a second that come in during one more round of reads (none)',
  links:
    'part of the customers, such as 0.3, whose events name a cookie as previous; linked before the warm-up (0; linked: 0.3)',
  identities: 'view: linked identities of each customer, 1 to 5 (1)',
  generator: 'what makes requests over HTTP: autocannon, or wrk where it is installed (autocannon)',
  taxonomy: 'ingest-ws: none, types (an allow list) or schemas (one for each type) (none)',
  filtered: 'live: only the subscribers that follow 1 % each',
  'fan-out': 'live: only the subscribers of everything',
  sse: 'stalled: subscribers over Server-Sent Events, not WebSocket',
  live: 'view: only how soon live views tell their followers',
  data: 'directory in which the run makes its data directory (./data)',
  profile: "directory for the server's CPU profiles (none)",
  only: 'peers to run, such as tapeline,redis (all)',
  install: 'download the peers that are not here, into ~/.cache/tapeline-peers',
  longest: 'seconds that a peer has for its events, at most (120)',
};

/** Flags without a value. */
const switches: ReadonlySet<string> = new Set([
  'smoke',
  'filtered',
  'fan-out',
  'sse',
  'live',
  'install',
]);

/** @throws Error that names the flag. */
export function readSettings(argv: readonly string[]): Settings {
  const options = Object.fromEntries(
    Object.keys(flags).map((name) => {
      return [name, { type: switches.has(name) ? ('boolean' as const) : ('string' as const) }];
    }),
  );
  const { values } = parseArgs({ args: [...argv], options, strict: true });
  const text = (name: string): string | undefined => values[name] as string | undefined;
  const number = (name: string): number | undefined => {
    const given = text(name);
    if (given === undefined) return undefined;
    const value = Number(given.replaceAll('_', ''));
    if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} must be a number`);
    return value;
  };
  const smoke = values['smoke'] === true;
  const generator = text('generator') ?? 'autocannon';
  if (generator !== 'autocannon' && generator !== 'wrk') {
    throw new Error('--generator must be autocannon or wrk');
  }
  return {
    smoke,
    seed: number('seed') ?? 1,
    seconds: number('seconds') ?? (smoke ? 0.3 : 10),
    warmup: number('warmup') ?? (smoke ? 0.1 : 2),
    shards: number('shards') ?? serverDefault('--shards'),
    fronts: number('fronts') ?? serverDefault('--fronts'),
    connections: number('connections'),
    batch: number('batch'),
    customers: number('customers'),
    events: number('events'),
    subscribers: number('subscribers'),
    window: number('window'),
    rate: number('rate'),
    beside: number('beside'),
    links: number('links'),
    identities: identitiesOf(number('identities') ?? 1),
    generator,
    taxonomy: taxonomyOf(text('taxonomy') ?? 'none'),
    filtered: values['filtered'] === true,
    'fan-out': values['fan-out'] === true,
    sse: values['sse'] === true,
    live: values['live'] === true,
    data: text('data'),
    profile: text('profile'),
    only: text('only'),
    install: values['install'] === true,
    longest: number('longest') ?? 120,
  };
}

/** A customer may have five cookies. */
function identitiesOf(count: number): number {
  if (Number.isInteger(count) && count >= 1 && count <= 5) return count;
  throw new Error('--identities must be an integer from 1 to 5');
}

function taxonomyOf(name: string): TaxonomyKind {
  const kind = taxonomyKinds.find((each) => each === name);
  if (kind === undefined) throw new Error(`--taxonomy must be one of ${taxonomyKinds.join(', ')}`);
  return kind;
}

function serverDefault(flag: string): number {
  return Number(serverSettings.find((setting) => setting.flag === flag)!.fallback);
}
