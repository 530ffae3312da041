/** The project as a newcomer finds it: its top level, its packages, and what its files may say. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { nodeFlags } from './support/server.ts';

interface Package {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly engines?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const manifest = readJson('package.json') as Package;
const lockfile = readJson('package-lock.json') as { packages: Record<string, Package> };

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(join(root, name), 'utf8'));
}

/** What belongs to the project: what git tracks or would; all but the ignored where there is no git. */
function listProjectFiles(): string[] {
  if (existsSync(join(root, '.git'))) {
    const flags = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
    const { status, stdout } = spawnSync('git', flags, { cwd: root, encoding: 'utf8' });
    const names = status === 0 ? stdout.split('\0') : [];
    if (names.length > 0)
      return names.filter((name) => name !== '' && existsSync(join(root, name)));
  }
  const ignored = ['node_modules', 'build', 'data'];
  return readdirSync(root, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((name) => !ignored.includes(name.split('/')[0] ?? ''));
}

test('the top level holds what it should and nothing else', () => {
  const allowed = [
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'bench',
    'biome.json',
    'package-lock.json',
    'package.json',
    'scripts',
    'src',
    'test',
    'tsconfig.json',
  ];
  const present = new Set(listProjectFiles().map((name) => name.split('/')[0] ?? ''));
  const visible = [...present].filter((name) => !name.startsWith('.'));
  assert.deepEqual(
    visible.filter((name) => !allowed.includes(name)),
    [],
  );
});

test('packages are pinned to exact versions', () => {
  const pins = { ...manifest.dependencies, ...manifest.devDependencies };
  assert.ok(Object.keys(pins).length > 0);
  for (const [name, version] of Object.entries(pins)) {
    assert.match(version, /^(npm:[a-z-]+@)?\d+\.\d+\.\d+$/, `${name} is not pinned: ${version}`);
  }
});

test('the lockfile is that of package.json, with a checksum for every package', () => {
  const { '': own, ...packages } = lockfile.packages;
  assert.deepEqual(own?.dependencies, manifest.dependencies);
  assert.deepEqual(own?.devDependencies, manifest.devDependencies);
  for (const [place, { version, integrity, resolved }] of Object.entries(packages)) {
    assert.match(version ?? '', /^\d+\.\d+\.\d+/, place);
    assert.match(integrity ?? '', /^sha512-[A-Za-z0-9+/]{86}==$/, `${place} has no checksum`);
    assert.equal(resolved, undefined, `${place} names a host`);
  }
});

test('the engines are those the first command asks for', () => {
  assert.equal(manifest.engines?.['node'], '>=20.20.0');
  const text = readFileSync(join(root, 'scripts/run/engine.cjs'), 'utf8');
  assert.match(text, /nodeMinimum = \[20, 20\]/);
});

test('every command that the first script knows is a script of package.json', () => {
  const names = ['start', 'test', 'dev', 'build', 'bench', 'import', 'demo', 'torture', 'powercut'];
  for (const name of names) {
    // With `exec` no shell stands between npm and the command, to die of a signal and pass none on.
    // The server's heaps are small and every core has a thread of it: no helpers for the collector.
    const flags = name === 'start' ? ` ${nodeFlags.join(' ')}` : '';
    assert.equal(manifest.scripts?.[name], `exec node${flags} scripts/run.cjs ${name}`);
  }
  assert.equal(manifest.scripts?.['check'], manifest.scripts?.['test']);
});

test('continuous integration runs npm test and nothing else', () => {
  const file = join(root, '.ci/run');
  accessSync(file, constants.X_OK);
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  assert.deepEqual(lines, ['set -euo pipefail', 'cd "$(dirname "$0")/.."', 'npm test']);
});

test('no file names a path of somebody’s machine', () => {
  const places = ['work', 'tmp', 'root', 'home', 'Users'];
  // A path in a string, in Markdown or in prose; not part of a longer path or of a URL.
  const pattern = new RegExp(`(?<![\\w.}/~:-])/(${places.join('|')})/\\w`);
  assert.match(` /${places[0]}/main`, pattern);
  assert.doesNotMatch('https://example.com/work/main and test/tmp/a', pattern);
  const found: string[] = [];
  for (const name of listProjectFiles()) {
    if (name === 'package-lock.json') continue;
    const text = readFileSync(join(root, name), 'utf8');
    text.split('\n').forEach((line, index) => {
      if (pattern.test(line)) found.push(`${name}:${index + 1} ${line.trim()}`);
    });
  }
  assert.deepEqual(found, []);
});

test('each thread is one file, and its map leads to the sources', () => {
  const script = readFileSync(join(root, 'scripts/run/bundle.cjs'), 'utf8');
  const listed = /threadEntries = \[([^\]]*)\]/.exec(script)?.[1] ?? '';
  const entries = [...listed.matchAll(/'([^']+)'/g)].map(([, entry]) => entry!);
  // What `main.ts` starts, and itself.
  const main = readFileSync(join(root, 'src/main.ts'), 'utf8');
  const started = [...main.matchAll(/new URL\('\.\/([^']+)\.js'/g)].map(
    ([, name]) => `src/${name}.ts`,
  );
  assert.deepEqual([...entries].sort(), ['src/main.ts', ...started].sort());
  for (const entry of entries) {
    const built = join(root, 'build', entry.replace(/\.ts$/, '.js'));
    const text = readFileSync(built, 'utf8');
    assert.doesNotMatch(text, /^(import|export)\b.*['"]\.\.?\//m, entry);
    const { sources } = JSON.parse(readFileSync(`${built}.map`, 'utf8')) as { sources: string[] };
    const own = sources.map((source) => join(dirname(built), source)).filter(isOwn);
    assert.ok(own.includes(join(root, entry)), entry);
    for (const source of own) assert.ok(existsSync(source), source);
  }
});

function isOwn(path: string): boolean {
  return path.startsWith(join(root, 'src'));
}
