/** PostgreSQL: COPY into a table keyed by customer, time and id; every batch a transaction. */
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Found, findDebian } from './debian.ts';
import { Missing, type Peer, type Place, type Site, type Tools } from './peer.ts';
import { runProgram, startProgram } from './process.ts';
import { postgresUser } from './wires/postgres.ts';

export const postgres: Peer = {
  name: 'postgres',
  title: 'PostgreSQL',
  durability: 'flushed before the answer (synchronous_commit on)',
  tuned:
    'a quarter of the memory as buffers; wal_level minimal; no checkpoint and no vacuum during the load, ' +
    'both after it; binary COPY, C locale; size is that of table and index, without the log',
  wire: 'postgres',
  window: 2,
  readers: 16,
  find,
};

const bufferMib = 4096;
const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: `${bufferMib}MB`,
  synchronous_commit: 'on',
  fsync: 'on',
  full_page_writes: 'on',
  wal_level: 'minimal',
  max_wal_senders: '0',
  wal_buffers: '64MB',
  max_wal_size: '64GB',
  checkpoint_timeout: '1h',
  autovacuum: 'off',
  jit: 'off',
  max_connections: '100',
};

const table = `CREATE TABLE tape (customer text NOT NULL, time bigint NOT NULL, id text NOT NULL,
  event bytea NOT NULL, PRIMARY KEY (customer, time, id))`;

async function find(tools: Tools): Promise<Site> {
  const found = await findDebian(tools, {
    package: 'postgresql',
    program: 'postgres',
    folders: (root) => versionFolders(join(root, 'usr/lib/postgresql')),
    versionOf: (output) => /(\d+\.\d+)/.exec(output)?.[1],
  });
  return {
    version: found.version,
    async prepare({ directory }) {
      const { user } = account();
      mkdirSync(dataOf(directory));
      if (user !== undefined) openWay(directory);
      if (user !== undefined) chownSync(dataOf(directory), user, user);
      run(found, 'initdb', [
        ...['-D', dataOf(directory), '-U', postgresUser, '-A', 'trust'],
        ...['--no-sync', '--no-locale', '-E', 'UTF8'],
      ]);
    },
    start: (place) => start(found, place),
    create: async (place) => void sql(found, place, table),
    async settle(place) {
      sql(found, place, 'VACUUM ANALYZE tape');
      sql(found, place, 'CHECKPOINT');
    },
    count: async (place) => Number(sql(found, place, 'SELECT count(*) FROM tape')),
    bytes: async (place) => Number(sql(found, place, "SELECT pg_total_relation_size('tape')")),
  };
}

function start(found: Found, { directory, port }: Place): ReturnType<Site['start']> {
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const args = ['-D', dataOf(directory), '-p', String(port), ...options];
  const { command, env } = found;
  const log = join(directory, 'peer.log');
  const { user } = account();
  return startProgram({ command, args, env, log, user, cwd: dataOf(directory) }, async () => {
    run(found, 'psql', psqlArgs(port, 'SELECT 1'));
  });
}

function sql(found: Found, { port }: Place, query: string): string {
  return run(found, 'psql', psqlArgs(port, query)).trim();
}

function psqlArgs(port: number, query: string): string[] {
  const where = ['-h', '127.0.0.1', '-p', String(port), '-U', postgresUser, '-d', 'postgres'];
  return [...where, '-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', query];
}

/** The user that it runs as must get to its data. */
function openWay(directory: string): void {
  for (const path of [dirname(directory), directory]) chmodSync(path, 0o755);
  for (let path = dirname(directory); path !== dirname(path); path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) {
      throw new Missing(`it may not run as root, and others may not enter ${path}: give --data`);
    }
  }
}

/** Programs of the same installation. */
function run({ command, env }: Found, program: string, args: string[]): string {
  const path = join(dirname(command), program);
  const all = { ...env, PGCONNECT_TIMEOUT: connectSeconds };
  return runProgram({ command: path, args, env: all, cwd: '/', ...account() });
}

const connectSeconds = '10';
const nobody = 65_534;

/** It refuses to be root. */
function account(): { readonly user: number | undefined } {
  return { user: process.getuid?.() === 0 ? nobody : undefined };
}

function dataOf(directory: string): string {
  return join(directory, 'data');
}

function versionFolders(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const versions = readdirSync(directory).sort((a, b) => Number(b) - Number(a));
  return versions.map((version) => join(directory, version, 'bin'));
}
