/** What the user is told, on standard error. */
'use strict';

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

module.exports = { Problem, say, seconds };
