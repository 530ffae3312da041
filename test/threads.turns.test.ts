/** The queue in which tenants take turns: order, bounds, and tasks that fail. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { seededRandom } from '../src/std/random.ts';
import { Turns } from '../src/threads/turns.ts';
import { Gate } from './support/shardkit.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a tenant with much waiting is served in turns with the others', async () => {
  const turns = new Turns({ runningMax: 1, waitingMax: 100 });
  const order: string[] = [];
  const task = (name: string) => async () => {
    await turn();
    order.push(name);
  };
  const floods = [0, 1, 2, 3, 4, 5].map((n) => turns.run(1, task(`flood-${n}`)));
  const others = ['a', 'b'].map((name) => turns.run(2, task(name)));
  const third = turns.run(3, task('x'));
  await Promise.all([...floods, ...others, third]);
  assert.deepEqual(order, [
    'flood-0',
    'flood-1',
    'a',
    'x',
    'flood-2',
    'b',
    'flood-3',
    'flood-4',
    'flood-5',
  ]);
});

test('one tenant finds half of the places taken by itself, all together the whole', async () => {
  const turns = new Turns({ runningMax: 2, waitingMax: 8 });
  const gate = new Gate();
  const tasks: Promise<unknown>[] = [];
  const fill = (tenant: number): number => {
    let count = 0;
    for (; !turns.isFull(tenant); count++) tasks.push(turns.run(tenant, () => gate.promise));
    return count;
  };
  assert.equal(fill(1), 2 + 4, 'two run, four wait');
  assert.equal(fill(2), 4);
  assert.equal(fill(3), 0);
  gate.open();
  await Promise.all(tasks);
  assert.equal(turns.isFull(1), false);
});

test('what fails gives its place back, and never do more run than may', async (t) => {
  const seed = 1 + Math.floor(Math.random() * 2 ** 31);
  t.diagnostic(`seed ${seed}`);
  const random = seededRandom(seed);
  const turns = new Turns({ runningMax: 3, waitingMax: 1000 });
  let running = 0;
  let most = 0;
  const tasks = Array.from({ length: 500 }, async (_, n) => {
    if (random.below(4) === 0) await turn();
    const fails = random.below(3) === 0;
    const run = turns.run(random.below(5), async () => {
      running += 1;
      most = Math.max(most, running);
      if (random.below(2) === 0) await turn();
      running -= 1;
      if (fails) throw new Error(`task ${n}`);
      return n;
    });
    if (fails) await assert.rejects(run, { message: `task ${n}` });
    else assert.equal(await run, n);
  });
  await Promise.all(tasks);
  assert.equal(most, 3);
  assert.equal(running, 0);
});
