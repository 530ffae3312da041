/**
 * journeys-engine: what the engine of journeys spends on an event that is on the tape already, read in commit
 * order with states, timers and checkpoints, in this process and without a server. Two mixes: every event
 * moves an instance; none is listened to.
 */
import type { JourneyMap, Rule } from '../src/journeys/definition.ts';
import { EnginePlay } from '../test/support/engineplay.ts';
import { hashBytes } from './frames.ts';
import { count, print, rounded } from './report.ts';
import { withData } from './server.ts';
import type { Settings } from './settings.ts';

const batchEvents = 1000;
const steps = [1, 2, 3, 4, 5].map((n) => ({ name: `s${n}`, on: [{ event: `Step ${n}` }] }));
const map: JourneyMap = {
  entry: [{ event: 'Step 1' }],
  stages: [{ name: 'a', steps }],
  goal: [{ event: 'Bought' }],
  context: { price: 'price' },
};
const rules: Readonly<Record<string, Rule>> = {
  walkin: {
    journey: 'm',
    when: { beyondStep: 3, silentFor: '30s' },
    then: [{ do: 'event', type: 'Offer Made' }],
  },
};

interface Cost {
  readonly eventsPerSecond: number;
  /** Of CPU, all threads of the process. */
  readonly cpuNsPerEvent: number;
}

export async function journeysEngine(settings: Settings): Promise<void> {
  const { customers = settings.smoke ? 100 : 20_000, seed, smoke } = settings;
  const { events = smoke ? 2000 : 400_000 } = settings;
  const types = ['Step 1', 'Step 2', 'Step 3', 'Step 4', 'Step 5'];
  const relevant = await measure(settings, { customers, events, types });
  const passed = await measure(settings, { customers, events, types: ['Page View'] });
  const told = ({ cpuNsPerEvent, eventsPerSecond }: Cost): string =>
    `${count(eventsPerSecond)} events/s, ${count(cpuNsPerEvent)} ns of CPU each`;
  print({
    workload: 'journeys-engine',
    settings: { events, customers, seed },
    work: hashBytes([JSON.stringify({ map, rules, types, customers, events })]),
    rows: [
      ['of a journey', told(relevant)],
      ['passed over', told(passed)],
    ],
    figures: { relevant, passed },
  });
}

interface Plan {
  readonly customers: number;
  readonly events: number;
  readonly types: readonly string[];
}

function measure(settings: Settings, plan: Plan): Promise<Cost> {
  return withData(settings, async (directory) => {
    const play = await EnginePlay.open(directory, settings.seed, map, rules);
    try {
      play.start();
      await play.rest();
      await play.cut(false);
      await fill(play, plan);
      const [cpu, startedMs] = [process.cpuUsage(), performance.now()];
      const end = play.horizon;
      play.start();
      while (!play.hasPassed(end)) await new Promise((resolve) => setImmediate(resolve));
      const ms = performance.now() - startedMs;
      const { system, user } = process.cpuUsage(cpu);
      return {
        eventsPerSecond: rounded((plan.events / ms) * 1000),
        cpuNsPerEvent: rounded(((system + user) * 1000) / plan.events),
      };
    } finally {
      await play.close();
    }
  });
}

/** A second passes with each batch, so that there are activity and silences. */
async function fill(play: EnginePlay, { customers, events, types }: Plan): Promise<void> {
  for (let at = 0; at < events; at += batchEvents) {
    const batch = Array.from({ length: batchEvents }, (_, n) => ({
      customer: `customer-${play.random.below(customers)}`,
      type: types[Math.floor((at + n) / customers) % types.length]!,
      data: { price: n, sku: `sku-${n}`, page: '/checkout' },
    }));
    await play.store(batch);
    play.clock.advance(10);
  }
}
