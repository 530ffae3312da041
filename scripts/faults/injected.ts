/**
 * One position: a server under load, one of its system calls fails. Either it refuses, says why and
 * goes on by itself, or it ends with a reason; in both cases an audit follows.
 *
 *     start ─▶ load ─▶ the call fails ─┬─▶ refused, /healthz says why ─▶ ready again ─▶ audit ─▶ stop
 *                                      └─▶ exit 70 with a reason ─▶ restart ──────────▶ audit ─▶ stop
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { systemClock } from '../../src/std/clock.ts';
import { describe, type Position } from './plan.ts';
import type { Stage } from './stage.ts';
import { type Injected, readInjected, traceCommand } from './trace.ts';

export interface Outcome {
  readonly end:
    | 'refused'
    | 'exited'
    | 'aborted'
    | 'not started'
    | 'definitions only'
    | 'not reached';
  /** The files whose calls failed. */
  readonly files: readonly string[];
  /** From the failed call to the first refusal or to the exit; in a full room what the sender waited. */
  readonly toldMs: number;
  /** The longest that any request of that life waited for its answer. */
  readonly slowestMs: number;
}

/** If the call has not failed by then, this life has too few of them. */
const reachMs = 8_000;
const exitCodes: ReadonlySet<number | null> = new Set([70]);
/** A call failed and nobody was told: after this long nobody will be. */
const tellMsMax = 12_000;

let lives = 0;

export async function runInjected(stage: Stage, position: Position): Promise<Outcome> {
  const trace = join(stage.directory, `trace-${++lives}`);
  const wrapper = traceCommand(position, trace);
  const env = { UV_THREADPOOL_SIZE: String(position.threads) };
  try {
    await stage.start({ wrapper, env });
  } catch (error) {
    return notStarted(stage, readInjected(trace), error as Error);
  }
  stage.go();
  const startedMs = systemClock.monotonicMs();
  const isDue = (): boolean => systemClock.monotonicMs() - startedMs > reachMs;
  await stage.until('the load', () => isDue() || readInjected(trace).length > 0);
  const failed = readInjected(trace);
  if (failed.length === 0 && !stage.hasEnded()) {
    await stage.audit(false);
    await stage.stop();
    return { end: 'not reached', files: [], toldMs: 0, slowestMs: 0 };
  }
  if (failed.length === 0) stage.found(`${describe(position)}: ended without a fault`);
  const outcome = await watch(stage, position, trace);
  if (outcome.end === 'exited' || outcome.end === 'aborted') await stage.start();
  await stage.audit(false);
  await stage.stop();
  return outcome;
}

/** Where the library tells of a refused write it may overrun its own text: that ends the process. */
function isOverrun({ calls, effect }: Position, signal: NodeJS.Signals | null): boolean {
  const mayBe = calls.includes('write') && effect.startsWith('error');
  return mayBe && (signal === 'SIGABRT' || signal === 'SIGSEGV');
}

/** A start may fail, if it says so; the next one may not. */
async function notStarted(
  stage: Stage,
  failed: readonly Injected[],
  error: Error,
): Promise<Outcome> {
  if (failed.length === 0) throw error;
  const isTold = /ended with (70|73)/.test(error.message) && /error|tapeline:/i.test(error.message);
  // Where the library cannot write the first pages of a new file it ends the process by itself.
  const isUnborn = /ended with null/.test(error.message) && failed.at(-1)!.file.endsWith('.new');
  if (!isTold && !isUnborn) stage.found(`a start failed in a strange way: ${error.message}`);
  await stage.start();
  stage.go();
  await stage.until('a first receipt', () => stage.prober.receipts > 0);
  await stage.audit(false);
  await stage.stop();
  const end = isUnborn ? 'aborted' : 'not started';
  return { end, files: failed.map(({ file }) => file), toldMs: 0, slowestMs: 0 };
}

async function watch(stage: Stage, position: Position, trace: string): Promise<Outcome> {
  const failed = readInjected(trace);
  const { prober, server } = stage;
  const failedAtMs = failed[0]?.atMs ?? systemClock.now();
  const closed = once(server.process, 'close');
  const isShards = readInjected(trace).some(({ file }) => file.startsWith('shard-'));
  const isTold = (): boolean =>
    !isShards || (prober.refusedAtMs ?? unreadySince(server.log())) !== undefined;
  await stage.until('a refusal', () => isTold() || systemClock.now() - failedAtMs > tellMsMax);
  const isAlive = await stage.until('readiness', async () => {
    const before = prober.receipts;
    if (!(await stage.isReady())) return false;
    await stage.until('a receipt', () => prober.receipts > before + 1);
    return stage.isReady();
  });
  const files = readInjected(trace).map(({ file }) => file);
  if (!isAlive) {
    const endedAtMs = systemClock.now();
    await closed;
    const { exitCode, signalCode } = server.process;
    if (isOverrun(position, signalCode)) {
      return { end: 'aborted', files, toldMs: endedAtMs - failedAtMs, slowestMs: prober.slowestMs };
    }
    if (!exitCodes.has(exitCode) || !/a thread died/.test(server.log())) {
      stage.found(`ended with ${exitCode ?? signalCode} after ${files}: ${server.log()}`);
    }
    // A sender that was told before the end was told.
    const toldAtMs = Math.min(endedAtMs, prober.refusedAtMs ?? endedAtMs);
    return { end: 'exited', files, toldMs: toldAtMs - failedAtMs, slowestMs: prober.slowestMs };
  }
  const { refusedAtMs, slowestMs } = prober;
  if (refusedAtMs === undefined) {
    const toldAtMs = unreadySince(server.log());
    if (toldAtMs !== undefined) {
      return { end: 'refused', files, toldMs: toldAtMs - failedAtMs, slowestMs };
    }
    if (isShards) stage.found(`${files} failed and nobody was told`);
    return { end: 'definitions only', files, toldMs: 0, slowestMs };
  }
  // It may be over before `/healthz` is asked again.
  const wasShort = prober.reason === '' && unreadySince(server.log()) !== undefined;
  if (!wasShort && !/room/.test(prober.reason)) {
    stage.found(`/healthz gave as its reason '${prober.reason}'`);
  }
  return { end: 'refused', files, toldMs: refusedAtMs - failedAtMs, slowestMs };
}

/**
 * When the server said of itself that it cannot write, epoch milliseconds. A single failed commit may
 * have held others' events only, who were told.
 */
function unreadySince(log: string): number | undefined {
  const line = log.split('\n').find((each) => /a shard cannot write.*room/.test(each));
  const time = /"time":"([^"]*)"/.exec(line ?? '')?.[1];
  return time === undefined ? undefined : Date.parse(time);
}
