/** The processes that install and compile. */
'use strict';

const childProcess = require('node:child_process');
const os = require('node:os');
const { root } = require('./files.cjs');
const { signLock } = require('./lock.cjs');
const { Problem } = require('./say.cjs');

/** Runs a child to its end, output on standard error. A signal meanwhile ends both. */
function runChild(command, args) {
  return new Promise((resolve, reject) => {
    const options = { cwd: root, stdio: ['ignore', 2, 2] };
    const child = childProcess.spawn(command[0], command.slice(1).concat(args), options);
    if (child.pid !== undefined) signLock(child.pid);
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

module.exports = { runChild };
