/** Reads the newest events of random customers, a process of its own: one request at a time on every connection. */
import { seededRandom } from '../../src/std/random.ts';
import { leave, readPlan, tell } from '../child.ts';
import { customerName } from '../frames.ts';
import { giveUp } from '../lane.ts';
import { type Quantiles, quantiles, rounded } from '../report.ts';
import { Link } from './link.ts';
import { type WireName, wires } from './wires/open.ts';
import type { WirePlan } from './wires/wire.ts';

export interface ReadPlan {
  readonly port: number;
  readonly wire: WireName;
  readonly wirePlan: Omit<WirePlan, 'lane'>;
  readonly connections: number;
  /** The connections share so many lanes: a partition that is read must exist. */
  readonly lanes: number;
  readonly customers: number;
  readonly seed: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
}

export interface ReadFigures {
  readonly readsPerSecond: number;
  readonly readMs: Quantiles;
  /** Of the answers that were looked at; null: none was. */
  readonly eventsPerRead: number | null;
  /** Warm-up included. */
  readonly readsInAll: number;
  readonly generatorMicrosPerRead: number;
}

export type ReadMessage = { readonly kind: 'done'; readonly figures: ReadFigures };

const plan = readPlan<ReadPlan>();
const random = seededRandom(plan.seed);
const readMs: number[] = [];
const seen = { all: 0, answers: 0, events: 0 };
let state: 'warming' | 'measuring' | 'over' = 'warming';

/** Asks for one customer after the other until the time is over. */
async function ask(connection: number): Promise<void> {
  let startMs = 0;
  let over!: () => void;
  const ended = new Promise<void>((resolve) => {
    over = resolve;
  });
  const next = (): void => {
    startMs = performance.now();
    link.write(wire.read(customerName(random.below(plan.customers))));
  };
  const wire = wires[plan.wire]({ ...plan.wirePlan, lane: connection % plan.lanes }, (events) => {
    if (events === 0) giveUp('a read found nothing');
    seen.all += 1;
    if (state !== 'warming') readMs.push(performance.now() - startMs);
    if (events !== undefined) {
      seen.answers += 1;
      seen.events += events;
    }
    if (state === 'over') over();
    else next();
  });
  const link = new Link({ port: plan.port, wire, onLost: giveUp });
  await link.open();
  next();
  await ended;
  link.close();
}

async function run(): Promise<ReadFigures> {
  let startMs = 0;
  let cpu = process.cpuUsage();
  setTimeout(() => {
    state = 'measuring';
    startMs = performance.now();
    cpu = process.cpuUsage();
    setTimeout(() => {
      state = 'over';
    }, plan.seconds * 1000);
  }, plan.warmupSeconds * 1000);
  await Promise.all(Array.from({ length: plan.connections }, (_, n) => ask(n)));
  const seconds = (performance.now() - startMs) / 1000;
  const { system, user } = process.cpuUsage(cpu);
  return {
    readsPerSecond: rounded(readMs.length / seconds),
    readMs: quantiles(readMs),
    eventsPerRead: seen.answers === 0 ? null : rounded(seen.events / seen.answers),
    readsInAll: seen.all,
    generatorMicrosPerRead: rounded((system + user) / readMs.length),
  };
}

tell({ kind: 'done', figures: await run() });
leave();
