/** Runs one of the project's scripts as its users do: a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface ScriptEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ScriptOptions {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  readonly started?: (child: ChildProcess) => void;
}

/** Runs `scripts/<name>.ts`; the environment holds nothing of the caller's TAPELINE_ settings. */
export function runScript(name: string, options: ScriptOptions): Promise<ScriptEnd> {
  const path = fileURLToPath(new URL(`../../scripts/${name}.js`, import.meta.url));
  const inherited = Object.entries(process.env).filter(([key]) => !key.startsWith('TAPELINE_'));
  const child = spawn(process.execPath, [path, ...options.args], {
    env: { ...Object.fromEntries(inherited), NODE_OPTIONS: '', ...options.env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  options.started?.(child);
  // A script that fails early closes its input: what it did not read does not matter.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.stdin ?? '');
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
