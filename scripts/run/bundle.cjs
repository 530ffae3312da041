/** Bundles by esbuild, which is there once the packages are: the threads' entries, and what browsers load. */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { nodeMinimum } = require('./engine.cjs');
const { buildDirectory, root } = require('./files.cjs');

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
const requireBanner =
  "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);";

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

module.exports = { bundleForBrowsers, bundleThreads, webDirectory };
