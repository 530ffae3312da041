/**
 * Runs the tests: format and lint first, then every `test/**.test.ts` whose name contains one of
 * the words given, each file in a process of its own. The types were checked by the build.
 */

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

/** A file that takes longer hangs: it fails, and the others still run. */
const fileTimeoutMs = 5 * 60_000;

const root = fileURLToPath(new URL('../../', import.meta.url));
const testsRoot = fileURLToPath(new URL('../test/', import.meta.url));

function listTests(words: readonly string[]): string[] {
  const names = readdirSync(testsRoot, { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith('.test.js') && !name.startsWith('support'))
    .filter((name) => words.length === 0 || words.some((word) => name.includes(word)))
    .sort()
    .map((name) => join(testsRoot, name));
}

function isLintClean(): boolean {
  const biome = join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
  const args = [biome, 'ci', '--error-on-warnings', '.'];
  if (!process.stdout.isTTY) args.push('--colors=off');
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  return status === 0;
}

function runTests(files: string[]): void {
  // Failures then point into the sources.
  process.env['NODE_OPTIONS'] = `--enable-source-maps ${process.env['NODE_OPTIONS'] ?? ''}`.trim();
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      process.exitCode = 1;
      stopping.abort();
    });
  }
  const results = run({
    files,
    concurrency: availableParallelism(),
    timeout: fileTimeoutMs,
    signal: stopping.signal,
  });
  results.on('test:fail', (result) => {
    if (result.todo === undefined || result.todo === false) process.exitCode = 1;
  });
  results.compose(new spec()).pipe(process.stdout);
}

const words = process.argv.slice(2);
const files = listTests(words);
if (files.length === 0) {
  process.stderr.write(`no test file has a name with ${words.join(' or ')}\n`);
  process.exitCode = 1;
} else if (isLintClean()) {
  runTests(files);
} else {
  process.stderr.write('format or lint is not clean; `npm run format` mends what it can\n');
  process.exitCode = 1;
}
