/**
 * Runs one of the project's commands, on a fresh clone too: installs the packages when they are
 * not those of the lockfile, builds when a source changed since the last build, then becomes the
 * command. `node scripts/run.cjs` lists the commands.
 *
 *     packages as locked? ──no──▶ npm ────┐        sources as stamped? ──no──▶ tsc ─┐
 *            yes                          ▼               yes                       ▼
 *             └───────────────────────────┴────────────────┴──────────▶ import build/<command>.js
 *
 * The command runs in this very process: no second process to forward signals to, to orphan, or to
 * pass an exit code from. That is why this file and those in `run/` are CommonJS: an ES module is
 * read through libuv's thread pool, whose size would then be fixed before `UV_THREADPOOL_SIZE` below
 * could set it.
 * Nothing here may use an asynchronous file function, for the same reason. The syntax is that of
 * old engines and their version is looked at first, so that they get to say that they are too old.
 */
'use strict';

const { requireNode } = require('./run/engine.cjs');
requireNode();

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const url = require('node:url');
const { build, isBuilt } = require('./run/build.cjs');
const { buildDirectory } = require('./run/files.cjs');
const { install, isInstalled } = require('./run/install.cjs');
const { acquireLock, releaseLock } = require('./run/lock.cjs');
const { Problem, say } = require('./run/say.cjs');

const parentPollMs = 1000;

const commands = {
  start: { file: 'src/main.js', about: 'serve on http://127.0.0.1:8787, data in ./data' },
  dev: { file: 'scripts/dev.js', about: 'serve, and rebuild and restart on every change' },
  test: { file: 'scripts/test.js', about: 'types, lint, tidy and all tests, or those in a filter' },
  bench: { file: 'bench/main.js', about: 'list the benches, or run one' },
  import: { file: 'scripts/import.js', about: 'import a file of events' },
  demo: { file: 'scripts/demo.js', about: 'play an online store against a running server' },
  torture: {
    file: 'scripts/torture.js',
    about: 'kill the server at random and audit its promises',
  },
  powercut: {
    file: 'scripts/powercut.js',
    about: 'cut the power of a recorded server, by the thousand',
  },
  faults: {
    file: 'scripts/faults.js',
    about: 'let system calls fail and the disk fill up, and audit the promises',
  },
  clients: {
    file: 'scripts/clients.js',
    about: 'send and listen through a bad network, and audit the promises',
  },
  sdks: {
    file: 'scripts/sdks.js',
    about: 'let the libraries of Segment and RudderStack send, and audit the tapes',
  },
  cjds: {
    file: 'scripts/cjds.js',
    about: 'let clients of CJDS, its journey widget among them, work against a server',
  },
  simulate: {
    file: 'scripts/simulate.js',
    about: 'play random lives of a tape against a model',
  },
  build: { file: undefined, about: 'install and build, nothing else' },
};

function main() {
  const name = process.argv[2];
  if (name === undefined || !Object.keys(commands).includes(name)) {
    say(`commands:\n${describeCommands()}`);
    process.exit(2);
  }
  setEnvironment();
  prepare().then(
    () => become(commands[name].file),
    (problem) => {
      say(problem instanceof Problem ? problem.message : problem.stack);
      process.exit(problem instanceof Problem ? problem.exitCode : 1);
    },
  );
}

function describeCommands() {
  return Object.keys(commands)
    .map((name) => `  ${name.padEnd(8)} ${commands[name].about}`)
    .join('\n');
}

/** What native code reads once, so that it must be there before that code is loaded. */
function setEnvironment() {
  const defaults = {
    // Flushes occupy a thread of libuv's pool each; with the default of 4 the shards starve files and DNS.
    UV_THREADPOOL_SIZE: String(Math.max(16, 2 * os.cpus().length + 8)),
    // Untrusted bytes are decoded by the JavaScript decoder, which checks its bounds.
    MSGPACKR_NATIVE_ACCELERATION_DISABLED: 'true',
    UWS_HTTP_MAX_HEADERS_SIZE: '16384',
    // After an unclean end roll back to what was flushed, always.
    LMDB_RESTORE: 'safe',
  };
  for (const name of Object.keys(defaults)) {
    if (process.env[name] === undefined) process.env[name] = defaults[name];
  }
}

/** Installs and builds as needed. Cheap when nothing changed: the files' times are compared. */
async function prepare() {
  if (isInstalled() && isBuilt()) return;
  await acquireLock();
  try {
    if (!isInstalled()) await install();
    if (!isBuilt()) await build();
  } finally {
    releaseLock();
  }
}

function become(file) {
  if (file === undefined) return;
  const target = path.join(buildDirectory, file);
  if (!fs.existsSync(target)) {
    say(`there is no ${file.replace(/\.js$/, '.ts')}`);
    process.exit(1);
  }
  process.argv.splice(1, 2, target);
  followParent();
  endWithReaders();
  import(url.pathToFileURL(target).href);
}

/**
 * npm passes signals on, but cannot pass on its own being killed: then the command would go on
 * unseen, holding its port and its data.
 */
function followParent() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    say('npm is gone: stopping');
    process.kill(process.pid, 'SIGTERM');
  }, parentPollMs);
  watch.unref();
}

/** `npm run import … | head`: with nobody left to read, a command ends quietly, as others do by SIGPIPE. */
function endWithReaders() {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error) => {
      if (error.code === 'EPIPE') process.exit(128 + os.constants.signals.SIGPIPE);
      throw error;
    });
  }
}

main();
