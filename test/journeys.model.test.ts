/**
 * Random lives of the engine against a simple model: what customers do, pauses, time, refusals, crashes and
 * rebuilds. Nothing is lost, repeated or early, and what is made anew from the tape is what was there.
 * `JOURNEY_SEEDS=2000 JOURNEY_SEED=1` plays more, from a seed on.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JourneyMap, Rule } from '../src/journeys/definition.ts';
import { EnginePlay, type OnTape } from './support/engineplay.ts';
import { SilenceModel } from './support/silencemodel.ts';

const seeds = Number(process.env['JOURNEY_SEEDS'] ?? 4);
const first = Number(process.env['JOURNEY_SEED'] ?? 1);
const turns = 60;
const customers = ['ann', 'bob', 'cid'];
const silentMs = 30_000;

const steps = [1, 2, 3, 4, 5].map((n) => ({ name: `s${n}`, on: [{ event: `Step ${n}` }] }));
const map: JourneyMap = {
  entry: [{ event: 'Step 1' }],
  stages: [{ name: 'a', steps }],
  goal: [{ event: 'Bought' }],
  exits: [{ reason: 'left', on: [{ event: 'Left' }] }],
};
const rules: Readonly<Record<string, Rule>> = {
  walkin: {
    journey: 'm',
    when: { beyondStep: 3, silentFor: '30s' },
    then: [{ do: 'event', type: 'Offer Made' }],
  },
};
const often = ['Step 1', 'Step 4', 'Step 5', 'Step 4'];
const types = [...often, ...often, 'Step 1', 'Step 2', 'Step 3', 'Bought', 'Left', 'Other'];

async function playOne(play: EnginePlay, model: SilenceModel): Promise<void> {
  const { random } = play;
  const customer = customers[random.below(customers.length)]!;
  switch (random.below(10)) {
    case 0:
      if (play.isUp) await play.cut(random.below(3) === 0);
      return;
    case 1:
      return command(play, model, customer, random.below(2) === 0 ? 'pause' : 'resume');
    case 2:
    case 3:
    case 4:
      await play.pass(random.below(2) === 0 ? silentMs + random.below(2) : random.below(90_000));
      if (play.isUp) model.look(play.clock.now());
      return;
    default: {
      const type = types[random.below(types.length)]!;
      await play.store([{ customer, type, data: {} }]);
      model.event(customer, type, play.clock.now());
      await play.rest();
    }
  }
}

async function command(
  play: EnginePlay,
  model: SilenceModel,
  customer: string,
  wanted: 'pause' | 'resume',
): Promise<void> {
  if (!play.isUp) return;
  const open = play.state(customer)?.instances.find(({ status }) => {
    return status === (wanted === 'pause' ? 'active' : 'paused');
  });
  if (open === undefined) return;
  const data = { command: wanted, instance: open.id };
  const id = `c${play.random.below(2 ** 31)}`;
  await play.store([{ id, customer, type: 'tapeline.journey', data }]);
  model.command(customer, wanted, play.clock.now());
  await play.rest();
}

async function comeUp(play: EnginePlay, model: SilenceModel): Promise<void> {
  if (play.isUp) return;
  play.start();
  await play.rest();
  await play.pass(1);
  model.look(play.clock.now());
}

async function playLife(directory: string, seed: number): Promise<void> {
  const play = await EnginePlay.open(directory, seed, map, rules);
  const model = new SilenceModel(silentMs, 3);
  try {
    play.start();
    await play.rest();
    // The model knows the rules from the beginning, so what puts them in force is not refused.
    [play.refused, play.unheard] = [0.1, 0.1];
    for (let turn = 0; turn < turns; turn++) {
      await playOne(play, model);
      if (!play.isUp && play.random.below(2) === 0) await comeUp(play, model);
    }
    await comeUp(play, model);
    // What was refused or not heard of is tried again until it is there.
    [play.refused, play.unheard] = [0, 0];
    for (let n = 0; n < 5; n++) await play.pass(2000);
    model.look(play.clock.now());
    audit(play.tape, model);
    const before = customers.map((customer) => play.state(customer));
    await play.cut(true);
    play.start();
    await play.rest();
    assert.deepEqual(
      customers.map((customer) => play.state(customer)),
      before,
      'made anew',
    );
    audit(play.tape, model);
    for (const customer of customers) played.offers += model.offers(customer);
  } finally {
    await play.close();
  }
}

function audit(tape: readonly OnTape[], model: SilenceModel): void {
  for (const customer of customers) {
    const own = tape.filter((event) => event.customer === customer);
    const decisions = own.filter(({ type }) => type === 'tapeline.decision');
    assert.equal(decisions.length, model.offers(customer), `what was decided for ${customer}`);
    // A decision that nobody could take for a minute, since the server was not there, says that it lapsed.
    const acting = decisions.filter(({ data }) => data['verdict'] === 'act');
    const rest = decisions.filter(({ data }) => data['verdict'] === 'lapsed');
    assert.equal(acting.length + rest.length, decisions.length);
    const offers = own.filter(({ type }) => type === 'Offer Made');
    assert.equal(offers.length, acting.length, `offers to ${customer}`);
    assert.equal(new Set(offers.map(({ id }) => id)).size, offers.length);
  }
  for (const { data, received, type } of tape) {
    if (type === 'tapeline.timer')
      assert.ok(received > (data['due'] as number), 'a timer is early');
  }
}

const played = { offers: 0 };

for (let seed = first; seed < first + seeds; seed++) {
  test(`life ${seed}: nothing is lost, repeated or early, and the tape alone makes it again`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'tapeline-engine-'));
    try {
      await playLife(directory, seed);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}

test('those lives had something to lose', () => {
  assert.ok(played.offers > 0, `${played.offers} offers in ${seeds} lives`);
});
