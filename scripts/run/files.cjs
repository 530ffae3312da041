/** Where things are, and the small reads that every step of a build needs. */
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const root = path.dirname(path.dirname(__dirname));
const buildDirectory = path.join(root, 'build');

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

module.exports = { buildDirectory, digest, listFiles, readJson, readText, root };
