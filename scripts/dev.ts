/**
 * Serves, and on every change of a source builds again and restarts the server. Arguments go to
 * the server. While a build fails the last good server goes on serving.
 *
 * Changes are found by comparing the files' times twice a second: it costs a few milliseconds and
 * works on every file system, which watching a tree does not.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const pollMs = 500;
const root = fileURLToPath(new URL('../../', import.meta.url));
const main = fileURLToPath(new URL('../src/main.js', import.meta.url));

let server: ChildProcess | undefined;
let isEnding = false;

/** Changes whenever a file the build reads does. */
function look(): string {
  const lines: string[] = [];
  for (const directory of ['src', 'bench', 'scripts', 'test']) {
    for (const name of readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })) {
      if (name.endsWith('.ts')) lines.push(describe(join(directory, name)));
    }
  }
  for (const name of ['package.json', 'package-lock.json', 'tsconfig.json']) {
    lines.push(describe(name));
  }
  return lines.join('\n');
}

function describe(name: string): string {
  const status = statSync(join(root, name), { throwIfNoEntry: false });
  return `${name} ${status?.mtimeMs} ${status?.size}`;
}

/** In a process of its own, by the command that everybody else builds with. */
async function build(): Promise<boolean> {
  const builder = spawn(process.execPath, [join(root, 'scripts', 'run.cjs'), 'build'], {
    stdio: 'inherit',
  });
  const [code] = await once(builder, 'exit');
  return code === 0;
}

function startServer(): void {
  const args = ['--enable-source-maps', main, ...process.argv.slice(2)];
  // In a process group of its own Ctrl-C does not reach it twice, from the terminal and from here.
  const started = spawn(process.execPath, args, { stdio: 'inherit', detached: true });
  server = started;
  say(`server started (process ${started.pid})`);
  started.on('exit', (code, signal) => {
    if (server !== started) return;
    server = undefined;
    if (!isEnding) say(`server ended (${signal ?? code}); waiting for a change`);
  });
}

async function stopServer(): Promise<void> {
  const stopping = server;
  server = undefined;
  if (stopping === undefined || stopping.exitCode !== null) return;
  const ended = once(stopping, 'exit');
  stopping.kill('SIGTERM');
  await ended;
}

async function end(): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  await stopServer();
  process.exit(0);
}

async function watch(): Promise<never> {
  let seen = look();
  say('watching src, bench, scripts and test; Ctrl-C ends');
  startServer();
  for (;;) {
    await sleep(pollMs);
    const now = look();
    if (now === seen || isEnding) continue;
    seen = now;
    say('changed');
    if (!(await build())) {
      say('not restarted: waiting for a change that builds');
    } else if (!isEnding) {
      await stopServer();
      startServer();
    }
  }
}

function say(message: string): void {
  process.stderr.write(`dev: ${message}\n`);
}

process.on('SIGINT', end);
process.on('SIGTERM', end);
await watch();
