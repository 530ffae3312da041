/** Tools of other languages: run, and what they fetch kept in a cache of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Missing } from './library.ts';

/** Everything that is downloaded or built goes here; removing it is safe. */
const cacheDirectory = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'tapeline-sdks',
);

const complaintCharactersMax = 2000;

/** Where a directory of the cache is, if it is there. */
export function placeInCache(name: string): string {
  return join(cacheDirectory, name);
}

/** A directory of the cache, made if need be. */
export function cached(name: string): string {
  const directory = placeInCache(name);
  mkdirSync(directory, { recursive: true });
  return directory;
}

/** A program that comes with the source. */
export function sourceOf(name: string): string {
  return fileURLToPath(new URL(`../../../scripts/sdks/${name}`, import.meta.url));
}

export interface Tool {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** Resolves to its output. @throws Missing when there is no such command; Error when it fails. */
export async function runTool({ args, command, cwd, env, stdin }: Tool): Promise<string> {
  const child = spawn(command, [...args], {
    ...(cwd !== undefined && { cwd }),
    env: { ...process.env, ...env },
  });
  let output = '';
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-complaintCharactersMax);
  });
  // One that fails early does not read its input.
  child.stdin.on('error', () => undefined);
  child.stdin.end(stdin ?? '');
  try {
    const [code] = await once(child, 'close');
    if (code === 0) return output;
  } catch {
    throw new Missing(`there is no ${command}`);
  }
  throw new Error(`${command} ${args[0] ?? ''} failed: ${complaint || output.slice(-2000)}`);
}

/** The same for what is fetched: without it the library is left out. @throws Missing. */
export async function fetchTool(tool: Tool): Promise<void> {
  process.stderr.write(`fetching with ${tool.command}\n`);
  try {
    await runTool(tool);
  } catch (error) {
    if (error instanceof Missing) throw error;
    throw new Missing((error as Error).message.split('\n', 3).join(' '));
  }
}
