/** Every setting, once: its flag, its environment variable, its default and what it means. */
import { availableParallelism } from 'node:os';
import { type CountryCode, isSupportedCountry } from 'libphonenumber-js';
import { AllowList } from './std/addresses.ts';
import { AppError } from './std/errors.ts';

export interface Config {
  readonly host: string;
  readonly port: number;
  readonly data: string;
  /** Undefined: what the data directory has, or `shardsDefault` for a new one. */
  readonly shards: number | undefined;
  readonly fronts: number;
  readonly inflightBytesMax: number;
  readonly freeBytesMin: number;
  /** What all fronts together keep of inflated blocks. */
  readonly cacheBytes: number;
  /** When a part of the hot log is sealed. */
  readonly parts: PartLimits;
  /** How long a workspace keeps its events that says nothing of it; null: no limit. */
  readonly retentionDays: number | null;
  readonly retentionBytes: number | null;
  /** How long an erasure waits for others before files are written anew for them. */
  readonly erasureWaitMs: number;
  /** What a workspace may send that has no quota of its own. */
  readonly quotaEventsPerSecond: number | null;
  readonly quotaBytesPerSecond: number | null;
  /** Where phone numbers without a country code are at home; undefined: they stay as they are. */
  readonly phoneRegion: string | undefined;
  readonly corsOrigins: readonly string[];
  /** Hosts, addresses and ranges that webhooks may go to although they are not public. */
  readonly webhookAllow: readonly string[];
  /** Serves the demo page, on a workspace of its own. */
  readonly demo: boolean;
  readonly adminKey: string | undefined;
  readonly writeKey: string | undefined;
  readonly readKey: string | undefined;
}

/** When a part of the hot log is full. */
export interface PartLimits {
  readonly events: number;
  /** Of blocks. */
  readonly bytes: number;
  /** Since its first event, so that a quiet shard is sealed too. */
  readonly ageMs: number;
}

/** One row of the table of settings. */
export interface Setting {
  readonly flag: string;
  readonly variable: string;
  readonly value: string;
  readonly fallback: string;
  readonly meaning: string;
}

const cores = availableParallelism();
/** A front and a shard share a core well: the one parses while the other waits for its flush. */
export const shardsDefault = Math.min(16, Math.max(1, Math.floor(cores / 2)));
const frontsDefault = Math.min(16, Math.max(1, Math.floor(cores / 2)));
export const shardsMax = 64;
export const frontsMax = 64;
const mebibyte = 1024 * 1024;
/** A part may grow past this while sealing is behind: its index holds eight times as many. */
const partEventsMax = 1_000_000;

export const settings = [
  ['--host', 'TAPELINE_HOST', '<address>', '127.0.0.1', 'address to listen on'],
  ['--port', 'TAPELINE_PORT', '<n>', '8787', 'port to listen on; 0 takes a free one'],
  ['--data', 'TAPELINE_DATA', '<directory>', './data', 'where everything is kept'],
  [
    '--shards',
    'TAPELINE_SHARDS',
    '<n>',
    String(shardsDefault),
    'writer threads; fixed when the data directory is made',
  ],
  ['--fronts', 'TAPELINE_FRONTS', '<n>', String(frontsDefault), 'threads that serve connections'],
  [
    '--inflight-mib',
    'TAPELINE_INFLIGHT_MIB',
    '<n>',
    '256',
    'MiB received and not yet acknowledged, of one workspace alone at most half; past it: overloaded',
  ],
  [
    '--free-mib',
    'TAPELINE_FREE_MIB',
    '<n>',
    '64',
    'MiB to leave free on the disk; below it: unavailable',
  ],
  [
    '--cache-mib',
    'TAPELINE_CACHE_MIB',
    '<n>',
    '64',
    'MiB of inflated blocks that the fronts keep for the next reads of the same customers',
  ],
  [
    '--part-events',
    'TAPELINE_PART_EVENTS',
    '<n>',
    '1000000',
    'events in a part of the hot log; past it, it is sealed in the background',
  ],
  [
    '--part-mib',
    'TAPELINE_PART_MIB',
    '<n>',
    '512',
    'MiB in a part of the hot log; past it, it is sealed in the background',
  ],
  [
    '--part-minutes',
    'TAPELINE_PART_MINUTES',
    '<n>',
    '60',
    'age of a part of the hot log; past it, it is sealed in the background',
  ],
  [
    '--quota-events',
    'TAPELINE_QUOTA_EVENTS',
    '<n>',
    '0',
    'events a second of a workspace without a quota of its own; 0: no limit',
  ],
  [
    '--quota-mib',
    'TAPELINE_QUOTA_MIB',
    '<n>',
    '0',
    'MiB a second of a workspace without a quota of its own; 0: no limit',
  ],
  [
    '--retention-days',
    'TAPELINE_RETENTION_DAYS',
    '<n>',
    '0',
    'days since it was received that an event is kept, in workspaces that do not say; 0: for ever',
  ],
  [
    '--retention-gib',
    'TAPELINE_RETENTION_GIB',
    '<n>',
    '0',
    'GiB of events, as sent, that a workspace keeps at least, if it does not say; 0: all',
  ],
  [
    '--erasure-minutes',
    'TAPELINE_ERASURE_MINUTES',
    '<n>',
    '15',
    'how long an erasure waits for others before files are written anew without them',
  ],
  [
    '--phone-region',
    'TAPELINE_PHONE_REGION',
    '<country>',
    '',
    'country, such as US, of phone numbers (tel:…) that do not name theirs',
  ],
  [
    '--cors-origins',
    'TAPELINE_CORS_ORIGINS',
    '<origins>',
    '',
    'web origins, separated by commas, that may read (ingest is open to all)',
  ],
  [
    '--webhook-allow',
    'TAPELINE_WEBHOOK_ALLOW',
    '<hosts>',
    '',
    'hosts, addresses and ranges (10.0.0.0/8), separated by commas, that webhooks may go to although they are not public',
  ],
  [
    '--demo',
    'TAPELINE_DEMO',
    '[on]',
    '',
    'serve the demo page at /demo, to anybody, on a workspace of its own',
  ],
  ['--admin-key', 'TAPELINE_ADMIN_KEY', '<key>', '', 'admin key of a new data directory'],
  ['--write-key', 'TAPELINE_WRITE_KEY', '<key>', '', 'write key of a new data directory'],
  ['--read-key', 'TAPELINE_READ_KEY', '<key>', '', 'read key of a new data directory'],
].map(([flag, variable, value, fallback, meaning]): Setting => {
  return {
    flag: flag!,
    variable: variable!,
    value: value!,
    fallback: fallback!,
    meaning: meaning!,
  };
});

/** @throws AppError `invalid` for what is no country. */
function phoneRegionOf(text: string): string | undefined {
  const region = text.toUpperCase();
  if (region === '') return undefined;
  if (isSupportedCountry(region as CountryCode)) return region;
  throw new AppError('invalid', '--phone-region must be a country in two letters, such as US');
}

/** @throws AppError `invalid` for what is no host and no address. */
function allowed(text: string): readonly string[] {
  const entries = text
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean);
  try {
    new AllowList(entries);
  } catch (error) {
    throw new AppError('invalid', `--webhook-allow: ${(error as Error).message}`, { cause: error });
  }
  return entries;
}

/**
 * Reads the settings: a flag wins over its variable, which wins over the default.
 *
 * @param flags values by flag name without dashes, such as `inflight-mib`.
 * @throws AppError `invalid` that names the setting.
 */
export function readConfig(
  flags: Readonly<Record<string, string | undefined>>,
  environment: Readonly<Record<string, string | undefined>>,
): Config {
  const text = (flag: string): string => {
    const setting = settings.find((row) => row.flag === `--${flag}`)!;
    return flags[flag] ?? environment[setting.variable] ?? setting.fallback;
  };
  const number = (flag: string, least: number, most: number): number => {
    const value = Number(text(flag));
    if (text(flag).trim() === '' || !Number.isInteger(value) || value < least || value > most) {
      throw new AppError('invalid', `--${flag} must be a whole number from ${least} to ${most}`);
    }
    return value;
  };
  const flag = (name: string): boolean => {
    const value = text(name);
    if (['1', 'true', 'on'].includes(value)) return true;
    if (['', '0', 'false', 'off'].includes(value)) return false;
    throw new AppError('invalid', `--${name} must be on or off`);
  };
  const isShardsGiven = (flags['shards'] ?? environment['TAPELINE_SHARDS']) !== undefined;
  return {
    host: text('host'),
    port: number('port', 0, 65_535),
    data: text('data'),
    shards: isShardsGiven ? number('shards', 1, shardsMax) : undefined,
    fronts: number('fronts', 1, frontsMax),
    inflightBytesMax: number('inflight-mib', 1, 65_536) * mebibyte,
    freeBytesMin: number('free-mib', 0, 1_048_576) * mebibyte,
    cacheBytes: number('cache-mib', 0, 1_048_576) * mebibyte,
    parts: {
      events: number('part-events', 100, partEventsMax),
      bytes: number('part-mib', 1, 4096) * mebibyte,
      ageMs: number('part-minutes', 1, 10_080) * 60_000,
    },
    quotaEventsPerSecond: number('quota-events', 0, 1_000_000_000) || null,
    quotaBytesPerSecond: number('quota-mib', 0, 900_000) * mebibyte || null,
    retentionDays: number('retention-days', 0, 36_500) || null,
    retentionBytes: number('retention-gib', 0, 1_000_000) * 1024 * mebibyte || null,
    erasureWaitMs: number('erasure-minutes', 0, 1440) * 60_000,
    demo: flag('demo'),
    phoneRegion: phoneRegionOf(text('phone-region')),
    corsOrigins: text('cors-origins').split(',').filter(Boolean),
    webhookAllow: allowed(text('webhook-allow')),
    adminKey: text('admin-key') || undefined,
    writeKey: text('write-key') || undefined,
    readKey: text('read-key') || undefined,
  };
}
