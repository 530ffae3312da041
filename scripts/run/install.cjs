/** The packages: whether they are those of the lockfile, and installing them. */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { runChild } = require('./child.cjs');
const { readJson, root } = require('./files.cjs');
const { Problem, say, seconds } = require('./say.cjs');

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

module.exports = { install, isInstalled };
