/**
 * `npm run import -- FILE --map MAP`: streams a file through the WebSocket door, resumably.
 *
 * Exit codes: 0 everything was stored or known and what was refused is reported; 1 failure, or nothing
 * but refusals; 2 usage or a map that does not fit; 130 interrupted.
 */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { openIngest } from '../src/client/ingest.ts';
import { openReader } from '../src/client/reader.ts';
import { nodeSocket } from '../src/client/socket.ts';
import { ClientError, type Event, type WireEncoding } from '../src/client/types.ts';
import { MapError } from '../src/event/mapping.ts';
import { type Clock, systemClock } from '../src/std/clock.ts';
import { AppError } from '../src/std/errors.ts';
import { systemRandom } from '../src/std/random.ts';
import { addressOf, urlMeaning } from './address.ts';
import { mapFormat } from './import/format.ts';
import { builtinMaps, type ImportMap, loadMap } from './import/map.ts';
import { type Display, openDisplay } from './import/progress.ts';
import { openReport, type Report } from './import/report.ts';
import { type RunEnd, run } from './import/run.ts';
import { openSource } from './import/source.ts';
import { openState, type State } from './import/state.ts';

interface Options {
  readonly map: string;
  readonly url: string;
  readonly key?: string;
  readonly batch: number;
  readonly encoding: WireEncoding;
  readonly fromStart?: boolean;
  readonly dryRun?: boolean;
  readonly rejects?: string;
  readonly json?: boolean;
}

type Given = Omit<Options, 'url'> & { readonly url?: string };

interface Job {
  readonly file: string;
  readonly map: ImportMap;
  readonly options: Options;
  readonly key: string;
  readonly clock: Clock;
  readonly isStopping: () => boolean;
}

const exitFailure = 1;
const exitUsage = 2;
const exitInterrupted = 130;
const samplesMax = 3;
const savePeriodMs = 1_000;
const notePeriodMs = 5_000;

process.exitCode = await main(process.argv);

async function main(args: readonly string[]): Promise<number> {
  try {
    const command = describe();
    command.parse([...args]);
    const given = command.opts<Given>();
    const options = { ...given, url: addressOf(given.url, process.env) };
    return await importFile(command.args[0]!, options);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitUsage;
    if (error instanceof AppError) return complain(error.message, exitUsage);
    if (error instanceof MapError) return complain(error.message, exitUsage);
    if (error instanceof ClientError) return complain(advice(error), exitFailure);
    return complain((error as Error).message, exitFailure);
  }
}

function describe(): Command {
  return new Command('import')
    .usage('-- FILE --map MAP [options]')
    .description('Imports a file of events: delimited text or JSON lines, gzip too.')
    .argument('<file>', 'the file, or - for standard input')
    .requiredOption('--map <map>', `a map: a JSON file, or one of ${builtinMaps().join(', ')}`)
    .option('--url <url>', urlMeaning)
    .option('--key <key>', 'a key with scope write (default: TAPELINE_WRITE_KEY)')
    .option('--batch <events>', 'events to a frame, 1 to 10000', batchOf, 1000)
    .option('--encoding <encoding>', 'on the wire: msgpack or json', encodingOf, 'msgpack')
    .option('--from-start', 'forget where an earlier run stopped')
    .option('--dry-run', 'send nothing; show what would be sent')
    .option('--rejects <file>', 'write every refused row to a file of JSON lines')
    .option('--json', 'print the counts once more as a last line of JSON')
    .addHelpText('after', `\n${mapFormat}`)
    .exitOverride();
}

function batchOf(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 10_000) return count;
  throw new InvalidArgumentError('It must be a whole number from 1 to 10000.');
}

function encodingOf(text: string): WireEncoding {
  if (text === 'msgpack' || text === 'json') return text;
  throw new InvalidArgumentError('It must be msgpack or json.');
}

async function importFile(file: string, options: Options): Promise<number> {
  const map = loadMap(options.map);
  const key = options.key ?? process.env['TAPELINE_WRITE_KEY'];
  const clock = systemClock;
  if (!options.dryRun) {
    if (!key) {
      const message = 'A key with scope write is needed: pass --key or set TAPELINE_WRITE_KEY.';
      return complain(
        `${message}\nThe server prints its keys once, when it makes its data directory.`,
        exitUsage,
      );
    }
    await openReader({ url: options.url, key, clock }).health();
  }
  let isStopping = false;
  process.once('SIGINT', () => {
    isStopping = true;
    process.stderr.write('\nstopping after what is under way; again to stop at once\n');
    process.once('SIGINT', () => process.exit(exitInterrupted));
  });
  const job = { file, map, options, key: key ?? '', clock, isStopping: () => isStopping };
  const end = await attempt(job, !options.fromStart);
  if (end !== 'stale') return end;
  process.stderr.write('The server no longer has what it acknowledged: starting over.\n');
  const again = await attempt(job, false);
  return again === 'stale' ? exitFailure : again;
}

/** One pass over the file; `stale` asks for another one from the start. */
async function attempt(job: Job, mayResume: boolean): Promise<number | 'stale'> {
  const { file, map, options, key, clock } = job;
  const source = await openSource(file);
  const state = openState([source.fingerprint, JSON.stringify(map), options.url, key]);
  const from = mayResume && !options.dryRun ? state.load() : undefined;
  const display = openDisplay(clock, source.bytesTotal);
  const report = openReport((line) => process.stdout.write(`${line}\n`), {
    path: options.rejects,
    isContinued: from !== undefined,
  });
  if (from !== undefined) {
    display.note(`Going on after line ${from.line}; --from-start sends everything again.`);
  }
  const client = options.dryRun ? undefined : openClient(job, display);
  const startMs = clock.monotonicMs();
  const samples: Event[] = [];
  const keeper = openKeeper(state, clock);
  let end: RunEnd;
  try {
    end = await run({
      map,
      source,
      report,
      batchEvents: options.batch,
      client,
      from,
      progressed: keeper.progressed,
      shown: () => display.update(source.bytesRead(), report.counts.read),
      made: (event) => void (samples.length < samplesMax && samples.push(event)),
      isStopping: job.isStopping,
    });
  } finally {
    keeper.save();
    display.stop();
    await client?.close();
    await report.close();
  }
  if (end === 'stale') return 'stale';
  const seconds = (clock.monotonicMs() - startMs) / 1000;
  if (options.dryRun)
    for (const event of samples) process.stdout.write(`${JSON.stringify(event)}\n`);
  report.print({ seconds, json: options.json === true, isDryRun: options.dryRun === true });
  if (end === 'stopped') {
    return complain('Interrupted: the same command goes on from here.', exitInterrupted);
  }
  if (!options.dryRun) state.clear();
  return verdict(report);
}

function openClient({ options, key, clock }: Job, display: Display): ReturnType<typeof openIngest> {
  let notedMs = Number.NEGATIVE_INFINITY;
  return openIngest({
    url: options.url,
    key,
    encoding: options.encoding,
    openSocket: nodeSocket,
    clock,
    random: systemRandom,
    retrying(error, delayMs) {
      if (clock.monotonicMs() - notedMs < notePeriodMs) return;
      notedMs = clock.monotonicMs();
      display.note(`${error.message}: trying again in ${(delayMs / 1000).toFixed(1)} s`);
    },
  });
}

/** Saves progress at most once a second, and once at the end. */
function openKeeper(
  state: State,
  clock: Clock,
): { progressed: (progress: { line: number; probeLine: number }) => void; save: () => void } {
  let latest: { line: number; probeLine: number } | undefined;
  let savedMs = clock.monotonicMs();
  const save = (): void => {
    if (latest !== undefined) state.save(latest);
    latest = undefined;
    savedMs = clock.monotonicMs();
  };
  return {
    progressed(progress) {
      latest = progress;
      if (clock.monotonicMs() - savedMs >= savePeriodMs) save();
    },
    save,
  };
}

/** A file of which nothing but refusals came out was not imported. */
function verdict({ counts }: Report): number {
  const refused = counts.refusedByImport + counts.refusedByServer;
  return refused > 0 && refused === counts.read ? exitFailure : 0;
}

function advice(error: ClientError): string {
  if (error.code === 'unreachable') {
    return `${error.message}\nStart a server with npm start; --url or TAPELINE_URL says where it is. The same import command goes on where it stopped.`;
  }
  if (error.code === 'unauthorized') return 'The server does not know this key.';
  if (error.code === 'forbidden') return 'This key may not write: it needs the scope write.';
  return `${error.code}: ${error.message}`;
}

function complain(message: string, exitCode: number): number {
  process.stderr.write(`${message}\n`);
  return exitCode;
}
