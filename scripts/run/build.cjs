/** The build: whether it is that of the sources as they are, and making it. */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { bundleForBrowsers, bundleThreads, webDirectory } = require('./bundle.cjs');
const { runChild } = require('./child.cjs');
const { buildDirectory, digest, listFiles, readJson, root } = require('./files.cjs');
const { Problem, say, seconds } = require('./say.cjs');

const stampFile = path.join(buildDirectory, '.stamp');
const sourceDirectories = ['src', 'bench', 'scripts', 'test'];

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

/** Changes whenever a source is changed, added, removed or replaced by an older one. */
function fingerprintSources() {
  const files = ['tsconfig.json', 'src/web/tsconfig.json', 'package.json', 'package-lock.json'];
  for (const directory of sourceDirectories) listFiles(directory, /\.(ts|cjs)$/, files);
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

module.exports = { build, isBuilt };
