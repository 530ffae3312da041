/** A server whose system calls strace fails: how it is started, and which calls did fail. */
import { existsSync, readFileSync } from 'node:fs';
import type { Position } from './plan.ts';

export interface Injected {
  /** Epoch milliseconds. */
  readonly atMs: number;
  readonly call: string;
  /** The file, from the data directory on; '' when strace did not tell. */
  readonly file: string;
}

/** Options that let the process run at full speed but for the calls in question, as its parent's own child. */
const quick = ['-D', '-f', '--seccomp-bpf'];

/** The command that goes before the server's, so that `position` fails and `file` tells of it. */
export function traceCommand({ calls, effect, first, last }: Position, file: string): string[] {
  const fault = `inject=${calls}:${effect}:when=${first}..${last}`;
  const output = ['-ttt', '-y', '-s', '0', '-o', file, '-e', 'signal=none'];
  return ['strace', ...quick, ...output, '-e', `trace=${calls}`, '-e', fault];
}

/** A small command for finding out whether this machine allows all that. */
export const traceProbe = ['strace', ...quick, '-e', 'trace=fdatasync', 'true'];

const lineShape = /^(\d+) +([\d.]+) (?:<\.\.\. )?(\w+)/;

/** The calls that were failed so far. */
export function readInjected(file: string): Injected[] {
  if (!existsSync(file)) return [];
  const found: Injected[] = [];
  const unfinished = new Map<string, string>();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [, thread, at, call] = lineShape.exec(line) ?? [];
    if (thread === undefined) continue;
    const path = /<(\/[^>]*)>/.exec(line)?.[1];
    if (line.endsWith('<unfinished ...>')) unfinished.set(thread, path ?? '');
    if (!line.includes('(INJECTED)')) continue;
    const whole = path ?? unfinished.get(thread) ?? '';
    const place = /[^/]*\/[^/]*$/.exec(whole)?.[0] ?? whole;
    found.push({ atMs: Number(at) * 1000, call: call!, file: place });
  }
  return found;
}
