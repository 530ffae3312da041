/** The command line: reads the settings, opens the server, says where it is, and ends it in order. */
import { Command } from 'commander';
import { type Config, readConfig, settings } from './config.ts';
import { openServer, type Server } from './server.ts';
import { systemClock } from './std/clock.ts';
import { AppError } from './std/errors.ts';
import { openLog } from './std/log.ts';
import { systemRandom } from './std/random.ts';
import type { ThreadEntries } from './threads/pool.ts';

/** Exit codes, as in sysexits.h: 70 for a failure of ours, 64 and 73 for a wrong call. */
const exitCode = { usage: 64, software: 70, cannotOpen: 73 } as const;
/** A drain that takes longer has a client that never goes away. */
const stopMsMax = 20_000;

const log = openLog(systemClock.now, { thread: 'main' });

/**
 * Threads get this long to end. Fronts have to let go of their sockets first, or the exit would be an
 * abort; a shard whose store holds a lock for ever never ends, and `exit` would wait for it.
 */
const cutMsMax = 2_000;

/**
 * Where the threads begin. Each of these files, and this one, is bundled with all it imports (`bundleThreads` in
 * `scripts/run/bundle.cjs`): a path that is relative to a module holds only if the module lies beside its thread's entry.
 */
const entries: ThreadEntries = {
  front: new URL('./http/front.js', import.meta.url),
  shard: new URL('./threads/shard.js', import.meta.url),
  engine: new URL('./threads/engine.js', import.meta.url),
  reader: new URL('./threads/reader.js', import.meta.url),
  upkeep: new URL('./threads/upkeep.js', import.meta.url),
};

let server: Server | undefined;
let isDying = false;

function die(name: string, reason: string): void {
  if (isDying) return;
  isDying = true;
  log.error('a thread died; the process ends', { name, reason });
  const exit = (): never => process.exit(exitCode.software);
  if (server === undefined) exit();
  systemClock.after(cutMsMax, () => process.kill(process.pid, 'SIGKILL'));
  void server?.cut().then(exit);
}

function parseFlags(argv: readonly string[]): Record<string, string | undefined> {
  const command = new Command('tapeline').description('Serves Tapeline.');
  command.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : exitCode.usage));
  for (const { fallback, flag, meaning, value, variable } of settings) {
    const shown = fallback === '' ? '' : `, default ${fallback}`;
    command.option(`${flag} ${value}`, `${meaning} (${variable}${shown})`);
  }
  const options = command.parse(argv).opts<Record<string, string | true>>();
  const flags: Record<string, string | undefined> = {};
  for (const { flag } of settings) {
    const name = flag.slice(2);
    const value = options[name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())];
    // A flag that may stand alone says `true` then.
    flags[name] = value === true ? 'true' : value;
  }
  return flags;
}

function announce(server: Server, { demo, host }: Config): void {
  const shown = host.includes(':') ? `[${host}]` : host;
  const url = `http://${shown}:${server.port}`;
  // Not by the locale: to load it takes longer than opening the tape.
  const events = String(server.events).replace(/\B(?=(\d{3})+$)/g, ',');
  const lines = [`Tapeline is ready on ${url}   docs: ${url}/docs   events on tape: ${events}`];
  if (demo) lines.push(`  the demo, open to whoever reaches it: ${url}/demo`);
  const { admin, read, write } = server.freshKeys;
  if (admin ?? read ?? write) {
    lines.push('', 'Keys of the new workspace "default"; they are not shown again:');
    if (write !== undefined) lines.push(`  export TAPELINE_WRITE_KEY=${write}`);
    if (read !== undefined) lines.push(`  export TAPELINE_READ_KEY=${read}`);
    if (admin !== undefined) lines.push(`  export TAPELINE_ADMIN_KEY=${admin}`);
    lines.push('');
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

let isStopping = false;

async function stop(signal: string): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  log.info('stopping', { signal });
  systemClock.after(stopMsMax, () => die('main', 'the server did not stop in time'));
  await server?.stop();
  process.exit(0);
}

process.on('SIGTERM', () => void stop('SIGTERM'));
process.on('SIGINT', () => void stop('SIGINT'));
process.on('uncaughtException', (error) => die('main', error.stack ?? String(error)));
process.on('unhandledRejection', (error) => die('main', String(error)));

try {
  const config = readConfig(parseFlags(process.argv), process.env);
  const opened = await openServer({
    config,
    entries,
    clock: systemClock,
    random: systemRandom,
    log,
    onCreated: (created) => {
      server = created;
    },
    onDeath: die,
  });
  announce(opened, config);
} catch (error) {
  if (!(error instanceof AppError)) throw error;
  process.stderr.write(`tapeline: ${error.message}\n`);
  process.exit(error.code === 'invalid' ? exitCode.usage : exitCode.cannotOpen);
}
