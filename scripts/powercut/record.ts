/**
 * Makes one recording: a real server under the shim, on a new data directory or on what an earlier power
 * cut left, with clients; then it is stopped in order, and the journal is checked against the disk.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Random } from '../../src/std/random.ts';
import { startServer } from '../../test/support/server.ts';
import { Disk } from './disk.ts';
import { Examination, type Reference } from './examine.ts';
import { openImage } from './image.ts';
import { type Call, readJournal } from './journal.ts';
import { load } from './load.ts';
import { type Definition, promisesOf, type SentEvent } from './promises.ts';
import { placesOf, saveRecorded } from './recording.ts';

export interface RecordOptions {
  readonly directory: string;
  readonly shim: string;
  readonly name: string;
  readonly events: number;
  readonly shards: number;
  readonly random: Random;
  /** Settings of the server beyond those of the tests, such as sizes that make it seal early. */
  readonly env: Readonly<Record<string, string>>;
  /** Undefined: a new disk. */
  readonly before: Before | undefined;
}

/** The image of an earlier power cut, and what it holds. */
export interface Before {
  readonly image: string;
  readonly sent: readonly SentEvent[];
  /** Names of definitions that were made then, whatever became of them. */
  readonly defined: readonly string[];
}

/** Longer flushes overlap with more of what other threads do. */
const flushMicroseconds = 1500;
const customers = 30;

/** Why the shim cannot be built here, or false: what `skip` of a test wants. */
export function whyNoShim(): string | false {
  if (process.platform !== 'linux') return 'the shim is for Linux';
  return spawnSync('cc', ['--version']).error === undefined ? false : 'there is no C compiler';
}

/** Compiles the shim, once for each run. */
export function buildShim(directory: string): string {
  const library = join(directory, 'shim.so');
  const sources = shimSources();
  const arguments_ = ['-shared', '-fPIC', '-O2', '-o', library, ...sources, '-ldl', '-lpthread'];
  const { error, status, stderr } = spawnSync('cc', arguments_, { encoding: 'utf8' });
  if (error !== undefined) throw new Error('a C compiler named cc is needed', { cause: error });
  if (status !== 0) throw new Error(`the shim cannot be compiled: ${stderr}`);
  return library;
}

/** They stay in the source tree; this file runs from the build. */
function shimSources(): string[] {
  const besides = fileURLToPath(new URL('shim/', import.meta.url));
  const folder = existsSync(besides)
    ? besides
    : fileURLToPath(new URL('../../../scripts/powercut/shim/', import.meta.url));
  const names = readdirSync(folder).filter((name) => name.endsWith('.c'));
  return names.sort().map((name) => join(folder, name));
}

/** Records; returns the calls. Everything else is in the recording's directory. */
export async function record(options: RecordOptions): Promise<readonly Call[]> {
  const { before, directory, env, events, name, random, shards, shim } = options;
  const places = placesOf(directory);
  mkdirSync(places.base, { recursive: true });
  if (before !== undefined) cpSync(before.image, places.base, { recursive: true });
  cpSync(places.base, places.disk, { recursive: true });
  const found = await contentOf(directory, shards, before?.defined ?? []);
  const there = new Set(found.ids);
  const earlier = before?.sent ?? [];
  const unanswered = earlier.filter(({ id }) => !there.has(id));
  const server = await startServer({
    data: join(places.disk, places.data),
    shards,
    fronts: 1,
    env: {
      ...env,
      LD_PRELOAD: shim,
      // Its calls would go past the C library.
      UV_USE_IO_URING: '0',
      TAPELINE_POWERCUT_ROOT: realpathSync(places.disk),
      TAPELINE_POWERCUT_JOURNAL: places.journal,
      TAPELINE_POWERCUT_FLUSH_US: String(flushMicroseconds),
    },
  });
  const facts = await load(server, { name, events, random, customers, unanswered }).finally(() =>
    server.stop(),
  );
  const calls = readJournal(places.journal);
  checkJournal(directory, calls);
  const promised = promisesOf(calls, facts, found);
  const sent = [...earlier, ...facts.sent];
  const texts = await finalEvents(directory, shards, { sent, promised });
  saveRecorded(directory, { shards, reference: { events: texts, sent, promised } });
  return calls;
}

/** Reads a copy, since reading opens for writing too. */
async function withCopy<T>(
  from: string,
  directory: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const copy = join(directory, 'copy');
  cpSync(from, copy, { recursive: true });
  return use(copy).finally(() => rmSync(copy, { recursive: true, force: true }));
}

/** What the recording begins with: all of it is durable. Opening it makes what was never there. */
function contentOf(
  directory: string,
  shards: number,
  defined: readonly string[],
): Promise<{ ids: string[]; definitions: readonly Definition[] }> {
  const { base, data } = placesOf(directory);
  return withCopy(base, directory, async (copy) => {
    const image = await openImage(join(copy, data), shards);
    const ids = image.events.map(({ id }) => id);
    const definitions = image.definitions.filter(({ name }) => defined.includes(name));
    await image.close();
    return { ids, definitions };
  });
}

/** @throws when the journal does not lead to the disk as it is: the shim has missed something. */
function checkJournal(directory: string, calls: readonly Call[]): void {
  const { base, disk } = placesOf(directory);
  const replayed = new Disk(base, realpathSync(disk), calls);
  replayed.advance(Number.POSITIVE_INFINITY);
  const differences = replayed.differences(disk);
  if (differences.length > 0) {
    throw new Error(`the journal misses something:\n${differences.join('\n')}`);
  }
}

/** What is there in the end: the measure of all images. @throws when that is not in order itself. */
function finalEvents(
  directory: string,
  shards: number,
  known: Omit<Reference, 'events'>,
): Promise<Reference['events']> {
  const { data, disk } = placesOf(directory);
  return withCopy(disk, directory, async (copy) => {
    const image = await openImage(join(copy, data), shards);
    const events = Object.fromEntries(image.events.map(({ id, text }) => [id, text]));
    const examination = new Examination({ ...known, events }, image);
    examination.read(Number.POSITIVE_INFINITY);
    const problems = examination.problems.map(({ text }) => text);
    const sent = new Map(known.sent.map((event) => [event.id, event]));
    for (const { id, text } of image.events) {
      if (!isAsSent(text, sent.get(id))) problems.push(`${id} is not as it was sent`);
    }
    await image.close();
    if (problems.length > 0) throw new Error(`without a power cut:\n${problems.join('\n')}`);
    return events;
  });
}

function isAsSent(text: string, sent: SentEvent | undefined): boolean {
  const { customer, data, time, type } = JSON.parse(text) as SentEvent;
  const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
  return same([customer, type, time, data], [sent?.customer, sent?.type, sent?.time, sent?.data]);
}
