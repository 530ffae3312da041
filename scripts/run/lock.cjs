/** One process at a time installs or builds here. */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { buildDirectory, readText } = require('./files.cjs');
const { say } = require('./say.cjs');

const lockFile = path.join(buildDirectory, '.lock');
const lockPollMs = 100;
const lockSignMs = 5000;

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

function releaseLock() {
  fs.rmSync(lockFile, { force: true });
}

/** Whoever finds the lock waits for the child too: it goes on when its parent is killed. */
function signLock(pid) {
  fs.appendFileSync(lockFile, `${identify(pid)}\n`);
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

module.exports = { acquireLock, releaseLock, signLock };
