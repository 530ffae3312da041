/**
 * Programs of Debian packages: those that the system has, else unpacked into the cache. Nothing is
 * installed in the system: no daemon starts, no root is needed, and removing the cache removes it.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Missing, type Tools } from './peer.ts';
import { runProgram } from './process.ts';

export const cacheDirectory = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'tapeline-peers',
);

export interface Found {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
  readonly version: string;
}

interface Wanted {
  readonly package: string;
  readonly program: string;
  /** Where it may be besides the PATH, under a root. */
  readonly folders?: (root: string) => string[];
  /** Out of what `--version` prints; undefined: not the right one. */
  readonly versionOf: (output: string) => string | undefined;
}

/** @throws Missing when it is neither there nor may or can be had. */
export async function findDebian(tools: Tools, wanted: Wanted): Promise<Found> {
  const { folders = () => [], program } = wanted;
  const path = (process.env['PATH'] ?? '').split(delimiter);
  const here = tryFolders([...folders('/'), ...path], wanted, {});
  if (here !== undefined) return here;
  const root = join(cacheDirectory, wanted.package);
  if (!existsSync(root)) {
    if (!tools.mayInstall) {
      throw new Missing(`there is no ${program}; --install unpacks the package ${wanted.package}`);
    }
    await unpack(wanted.package, root);
  }
  const found = tryFolders([...folders(root), join(root, 'usr/bin')], wanted, environment(root));
  if (found !== undefined) return found;
  throw new Missing(`the package ${wanted.package} has no ${program} that runs; remove ${root}`);
}

function tryFolders(
  directories: readonly string[],
  { program, versionOf }: Wanted,
  env: Record<string, string>,
): Found | undefined {
  for (const directory of directories) {
    const command = join(directory, program);
    if (directory === '' || !existsSync(command)) continue;
    try {
      const version = versionOf(runProgram({ command, args: ['--version'], env }));
      if (version !== undefined) return { command, env, version };
    } catch {
      // Not one that runs here: the next may.
    }
  }
  return undefined;
}

/** Unpacked programs find their libraries next to them. */
function environment(root: string): Record<string, string> {
  const libraries = join(root, 'usr/lib');
  const folders = existsSync(libraries) ? readdirSync(libraries) : [];
  const machine = folders.filter((name) => name.endsWith('-linux-gnu'));
  return { LD_LIBRARY_PATH: machine.map((name) => join(libraries, name)).join(delimiter) };
}

/** Fetches a package and what it needs and the system lacks. */
async function unpack(name: string, root: string): Promise<void> {
  const staging = `${root}.part`;
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging, { recursive: true });
  for (const { sha256, url } of listPackages(name)) {
    process.stderr.write(`fetching ${url}\n`);
    const file = join(staging, 'package.deb');
    writeFileSync(file, await download(url, sha256));
    runProgram({ command: 'dpkg-deb', args: ['-x', file, staging] });
    rmSync(file);
  }
  bendLinks(staging, staging);
  runProgram({ command: 'mv', args: [staging, root] });
}

interface Package {
  readonly url: string;
  readonly sha256: string;
}

function listPackages(name: string): Package[] {
  let output: string;
  try {
    const flags = ['-o', 'Acquire::ForceHash=SHA256', '--print-uris', '--yes'];
    const args = ['install', ...flags, '--no-install-recommends', name];
    output = runProgram({ command: 'apt-get', args });
  } catch (error) {
    throw new Missing(
      `apt-get does not give ${name} (apt-get update?): ${(error as Error).message}`,
    );
  }
  const lines = [...output.matchAll(/^'(\S+)' \S+ \d+ SHA256:([0-9a-f]{64})$/gm)];
  if (lines.length === 0) throw new Missing(`apt-get names no file of the package ${name}`);
  return lines.map(([, url, sha256]) => ({ url: url!, sha256: sha256! }));
}

/** @throws Missing when it cannot be had or is another one. */
export async function download(url: string, sha256: string): Promise<Buffer> {
  let bytes: Buffer;
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`the server answers ${response.status}`);
    bytes = Buffer.from(await response.arrayBuffer());
  } catch (error) {
    const { cause, message } = error as Error & { cause?: Error };
    throw new Missing(`${url} cannot be fetched: ${cause?.message ?? message}`);
  }
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== sha256) throw new Missing(`${url} is not what it should be: its checksum is wrong`);
  return bytes;
}

/** Packages link to absolute paths, which are in here too. */
function bendLinks(directory: string, root: string): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const kind = lstatSync(path);
    if (kind.isDirectory()) bendLinks(path, root);
    if (!kind.isSymbolicLink()) continue;
    const target = readlinkSync(path);
    const inside = join(root, target);
    if (!target.startsWith('/') || !existsSync(inside)) continue;
    unlinkSync(path);
    const up = path.slice(root.length + 1).split('/').length - 1;
    symlinkSync(join('../'.repeat(up), target), path);
  }
}
