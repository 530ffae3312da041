/** The server of a bench: a real process on a data directory of its own, removed at the end. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServer, type TestServer } from '../test/support/server.ts';
import type { Settings } from './settings.ts';

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
  try {
    return await run(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Starts the server on a data directory that stays. */
export function startOn(
  directory: string,
  { fronts, profile, shards }: Settings,
): Promise<TestServer> {
  // Through a shell: the options of node come between its name and the script's.
  const script = 'exec "$0" --cpu-prof --cpu-prof-dir="$PROFILE_DIR" "$@"';
  return startServer({
    data: directory,
    shards,
    fronts,
    ...(profile === undefined
      ? {}
      : { wrapper: ['/bin/sh', '-c', script], env: { PROFILE_DIR: profile } }),
  });
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

/** Sums of the server's metrics, by name without prefix. */
export async function readMetric(server: TestServer, name: string): Promise<number> {
  const response = await fetch(`${server.url}/metrics`);
  const line = new RegExp(`^(?:tapeline_)?${name} (\\S+)$`, 'm').exec(await response.text());
  if (line === null) throw new Error(`the server has no metric ${name}`);
  return Number(line[1]);
}
