/** The server of a bench: a real process on a data directory of its own, removed at the end. */
import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MetricName } from '../src/std/metrics.ts';
import { startServer, type TestServer } from '../test/support/server.ts';
import { count, type Quantiles, quantiles, type Row, rounded } from './report.ts';
import type { Settings } from './settings.ts';

const probes = 50;

/** What is there now and has to go when the bench ends, also when it is interrupted. */
const servers = new Set<TestServer>();
const directories = new Set<string>();
process.on('exit', () => {
  for (const server of servers) server.process.kill('SIGKILL');
  for (const directory of directories) removeData(directory);
});
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.once(signal, () => process.exit(code));
}

function removeData(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
  directories.delete(directory);
}

const projectData = fileURLToPath(new URL('../../data', import.meta.url));

/**
 * Makes an empty data directory and removes it when `run` is done. It lies in the project unless
 * --data says otherwise: the system's temporary directory is often memory, where a flush is nothing.
 */
export async function withData<Result>(
  { data = projectData }: Settings,
  run: (directory: string) => Promise<Result>,
): Promise<Result> {
  mkdirSync(data, { recursive: true });
  const directory = mkdtempSync(join(data, 'bench-'));
  directories.add(directory);
  try {
    return await run(directory);
  } finally {
    removeData(directory);
  }
}

/** Starts the server on a data directory that stays. */
export async function startOn(
  directory: string,
  { fronts, profile, shards }: Settings,
  port = 0,
  settings: Readonly<Record<string, string>> = {},
): Promise<TestServer> {
  // Through a shell: the options of node come between its name and the script's.
  const script = 'exec "$0" --cpu-prof --cpu-prof-dir="$PROFILE_DIR" "$@"';
  const server = await startServer({
    data: directory,
    shards,
    fronts,
    port,
    env: { ...settings, ...(profile === undefined ? {} : { PROFILE_DIR: profile }) },
    ...(profile === undefined ? {} : { wrapper: ['/bin/sh', '-c', script] }),
  });
  servers.add(server);
  server.process.once('exit', () => servers.delete(server));
  return server;
}

/** Runs with a server on a fresh data directory; both are gone afterwards, also after a failure. */
export function withServer<Result>(
  settings: Settings,
  run: (server: TestServer) => Promise<Result>,
): Promise<Result> {
  return withData(settings, async (directory) => {
    const server = await startOn(directory, settings);
    try {
      const result = await run(server);
      const code = await server.stop();
      if (code !== 0) throw new Error(`the server ended with ${code}: ${server.log()}`);
      return result;
    } catch (error) {
      await server.kill();
      throw error;
    }
  });
}

export type MetricValues = ReadonlyMap<string, number>;

/** The server's metrics, summed over its threads, by name without prefix. */
export async function readMetrics(server: TestServer): Promise<MetricValues> {
  const response = await fetch(`${server.url}/metrics`);
  const lines = (await response.text()).matchAll(/^(?:tapeline_)?(\w+) (\S+)$/gm);
  return new Map([...lines].map(([, name, value]) => [name!, Number(value)]));
}

export async function readMetric(server: TestServer, name: MetricName): Promise<number> {
  return metricOf(await readMetrics(server), name);
}

export function metricOf(metrics: MetricValues, name: MetricName): number {
  const value = metrics.get(name);
  if (value === undefined) throw new Error(`the server has no metric ${name}`);
  return value;
}

/** What the disk was asked to do, of the whole run. */
export interface CommitFigures {
  readonly commits: number;
  readonly meanCommitMs: number;
  /** A flush of 16 KiB by itself, on the same disk, before the server started. */
  readonly flushMs: Quantiles;
}

export function commitFigures(metrics: MetricValues, flushMs: Quantiles): CommitFigures {
  const commits = metricOf(metrics, 'commits_total');
  const seconds = metricOf(metrics, 'commit_seconds_total');
  return { commits, meanCommitMs: rounded((seconds * 1000) / Math.max(1, commits)), flushMs };
}

export function commitRow({ commits, flushMs, meanCommitMs }: CommitFigures): Row {
  const probe = `${flushMs.p50} ms for 16 KiB alone`;
  return ['flush', `${count(commits)} commits of ${meanCommitMs} ms each on average; ${probe}`];
}

/** How long the disk takes to make 16 KiB durable: every receipt waits for it at least once. */
export function probeFlush({ data = projectData }: Settings): Quantiles {
  mkdirSync(data, { recursive: true });
  const directory = mkdtempSync(join(data, 'probe-'));
  try {
    const file = openSync(join(directory, 'probe'), 'w');
    const block = Buffer.alloc(16 * 1024, 1);
    const flushMs = Array.from({ length: probes }, (_, n) => {
      const startMs = performance.now();
      writeSync(file, block, 0, block.length, n * block.length);
      fdatasyncSync(file);
      return performance.now() - startMs;
    });
    closeSync(file);
    return quantiles(flushMs);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
