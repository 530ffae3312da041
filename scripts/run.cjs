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
 * pass an exit code from. That is why this file is CommonJS: an ES module is read through libuv's
 * thread pool, whose size would then be fixed before `UV_THREADPOOL_SIZE` below could set it.
 * Nothing here may use an asynchronous file function, for the same reason. The syntax is that of
 * old engines and their version is looked at first, so that they get to say that they are too old.
 */
'use strict';

const nodeMinimum = [20, 20];
requireNode();

const childProcess = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const url = require('node:url');

const root = path.dirname(__dirname);
const buildDirectory = path.join(root, 'build');
const stampFile = path.join(buildDirectory, '.stamp');
const lockFile = path.join(buildDirectory, '.lock');
const webDirectory = path.join(root, 'src', 'web');
const webEntries = ['cj.ts', 'demo.ts'];
/** What the process and its threads begin with. */
const threadEntries = [
  'src/main.ts',
  'src/http/front.ts',
  'src/threads/shard.ts',
  'src/threads/engine.ts',
  'src/threads/reader.ts',
  'src/threads/upkeep.ts',
];
/** These load native code or a thread from files beside their own, or are loaded by one that does. */
const unbundledPackages = ['lmdb', 'msgpackr', 'piscina', 'uWebSockets.js'];
const sourceDirectories = ['src', 'bench', 'scripts', 'test'];
const requireBanner =
  "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);";
const lockPollMs = 100;
const lockSignMs = 5000;
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

function requireNode() {
  const version = process.versions.node.split('.').map(Number);
  const enough =
    version[0] > nodeMinimum[0] || (version[0] === nodeMinimum[0] && version[1] >= nodeMinimum[1]);
  if (enough) return;
  say(`needs Node.js ${nodeMinimum.join('.')} or newer; this is ${process.versions.node}`);
  process.exit(1);
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
    fs.rmSync(lockFile, { force: true });
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

// Packages ----------------------------------------------------------------------------------------

/** npm writes its own record of what it installed, at the very end: that is the stamp. */
function isInstalled() {
  const wanted = readJson(path.join(root, 'package-lock.json'));
  const present = readJson(path.join(root, 'node_modules', '.package-lock.json'));
  if (wanted === undefined) throw new Problem('package-lock.json is missing or broken', 1);
  if (present === undefined) return false;
  return Object.keys(wanted.packages).every((place) => {
    const entry = wanted.packages[place];
    if (place === '' || !isNeededHere(entry)) return true;
    const found = present.packages[place];
    return found !== undefined && found.version === entry.version;
  });
}

/** Optional packages are native builds: those for this machine are needed, others are not. */
function isNeededHere(entry) {
  if (!entry.optional && !entry.devOptional) return true;
  if (entry.os === undefined || entry.cpu === undefined || entry.libc !== undefined) return false;
  return entry.os.includes(process.platform) && entry.cpu.includes(process.arch);
}

/**
 * Not `npm ci`: it refuses a lockfile that lacks an optional native build of some other platform,
 * which a registry mirror may not hold. `--no-save` takes every version and checksum from the
 * lockfile all the same, and leaves that file alone.
 */
async function install() {
  say('installing packages (npm install)');
  fs.rmSync(path.join(root, 'node_modules', '.package-lock.json'), { force: true });
  const flags = ['install', '--no-save', '--ignore-scripts', '--include=dev', '--loglevel=error'];
  const started = Date.now();
  const code = await runChild(npmCommand(), flags.concat('--no-audit', '--no-fund'));
  if (code !== 0) throw new Problem('npm install failed; see above', code);
  say(`installed in ${seconds(started)} s`);
}

function npmCommand() {
  const running = process.env.npm_execpath;
  if (running !== undefined && /npm-cli\.c?js$/.test(running)) return [process.execPath, running];
  return ['npm'];
}

// Build -------------------------------------------------------------------------------------------

function isBuilt() {
  const stamp = readJson(stampFile);
  if (stamp === undefined || stamp.sources !== fingerprintSources()) return false;
  return stamp.outputs === digest(listOutputs());
}

async function build() {
  const started = Date.now();
  const known = readJson(stampFile);
  // Before tsc reads them, so that a change made meanwhile is seen next time.
  const sources = fingerprintSources();
  fs.rmSync(stampFile, { force: true });
  removeStaleOutputs();
  // tsc trusts its own record and would not write an output again that somebody removed.
  if (known === undefined || known.outputs !== digest(listOutputs())) {
    fs.rmSync(path.join(buildDirectory, '.tsbuildinfo'), { force: true });
  }
  say('building');
  const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  for (const project of [root, webDirectory]) {
    if (!fs.existsSync(path.join(project, 'tsconfig.json'))) continue;
    const code = await runChild([process.execPath, compiler], ['-p', project]);
    if (code !== 0) throw new Problem('the build failed; see above', code);
  }
  bundleThreads();
  bundleForBrowsers();
  fs.writeFileSync(`${stampFile}.new`, JSON.stringify({ sources, outputs: digest(listOutputs()) }));
  fs.renameSync(`${stampFile}.new`, stampFile);
  say(`built in ${seconds(started)} s`);
}

/**
 * The entry of each thread with all it imports in one file, where tsc wrote it without: a thread
 * would spend most of its start on finding and reading a thousand small files. The modules beside
 * it are what tests, benches and scripts import. Types were checked before.
 */
function bundleThreads() {
  const entryPoints = threadEntries.filter((file) => fs.existsSync(path.join(root, file)));
  require('esbuild').buildSync({
    absWorkingDir: root,
    entryPoints,
    outbase: root,
    outdir: buildDirectory,
    bundle: true,
    external: unbundledPackages,
    platform: 'node',
    target: `node${nodeMinimum.join('.')}`,
    format: 'esm',
    charset: 'utf8',
    // Packages of CommonJS ask for modules of Node by it.
    banner: { js: requireBanner },
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'warning',
  });
}

/**
 * What browsers load: each entry with all it imports in one small file. Types were checked before.
 * `buildSync` leaves nothing running behind it.
 */
function bundleForBrowsers() {
  const entryPoints = webEntries
    .map((name) => path.join(webDirectory, name))
    .filter((file) => fs.existsSync(file));
  if (entryPoints.length === 0) return;
  require('esbuild').buildSync({
    entryPoints,
    outdir: path.join(buildDirectory, 'src', 'web'),
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2020',
    charset: 'utf8',
    logLevel: 'warning',
  });
}

/** Changes whenever a source is changed, added, removed or replaced by an older one. */
function fingerprintSources() {
  const files = ['tsconfig.json', 'src/web/tsconfig.json', 'package.json', 'package-lock.json'];
  for (const directory of sourceDirectories) listFiles(directory, /\.ts$/, files);
  const lines = files.map((file) => {
    const status = fs.statSync(path.join(root, file), { throwIfNoEntry: false });
    return status === undefined ? file : `${file} ${status.mtimeMs} ${status.size}`;
  });
  return digest(lines);
}

function listOutputs() {
  const outputs = [];
  for (const directory of sourceDirectories) {
    listFiles(path.join('build', directory), /\.js(\.map)?$/, outputs);
  }
  return outputs;
}

/** A test file that is gone must not go on being run. */
function removeStaleOutputs() {
  for (const output of listOutputs()) {
    const source = path.relative('build', output).replace(/\.js(\.map)?$/, '.ts');
    if (!fs.existsSync(path.join(root, source))) fs.rmSync(path.join(root, output));
  }
}

/** Appends the files below `directory` whose names match, relative to the root, in a fixed order. */
function listFiles(directory, pattern, files) {
  const entries = readDirectory(path.join(root, directory));
  entries.sort((left, right) => (left.name < right.name ? -1 : 1));
  for (const entry of entries) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) listFiles(file, pattern, files);
    else if (pattern.test(entry.name)) files.push(file);
  }
}

function readDirectory(directory) {
  try {
    return fs.readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

// One at a time -----------------------------------------------------------------------------------

/**
 * Waits until no other process installs or builds here. The lock names its holder and the holder's
 * child; one left behind by processes that are gone is taken over.
 */
async function acquireLock() {
  fs.mkdirSync(buildDirectory, { recursive: true });
  let isWaiting = false;
  while (!tryLock()) {
    if (!isWaiting) say('waiting for another build');
    isWaiting = true;
    await new Promise((resolve) => setTimeout(resolve, lockPollMs));
  }
}

function tryLock() {
  try {
    fs.writeFileSync(lockFile, `${identify(process.pid)}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  const holders = readText(lockFile);
  if (holders === undefined || (holders === '' && !isOld(lockFile))) return false;
  if (holders.split('\n').some(isAlive)) return false;
  // Renaming is atomic: of two that find the lock abandoned one succeeds. Should it have become a
  // new holder's between the look and the rename, it is given back.
  const taken = `${lockFile}.${process.pid}`;
  try {
    fs.renameSync(lockFile, taken);
    if (fs.readFileSync(taken, 'utf8') !== holders) fs.linkSync(taken, lockFile);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  }
  fs.rmSync(taken, { force: true });
  return false;
}

/** An empty lock was made this instant and is about to be signed, or its holder died in between. */
function isOld(file) {
  const status = fs.statSync(file, { throwIfNoEntry: false });
  return status !== undefined && Date.now() - status.mtimeMs > lockSignMs;
}

/** A process id is used again one day, so its start time goes with it where the system tells it. */
function identify(pid) {
  const status = readText(`/proc/${pid}/stat`);
  if (status === undefined) return `${pid}`;
  return `${pid} ${status.slice(status.lastIndexOf(')') + 2).split(' ')[19]}`;
}

function isAlive(holder) {
  if (holder === '') return false;
  const pid = Number(holder.split(' ')[0]);
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code === 'ESRCH') return false;
  }
  return identify(pid) === holder;
}

// Small things ------------------------------------------------------------------------------------

/** Runs a child to its end, output on standard error. A signal meanwhile ends both. */
function runChild(command, args) {
  return new Promise((resolve, reject) => {
    const options = { cwd: root, stdio: ['ignore', 2, 2] };
    const child = childProcess.spawn(command[0], command.slice(1).concat(args), options);
    if (child.pid !== undefined) fs.appendFileSync(lockFile, `${identify(child.pid)}\n`);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    let received;
    const forward = (signal) => {
      received = signal;
      child.kill(signal);
    };
    for (const signal of signals) process.on(signal, forward);
    const settle = (run) => {
      for (const signal of signals) process.removeListener(signal, forward);
      run();
    };
    child.on('error', (error) => settle(() => reject(new Problem(error.message, 1))));
    child.on('exit', (code, signal) => {
      const fatal = received || signal;
      if (!fatal) return settle(() => resolve(code));
      settle(() => reject(new Problem(`stopped by ${fatal}`, 128 + os.constants.signals[fatal])));
    });
  });
}

/** Something the user can act on: told without a stack trace. */
class Problem extends Error {
  constructor(message, exitCode) {
    super(message);
    this.exitCode = exitCode;
  }
}

function say(message) {
  process.stderr.write(`tapeline: ${message}\n`);
}

function seconds(started) {
  return ((Date.now() - started) / 1000).toFixed(1);
}

function digest(lines) {
  return crypto.createHash('sha256').update(lines.join('\n')).digest('hex');
}

function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'ENOTDIR'].includes(error.code)) return undefined;
    throw error;
  }
}

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

main();
