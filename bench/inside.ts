/**
 * Reads measured where the server makes them: this process opens the data directory of a server that
 * has stopped, as a server would, and times the reads themselves: bytes to JSON text, no HTTP.
 */
import { basicView } from '../scripts/demo/view.ts';
import { Identities } from '../src/identity/identities.ts';
import { createLinkMemory } from '../src/identity/memory.ts';
import { LinkReader } from '../src/identity/reader.ts';
import { type IdentitySettings, identityDefaults } from '../src/identity/settings.ts';
import { systemClock } from '../src/std/clock.ts';
import { openLog } from '../src/std/log.ts';
import { createMetricsMemory, openMetrics } from '../src/std/metrics.ts';
import { seededRandom, systemRandom } from '../src/std/random.ts';
import { openDataDirectory } from '../src/store/directory.ts';
import { ScanBudget } from '../src/tape/budget.ts';
import { directoryVersion } from '../src/tape/layout.ts';
import { openShard } from '../src/tape/open.ts';
import { tapePage } from '../src/tape/page.ts';
import { perform } from '../src/tape/perform.ts';
import { createTapeMemory, Tape } from '../src/tape/tape.ts';
import { answerText, scanViews } from '../src/views/answer.ts';
import { parseViewTemplate } from '../src/workspaces/view.ts';
import { leave, readPlan, tell } from './child.ts';
import { customerName } from './frames.ts';
import { type Quantiles, quantiles } from './report.ts';

export interface InsidePlan {
  readonly directory: string;
  readonly read: 'page' | 'view';
  readonly customers: number;
  readonly warmupReads: number;
  readonly reads: number;
  readonly seed: number;
}

export interface InsideFigures {
  readonly readMs: Quantiles;
  /** Index steps, and blocks read (100 each), as the budget of a scan counts them. */
  readonly stepsPerRead: number;
  readonly answerBytes: number;
  readonly openSeconds: number;
  readonly events: number;
  /** The last answer, to be checked. */
  readonly sample: string;
}

export type InsideMessage = { readonly kind: 'done'; readonly figures: InsideFigures };

/** A new data directory's first workspace. */
const workspace = 1;
const pageLimit = 50;

const plan = readPlan<InsidePlan>();
const metrics = openMetrics(createMetricsMemory(1), 0);
const log = openLog(systemClock.now);
const template = parseViewTemplate({ fields: basicView });

function read(tape: Tape, customer: string, budget: ScanBudget): string | Uint8Array {
  if (plan.read === 'view') {
    const asOf = Date.now();
    const wishes = [{ name: 'basic', template }];
    const ask = { workspace, customer, asOf, isNow: false, wishes };
    return answerText(customer, 'basic', scanViews(tape, ask, budget)[0]!);
  }
  return tapePage(tape, { workspace, customer, limit: pageLimit, before: undefined }, budget);
}

function measure(tape: Tape): Omit<InsideFigures, 'openSeconds' | 'events'> {
  const random = seededRandom(plan.seed);
  const readMs: number[] = [];
  const budget = new ScanBudget(Number.POSITIVE_INFINITY);
  let bytes = 0;
  let answer: string | Uint8Array = '';
  let stepsBefore = 0;
  for (let n = -plan.warmupReads; n < plan.reads; n++) {
    if (n === 0) stepsBefore = budget.steps;
    const customer = customerName(random.below(plan.customers));
    const startMs = performance.now();
    answer = read(tape, customer, budget);
    if (n < 0) continue;
    readMs.push(performance.now() - startMs);
    bytes += answer.length;
  }
  return {
    readMs: quantiles(readMs),
    stepsPerRead: Math.round((budget.steps - stepsBefore) / plan.reads),
    answerBytes: Math.round(bytes / plan.reads),
    sample: Buffer.from(answer).toString(),
  };
}

/** As main and a front open the graph of identities. */
function openLinks(): LinkReader {
  const { hashSeed, path } = directory;
  const parts = { directory: path, hashSeed, phoneRegion: undefined, fronts: 1 };
  const links = createLinkMemory(parts);
  const settings = (): IdentitySettings => identityDefaults;
  new Identities({ memory: links, clock: systemClock, settings, tell: async () => undefined });
  return new LinkReader(links);
}

const directory = openDataDirectory(plan.directory, {
  format: directoryVersion,
  shards: undefined,
  shardsDefault: 1,
  random: systemRandom,
});
const memory = createTapeMemory(directory.path, directory.shards, directory.hashSeed);
const openedMs = performance.now();
const shards = memory.shards.map((_, number) =>
  openShard({
    number,
    memory,
    clock: systemClock,
    log,
    metrics,
    // It only reads.
    isBusy: () => true,
    limits: { events: 1e6, bytes: 2 ** 40, ageMs: 2 ** 40 },
    work: async (job) => perform(job),
  }),
);
const openSeconds = (performance.now() - openedMs) / 1000;
const events = shards.reduce((sum, shard) => sum + shard.events, 0);
const tape = new Tape(memory, metrics, openLinks());
tell({ kind: 'done', figures: { ...measure(tape), openSeconds, events } });
await tape.close();
for (const shard of shards) await shard.close();
directory.release();
leave();
