/** A tape with a past, for what is tried out on it and told from it: events, and what the server said. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { Sayer } from '../../src/ingest/say.ts';
import { type DryRunAnswer, type DryRunAsk, dryRun } from '../../src/journeys/aids/dryrun.ts';
import type { JourneyMap, Rule } from '../../src/journeys/definition.ts';
import { ManualClock, ShardKit } from './shardkit.ts';

export const startMs = Date.UTC(2026, 0, 1);
export const second = 1000;
export const day = 24 * 60 * 60 * 1000;

export const quote: JourneyMap = {
  entry: [{ event: 'Quote Started' }],
  stages: [
    {
      name: 'quote',
      steps: [
        { name: 'start' },
        { name: 'car', on: [{ event: 'Car Entered' }] },
        { name: 'driver', on: [{ event: 'Driver Entered' }] },
        { name: 'price', on: [{ event: 'Price Shown' }] },
      ],
    },
    { name: 'done', steps: [{ name: 'bought', on: [{ event: 'Bought' }] }] },
  ],
  goal: [{ event: 'Bought' }],
  exits: [{ reason: 'called', on: [{ event: 'Call' }] }],
  expiresAfter: '2d',
};

export const walkIn: Rule = {
  journey: 'quote',
  when: { beyondStep: 3, silentFor: '30s' },
  then: [{ do: 'page', data: { offer: 'walk-in' } }],
};

export class Past {
  readonly clock = new ManualClock(startMs);
  readonly kit: ShardKit;
  #ids = 0;

  constructor() {
    const directory = mkdtempSync(join(tmpdir(), 'tapeline-past-'));
    this.kit = new ShardKit({ directory, shards: 2, clock: this.clock });
    after(async () => {
      await this.kit.close();
      rmSync(directory, { recursive: true });
    });
  }

  async event(customer: string, type: string, data: object = {}, more: object = {}): Promise<void> {
    await this.kit.store([{ customer, type, id: `e${++this.#ids}`, data, ...more }]);
  }

  /** What only the server says. */
  async say(customer: string, type: string, data: object): Promise<void> {
    const log = { info() {}, warn() {}, error() {} };
    const sayer = new Sayer({ clock: this.clock, log, ingest: () => this.kit.ingest });
    const event = { customer, type, id: `s${++this.#ids}`, data };
    const said = sayer.say(1, [event]);
    await this.kit.commit();
    await said;
  }

  /** To the price, with a second between. */
  async quote(customer: string): Promise<void> {
    for (const type of ['Quote Started', 'Car Entered', 'Driver Entered', 'Price Shown']) {
      await this.event(customer, type);
      this.clock.step(second);
    }
  }

  run(ask: Partial<DryRunAsk>, maps: object, rules: object = {}): DryRunAnswer {
    const span = { from: startMs, until: this.clock.now() + 1 };
    const asked = { workspace: 1, sample: 100, views: [], ...span };
    const definitions = { maps: compilable(maps), rules: compilable(rules) };
    return dryRun(this.kit.tape, (_workspace, identity) => identity, {
      ...asked,
      ...definitions,
      ...ask,
    });
  }
}

export function compilable(
  definitions: object,
): { readonly name: string; readonly version: number; readonly text: string }[] {
  return Object.entries(definitions).map(([name, definition]) => {
    return { name, version: 1, text: JSON.stringify(definition) };
  });
}
