/**
 * `npm run cjds`: what was written for Cisco's Journey API meets a real server with another base URL alone. The
 * journey widget, unmodified, is fetched into `~/.cache/tapeline-sdks`, built, and used in a Chromium.
 */
import { startServer } from '../test/support/server.ts';
import type { Outcome } from './cjds/outcome.ts';
import { runRequests } from './cjds/requests.ts';
import { runWidget } from './cjds/widget.ts';
import { widgetPage } from './cjds/widgetbuild.ts';
import { Missing } from './sdks/library.ts';
import { times } from './sdks/run.ts';

async function main(): Promise<number> {
  const server = await startServer({ shards: 2, fronts: 2 });
  const outcomes: Outcome[] = [];
  try {
    outcomes.push(await runRequests(server));
    outcomes.push(await runWidget(server, await widgetPage()));
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    process.stdout.write(`the journey widget: left out, ${error.message}\n`);
  } finally {
    await server.stop();
  }
  report(outcomes);
  return outcomes.every(({ problems }) => problems.length === 0) ? 0 : 1;
}

/** Rows for the table that the README has. */
function report(outcomes: readonly Outcome[]): void {
  for (const { met, name, problems, resent, sent, stored, twice, version } of outcomes) {
    for (const problem of problems) process.stdout.write(`${name}: ${problem}\n`);
    const faults = ([429, 500, 'cut', 'lost'] as const).map((fault) => times(met, fault));
    const row = [`${name} ${version}`.trim(), sent, stored, ...faults, resent, twice];
    process.stdout.write(`| ${row.join(' | ')} |\n`);
  }
}

process.exitCode = await main();
