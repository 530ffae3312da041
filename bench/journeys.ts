/**
 * journeys: what 100 published maps cost the sink. First the load of `ingest-ws` without any, then, on another server,
 * the same with a hundred maps in force and, besides, one event in a hundred that moves an instance. Lag: how
 * long a question that has to see everything acknowledged so far waits for the engine, asked every 50 ms. CPU: of the
 * server, all threads, by event of the load; it tells more than the rates, which the generators and other machines disturb.
 */
import { sleep, systemClock } from '../src/std/clock.ts';
import { seededRandom } from '../src/std/random.ts';
import type { TestServer } from '../test/support/server.ts';
import { ask } from '../test/support/session.ts';
import { cpuMicrosOf, startChild } from './child.ts';
import { hashBytes } from './frames.ts';
import { loadPlan } from './ingest.ts';
import type { LoadFigures, LoadMessage } from './load.ts';
import { count, print, quantiles, rounded, spread } from './report.ts';
import { withServer } from './server.ts';
import type { Settings } from './settings.ts';

const mapsCount = 100;
const relevantShare = 0.01;
const pulseMs = 50;
const steps = 5;

export async function journeys(settings: Settings): Promise<void> {
  // Each on a server of its own: what the first load left to be sealed would be the second one's to pay.
  const plain = await withServer(settings, (server) => load(server, settings));
  const without = rounded(plain.eventsPerSecond);
  await withServer(settings, async (server) => {
    await publish(server);
    const pulse = new Pulse(server, settings, without * relevantShare);
    const beating = pulse.beat();
    const maps = await load(server, settings);
    const withMaps = rounded(maps.eventsPerSecond);
    pulse.end();
    await beating;
    const lagMs = quantiles(pulse.lags);
    const share = rounded(withMaps / without);
    print({
      workload: 'journeys',
      settings: { maps: mapsCount, relevantShare, seed: settings.seed },
      work: hashBytes([plain.work, JSON.stringify(mapOf(mapsCount))]),
      rows: [
        ['without maps', `${count(without)} events/s, ${count(plain.cpuNs)} ns of CPU each`],
        ['with 100 maps', `${count(withMaps)} events/s, ${share} of it, ${count(maps.cpuNs)} ns`],
        ['events of journeys', `${count(pulse.sent)} sent meanwhile`],
        ['lag', spread(lagMs)],
      ],
      figures: {
        ...{ without, withMaps, share, relevant: pulse.sent, lagMs },
        cpuNs: { without: plain.cpuNs, withMaps: maps.cpuNs },
      },
    });
  });
}

interface Loaded extends LoadFigures {
  /** Of the server, for each event that was accepted, the warm-up's included. */
  readonly cpuNs: number;
}

async function load(server: TestServer, settings: Settings): Promise<Loaded> {
  const { keys, port } = server;
  const before = cpuMicrosOf(server.process.pid!);
  const plan = loadPlan(settings, { port, key: keys.write, protocol: 'msgpack' });
  const child = startChild<LoadMessage>('load', plan);
  try {
    const { figures } = await child.when('done');
    const micros = cpuMicrosOf(server.process.pid!) - before;
    return { ...figures, cpuNs: rounded((micros * 1000) / figures.accepted) };
  } finally {
    child.kill();
  }
}

function typeOf(map: number, step: number): string {
  return `Map ${map} Step ${step}`;
}

function mapOf(map: number): object {
  const names = Array.from({ length: steps }, (_, step) => step + 1);
  return {
    entry: [{ event: typeOf(map, 1) }],
    stages: [
      { name: 'a', steps: names.map((s) => ({ name: `s${s}`, on: [{ event: typeOf(map, s) }] })) },
    ],
  };
}

async function publish(server: TestServer): Promise<void> {
  const key = server.keys.admin;
  for (let n = 0; n < mapsCount; n++) {
    await must(server, 'PUT', `/v1/journeys/map-${n}`, key, mapOf(n));
    await must(server, 'POST', `/v1/journeys/map-${n}/publish`, key);
  }
}

async function must(
  server: TestServer,
  method: string,
  path: string,
  key: string,
  body?: object,
): Promise<void> {
  const answer = await ask(server, path, { method, key, ...(body !== undefined && { body }) });
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`);
}

/** Sends events of journeys at a rate, and asks how far they are. */
class Pulse {
  readonly lags: number[] = [];
  sent = 0;
  readonly #server: TestServer;
  readonly #perBeat: number;
  readonly #random;
  #isOn = true;

  constructor(server: TestServer, { seed, smoke }: Settings, perSecond: number) {
    this.#server = server;
    this.#perBeat = Math.max(1, Math.round(((smoke ? 100 : perSecond) * pulseMs) / 1000));
    this.#random = seededRandom(seed);
  }

  async beat(): Promise<void> {
    const { keys } = this.#server;
    while (this.#isOn) {
      const startedMs = systemClock.monotonicMs();
      const events = Array.from({ length: this.#perBeat }, () => this.#event());
      await must(this.#server, 'POST', '/v1/events', keys.write, events);
      this.sent += events.length;
      const askedMs = systemClock.monotonicMs();
      await must(this.#server, 'GET', '/v1/customers/journey-1/journeys', keys.read);
      const endedMs = systemClock.monotonicMs();
      this.lags.push(endedMs - askedMs);
      await sleep(systemClock, Math.max(0, pulseMs - (endedMs - startedMs)));
    }
  }

  #event(): object {
    const map = this.#random.below(mapsCount);
    const type = typeOf(map, 1 + this.#random.below(steps));
    return { customer: `journey-${this.#random.below(10_000)}`, type, data: { price: 480 } };
  }

  end(): void {
    this.#isOn = false;
  }
}
