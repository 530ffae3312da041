/** Entry of a pool thread: reads that would hold up a front. Stateless but for its open tape. */
import { workerData } from 'node:worker_threads';
import { customerOf } from '../identity/graph.ts';
import { LinkReader } from '../identity/reader.ts';
import { dryRun } from '../journeys/aids/dryrun.ts';
import { trace } from '../journeys/aids/trace.ts';
import { unreachable } from '../std/assert.ts';
import { systemClock } from '../std/clock.ts';
import { openMetrics } from '../std/metrics.ts';
import { bornOf } from '../tape/born.ts';
import { ScanBudget } from '../tape/budget.ts';
import { tapePage } from '../tape/page.ts';
import { quarantinePage } from '../tape/quarantine.ts';
import { Tape } from '../tape/tape.ts';
import { scanViews } from '../views/answer.ts';
import type { HeavyAnswer, HeavyRead, ReaderStart } from './messages.ts';

/** Files that were sealed or merged away take room until every thread has let go of them. */
const filesCheckMs = 1000;
const start = workerData as ReaderStart;
const metrics = openMetrics(start.metrics, start.row);
const links = new LinkReader(start.links);
const tape = new Tape(start.tape, metrics, links);
systemClock.every(filesCheckMs, () => tape.refresh());

/** Index steps for a trace; one that would cost more is told as incomplete. */
const traceStepsMax = 20_000_000;

/** What it throws reaches the caller with its name, code and message. */
export function read(heavy: HeavyRead): HeavyAnswer {
  const budget = new ScanBudget(Number.POSITIVE_INFINITY);
  switch (heavy.kind) {
    case 'page':
      return tapePage(tape, heavy.query, budget);
    case 'quarantine':
      return quarantinePage(tape, heavy.query, budget);
    case 'views':
      return scanViews(tape, heavy.ask, budget);
    case 'born':
      return bornOf(tape, heavy.ask, budget);
    case 'trace':
      return trace(tape, links, heavy.ask, new ScanBudget(traceStepsMax));
    case 'dryRun':
      return dryRun(tape, ownerOf, heavy.ask);
    default:
      return unreachable(heavy);
  }
}

/** To whom an identity belongs as of now. */
function ownerOf(workspace: number, identity: string): string {
  return customerOf(links, workspace, links.canonical(identity));
}
