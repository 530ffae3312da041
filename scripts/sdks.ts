/**
 * `npm run sdks`: the libraries of Segment and RudderStack, unmodified, send to a real server through a
 * proxy that answers 429 and 500, cuts connections and loses replies; then the tapes are compared with
 * what was sent. Libraries of other languages are fetched into `~/.cache/tapeline-sdks`.
 */
import { Command } from 'commander';
import { startServer, type TestServer } from '../test/support/server.ts';
import {
  rudderBeacons,
  rudderBrowser,
  segmentBrowser,
  segmentBrowserBatches,
  segmentBrowserLeft,
} from './sdks/browser.ts';
import { go, java, python, pythonBefore } from './sdks/foreign.ts';
import { type Library, Missing } from './sdks/library.ts';
import { rudderNode, segmentNode } from './sdks/node.ts';
import { type Outcome, run, times } from './sdks/run.ts';

const libraries: readonly Library[] = [
  segmentNode,
  segmentBrowser,
  segmentBrowserBatches,
  segmentBrowserLeft,
  python,
  pythonBefore,
  java,
  go,
  rudderNode,
  rudderBrowser,
  rudderBeacons,
];

interface Options {
  readonly visitors: number;
  readonly only?: string;
}

function readOptions(): Options {
  return new Command('sdks')
    .description('Lets the libraries of Segment and RudderStack send through a bad network.')
    .option('--visitors <n>', 'how many visitors each library tells of', Number, 5)
    .option('--only <text>', 'only libraries whose names contain it')
    .parse()
    .opts<Options>();
}

async function main({ only = '', visitors }: Options): Promise<number> {
  const server = await startServer({ shards: 2, fronts: 2 });
  const outcomes: Outcome[] = [];
  let isClean = true;
  try {
    for (const library of libraries.filter(({ name }) => name.includes(only))) {
      const outcome = await runOne(server, library, visitors);
      if (outcome === undefined) continue;
      outcomes.push(outcome);
      isClean &&= outcome.problems.length === 0;
    }
  } finally {
    await server.stop();
  }
  report(outcomes);
  return isClean ? 0 : 1;
}

/** Undefined when it cannot be had here. */
async function runOne(
  server: TestServer,
  library: Library,
  visitors: number,
): Promise<Outcome | undefined> {
  try {
    const outcome = await run(server, library, { visitors });
    for (const problem of outcome.problems.slice(0, 20)) {
      process.stdout.write(`${library.name}: ${problem}\n`);
    }
    return outcome;
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    process.stdout.write(`${library.name}: left out, ${error.message}\n`);
    return undefined;
  }
}

const columns = ['library', 'sent', 'stored', '429', '500', 'cut', 'reply lost', 'resent', 'twice'];

/** A table as the README has it. */
function report(outcomes: readonly Outcome[]): void {
  const rows = outcomes.map(({ met, name, resent, sent, stored, twice, version }) => {
    const [rate, error, cut, lost] = ([429, 500, 'cut', 'lost'] as const).map((fault) =>
      times(met, fault),
    );
    const figures = [sent, stored, rate, error, cut, lost, resent, twice];
    return [`\`${name.replace(',', '`,')}${name.includes(',') ? '' : '`'} ${version}`, ...figures];
  });
  for (const row of [columns, columns.map(() => '---'), ...rows]) {
    process.stdout.write(`| ${row.join(' | ')} |\n`);
  }
}

process.exitCode = await main(readOptions());
