/**
 * Rooms that run out for real: small file systems that a ballast fills up, and the limit on the size
 * of a file. Here writes are short before they fail, as no injection can make them.
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/std/clock.ts';
import type { Random } from '../../src/std/random.ts';
import type { Outcome } from './injected.ts';
import type { Stage } from './stage.ts';

export type RoomKind = 'ext4' | 'tmpfs' | 'ulimit';
export const roomKinds: readonly RoomKind[] = ['ext4', 'tmpfs', 'ulimit'];

export interface Room {
  readonly path: string;
  /** What to put before the server's command. */
  readonly wrapper: readonly string[];
  /** Leaves the process `bytes` more to write. */
  shrink(bytes: number, pid: number): void;
  widen(pid: number): void;
  release(): void;
}

export interface Fill {
  /** The server keeps some space free by itself, and stops before the disk is full. */
  readonly isGuarded: boolean;
  readonly random: Random;
}

const mebibyte = 1024 * 1024;
const roomBytes = 64 * mebibyte;
/** A limit that nothing here comes near. */
const wideBytes = 1024 * 1024 * mebibyte;
/** More than what each commit keeps free for itself. */
const guardMib = 12;
const leftBytesMin = 64 * 1024;
const leftBytesMax = 2 * mebibyte;

/** Opens a room, or says why this machine has none. */
export async function openRoom(kind: RoomKind, directory: string): Promise<Room | string> {
  const path = join(directory, kind);
  mkdirSync(path, { recursive: true });
  if (kind === 'ulimit') return openLimited(path);
  if (process.getuid?.() !== 0) return 'only root may mount a file system';
  const image = join(directory, `${kind}.image`);
  const problem = kind === 'tmpfs' ? mountMemory(path) : mountImage(image, path);
  if (problem !== '') return problem;
  const ballast = join(path, 'ballast');
  return {
    path,
    wrapper: [],
    shrink: (bytes) => fillUp(ballast, path, bytes),
    widen: () => rmSync(ballast, { force: true }),
    release() {
      run('umount', path);
      rmSync(image, { force: true });
    },
  };
}

/** What a command had to say when it failed; '' when it did not. */
function run(command: string, ...args: string[]): string {
  const { error, status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (error !== undefined) return `${command} is not installed`;
  return status === 0 ? '' : `${command}: ${stderr.trim()}`;
}

function mountMemory(path: string): string {
  return run('mount', '-t', 'tmpfs', '-o', `size=${roomBytes}`, 'tmpfs', path);
}

function mountImage(image: string, path: string): string {
  const file = openSync(image, 'w');
  ftruncateSync(file, roomBytes);
  closeSync(file);
  return run('mkfs.ext4', '-q', '-F', '-m', '0', image) || run('mount', '-o', 'loop', image, path);
}

/** Reserved, not written, so that the measured process does not wait for the ballast's own flush. */
function fillUp(ballast: string, path: string, leftBytes: number): void {
  const { bavail, bsize } = statfsSync(path);
  const bytes = bavail * bsize - leftBytes;
  if (bytes <= 0) return;
  // It may fail when the server was quicker: then the disk is full all the same.
  run('fallocate', '-l', String(bytes), ballast);
}

function openLimited(path: string): Room | string {
  const problem = run('prlimit', '--version');
  if (problem !== '') return problem;
  const limit = (pid: number, bytes: number | string): void => {
    const answer = run('prlimit', `--pid=${pid}`, `--fsize=${bytes}:`);
    if (answer !== '') throw new Error(answer);
  };
  return {
    path,
    wrapper: ['prlimit', `--fsize=${wideBytes}:unlimited`],
    shrink: (bytes, pid) => limit(pid, largestFile(path) + bytes),
    widen: (pid) => limit(pid, wideBytes),
    release: () => rmSync(path, { recursive: true, force: true }),
  };
}

function largestFile(path: string): number {
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' });
  return files.reduce((most, file) => {
    const status = statSync(join(path, file), { throwIfNoEntry: false });
    return status?.isFile() ? Math.max(most, status.size) : most;
  }, 0);
}

/** The room runs out under load, and there is room again. */
export async function runFull(stage: Stage, room: Room, fill: Fill): Promise<Outcome> {
  const { isGuarded, random } = fill;
  const { wrapper } = room;
  await stage.start({ wrapper, env: { TAPELINE_FREE_MIB: isGuarded ? String(guardMib) : '0' } });
  const { prober, server } = stage;
  const pid = server.process.pid!;
  stage.go();
  await stage.until('a first receipt', () => prober.receipts > 0);
  const left = leftBytesMin + random.below(leftBytesMax - leftBytesMin);
  room.shrink(left, pid);
  const isRefused = await stage.until('a refusal', () => prober.refusedAtMs !== undefined);
  await stage.until('a reason', () => prober.reason !== '');
  // Some attempts of the server to write again, each of which has to fail in the same way.
  const seenMs = systemClock.monotonicMs();
  await stage.until('patience', () => systemClock.monotonicMs() - seenMs > random.below(1500));
  if (!/room|full/.test(prober.reason))
    stage.found(`/healthz gave as its reason '${prober.reason}'`);
  room.widen(pid);
  const receipts = prober.receipts;
  await stage.until('readiness', () => stage.isReady());
  await stage.until('a receipt', () => prober.receipts > receipts + 1);
  if (stage.hasEnded()) {
    stage.found(`the server ended with ${server.process.exitCode}: ${server.log()}`);
    await stage.start();
  }
  await stage.audit(false);
  await stage.stop();
  const end = isRefused ? 'refused' : 'exited';
  return { end, files: [], toldMs: prober.refusedAfterMs, slowestMs: prober.slowestMs };
}
