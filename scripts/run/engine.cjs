/** Which engine is new enough. Looked at before anything else is loaded. */
'use strict';

const { say } = require('./say.cjs');

const nodeMinimum = [20, 20];

function requireNode() {
  const version = process.versions.node.split('.').map(Number);
  const enough =
    version[0] > nodeMinimum[0] || (version[0] === nodeMinimum[0] && version[1] >= nodeMinimum[1]);
  if (enough) return;
  say(`needs Node.js ${nodeMinimum.join('.')} or newer; this is ${process.versions.node}`);
  process.exit(1);
}

module.exports = { nodeMinimum, requireNode };
