/**
 * decide: touchpoints ask what to do next, at an even rate, for random customers with a thousand events each.
 *
 *     load ─▶ own: five candidates, no view ─▶ soon: the same, wanted within 3 ms ─▶ view: the first, and a condition on a ten-row view
 *
 * Every question is a decision: it is weighed, reserved, and answered when it is on the tape, or when time is up: then it
 * gets there afterwards, and the answer says so.
 */
import { basicView } from '../scripts/demo/view.ts';
import type { TestServer } from '../test/support/server.ts';
import { until } from '../test/support/session.ts';
import { cpuMicrosOf, startChild } from './child.ts';
import { catchUp } from './debt.ts';
import { customerName } from './frames.ts';
import type { PacedFigures, PacedMessage, PacedPlan } from './paced.ts';
import { type Filled, fillTapes, tapesOf } from './reads.ts';
import { count, print, type Row, rounded, spread } from './report.ts';
import { metricOf, readMetrics, withServer } from './server.ts';
import type { Settings } from './settings.ts';

const usualRate = 2000;
const usualConnections = 64;
const eventsEach = 1000;
/** Milliseconds: so long that answers wait for the tape; and what a touchpoint may ask for that cannot wait. */
const patient = 1000;
const impatient = 3;

interface Fired extends PacedFigures {
  /** The server's CPU for a question. */
  readonly serverMicros: number;
  /** Decisions on the tape when the round was over, of this round. */
  readonly recorded: number;
}

export async function decide(settings: Settings): Promise<void> {
  const customers = settings.customers ?? (settings.smoke ? 20 : 1000);
  const events = settings.events ?? customers * eventsEach;
  const sized = { ...settings, customers, events };
  await withServer(sized, async (server) => {
    // The rate is of questions.
    const filled = await fillTapes(server, { ...sized, rate: undefined });
    await catchUp(server);
    await put(server, '/v1/views/basic', { fields: basicView });
    const own = await fire(server, sized, candidates(), patient);
    const soon = await fire(server, sized, candidates(), impatient);
    const onView = candidates({ view: 'basic', if: viewCondition });
    const view = await fire(server, sized, onView, patient);
    report(sized, filled, { own, soon, view });
  });
}

const viewCondition = 'view["Items in Cart"] >= 0.0';

/** What a touchpoint has to choose from; `more` is of each. */
function candidates(more: object = {}): readonly object[] {
  const caps = [
    { scope: 'rule', times: 500, per: 'day', zone: 'America/New_York' },
    { scope: 'all', times: 500, per: { rolling: '7d' } },
  ];
  return ['upgrade', 'accessory', 'survey', 'help', 'nothing'].map((id, n) => ({
    ...{ id, value: 5 - n, caps, category: n < 3 ? 'marketing' : 'service' },
    audiences: { inSupport: { journey: 'support', status: 'active' } },
    ...(n < 3 && { suppressedBy: ['inSupport', 'ask.page == "/help"'] }),
    contextWeights: [{ if: 'ask.page == "/plans"', percent: 20 }],
    ...more,
  }));
}

async function fire(
  server: TestServer,
  settings: Settings,
  asked: readonly object[],
  withinMs: number,
): Promise<Fired> {
  const { connections = usualConnections, customers, seconds, seed, warmup } = settings;
  const rate = settings.rate ?? (settings.smoke ? 100 : usualRate);
  const context = { page: '/plans' };
  const question = { customer: customerName(0), withinMs, context, candidates: asked };
  const before = await decisionsOf(server);
  const plan: PacedPlan = {
    ...{ url: `${server.url}/v1/decide`, key: server.keys.admin, body: JSON.stringify(question) },
    ...{ connections, rate, warmupSeconds: warmup, seconds, customers: customers!, seed },
    marked: '"recorded":true',
  };
  const cannon = startChild<PacedMessage>('paced', plan);
  try {
    await cannon.when('measuring');
    const cpuBefore = cpuMicrosOf(server.process.pid!);
    await cannon.when('measured');
    const cpuMicros = cpuMicrosOf(server.process.pid!) - cpuBefore;
    const { figures } = await cannon.when('done');
    if (figures.failures > 0) throw new Error(`${figures.failures} questions failed`);
    // Those that were under way at the end are decided all the same.
    await until(async () => (await decisionsOf(server)) - before >= figures.answered);
    const recorded = (await decisionsOf(server)) - before;
    const serverMicros = rounded(cpuMicros / (figures.requestsPerSecond * seconds));
    return { ...figures, serverMicros, recorded };
  } finally {
    cannon.kill();
  }
}

async function decisionsOf(server: TestServer): Promise<number> {
  return metricOf(await readMetrics(server), 'decisions_total');
}

async function put(server: TestServer, path: string, body: object): Promise<void> {
  const headers = {
    authorization: `Bearer ${server.keys.admin}`,
    'content-type': 'application/json',
  };
  const sent = { method: 'PUT', headers, body: JSON.stringify(body) };
  const response = await fetch(`${server.url}${path}`, sent);
  if (!response.ok) throw new Error(`${path} was refused: ${await response.text()}`);
}

interface Rounds {
  readonly own: Fired;
  readonly soon: Fired;
  readonly view: Fired;
}

/** Of the answers, those that told a decision that was on the tape. */
function recordedShare({ answerMs, markedAnswers }: Fired): number {
  return rounded(markedAnswers / Math.max(1, answerMs.count));
}

function report(settings: Settings, filled: Filled, { own, soon, view }: Rounds): void {
  const { connections = usualConnections, fronts, seconds, seed, shards, warmup } = settings;
  const { customers, events } = tapesOf(settings);
  const asked = ({ requestsPerSecond, serverMicros }: Fired): string =>
    `${count(requestsPerSecond)} a second; server CPU for each ${serverMicros} µs`;
  const rows: Row[] = [
    ['on the tape', `${count(events)} events of ${count(customers)} customers`],
    ['five candidates', spread(own.answerMs)],
    ['', asked(own)],
    [`wanted within ${impatient} ms`, spread(soon.answerMs)],
    ['', `${asked(soon)}; ${rounded(100 * recordedShare(soon))} % recorded by then`],
    ['each with a condition on a view', spread(view.answerMs)],
    ['', asked(view)],
  ];
  print({
    workload: 'decide',
    settings: { events, customers, connections, seconds, warmup, shards, fronts, seed },
    work: filled.work,
    rows,
    figures: {
      ownMs: own.answerMs,
      ownPerSecond: own.requestsPerSecond,
      ownServerMicros: own.serverMicros,
      soonMs: soon.answerMs,
      soonRecorded: recordedShare(soon),
      ownRecorded: recordedShare(own),
      viewMs: view.answerMs,
      viewPerSecond: view.requestsPerSecond,
      viewServerMicros: view.serverMicros,
      recorded: own.recorded + soon.recorded + view.recorded,
      answered: own.answered + soon.answered + view.answered,
      failures: own.failures + soon.failures + view.failures,
    },
  });
}
