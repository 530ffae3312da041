/**
 * Webhooks in a process that is killed at any point: random lives, with a receiver that fails at random and
 * rows of which any part may be lost that was not flushed. Every action that was decided arrives at least
 * once or fails in the end, always under its one id and with the same bytes, and has one outcome.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { DeliveryState } from '../src/journeys/deliver/record.ts';
import { waitsMs } from '../src/journeys/deliver/schedule.ts';
import { AppError } from '../src/std/errors.ts';
import { type Random, seededRandom, systemRandom } from '../src/std/random.ts';
import { DeliverKit } from './support/deliverkit.ts';
import { type Behaviour, cut, hang, Receiver, status } from './support/receiver.ts';
import { count, until } from './support/session.ts';

const seeds = Number(process.env['SEEDS'] ?? 12);
const first = Number(process.env['SEED'] ?? systemRandom.below(2 ** 31));

const receiver = await new Receiver().listen();
after(() => receiver.close());

const behaviours: readonly Behaviour[] = [
  status(200),
  status(204),
  status(500),
  status(503, { 'Retry-After': '30' }),
  status(429),
  status(302, { Location: '/' }),
  cut,
  hang,
];

class Life {
  readonly random: Random;
  readonly kit: DeliverKit;
  readonly path: string;
  readonly decided: string[] = [];
  kills = 0;

  constructor(kit: DeliverKit, seed: number) {
    this.kit = kit;
    this.random = seededRandom(seed);
    this.path = `/${seed}`;
  }

  arrived() {
    return receiver.received.filter(({ path }) => path === this.path);
  }

  async step(): Promise<void> {
    const { kit, random } = this;
    switch (random.below(8)) {
      case 0:
      case 1: {
        const id = `act_${this.path.slice(1)}_${this.decided.length}`;
        this.decided.push(id);
        kit.decide(`c${random.below(3)}`, { id, do: 'webhook', endpoint: 'crm', data: { id } });
        break;
      }
      case 2:
        kit.checkpoint();
        break;
      case 3:
        this.kills += 1;
        await kit.kill();
        kit.start();
        break;
      case 4:
        kit.refusals.push(new AppError('unavailable', 'no room'));
        break;
      case 5:
        await new Promise((resolve) => setTimeout(resolve, random.below(5)));
        break;
      default:
        kit.clock.advance(random.below(random.below(2) === 0 ? 4_000 : 30_000_000));
        await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Nothing fails any more: what is left comes to its end. */
  async finish(): Promise<void> {
    const { kit } = this;
    receiver.otherwise = status(200);
    kit.refusals.length = 0;
    await until(async () => {
      kit.clock.advance(30_000_000);
      await new Promise((resolve) => setImmediate(resolve));
      return this.decided.every((id) => kit.outcomes(id).length > 0);
    });
  }

  check(): void {
    const { kit } = this;
    for (const id of this.decided) {
      const [outcome, ...more] = kit.outcomes(id);
      assert.equal(more.length, 0, `${id} has more than one outcome`);
      const got = this.arrived().filter((each) => each.id === id);
      if (outcome!.outcome === 'delivered') assert.ok(got.length > 0, `${id} never arrived`);
      else assert.equal(outcome!.attempts, waitsMs.length, `${id} was given up early`);
      assert.ok(new Set(got.map(({ body }) => body)).size <= 1, `${id} came with other bytes`);
    }
    assert.ok(this.arrived().every(({ id }) => this.decided.includes(id)));
  }
}

for (const n of count(seeds)) {
  const seed = (first + n) % 2 ** 31;
  test(`a life of seed ${seed}: decided, killed, delivered`, async () => {
    const kit = await DeliverKit.open();
    const life = new Life(kit, seed);
    await kit.webhook('crm', receiver.url(life.path));
    const { random } = life;
    receiver.otherwise = (response, received) => {
      behaviours[random.below(behaviours.length)]!(response, received);
    };
    for (const _ of count(80)) await life.step();
    await life.finish();
    life.check();
    // A last start finds nothing left to do.
    await kit.kill();
    kit.start();
    const before = life.arrived().length;
    kit.clock.advance(100_000_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(life.arrived().length, before);
    const list = async (state: DeliveryState): Promise<string[]> => {
      const ask = { kind: 'deliveries', workspace: 1, webhook: 'crm', limit: 100, state } as const;
      const { deliveries } = await kit.deliveries.answerer.deliveries(ask);
      return deliveries.map(({ id }) => id).sort();
    };
    assert.deepEqual(await list('pending'), [], 'nothing waits that has an outcome');
    const failed = life.decided.filter((id) => kit.outcomes(id)[0]!.outcome === 'failed');
    assert.deepEqual(await list('failed'), failed.sort(), 'no dead letter is lost');
    await kit.kill();
  });
}

test('what failed is durable before it is said: who is killed then still has the dead letter', async () => {
  const kit = await DeliverKit.open();
  kit.decide('c1', { id: 'act_1', do: 'webhook', endpoint: 'none', data: {} });
  kit.clock.advance(0);
  assert.equal((await kit.outcome('act_1')).outcome, 'failed');
  await kit.kill();
  kit.start();
  const ask = { kind: 'deliveries', workspace: 1, webhook: 'none', limit: 9 } as const;
  const { deliveries } = await kit.deliveries.answerer.deliveries(ask);
  assert.deepEqual(
    deliveries.map(({ id, state }) => [id, state]),
    [['act_1', 'failed']],
  );
  await kit.kill();
});

test('what was asked to be sent once more is, by the next process too', async () => {
  const kit = await DeliverKit.open();
  const path = '/replayed';
  await kit.webhook('crm', receiver.url(path), { disabled: true });
  kit.decide('c1', { id: 'act_r', do: 'webhook', endpoint: 'crm', data: {} });
  kit.clock.advance(0);
  await kit.outcome('act_r');
  receiver.otherwise = status(200);
  await kit.webhook('crm', receiver.url(path));
  await kit.deliveries.answerer.replay({ kind: 'replay', workspace: 1, webhook: 'crm' });
  await kit.kill();
  kit.start();
  kit.clock.advance(0);
  await until(() => Promise.resolve(kit.outcomes('act_r').length === 2));
  assert.equal(receiver.received.filter((each) => each.path === path).length, 1);
  await kit.kill();
});
